"""What about a cohort is allowed but probably a mistake: one line each, and none about cohorts that are sound."""

import attrs
import numpy as np
import pytest

from gankit import Cohort, Modality, cohort_warnings, empty_strata, load_recipe


def discs(count=240, patients=60, noise=0.05, seed=0):
    """Slices 24 x 24 with an ellipse of its own place and size in each, darker in one modality than in the other.

    Four of five patients train, every second one has cs.
    """
    numbers = np.random.default_rng(seed)
    whose_N = np.arange(count) * patients // count
    y, x = np.mgrid[:24, :24] - 11.5
    cy_N, cx_N, a_N, b_N = (
        values[:, None, None] for values in numbers.uniform([-3, -3, 5, 5], [3, 3, 9, 9], (count, 4)).T
    )
    inside_N = ((y - cy_N) / a_N) ** 2 + ((x - cx_N) / b_N) ** 2 < 1

    def seen(outside, within):
        return outside + (within - outside) * inside_N + abs(within) * noise * numbers.standard_normal(inside_N.shape)

    return Cohort(
        modalities={"adc": Modality.of(seen(400, 1500), "1e-6 mm2/s"), "t2w": Modality.of(seen(300, 100))},
        labels={"cs": (whose_N % 2).astype(np.int8)},
        patient=np.array([f"P{number}" for number in whose_N]),
        split=np.where(whose_N % 5 == 0, "test", "train"),
        spacing_mm=np.full(count, 0.5, dtype=np.float32),
    )


@pytest.fixture
def sound():
    """60 patients of four slices each."""
    return discs()


def with_values(cohort, name, values):
    """A cohort with other values of a modality."""
    modality = attrs.evolve(cohort.modalities[name], values=values.astype(np.float32))
    return attrs.evolve(cohort, modalities={**cohort.modalities, name: modality})


def shuffled(cohort, name="t2w", seed=0):
    """A cohort of which one modality is in another order."""
    order_N = np.random.default_rng(seed).permutation(len(cohort))
    return with_values(cohort, name, cohort.modalities[name].values[order_N])


def without_few(cohort, recipe=None):
    """The warnings but those of few patients."""
    return [said for said in cohort_warnings(cohort, recipe) if not said.startswith("few patients")]


def test_a_sound_cohort_is_not_warned_of(sound):
    """Noise, pairs and splits as they should be."""
    assert without_few(sound) == []
    assert list(cohort_warnings(attrs.evolve(sound, labels={}))) == []


# Counts ---------------------------------------------------------------------------------------------------


def test_few_patients_are_counted_in_each_split():
    """Its classes are named where the split as a whole has enough."""
    (said,) = cohort_warnings(discs(40, 10))
    assert said.startswith("few patients: 8 in split 'train', 2 in split 'test'; with fewer than 10 a model learns")
    (said,) = cohort_warnings(discs(240, 60))
    assert said.startswith("few patients: 6 in split 'test' with cs = 1, 6 in split 'test' with cs = 0; with fewer")


def test_ten_patients_are_enough():
    """One less is not."""
    for patients, warned in ((10, False), (9, True)):
        cohort = discs(4 * patients, patients)
        cohort = attrs.evolve(cohort, labels={}, split=np.full(len(cohort), "train"))
        assert bool(list(cohort_warnings(cohort))) == warned


def test_before_training_the_pools_of_the_recipe_are_counted(tiny_recipe):
    """Patients, and slices against a batch; not the splits."""
    cohort, recipe = discs(60, 15), tiny_recipe(**{"training.batch": 26})
    few, small = cohort_warnings(cohort, recipe)
    assert few.startswith("few patients: 6 in pools.cs, 6 in pools.noncs; with fewer than 10")
    assert small.startswith("few slices: pools.cs has 24, pools.noncs has 24, fewer than a batch of 26, in which some")
    assert without_few(cohort, tiny_recipe(**{"training.batch": 24})) == []


def test_a_pool_without_slices_is_left_to_others(tiny_recipe):
    """Training refuses it, and an import says that a split is empty."""
    cohort = attrs.evolve(discs(60, 15), split=np.full(60, "train"))
    assert without_few(cohort) == []


