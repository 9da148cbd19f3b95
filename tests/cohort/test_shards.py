"""Cohorts in shards."""

import json
import shutil
import warnings
from itertools import pairwise

import attrs
import numpy as np
import pytest

from gankit import CohortError, InputError, Modality, read_cohort, write_cohort
from gankit.cohort.shards import _edges
from gankit.files.json_file import in_lines, write_document
from gankit.files.rows import StoredRows
from tests.damage import flipped


@pytest.fixture
def cohort(tiny_cohort):
    """With everything that a cohort may have; a patient's slices follow each other."""
    order = np.argsort(tiny_cohort.patient, kind="stable")
    made = attrs.evolve(tiny_cohort.modalities["t2w"], made=np.arange(24) % 2 == 0, present=np.arange(24) != 3)
    truth = {"tissue": np.arange(24 * 16 * 16).reshape(24, 16, 16).astype(np.uint8)}
    full = attrs.evolve(
        tiny_cohort,
        modalities=tiny_cohort.modalities | {"t2w": made},
        truth=truth,
        tissues=("none", "some"),
        spacing_mm=np.linspace(0.5, 1, 24, dtype=np.float32),
    )
    return full.select(order)


@pytest.fixture
def folder(cohort, tmp_path, monkeypatch):
    """Four shards, of two patients each."""
    monkeypatch.setattr("gankit.cohort.shards.MB", 6 * (2 * 1024 + 256))
    write_cohort(cohort, tmp_path / "c.shards", shard_size=1)
    return tmp_path / "c.shards"


def shards(folder):
    return sorted(folder.glob("*.safetensors"))


def test_shards_hold_the_same_cohort(cohort, folder):
    """Values, presence, labels, truth, words: all of it, and so the digest."""
    assert len(shards(folder)) == 4
    read = read_cohort(folder)
    assert read.digest(["tissue"]) == cohort.digest(["tissue"])
    assert isinstance(read.modalities["adc"].values, StoredRows)
    for name, modality in cohort.modalities.items():
        np.testing.assert_array_equal(read.modalities[name].values, modality.values)
        np.testing.assert_array_equal(read.modalities[name].present, modality.present)
        assert read.modalities[name].unit == modality.unit
    np.testing.assert_array_equal(read.modalities["t2w"].made, cohort.modalities["t2w"].made)
    np.testing.assert_array_equal(read.truth["tissue"], cohort.truth["tissue"])
    np.testing.assert_array_equal(read.spacing_mm, cohort.spacing_mm)
    np.testing.assert_array_equal(read.patient, cohort.patient)
    np.testing.assert_array_equal(read.split, cohort.split)
    np.testing.assert_array_equal(read.labels["cs"], cohort.labels["cs"])
    assert (read.tissues, read.synthetic, read.source) == (cohort.tissues, cohort.synthetic, cohort.source)


def test_a_shard_is_a_cohort_file_with_whole_patients(cohort, folder):
    """It can be looked at, and read, as any other."""
    parts = [read_cohort(shard) for shard in shards(folder)]
    assert sum(map(len, parts)) == 24
    for one, other in pairwise(parts):
        assert not set(one.patient) & set(other.patient)


def test_a_selection_of_shards_reads_only_what_is_asked_for(cohort, folder, monkeypatch):
    """``select`` reads no image; rows do."""
    read = read_cohort(folder)
    with monkeypatch.context() as patch:
        patch.setattr(StoredRows, "_read", lambda *_: pytest.fail("images were read"))
        some = read.select(np.array([20, 3]))
    np.testing.assert_array_equal(some.modalities["adc"].values[:], cohort.modalities["adc"].values[[20, 3]])
    assert some.digest() == cohort.select(np.array([20, 3])).digest()


