"""Metrics judge cohorts that are larger than memory: real slices stay in their files, and readings stay the same."""

import attrs
import numpy as np
import pytest

from gankit import Cohort, Modality, StoredRows, parts_of, read_cohort, rows_of, write_cohort
from gankit.evaluation import evaluation as module
from gankit_metrics import _extractor, features
from gankit_metrics._exact import copies
from gankit_metrics._planes import middle_planes
from gankit_metrics.anatomy import Anatomy
from gankit_metrics.classification import GanTest, SliceClassificationAccuracy
from gankit_metrics.consistency import PairConsistency
from gankit_metrics.oracle import Oracle
from gankit_metrics.utility import Utility

METRICS = [
    Anatomy(steps=3, width=4),
    GanTest(steps=3),
    Oracle(steps=3, width=4),
    PairConsistency(steps=3, width=4),
    SliceClassificationAccuracy(steps=3),
    Utility(steps=3, repeats=1, shares=(100,)),
    features.Diversity(slices=8),
    features.HighFrequency(),
    features.Memorisation(),
    features.RandomFrechet(),
    features.TaskFrechet(),
]


@pytest.fixture(scope="module")
def in_files(small_real, tmp_path_factory) -> Cohort:
    """The real cohort in shards, of which nothing is in memory."""
    folder = tmp_path_factory.mktemp("cohort") / "real.shards"
    write_cohort(small_real, folder, shard_size=1)
    return read_cohort(folder)


@pytest.fixture
def nothing_fits(monkeypatch):
    """No array of rows is small enough to be kept, and features are learned in few steps."""
    monkeypatch.setattr(module, "LARGEST", 0)
    monkeypatch.setattr(_extractor, "_STEPS", 4)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: type(metric).__name__)
def test_readings_are_those_of_a_cohort_in_memory(metric, in_files, evaluation, candidate, tmp_path, nothing_fits):
    """Whether rows are made whenever they are read, or kept."""
    few = attrs.evolve(candidate, cohort=candidate.cohort.select(slice(60)))
    kept, read = (
        attrs.evolve(evaluation, real=real, cache=tmp_path / name)
        for name, real in (("kept", evaluation.real), ("read", in_files))
    )
    expected, found = (list(metric.measure(few, side)) for side in (kept, read))
    assert any(reading.value is not None for reading in expected)
    assert [(reading.name, reading.note) for reading in found] == [(each.name, each.note) for each in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.value == (None if other.value is None else pytest.approx(other.value, rel=1e-5))


def test_real_slices_are_read_where_they_are_needed(in_files, evaluation, nothing_fits):
    """Neither a pool nor its images in [-1, 1] are in memory; rows of them are."""
    side = attrs.evolve(evaluation, real=in_files)
    pool = side.pool("train")
    assert all(isinstance(modality.values, StoredRows) for modality in pool.modalities.values())
    rows = side.rows(pool)
    assert isinstance(rows, StoredRows)
    expected = evaluation.stacked(evaluation.pool("train"))
    assert np.array_equal(rows[[5, 2, 5]], expected[[5, 2, 5]])
    assert np.array_equal(side.stacked(pool), expected)


@pytest.mark.parametrize("largest", [0, 10**9])
def test_rows_are_what_a_function_makes_of_each_slice(in_files, monkeypatch, largest):
    """In the order of the slices, whether they are made at once or when they are read."""
    monkeypatch.setattr(module, "LARGEST", largest)
    rows = rows_of(
        in_files, lambda part: np.stack([part.labels["cs"], part.modalities["adc"].values[:, 0, 3, 4]], axis=1)
    )
    assert isinstance(rows, StoredRows) is (largest == 0)
    whole = in_files.loaded()
    assert np.array_equal(np.asarray(rows)[:, 1], whole.modalities["adc"].values[:, 0, 3, 4])
    assert np.array_equal(rows[[9, 1], 0], whole.labels["cs"][[9, 1]])


def test_parts_of_a_cohort_are_small_and_all_of_it(in_files, monkeypatch):
    """Each slice is in one part, in order."""
    monkeypatch.setattr(module, "BLOCK", 50_000)
    parts = list(parts_of(in_files))
    assert {len(part) for _, part in parts[:-1]} == {parts[0][0].stop} == {3}  # of 15 kB
    assert np.concatenate([part.patient for _, part in parts]).tolist() == in_files.patient.tolist()


def test_the_nearest_of_other_patients_are_found_part_by_part(evaluation, candidate, monkeypatch):
    """Copies are told from other slices, however many distances are in memory."""
    train = evaluation.pool("train")
    some = candidate.cohort.select(slice(20))
    few = Cohort(
        modalities={
            name: Modality.of(
                np.concatenate([some.modalities[name].values, train.modalities[name].values[:3]]), modality.unit
            )
            for name, modality in train.modalities.items()
        },
        patient=np.array([f"s{number}" for number in range(23)]),
        split=np.full(23, "train"),
    )
    at_once = copies(few, train, evaluation)
    monkeypatch.setattr("gankit_metrics._exact._AT_ONCE", 7)
    assert copies(few, train, evaluation).tolist() == at_once.tolist() == [False] * 20 + [True] * 3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_of_volumes_in_files_are_read_when_they_are_asked_for(axis, tmp_path):
    """The same planes as of volumes in memory."""
    values = np.random.default_rng(0).random((5, 1, 4, 6, 8), dtype=np.float32)
    cohort = Cohort(
        modalities={"adc": Modality.of(values, channels="first")},
        patient=np.array([f"p{number}" for number in range(5)]),
        split=np.full(5, "train"),
        truth={"lesion": (values[:, 0] > 0.9).astype(np.uint8)},
    )
    write_cohort(cohort, tmp_path / "volumes.shards")
    stored, kept = (middle_planes(each, axis) for each in (read_cohort(tmp_path / "volumes.shards"), cohort))
    assert isinstance(stored.modalities["adc"].values, StoredRows)
    assert np.array_equal(np.asarray(stored.modalities["adc"].values), kept.modalities["adc"].values)
    assert np.array_equal(np.asarray(stored.truth["lesion"]), kept.truth["lesion"])
