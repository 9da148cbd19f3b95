"""Each feature-space metric moves the right way when slices are spoiled in a known way."""

import attrs
import numpy as np
import pytest
from scipy import ndimage

from gankit import Candidate
from gankit_metrics import features

GLAND = ("peripheral zone", "transition zone")
METRICS = {
    "task": features.TaskFrechet(),
    "random": features.RandomFrechet(),
    "fine": features.HighFrequency(),
    "diversity": features.Diversity(slices=32),
    "memory": features.Memorisation(),
}


@pytest.fixture(scope="module")
def readings(evaluation):
    """``readings(cohort)``: value by ``metric.reading``."""

    def measured(cohort):
        candidate = Candidate(name="control", cohort=cohort)
        return {
            f"{metric}.{reading.name}": reading.value
            for metric, spec in METRICS.items()
            for reading in spec.measure(candidate, evaluation)
        }

    return measured


@pytest.fixture(scope="module")
def real(candidate):
    """Real slices of patients that training did not see."""
    return candidate.cohort


def changed(cohort, change):
    """``change(values, name)`` of every modality."""
    modalities = {
        name: attrs.evolve(modality, values=change(modality.values, name).astype(np.float32))
        for name, modality in cohort.modalities.items()
    }
    return attrs.evolve(cohort, modalities=modalities)


@pytest.fixture(scope="module")
def untouched(readings, real):
    """What real slices have."""
    return readings(real)


def test_real_slices_look_real(untouched):
    """Fresh real slices reach the values that are best."""
    assert untouched["fine.adc.energy"] == pytest.approx(1, abs=0.1)
    assert untouched["fine.t2w.energy"] == pytest.approx(1, abs=0.1)
    assert untouched["task.recall"] > 0.6
    assert untouched["task.coverage"] > 0.8
    assert untouched["memory.moved.copies"] < 0.05
    assert untouched["memory.moved.patients"] < 0.05
    for space in ("features", "pixels"):
        assert untouched[f"memory.{space}.ratio"] == pytest.approx(1, abs=0.05)
        assert untouched[f"memory.{space}.copies"] < 0.05
        assert untouched[f"memory.{space}.membership"] == pytest.approx(0.5, abs=0.1)


def test_blur_is_seen(readings, real, untouched):
    """Random filters and fine detail see it, and slices grow alike."""
    found = readings(changed(real, lambda values, _: ndimage.gaussian_filter(values, (0, 0, 0.8, 0.8))))
    assert found["random.pairs.fd"] > 5 * untouched["random.pairs.fd"]
    assert found["random.pairs.recall"] < untouched["random.pairs.recall"]
    assert found["fine.adc.energy"] < 0.3
    assert found["fine.t2w.energy"] < 0.3
    assert found["diversity.t2w.ms-ssim"] > untouched["diversity.t2w.ms-ssim"]


def test_duplicates_are_seen(readings, real, untouched):
    """Fifteen slices over and over: precision stays, while recall, coverage and kinds fall and slices are alike."""
    found = readings(changed(real, lambda values, _: values[np.arange(len(values)) % 15]))
    assert found["task.precision"] > 0.7 * untouched["task.precision"]
    assert found["task.recall"] < 0.3
    assert found["task.coverage"] < 0.6 * untouched["task.coverage"]
    assert found["task.kinds"] < untouched["task.kinds"] - 0.5
    assert found["task.fd"] > 1.5 * untouched["task.fd"]
    assert found["random.pairs.recall"] < 0.3
    assert found["diversity.adc.ms-ssim"] > untouched["diversity.adc.ms-ssim"] + 0.02


