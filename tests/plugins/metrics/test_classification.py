"""``sca`` and ``gan-test``: what classifiers learn from slices, and what they make of them."""

import attrs
import numpy as np
import pytest

from gankit import Candidate
from gankit_metrics._classifier import accuracy, area_under_curve
from gankit_metrics.classification import GanTest, SliceClassificationAccuracy

SCA = SliceClassificationAccuracy(steps=300)


def read(metric, cohort, evaluation):
    return {reading.name: reading for reading in metric.measure(Candidate(name="control", cohort=cohort), evaluation)}


@pytest.fixture(scope="module")
def sca(controls, evaluation):
    """Readings of ``sca`` by control."""
    return {name: read(SCA, controls[name], evaluation) for name in ("right", "without lesions", "without the label")}


@pytest.fixture(scope="module")
def first_alone(evaluation):
    """The evaluation of the first modality, so that one classifier is trained and not three."""
    name, spec = next(iter(evaluation.modalities.items()))
    return attrs.evolve(evaluation, modalities={name: spec})


@pytest.fixture(scope="module")
def gan_test(controls, first_alone):
    """Readings of ``gan-test`` by control."""
    metric = GanTest(steps=220)
    wanted = ("right", "with a grid", "without lesions", "without the label", "without the label, with a grid")
    return {name: read(metric, controls[name], first_alone) for name in wanted}


# Scores ---------------------------------------------------------------------------------------------------


def test_accuracy_weighs_both_classes_alike():
    """Two of two wanted slices and one of four others are on the right side."""
    assert accuracy(np.array([1.0, 2.0]), np.array([-1.0, 1.0, 1.0, 1.0])) == (1 + 0.25) / 2


def test_auc_counts_pairs():
    """Of six pairs three are in order, one is tied and two are not."""
    assert area_under_curve(np.array([0.0, 1.0]), np.array([-1.0, 0.0, 2.0])) == pytest.approx(3.5 / 6)


# SCA ------------------------------------------------------------------------------------------------------


def test_sca_reads_every_view_of_both_tests(sca):
    """The paper's test and the fresh patients, all modalities and each alone, accuracy and AUC, with intervals."""
    assert list(sca["right"]) == [
        f"{test}.{view}.{what}"
        for view in ("all", "adc", "t2w")
        for test in ("fresh", "test")
        for what in ("accuracy", "auc")
    ]
    for reading in sca["right"].values():
        low, high = reading.interval
        assert low < high
        assert low - 0.05 < reading.value < high + 0.05
    assert sca["right"]["fresh.all.accuracy"].note.startswith("150 + 150 real slices, sensitivity 0.")


def test_sca_of_real_slices_is_well_above_chance(sca):
    """Two layers learn something of what a lesion is."""
    assert sca["right"]["fresh.all.accuracy"].value > 0.66
    assert sca["right"]["fresh.all.auc"].value > 0.72


@pytest.mark.parametrize("control", ["without lesions", "without the label"])
def test_sca_falls_where_there_is_nothing_to_learn(sca, control):
    """Slices that were cured of their lesions, and slices that never had one."""
    for name in ("fresh.all.accuracy", "fresh.all.auc", "fresh.adc.auc"):
        assert sca[control][name].value < sca["right"][name].value - 0.08


def test_sca_trains_on_as_many_real_slices_without_the_label_as_there_are_candidates(
    controls, first_alone, monkeypatch
):
    """Of 240, each at most once; a classifier that saw more of one side would lean to it."""
    trained, seen = SliceClassificationAccuracy._trained, []

    def watched(self, wanted, other, *rest):
        seen.append((wanted, other))
        return trained(self, wanted, other, *rest)

    monkeypatch.setattr(SliceClassificationAccuracy, "_trained", watched)
    read(SliceClassificationAccuracy(steps=1), controls["right"].select(np.arange(100)), first_alone)
    ((wanted, other),) = seen
    assert len(wanted) == len(other) == 100
    assert set(other.labels["cs"]) == {0}
    assert set(other.split) == {"train"}
    assert len({image.tobytes() for image in other.modalities["t2w"].values}) == 100


