"""The real slices that candidates are judged against: what they must have, and what is said where they lack it."""

import numpy as np
import pytest

from gankit import InputError
from tests.evaluation.small import entry, written
from tests.toy import MEASURED


def renamed(cohort, **names):
    return {names.get(name, name): modality for name, modality in cohort.modalities.items()}


REFUSED_REAL = {
    "synthetic": (lambda c: {"synthetic": True}, "the real cohort is marked synthetic"),
    "no train": (lambda c: {"split": np.full(24, "test")}, "no complete train slice with label 'cs' = 1"),
    "no label": (lambda c: {"labels": {"cancer": c.labels["cs"]}}, "the real cohort: no label 'cs'; it has cancer"),
    "no modality": (lambda c: {"modalities": renamed(c, t2w="t1w")}, "no modality 't2w'; did you mean 't1w'"),
}


@pytest.mark.parametrize("what", REFUSED_REAL)
def test_a_real_cohort_that_does_not_fit_is_refused_before_work(what, judge, trained, tiny_cohort, tmp_path):
    """One line that says what was found."""
    changes, message = REFUSED_REAL[what]
    real = written(tiny_cohort, tmp_path / "real.safetensors", **changes(tiny_cohort))
    with pytest.raises(InputError, match=message):
        judge(trained, cohort=real)
    assert MEASURED == []


def test_a_real_cohort_without_test_slices_is_judged_by_the_metrics_that_need_none(
    judge, trained, tiny_cohort, tmp_path
):
    """The others say what they lack, and the table why there is no row of real slices."""
    metrics = ("high-frequency", "memorisation", "pair-consistency", "sca")
    real = written(tiny_cohort, tmp_path / "real.safetensors", split=np.full(24, "train"))
    options = {"sca.steps": 1, "pair-consistency.steps": 1}
    document = judge(trained, cohort=real, metrics=metrics, options=options, sets=1)
    assert [row.name for row in document.rows] == ["run", "augmented real"]
    measured = {entry.metric for entry in document.row("run").summary if entry.mean is not None}
    assert measured == {"high-frequency", "memorisation"}  # which counts copies without test slices, and no more
    page = (tmp_path / "out/evaluation.md").read_text()
    assert "No row of real slices: none with cs = 1 is in the test split or of fresh patients." in page
    assert (
        "pair-consistency: not measured: the real cohort lacks test slices with the label, without it, or both." in page
    )


def test_fresh_patients_must_be_others(judge, trained, tiny_cohort_file):
    """The cohort itself is not fresh."""
    with pytest.raises(InputError, match="the fresh cohort shares 8 patients with the real one, the first is 'p0'"):
        judge(trained, fresh=tiny_cohort_file)


def test_without_fresh_patients_the_floor_is_the_test_and_says_so(judge, trained):
    """3 test slices with cancer, compared with themselves."""
    real = judge(trained).row("real")
    assert real.slices == 3
    assert real.note == "no fresh patients: the real test slices, compared with themselves; only 3 slices"
    assert entry(real, "brightness.error").mean == pytest.approx(0, abs=1e-6)


def test_fresh_patients_are_the_floor(judge, trained, tiny_cohort, tmp_path):
    """Their train slices with the label, in disjoint sets."""
    fresh = written(tiny_cohort, tmp_path / "fresh.safetensors", patient=np.char.add("f", tiny_cohort.patient))
    real = judge(trained, fresh=fresh, per_set=4).row("real")
    assert (real.slices, len(real.sets), real.note) == (4, 2, "")


def test_slices_of_a_class_are_judged_against_slices_of_that_class(judge, tiny_cohort, tmp_path):
    """Grade 3 beside grade 3, on both sides; the table says so."""
    grades = {"labels": {"grade": (3 * tiny_cohort.labels["cs"]).astype(np.int8)}}
    real = written(tiny_cohort, tmp_path / "real.safetensors", **grades)
    made = written(tiny_cohort, tmp_path / "made.safetensors", synthetic=True, **grades)
    result = judge(made, cohort=real, label="grade=3", sets=1, per_set=12)
    assert (result.row("made").slices, result.row("real").slices) == (12, 3)
    assert "candidates are meant to have grade = 3." in (tmp_path / "out/evaluation.md").read_text()