def test_pairs_that_do_not_belong_together_are_seen_as_pairs_alone(readings, real, untouched):
    """T2w of other slices: each modality alone is as real as before, the pairs are not."""
    order_N = np.random.default_rng(0).permutation(len(real))
    found = readings(changed(real, lambda values, name: values[order_N] if name == "t2w" else values))
    assert found["random.adc.fd"] == untouched["random.adc.fd"]
    assert found["random.t2w.fd"] == pytest.approx(untouched["random.t2w.fd"], rel=0.3)
    assert found["random.pairs.fd"] > 2 * untouched["random.pairs.fd"]
    assert found["task.fd"] > 1.5 * untouched["task.fd"]
    assert found["task.precision"] < untouched["task.precision"]


def without_lesions(cohort):
    """Lesions, and a pixel around, refilled with gland of the same slice."""
    gland = np.isin(cohort.truth["tissue"], [cohort.tissues.index(name) for name in GLAND])
    lesion = ndimage.binary_dilation(cohort.truth["lesion"] > 0, np.ones((1, 3, 3)))
    numbers = np.random.default_rng(0)

    def refilled(values, _):
        values = values.copy()
        for image, hole, source in zip(values[:, 0], lesion, gland & ~lesion, strict=True):
            image[hole] = numbers.choice(image[source], hole.sum())
        return values

    return changed(cohort, refilled)


def test_lacking_lesions_are_seen_in_task_features(readings, real, untouched):
    """They are what the label depends on; random filters hardly see them."""
    found = readings(without_lesions(real))
    assert found["task.fd"] > 4 * untouched["task.fd"]
    assert found["task.kid"] > untouched["task.kid"]
    assert found["task.coverage"] < 0.9 * untouched["task.coverage"]
    assert found["task.kinds"] < untouched["task.kinds"] - 1
    assert found["task.fd"] / untouched["task.fd"] > 2 * found["random.pairs.fd"] / untouched["random.pairs.fd"]


def test_copies_of_training_slices_are_seen(readings, real, evaluation, untouched):
    """A candidate that copies every training slice has the best distances of all, and is found out."""
    train = evaluation.pool("train")
    copied = changed(real, lambda values, name: train.modalities[name].values[np.arange(len(values)) % len(train)])
    found = readings(copied)
    for space in ("features", "pixels"):
        assert found[f"memory.{space}.ratio"] < 0.1
        assert found[f"memory.{space}.copies"] == 1
        assert found[f"memory.{space}.membership"] == 1
    assert found["task.fd"] < untouched["task.fd"]


def test_a_few_copies_among_new_slices_are_seen(readings, real, evaluation, untouched):
    """One in ten."""
    train = evaluation.pool("train")
    tenth = len(real) // 10
    values = {name: modality.values for name, modality in train.modalities.items()}
    found = readings(changed(real, lambda mine, name: np.concatenate([values[name][:tenth], mine[tenth:]])))
    for space in ("features", "pixels"):
        assert found[f"memory.{space}.copies"] >= 0.1
        assert found[f"memory.{space}.ratio"] < untouched[f"memory.{space}.ratio"]
        assert found[f"memory.{space}.membership"] > untouched[f"memory.{space}.membership"]


def test_the_short_table_shows_copies(evaluation, real):
    """However many slices there are to copy: copies of all training slices are nearer to those of other parts, which
    the ratio averages over."""
    names = [reading.name for reading in features.Memorisation().measure(Candidate(name="c", cohort=real), evaluation)]
    assert names[0] == "exact.copies"
    assert (
        set(features.Memorisation.headline)
        == {
            "exact.copies",
            "moved.copies",
            "features.ratio",
            "features.copies",
        }
        < set(names)
    )


@pytest.fixture(scope="module")
def exactly_copied(evaluation):
    """``exactly_copied(cohort)``: the value of ``exact.copies``, with its interval."""

    def measured(cohort):
        reading = next(iter(features.Memorisation().measure(Candidate(name="c", cohort=cohort), evaluation)))
        assert reading.name == "exact.copies"
        return reading.value, reading.interval

    return measured


