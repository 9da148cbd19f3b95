"""``oracle``: a detector with ground truth looks for lesions."""

import attrs
import numpy as np
import pytest
import torch

from gankit import Candidate
from gankit_metrics._detector import Detector, detector, surest_region
from gankit_metrics._training import Schedule
from gankit_metrics.oracle import Oracle

METRIC = Oracle(width=8, steps=160)


def read(cohort, evaluation, metric=METRIC):
    return {reading.name: reading for reading in metric.measure(Candidate(name="control", cohort=cohort), evaluation)}


@pytest.fixture(scope="module")
def readings(controls, evaluation):
    """All readings by control."""
    wanted = ("right", "shuffled", "without lesions", "without the label", "without the label, with a grid")
    return {name: read(controls[name], evaluation) for name in wanted}


def test_the_detector_knows_a_lesion(readings):
    """It finds many of the real ones and few where there are none."""
    assert readings["right"]["real.wanted"].value > 0.4
    assert readings["right"]["real.other"].value < 0.1


def test_real_slices_have_the_share_of_real_slices(readings):
    """Fresh patients as candidates reach the sensitivity on test patients."""
    found = readings["right"]
    assert found["lesion"].value == pytest.approx(found["real.wanted"].value, abs=0.1)
    assert found["lesion"].interval[0] < found["lesion"].value < found["lesion"].interval[1]


def test_real_slices_are_looked_at_once(readings, controls, evaluation, monkeypatch):
    """A further set needs the detector for its candidates alone, and has the same readings of real slices."""
    looked, found = [], Detector.found
    monkeypatch.setattr(Detector, "found", lambda *each: looked.append(each[1]) or found(*each))
    again = read(controls["right"], evaluation)
    assert again == readings["right"]
    assert looked == [controls["right"]]


@pytest.mark.parametrize("control", ["without lesions", "without the label", "without the label, with a grid"])
def test_slices_without_lesions_have_none(readings, control):
    """Whether cured or never ill."""
    assert readings[control]["lesion"].value < 0.15


def test_a_lesion_in_one_modality_alone_does_not_count(readings):
    """ADC with the T2w of another slice: dark in both is rare."""
    assert readings["shuffled"]["lesion"].value < 0.5 * readings["right"]["lesion"].value


def test_the_sign_of_contrast_is_learnt(evaluation):
    """Lesions are dark in ADC; in its negative they are bright."""
    real = evaluation.real
    negative = attrs.evolve(real.modalities["adc"], values=3000 - real.modalities["adc"].values)
    turned = attrs.evolve(evaluation, real=attrs.evolve(real, modalities=real.modalities | {"adc": negative}))
    assert detector(evaluation, 2, Schedule(steps=1)).sign == {"adc": 1, "t2w": 1}
    assert detector(turned, 2, Schedule(steps=1)).sign == {"adc": -1, "t2w": 1}


def test_the_surest_region_is_connected():
    """Of two regions above 0 the one with the largest logit, whole, and nothing that touches by a corner."""
    logit = np.array([[1, 2, -1, 5], [-1, -1, 6, 3], [4, -1, -1, -1]], dtype=np.float32)
    region = surest_region(np.stack([logit, -np.abs(logit)]))
    assert region[0].tolist() == [[False, False, False, True], [False, False, True, True], [False] * 4]
    assert not region[1].any()


def test_without_ground_truth_there_is_no_oracle(controls, evaluation):
    """Patients seldom come with it."""
    blind = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth={}))
    for reading in read(controls["right"], blind).values():
        assert (reading.value, reading.note) == (None, "the real cohort has no ground truth 'lesion'")


def test_ground_truth_without_tissue_is_enough(controls, evaluation):
    """Rings are then not restricted."""
    lesion = {"lesion": evaluation.real.truth["lesion"]}
    plain = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth=lesion))
    assert read(controls["right"], plain, Oracle(width=2, steps=2))["lesion"].value is not None


def test_a_lesion_that_nobody_drew_is_no_ground_truth(evaluation, tmp_path):
    """Patients without a lesion mask, who have the label or may have it, are no examples of slices without lesions."""
    real = evaluation.real
    ill = np.flatnonzero((real.split == "train") & (real.labels["cs"] == 1))
    lesion, cs = real.truth["lesion"].copy(), real.labels["cs"].copy()
    lesion[ill[:60]], cs[ill[:30]] = 0, -1
    undrawn = attrs.evolve(real, truth=real.truth | {"lesion": lesion}, labels={"cs": cs})
    left = real.select(np.setdiff1d(np.arange(len(real)), ill[:60]))
    one, other = (
        detector(attrs.evolve(evaluation, real=cohort, cache=tmp_path / name), 2, Schedule(steps=3))
        for name, cohort in {"undrawn": undrawn, "left": left}.items()
    )
    assert all(torch.equal(a, b) for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True))


def test_ground_truth_without_lesions_is_not_enough(controls, evaluation):
    """There is nothing to learn from."""
    none = {"lesion": np.zeros_like(evaluation.real.truth["lesion"])}
    empty = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth=none))
    reading = read(controls["right"], empty)["lesion"]
    assert (reading.value, reading.note) == (None, "needs 8 train slices with a lesion of two pixels, found 0")
