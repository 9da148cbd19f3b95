"""``plane-consistency``, and the other metrics on volumes."""

import attrs
import numpy as np
import pytest

from gankit import Candidate, Evaluation, ModalitySpec
from gankit.testing import check_metric
from gankit_metrics.features import Memorisation
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