def test_a_model_that_copies_any_training_slice_is_unmistakable(evaluation, real, exactly_copied):
    """Of either label; every other copy is of a slice without the label."""
    train = evaluation.real.select(evaluation.real.split == "train")
    copied = changed(real, lambda values, name: train.modalities[name].values[np.arange(len(values)) % len(train)])
    assert exactly_copied(copied) == (1, (1, 1))


def eight_bits(values):
    """Rounded to 256 grey values, as by a picture."""
    step = values.max() / 255
    return np.round(values / step) * step


def noisy(values):
    """With noise of one part in 500 of the range."""
    return values + values.max() / 500 * np.random.default_rng(0).standard_normal(values.shape)


@pytest.mark.parametrize("rounded", [eight_bits, noisy])
def test_rounding_hides_no_copy(evaluation, real, exactly_copied, rounded):
    """One in ten candidates is a copy."""
    train, tenth = evaluation.pool("train"), len(real) // 10
    copied = changed(
        real,
        lambda mine, name: np.concatenate([rounded(train.modalities[name].values[:tenth]), mine[tenth:]]),
    )
    assert exactly_copied(copied)[0] == pytest.approx(tenth / len(real))


def test_slices_of_other_patients_are_no_exact_copies(real, exactly_copied):
    """Fresh patients."""
    assert exactly_copied(real) == (0, (0, 0))


def test_one_slice_is_enough_to_be_found_a_copy(evaluation, exactly_copied):
    """Exact copies need no distribution."""
    assert exactly_copied(evaluation.pool("train").select(np.arange(1)))[0] == 1


@pytest.mark.parametrize("noise", [0, 1e-6])
def test_copies_of_held_out_slices_have_no_ratio(evaluation, real, noise):
    """Up to rounding: the distance to the nearest held-out slice is none, in features as in pixels."""
    held = evaluation.fresh_pool("test").select(np.zeros(len(real), dtype=int))
    copied = changed(
        real,
        lambda values, name: (
            (1 + noise * np.arange(len(real))[:, None, None, None] / len(real)) * held.modalities[name].values
        ),
    )
    readings = {
        each.name: each for each in features.Memorisation().measure(Candidate(name="c", cohort=copied), evaluation)
    }
    for space in ("features", "pixels"):
        assert readings[f"{space}.ratio"].value is None
        assert readings[f"{space}.ratio"].note == "every candidate is a held-out slice itself"
        assert readings[f"{space}.copies"].value is not None


def test_one_slice_that_is_none_of_the_held_out_ones_gives_a_ratio(evaluation, real):
    """Then the distances have a mean again."""
    held = evaluation.fresh_pool("test").select(np.zeros(len(real), dtype=int))
    mixed = changed(real, lambda values, name: np.concatenate([values[:1], held.modalities[name].values[1:]]))
    readings = {
        each.name: each for each in features.Memorisation().measure(Candidate(name="c", cohort=mixed), evaluation)
    }
    assert readings["features.ratio"].value > 1
    assert readings["pixels.ratio"].value > 1
    assert readings["pixels.ratio"].interval is None  # the one slice is not among the candidates of every draw


@pytest.mark.parametrize(("mirrored", "shift"), [(True, (0, 0)), (False, (3, -2)), (True, (-1, 4))])
def test_copies_that_were_moved_or_mirrored_are_seen(evaluation, real, readings, mirrored, shift):
    """One in ten candidates, all of one patient: these candidates and this patient are found."""
    train = evaluation.pool("train")
    whose = train.select(train.patient == train.patient[0])
    tenth = len(real) // 10

    def copied(mine, name):
        values = whose.modalities[name].values[np.arange(tenth) % len(whose)]
        values = np.roll(values[..., ::-1] if mirrored else values, shift, axis=(-2, -1))
        return np.concatenate([values, mine[tenth:]])

    found = readings(changed(real, copied))
    assert tenth / len(real) <= found["memory.moved.copies"] < 0.15
    assert 1 / len(np.unique(train.patient)) <= found["memory.moved.patients"] < 0.1