def test_sca_collapses_when_synthetic_can_be_told_from_real(controls, first_alone):
    """Its known weakness: real slices with a faint grid teach the grid, and accuracy falls more than AUC."""
    clean, spoiled = (read(SCA, controls[name], first_alone) for name in ("right", "with a grid"))
    falls = {
        name: clean[f"fresh.all.{name}"].value - spoiled[f"fresh.all.{name}"].value for name in ("accuracy", "auc")
    }
    assert falls["accuracy"] > 0.08
    assert falls["auc"] < 0.04


def test_sca_without_fresh_patients_says_so(controls, first_alone):
    """The paper's test remains."""
    found = read(SliceClassificationAccuracy(steps=2), controls["right"], attrs.evolve(first_alone, fresh=None))
    assert found["test.all.accuracy"].value is not None
    assert found["fresh.all.accuracy"].value is None
    assert found["fresh.all.accuracy"].note == "there are no fresh patients to test on"


def test_too_few_candidates_are_not_measured(controls, first_alone):
    """A classifier cannot be trained on three slices."""
    found = read(SCA, controls["right"].select(np.arange(3)), first_alone)
    assert [reading.value for reading in found.values()] == [None] * 4
    assert found["test.all.auc"].note == "needs 8 slices of each label to train on"


def test_the_same_seed_gives_the_same_readings(controls, first_alone):
    """And another seed other weights."""
    metric = SliceClassificationAccuracy(steps=5)
    once, again = (read(metric, controls["right"], first_alone) for _ in range(2))
    assert once == again
    assert read(metric, controls["right"], attrs.evolve(first_alone, seed=1)) != once


def test_a_cohort_without_test_slices_of_a_label_says_so(controls, first_alone):
    """Neither metric has anything to compare with."""
    real = first_alone.real.select((first_alone.real.split == "train") | (first_alone.real.labels["cs"] == 0))
    lacking = attrs.evolve(first_alone, real=real, fresh=None)
    for metric in (SliceClassificationAccuracy(steps=2), GanTest(steps=2)):
        for reading in read(metric, controls["right"], lacking).values():
            assert reading.value is None
            assert reading.note


# GAN-test -------------------------------------------------------------------------------------------------


def test_gan_test_gives_real_slices_what_real_slices_get(gan_test):
    """Fresh slices with the label are told from others as test slices are; the note gives the aim."""
    reading = gan_test["right"]["all.auc"]
    aim = float(reading.note.split()[1].rstrip(";"))
    assert aim > 0.75
    assert reading.value == pytest.approx(aim, abs=0.06)
    assert reading.better == "real"


def test_gan_test_is_not_misled_by_a_grid(gan_test):
    """The grid that makes ``sca`` collapse leaves real slices with the label where they were, and does not help slices
    without it."""
    assert gan_test["with a grid"]["all.accuracy"].value > gan_test["right"]["all.accuracy"].value - 0.06
    assert gan_test["without the label, with a grid"]["all.accuracy"].value < 0.68


@pytest.mark.parametrize("control", ["without lesions", "without the label"])
def test_gan_test_is_at_chance_without_lesions(gan_test, control):
    """Real slices without lesions that claim the label get no credit."""
    assert gan_test[control]["all.accuracy"].value < 0.62
    assert gan_test[control]["all.auc"].value < gan_test["right"]["all.auc"].value - 0.2


def test_gan_test_works_with_the_test_split_alone(controls, first_alone):
    """Where there are no fresh patients the note names what was compared with."""
    found = read(GanTest(steps=5), controls["right"], attrs.evolve(first_alone, fresh=None))
    assert found["all.accuracy"].note.endswith("against 24 real test slices")