def test_volumes_are_called_volumes(tiny_recipe):
    """In every warning that slices of the same faults have."""
    spacing_mm = np.array([90, np.nan, *[1.0] * 58], np.float32)
    blank = with_values(doubled(discs(60, 15)), "t2w", np.where(np.arange(60) < 3, 0, 1)[:, None, None, None])
    made = attrs.evolve(blank.modalities["adc"], made=np.arange(60) < 5)
    slices = attrs.evolve(
        blank, modalities=blank.modalities | {"adc": made}, spacing_mm=spacing_mm, split=np.full(60, "train")
    )
    modalities = {n: attrs.evolve(m, values=m.values[:, :, None]) for n, m in slices.modalities.items()}
    volumes = attrs.evolve(slices, modalities=modalities)
    recipe = tiny_recipe(**{"training.batch": 64})
    for warnings in (cohort_warnings, empty_strata, lambda cohort: cohort_warnings(cohort, recipe)):
        said = list(warnings(slices))
        assert any("slice" in each for each in said)
        assert [each.replace("slice", "volume") for each in said] == list(warnings(volumes))


# Copies ---------------------------------------------------------------------------------------------------


def doubled(cohort, names=("adc", "t2w")):
    """A cohort whose first patient is there again under another id in the test split, with these modalities."""
    of_test = np.flatnonzero(cohort.split == "test")[:4]
    of_train = np.flatnonzero(cohort.split == "train")[:4]
    for name in names:
        values = cohort.modalities[name].values.copy()
        values[of_test] = values[of_train]
        cohort = with_values(cohort, name, values)
    return cohort


@pytest.mark.parametrize("names", [("adc", "t2w"), ("adc",), ("t2w",)])
def test_slices_of_two_patients_that_are_identical_are_said(sound, names):
    """In one modality or all, and how many are in both splits."""
    (said,) = without_few(doubled(sound, names))
    assert said.startswith(
        "slices of two patients are identical: 8 slices of 2 patients, 4 of them copies in 'test' of slices in 'train';"
        f" the first are slices 0 and 4 ({names[0]})"
    )


def test_identical_slices_within_a_split_are_said_too(sound):
    """They are one patient under two ids."""
    (said,) = without_few(attrs.evolve(doubled(sound), split=np.full(len(sound), "train")))
    assert "slices of two patients are identical: 8 slices of 2 patients; the first" in said


def test_a_slice_of_one_patient_twice_is_no_copy_of_another(sound):
    """Neighbouring slices may be doubled on purpose."""
    values = sound.modalities["adc"].values.copy()
    values[1] = values[0]
    assert without_few(with_values(sound, "adc", values)) == []


@pytest.mark.parametrize("change", [lambda image: image + 1, lambda image: image[..., ::-1]])
def test_almost_identical_slices_are_not_copies(sound, change):
    """To the last bit, as they stand."""
    values = sound.modalities["adc"].values.copy()
    values[4:8] = change(values[:4])
    assert without_few(with_values(sound, "adc", values)) == []


def test_masks_may_be_the_same_in_two_patients(sound):
    """An image of two values is the same by chance; so is a slice that lacks the modality."""
    mask = np.zeros_like(sound.modalities["adc"].values)
    mask[:, :, 5:9, 5:9] = 1
    mask[::2, :, 0, 0] = 1
    present = np.arange(len(sound)) < 100
    absent = np.where(present[:, None, None, None], sound.modalities["t2w"].values, 0)
    cohort = attrs.evolve(
        sound, modalities={"mask": Modality.of(mask), "t2w": Modality.of(absent, present=present)}, labels={}
    )
    assert list(cohort_warnings(cohort)) == []


def test_zero_and_minus_zero_are_the_same_value(sound):
    """As numbers are, not as bytes."""
    values = sound.modalities["adc"].values.copy()
    values[0, 0, 0] = 0.0
    values[4] = values[0]
    values[4, 0, 0] = -0.0
    (said,) = without_few(with_values(sound, "adc", values))
    assert "2 slices of 2 patients" in said


# Pairs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["adc", "t2w"])
def test_modalities_in_another_order_are_said(sound, name, seed):
    """Whichever of the two was shuffled."""
    (said,) = without_few(shuffled(sound, name, seed))
    assert said.startswith("modalities 'adc' and 't2w' of a slice share no more information than those of different")
    assert said.endswith("by chance 0.50, at least 0.65 wanted); are they in one order?")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("noise", [0, 0.05, 0.3])
