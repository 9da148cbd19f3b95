"""A cohort from elsewhere: what it must be, who reads it, and where it is named."""

import attrs
import numpy as np
import pytest

from gankit import InputError, Judging, Modality
from gankit.evaluation.metrics import chosen_metrics
from gankit.evaluation.tables import judged_by
from tests.evaluation.small import entry, written
from tests.toy import MEASURED

NAMED = {"metrics": ("brightness", "elsewhere"), "sets": 1}


@pytest.fixture
def elsewhere(tiny_cohort, tmp_path):
    """``elsewhere(**changes)``: the file of other slices, whose patients have the names of the real ones."""

    def make(**changes):
        return written(_other(tiny_cohort), tmp_path / "elsewhere.safetensors", **changes)

    return make


def _other(cohort):
    """The same slices, brighter by half."""
    return attrs.evolve(
        cohort,
        modalities={
            name: Modality.of(1.5 * each.values[:, 0], unit=each.unit) for name, each in cohort.modalities.items()
        },
        source="another clinic",
    )


def test_metrics_that_test_elsewhere_get_it_whole(judge, trained, elsewhere, tiny_cohort):
    """Every split, with the label and without; the result and the table name it."""
    result = judge(trained, **NAMED, external=elsewhere())
    found = entry(result.row("run"), "elsewhere.slices")
    assert (found.mean, found.notes) == (24, ("12 with the label, 12 without",))
    assert result.settings.external.source == "another clinic"
    assert result.settings.external.slices == 24
    assert "and 24 slices of 8 patients from elsewhere (another clinic)" in judged_by(result.settings)


def test_only_readings_that_depend_on_it_are_made_again(judge, trained, elsewhere):
    """Another cohort from elsewhere changes nothing for the other metrics."""
    judge(trained, **NAMED)
    measured = len(MEASURED)
    result = judge(trained, **NAMED, external=elsewhere())
    assert len(MEASURED) == measured
    assert entry(result.row("run"), "elsewhere.slices").mean == 24


def test_a_result_without_it_has_no_word_of_it(judge, trained, tmp_path):
    """So files are as they were before."""
    judge(trained)
    assert '"external"' not in (tmp_path / "out/evaluation.json").read_text()


def _with(cohort, name, change, **facts):
    modality = cohort.modalities[name]
    facts = {"unit": modality.unit, **facts}
    return {"modalities": {**_other(cohort).modalities, name: Modality.of(change(modality.values[:, 0]), **facts)}}


REFUSED = {
    "unit": (lambda c: _with(c, "adc", lambda v: v / 3, unit="mm2/s"), "adc is in 'mm2/s', wanted '1e-6 mm2/s'"),
    "values of another unit": (
        lambda c: _with(c, "adc", lambda v: v / 1000),
        r"the external cohort: adc: 98% of its values are within .*are they in 1e-6 mm2/s\? convert them",
    ),
    "values far above": (
        lambda c: _with(c, "adc", lambda v: 5000 + 1000 * v),
        r"the external cohort: adc: 100% of its values are outside \[0, 3000\]",
    ),
    "size": (lambda c: _with(c, "adc", lambda v: v[:, :15, :15]), "the external cohort: "),
    "modality": (lambda c: {"modalities": {"t2w": _other(c).modalities["t2w"]}}, "no modality 'adc'; it has t2w"),
    "label": (lambda c: {"labels": {"cancer": c.labels["cs"]}}, "the external cohort: no label 'cs'; it has cancer"),
    "synthetic": (lambda c: {"synthetic": True}, "the external cohort is marked synthetic"),
    "the same slices": (
        lambda c: {"modalities": c.modalities},
        "the external cohort shares 24 slices with the real one, the first of patient 'p0'; leave them out",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_cohort_from_elsewhere_that_does_not_fit_is_refused_before_work(
    what, judge, trained, elsewhere, tiny_cohort, tmp_path
):
    """One line, and the evaluation that is there stays."""
    judge(trained, **NAMED)
    there = (tmp_path / "out/evaluation.json").read_bytes()
    changes, message = REFUSED[what]
    MEASURED.clear()
    with pytest.raises(InputError, match=message) as refused:
        judge(trained, **NAMED, external=elsewhere(**changes(tiny_cohort)))
    assert "\n" not in str(refused.value)
    assert MEASURED == []
    assert (tmp_path / "out/evaluation.json").read_bytes() == there


def test_slices_that_are_judged_are_not_those_of_elsewhere(judge, tiny_cohort, tiny_cohort_file, elsewhere, tmp_path):
    """They would be tested on what they bring."""
    file = elsewhere()
    judged = written(
        _other(tiny_cohort), tmp_path / "judged.safetensors", patient=np.char.add("q", tiny_cohort.patient)
    )
    with pytest.raises(InputError, match="9 of its slices are in the external cohort, the first of patient 'p0'"):
        judge(judged, cohort=tiny_cohort_file, external=file, metrics=("elsewhere",), sets=None, per_set=None)


def test_a_model_that_was_trained_elsewhere_is_refused(judge, trained, tiny_cohort, tiny_cohort_file, tmp_path):
    """Judged against other real slices, its own training slices are no test."""
    real = written(_other(tiny_cohort), tmp_path / "real.safetensors")
    with pytest.raises(InputError, match="was trained on 18 slices of the external cohort, the first of patient 'p0'"):
        judge(trained, cohort=real, external=tiny_cohort_file, metrics=("elsewhere",))


def test_it_is_not_given_in_vain(judge, trained, elsewhere):
    """A metric that does not read it leaves it unused; the message names one that does."""
    with pytest.raises(InputError, match="no metric that is measured tests on another cohort.*: elsewhere"):
        judge(trained, external=elsewhere())


def test_a_metric_says_before_work_which_of_its_options_do_not_fit(judge, trained, elsewhere):
    """At the option's place, with the metric's name."""
    with pytest.raises(InputError, match="`metrics`: 1 problem\n  elsewhere.least: there are 24 slices"):
        judge(trained, **NAMED, external=elsewhere(), options={"elsewhere.least": 25})
    assert MEASURED == []


def test_a_metric_that_takes_long_is_measured_where_it_is_named(measuring):
    """Not where none is."""
    assert "brightness" in chosen_metrics(Judging(), measuring)
    assert "elsewhere" not in chosen_metrics(Judging(), measuring)
    assert "elsewhere" in chosen_metrics(Judging(metrics="elsewhere"), measuring)
