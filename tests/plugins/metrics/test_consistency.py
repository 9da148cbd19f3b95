"""``pair-consistency``: how well one modality follows from another."""

import attrs
import pytest

from gankit import Candidate
from gankit_metrics.consistency import PairConsistency

METRIC = PairConsistency(width=8, steps=100)


@pytest.fixture(scope="module")
def ratios(controls, evaluation):
    """``t2w.ratio`` by control."""
    wanted = ("right", "shuffled", "blurred")
    return {name: read(controls[name], evaluation)["t2w.ratio"].value for name in wanted}


def read(cohort, evaluation, metric=METRIC):
    return {reading.name: reading for reading in metric.measure(Candidate(name="control", cohort=cohort), evaluation)}


def test_real_pairs_have_the_error_of_real_pairs(ratios):
    """Fresh patients are predicted as test patients are."""
    assert ratios["right"] == pytest.approx(1, abs=0.05)


def test_shuffled_pairs_are_the_ceiling(ratios, controls, evaluation):
    """T2w of another slice is predicted worse, by what the note of the right pairs announces."""
    assert ratios["shuffled"] > 1.15
    announced = float(read(controls["right"], evaluation)["t2w.ratio"].note.split()[-1])
    assert ratios["shuffled"] == pytest.approx(announced, abs=0.05)


def test_blur_is_below_real(ratios):
    """It is easy to predict, which is why the aim is 1 and not 0."""
    assert ratios["blurred"] < 0.9


def test_the_error_has_the_unit_of_what_is_predicted(controls, evaluation):
    """From T2w to ADC it is in µm²/s; there is one pair of readings for each further modality."""
    turned = attrs.evolve(evaluation, modalities=dict(reversed(evaluation.modalities.items())))
    ratio, error = read(controls["right"], turned, PairConsistency(width=4, steps=20)).values()
    assert (error.name, error.unit) == ("adc.error", "1e-6 mm2/s")
    assert (ratio.name, ratio.unit) == ("adc.ratio", "1")
    assert 100 < error.value < 1500
    assert error.interval[0] < error.value < error.interval[1]


def test_one_modality_has_no_pairs(controls, evaluation):
    """It is said, not raised."""
    alone = attrs.evolve(evaluation, modalities={"adc": evaluation.modalities["adc"]})
    (reading,) = read(controls["right"], alone).values()
    assert reading.value is None
    assert reading.note == "needs two modalities or more"