def test_twenty_true_pairs_are_never_taken_for_shuffled_ones(seed, noise):
    """Without noise and with much of it."""
    assert without_few(discs(20, 5, noise, seed)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda cohort: with_values(cohort, "t2w", -3 * cohort.modalities["t2w"].values),
        lambda cohort: with_values(cohort, "t2w", np.exp(cohort.modalities["t2w"].values / 100)),
        lambda cohort: with_values(cohort, "t2w", cohort.modalities["t2w"].values.repeat(2, axis=2).repeat(2, axis=3)),
        lambda cohort: with_values(
            cohort, "t2w", cohort.modalities["t2w"].values * np.linspace(1, 9, len(cohort))[:, None, None, None]
        ),
    ],
    ids=["turned and scaled", "not linear", "another size", "a scale for each slice"],
)
def test_scales_and_sizes_do_not_matter(sound, change):
    """Information does not depend on them: true pairs are silent, shuffled ones are not."""
    assert without_few(change(sound)) == []
    assert len(without_few(change(shuffled(sound)))) == 1


def test_nothing_is_concluded_from_few_slices_or_equal_ones(sound):
    """Fewer than 20 with both modalities, one patient alone, or slices of which none differs from another."""
    few = shuffled(sound).select(np.arange(0, 152, 8))
    assert without_few(few) == []
    assert (
        without_few(attrs.evolve(shuffled(sound), patient=np.full(len(sound), "P"), split=np.full(240, "train"))) == []
    )
    twice = few.select(np.tile(np.arange(len(few)), 2))
    twice = attrs.evolve(twice, patient=np.repeat(["A", "B"], len(few)), split=np.full(len(twice), "train"))
    assert not any(said.startswith("modalities") for said in cohort_warnings(twice))
    ramp = np.arange(24 * 24, dtype=np.float32).reshape(24, 24) + np.arange(240.0)[:, None, None]
    alike = attrs.evolve(sound, modalities={"adc": Modality.of(ramp), "t2w": Modality.of(2 * ramp)})
    assert without_few(alike) == []


def test_only_modalities_that_are_trained_are_compared(sound, tiny_recipe, plugins):
    """A recipe of ADC alone has no pairs."""
    assert len(without_few(shuffled(sound), tiny_recipe())) == 1
    assert without_few(shuffled(sound), load_recipe("adc-only", {"training.batch": 4}, plugins)) == []


def test_signals_and_volumes_are_compared(sound):
    """In one to three spatial axes."""
    numbers = np.random.default_rng(0)
    for shape in ((40,), (6, 8, 10)):
        one = numbers.normal(size=(240, *shape)).cumsum(axis=-1)
        pairs = {"a": Modality.of(one, channels="none"), "b": Modality.of(-one, channels="none")}
        cohort = attrs.evolve(sound, modalities=pairs)
        assert without_few(cohort) == []
        assert len(without_few(shuffled(cohort, "b"))) == 1


@pytest.mark.parametrize("quick", ["mpmri-quick", "mpmri-dce-quick", "cyclegan-quick"])
def test_the_phantom_is_sound_for_shipped_recipes(plugins, quick):
    """Not a word more before training."""
    small = {"cohort.patients_cs": 24, "cohort.patients_noncs": 40, "cohort.train_cs": 64, "cohort.train_noncs": 64}
    recipe = load_recipe(quick, {**small, "cohort.test_cs": 10, "cohort.test_noncs": 10, "cohort.size": 32}, plugins)
    assert list(cohort_warnings(recipe.cohort.load(), recipe)) == []


@pytest.mark.parametrize("quick", ["mpmri-quick"])
def test_the_phantoms_pairs_are_told_from_shuffled_ones(plugins, quick):
    """Its ADC and T2w share no more than those of other patients once they are shuffled."""
    small = {"cohort.patients_cs": 24, "cohort.patients_noncs": 40, "cohort.train_cs": 64, "cohort.train_noncs": 64}
    recipe = load_recipe(quick, {**small, "cohort.test_cs": 10, "cohort.test_noncs": 10, "cohort.size": 32}, plugins)
    assert any("'adc' and 't2w'" in said for said in cohort_warnings(shuffled(recipe.cohort.load()), recipe))


