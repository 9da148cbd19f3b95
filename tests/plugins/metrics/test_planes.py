"""``plane-consistency``, and the other metrics on volumes."""

import attrs
import numpy as np
import pytest
from scipy import ndimage

from gankit import Candidate, Cohort, Evaluation, Modality, ModalitySpec
from gankit.testing import check_metric
from gankit_metrics._planes import PLANES, middle_planes
from gankit_metrics.features import Memorisation, RandomFrechet, TaskFrechet
from gankit_metrics.lesion import LesionContrast
from gankit_metrics.oracle import Oracle
from gankit_metrics.planes import PlaneConsistency, correlations, differences
from gankit_phantom.source import Phantom

SPECS = {
    "adc": ModalitySpec(shape=(1, 12, 32, 32), unit="1e-6 mm2/s", range=(0.0, 3000.0)),
    "t2w": ModalitySpec(shape=(1, 12, 32, 32), range=(0.0, 700.0)),
}


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    counts = dict.fromkeys(("train_cs", "train_noncs"), 8) | dict.fromkeys(("test_cs", "test_noncs"), 4)
    real = Phantom(size=32, depth=12, patients_cs=12, patients_noncs=12, **counts).load()
    return Evaluation(real=real, modalities=SPECS, label="cs", replicates=20, cache=tmp_path_factory.mktemp("cache"))


def candidate(cohort, change=lambda values: values):
    modalities = {n: attrs.evolve(m, values=change(m.values)) for n, m in cohort.modalities.items() if n in SPECS}
    return Candidate(name="changed", cohort=attrs.evolve(cohort, modalities=modalities))


def readings(metric, candidate, evaluation):
    return {reading.name: reading for reading in metric.measure(candidate, evaluation)}


def test_it_keeps_the_promises_of_a_metric(evaluation):
    """On slices it says that they have no neighbours; on volumes it has values."""
    check_metric(PlaneConsistency())
    check_metric(PlaneConsistency(), candidate(evaluation.pool("train")), evaluation)


def test_differences_and_correlations_of_planes():
    """By their equations: |a - b| over voxels, and numpy's corrcoef over pixels."""
    values = np.random.default_rng(0).random((2, 1, 3, 4, 5))
    assert differences(values)[0] == pytest.approx(np.abs(np.diff(values[0, 0], axis=0)).mean())
    a, b, c = (plane.ravel() for plane in values[1, 0])
    wanted = (np.corrcoef(a, b)[0, 1] + np.corrcoef(b, c)[0, 1]) / 2
    assert correlations(values)[1] == pytest.approx(wanted)
    assert np.isnan(correlations(np.ones((1, 1, 3, 4, 5))))[0]


def test_shuffled_planes_fail_and_fresh_volumes_pass(evaluation):
    """Real test volumes read as train volumes do; with planes in random order the difference grows by half and more,
    and blurred along the body it falls."""
    real = readings(PlaneConsistency(), candidate(evaluation.pool("train")), evaluation)
    test = readings(PlaneConsistency(), candidate(evaluation.pool("test")), evaluation)
    order = np.random.default_rng(0).permutation(12)
    shuffled = readings(PlaneConsistency(), candidate(evaluation.pool("test"), lambda v: v[:, :, order]), evaluation)
    smooth = readings(
        PlaneConsistency(),
        candidate(evaluation.pool("test"), lambda v: (v + np.roll(v, 1, axis=2) + np.roll(v, -1, axis=2)) / 3),
        evaluation,
    )
    for name in SPECS:
        wanted = real[f"{name}.difference"].value
        assert test[f"{name}.difference"].value == pytest.approx(wanted, rel=0.15)
        assert shuffled[f"{name}.difference"].value > 1.5 * wanted
        assert smooth[f"{name}.difference"].value < 0.8 * wanted
        assert shuffled[f"{name}.correlation"].value < real[f"{name}.correlation"].value - 0.1