def test_one_file_of_shards_has_the_bytes_of_one_file(cohort, folder, tmp_path):
    """There and back again."""
    write_cohort(cohort, tmp_path / "whole.safetensors")
    write_cohort(read_cohort(folder), tmp_path / "back.safetensors")
    assert (tmp_path / "back.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_shards_end_with_patients_unless_one_is_larger(tiny_cohort):
    """Where patients alternate, or have many slices, shards have so many slices as fit."""
    row = 2 * 16 * 16 * 4
    grouped = tiny_cohort.select(np.argsort(tiny_cohort.patient, kind="stable"))  # three slices of each patient
    assert _edges(grouped, 7 * row) == [0, 6, 12, 18, 24]
    assert _edges(grouped, 2 * row) == [0, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 23, 24]
    assert _edges(grouped, 1) == list(range(25))
    assert _edges(grouped, 100 * row) == [0, 24]


def test_shards_that_are_there_are_kept_and_others_go(cohort, folder):
    """A writing that was cut off goes on; the shards of the cohort before are removed when the new one is whole."""
    before = {shard.name: shard.stat().st_mtime_ns for shard in shards(folder)}
    first, *_ = shards(folder)
    (folder / "index.json").unlink()
    first.unlink()
    write_cohort(cohort, folder, shard_size=1)
    after = {shard.name: shard.stat().st_mtime_ns for shard in shards(folder)}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {first.name}
    other = attrs.evolve(cohort, source="another")
    write_cohort(other, folder, shard_size=1)
    assert not {shard.name for shard in shards(folder)} & before.keys()
    assert read_cohort(folder).source == "another"


def test_a_writing_that_ends_early_leaves_the_cohort_before(cohort, folder, monkeypatch):
    """The index comes last."""
    monkeypatch.setattr("gankit.cohort.shards.write_document", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_cohort(attrs.evolve(cohort, source="another"), folder, shard_size=1)
    assert read_cohort(folder).source == cohort.source


# Bad input ------------------------------------------------------------------------------------------------


def refused(folder):
    with pytest.raises(CohortError) as raised:
        read_cohort(folder)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_missing_shard_is_named_with_what_to_do(folder):
    """Before any shard is read."""
    shards(folder)[2].unlink()
    assert "00002-" in (said := refused(folder))
    assert "this shard is missing, 3 of 4 are there; copy it again from where the cohort was made, or make" in said


def test_a_shard_of_another_cohort_is_named(cohort, folder, tmp_path):
    """Though it is sound, and has the name of the one that belongs there."""
    other = tmp_path / "other.shards"
    write_cohort(attrs.evolve(cohort, source="another"), other, shard_size=1)
    shutil.copy(shards(other)[1], shards(folder)[1])
    assert f"{shards(folder)[1]}: is a shard of another cohort, its digest is" in refused(folder)


def test_a_damaged_shard_is_named_whichever_byte_it_is(folder):
    """Header or values."""
    shard = shards(folder)[3]
    content = shard.read_bytes()
    for damaged in (*flipped(content, 60), *flipped(content, 40, within=1500), content[:-3], b"", content[:50]):
        shard.write_bytes(damaged)
        assert refused(folder).startswith(f"{shard}: ")


def test_a_folder_without_index_was_not_written_to_its_end(folder):
    """So it is no cohort yet."""
    (folder / "index.json").unlink()
    assert "has no index.json, so it was not written to its end, or not copied whole" in refused(folder)


@pytest.mark.parametrize("shards", [None, [], 5, [{}], [{"file": "../x", "slices": 1, "digest": "a"}], ["a"]])
def test_an_index_that_names_no_shards_is_refused(folder, shards):
    """Though its digest is right; a shard is a file of the folder."""
    write_document(folder / "index.json", {"format": "gankit-shards-1", "shards": shards}, in_lines)
    assert "index.json: names no shards" in refused(folder)


def test_an_altered_or_other_index_is_refused(folder):
    """By its digest, or by its format."""
    index = folder / "index.json"
    document = json.loads(index.read_text())
    index.write_text(json.dumps({**document, "slices": 5}))
    assert "index.json: damaged" in refused(folder)
    write_document(index, {"format": "gankit-shards-9"}, in_lines)
    assert "format 'gankit-shards-9'; accepted: 'gankit-shards-1'" in refused(folder)


def test_other_things_are_not_written_over(tiny_cohort, tmp_path):
    """A folder with other files, a file, a folder where a file is to be."""
    (tmp_path / "things.shards").mkdir()
    (tmp_path / "things.shards" / "notes.txt").touch()
    (tmp_path / "file.shards").touch()
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("things.shards", "file.shards", "folder.safetensors"):
        with pytest.raises(InputError, match=f"{name}: is there already and is no cohort"):
            write_cohort(tiny_cohort, tmp_path / name)
    with pytest.raises(InputError, match="`shard_size` must be at least 1 MB, got 0"):
        write_cohort(tiny_cohort, tmp_path / "new.shards", shard_size=0)


def test_an_image_that_is_not_finite_is_found_when_it_is_written(tiny_cohort, tmp_path):
    """So whoever reads shards need not look again."""
    values = tiny_cohort.modalities["adc"].values.copy()
    values[5] = np.nan
    with pytest.raises(CohortError, match="modality 'adc' has NaN"):
        write_cohort(attrs.evolve(tiny_cohort, modalities={"adc": Modality.of(values)}), tmp_path / "c.shards")


def test_nothing_warns_of_shards(folder):
    """They all have digests."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_cohort(folder)