# What slices are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outlined", ["all", "none", "some"])
def test_patients_whose_lesions_nobody_outlined_are_said_where_others_are(sound, outlined):
    """A slice of an outlined patient may be blank, and so are those without cancer."""
    labelled_N = sound.labels["cs"] == 1
    lesion = np.zeros((len(sound), 24, 24), dtype=np.uint8)
    lesion[np.flatnonzero(labelled_N)[::2], 10, 10] = 1
    if outlined != "all":
        lesion[np.isin(sound.patient, ["P1", "P3"]) if outlined == "some" else slice(None)] = 0
    said = without_few(attrs.evolve(sound, truth={"lesion": lesion}))
    assert len(said) == (outlined == "some")
    if said:
        assert said[0].startswith(
            "ground truth 'lesion' is blank in every slice of 2 patients in split 'train' with cs"
        )


def test_synthetic_slices_are_said(sound):
    """A whole cohort by its mark and source, or the modality that a model added."""
    (said,) = without_few(attrs.evolve(sound, synthetic=True, source="model mpmri, seed 0"))
    assert said.startswith("the cohort is marked synthetic (model mpmri, seed 0); a model trained on it learns what")
    t2w = attrs.evolve(sound.modalities["t2w"], made=np.arange(240) < 7)
    (said,) = without_few(attrs.evolve(sound, modalities={**sound.modalities, "t2w": t2w}))
    assert said == "modality 't2w' of 7 slices was made by a model, not by a scanner"


def test_a_modality_of_one_image_is_said(sound):
    """As where an average was stored for each slice."""
    one = np.broadcast_to(sound.modalities["t2w"].values[:1], sound.modalities["t2w"].values.shape)
    (said,) = without_few(with_values(sound, "t2w", one))
    assert said.startswith("modality 't2w' is identical in all 240 slices that have it")


def test_blank_slices_are_said(sound):
    """One value throughout; absent ones do not count."""
    values = sound.modalities["t2w"].values.copy()
    values[:3] = 7
    (said,) = without_few(with_values(sound, "t2w", values))
    assert said == "modality 't2w' is blank, one value throughout, in 3 slices of 240; leave them out"


@pytest.mark.parametrize(
    ("spacing_mm", "said"),
    [
        ([0.5, 0, 0.5], "pixel spacing of 1 slice is outside [0.01, 20] mm, the first is 0; is it in mm?"),
        ([0.5, -1, -0.5], "pixel spacing of 2 slices is outside [0.01, 20] mm, the first is -1; is it in mm?"),
        ([0.0005] * 3, "pixel spacing of 3 slices is outside [0.01, 20] mm, the first is 0.0005; is it in mm?"),
        ([500] * 3, "pixel spacing of 3 slices is outside [0.01, 20] mm, the first is 500; is it in mm?"),
        ([0.5, np.inf, 0.5], "pixel spacing of 1 slice is outside [0.01, 20] mm, the first is inf; is it in mm?"),
        ([0.5, np.nan, np.nan], "pixel spacing of 2 slices is not known (NaN)"),
    ],
)
def test_spacings_that_no_image_has_are_said(sound, spacing_mm, said):
    """Zero, negative, in metres or micrometres, without end, or unknown."""
    cohort = sound.select(np.arange(3))
    cohort = attrs.evolve(cohort, spacing_mm=np.array(spacing_mm, dtype=np.float32))
    assert any(each.startswith(said) for each in cohort_warnings(cohort))


def test_distances_of_planes_that_no_volume_has_are_said(sound):
    """As those of pixels."""
    cohort = sound.select(np.arange(3))
    volumes = {name: Modality.of(np.random.default_rng(0).random((3, 1, 4, 8, 8))) for name in cohort.modalities}
    cohort = attrs.evolve(cohort, modalities=volumes, truth={}, slice_spacing_mm=np.array([3, 0, 3], np.float32))
    said = "slice spacing of 1 volume is outside [0.01, 20] mm, the first is 0; is it in mm?"
    assert any(each.startswith(said) for each in cohort_warnings(cohort))