def test_oracle_memorisation_and_lesion_contrast_take_volumes(evaluation):
    """The oracle reads lesions in space, copies of training volumes are found, and regions have three axes."""
    test = candidate(evaluation.pool("test"))
    oracle = readings(Oracle(steps=4), test, evaluation)
    assert any(reading.value is not None for reading in oracle.values()), oracle
    copies = readings(Memorisation(), candidate(evaluation.pool("train")), evaluation)
    others = readings(Memorisation(), test, evaluation)
    measured = [name for name in copies if copies[name].value is not None and others[name].value is not None]
    assert measured
    assert any(copies[name].value != others[name].value for name in measured)
    notes = {reading.note for reading in readings(LesionContrast(), test, evaluation).values()}
    assert notes == {"needs the model, not its slices alone"}


# Planes by themselves -------------------------------------------------------------------------------------


def noise(seed, along, count=240):
    """Volumes of 8 x 16 x 16 that are smooth within axial planes and, by so many planes, along the body."""
    values = np.random.default_rng(seed).standard_normal((count, 1, 8, 16, 16))
    values = ndimage.gaussian_filter(values, (0, 0, along, 1, 1), mode="wrap")
    return Cohort(
        modalities={"t2w": Modality.of((values / values.std()).astype(np.float32))},
        labels={"cs": (np.arange(count) % 2).astype(np.int8)},
        patient=np.array([f"{seed}-{number}" for number in range(count)]),
        split=np.full(count, "train"),
    )


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    spec = {"t2w": ModalitySpec(shape=(1, 8, 16, 16), range=(-3, 3))}
    return Evaluation(
        real=noise(0, 1), modalities=spec, label="cs", replicates=20, cache=tmp_path_factory.mktemp("cache")
    )


def test_distances_of_volumes_are_followed_by_those_of_their_middle_planes(noises):
    """By name of the plane; planes that were stacked are right in the axial plane alone."""
    alike, stacked = (
        readings(RandomFrechet(), Candidate(name="noise", cohort=noise(seed, along)), noises)
        for seed, along in ((1, 1), (2, 0))
    )
    assert list(alike) == [
        f"{plane}t2w.{name}" for plane in ("", *(f"{each}." for each in PLANES)) for name in ("fd", "recall")
    ]
    assert stacked["axial.t2w.fd"].value < 2 * alike["axial.t2w.fd"].value
    for plane in ("coronal", "sagittal"):
        assert stacked[f"{plane}.t2w.fd"].value > 4 * alike[f"{plane}.t2w.fd"].value


def test_task_features_are_learned_for_each_plane(noises, monkeypatch):
    """By a network that takes the plane's size; its readings stay in their range."""
    from gankit_metrics import _extractor

    monkeypatch.setattr(_extractor, "_STEPS", 2)
    check_metric(TaskFrechet(kinds=2), Candidate(name="noise", cohort=noise(1, 1)), noises)
    found = readings(TaskFrechet(kinds=2), Candidate(name="noise", cohort=noise(1, 1)), noises)
    assert len(found) == 28
    assert all(found[f"{plane}.fd"].value > 0 for plane in PLANES)


def test_the_middle_planes_are_those_of_the_axes():
    """Axial: one of the first axis of space; coronal: of rows; sagittal: of columns; ground truth goes with them."""
    cohort = noise(0, 1, count=2)
    cohort = attrs.evolve(cohort, truth={"lesion": (cohort.modalities["t2w"].values[:, 0] > 0).astype(np.uint8)})
    values = cohort.modalities["t2w"].values
    for axis, wanted in enumerate((values[:, :, 4], values[:, :, :, 8], values[..., 8])):
        plane = middle_planes(cohort, axis)
        assert np.array_equal(plane.modalities["t2w"].values, wanted)
        assert np.array_equal(plane.truth["lesion"], wanted[:, 0] > 0)
