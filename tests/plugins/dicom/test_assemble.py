"""Parts of many studies become one cohort, one part in memory at a time."""

import tracemalloc

import attrs
import numpy as np
import pytest

from gankit import CohortError, read_cohort, write_cohort
from gankit_dicom._assemble import assemble
from gankit_dicom._part import Kept, Part, read_part, write_part

SIZE, SLICES = 32, 20


def kept(folder, number, names, outlined=False):
    """A part in its file: its images are filled with its number."""
    images = np.full((SLICES, SIZE, SIZE), number, dtype=np.float32)
    part = Part(
        record={"patient": f"p{number}", "items": SLICES if names else 0},
        modalities=dict.fromkeys(names, images),
        present=dict.fromkeys(names, np.arange(SLICES) > 0),
        cs=np.full(SLICES if names else 0, number % 2, dtype=np.int8),
        tissue=np.ones((SLICES, SIZE, SIZE), dtype=np.uint8) if outlined else None,
        spacing_mm=float(number),
    )
    write_part(part, folder / f"{number}.safetensors")
    return Kept(folder / f"{number}.safetensors", part.record)


def assembled(parts):
    return assemble(parts, [part.record["patient"] for part in parts], {}, (0.2, 0.0), 0, "made up", (1, SIZE, SIZE))


def test_each_part_has_its_place_and_what_it_lacks_is_zero_and_absent(tmp_path):
    """In the order of studies; a refused study has no place, and a modality of no study is none of the cohort's."""
    parts = [kept(tmp_path, 1, ("t2w",), outlined=True), kept(tmp_path, 2, ()), kept(tmp_path, 3, ("t2w", "dce"))]
    cohort = assembled(parts)
    assert list(cohort.modalities) == ["t2w", "dce"]
    assert cohort.patient.tolist() == ["p1"] * SLICES + ["p3"] * SLICES
    assert np.unique(cohort.modalities["t2w"].values[:SLICES]) == 1
    assert np.unique(cohort.modalities["dce"].values[:SLICES]) == 0
    assert not cohort.modalities["dce"].present[: SLICES + 1].any()
    assert cohort.modalities["dce"].present[SLICES + 1 :].all()
    assert cohort.truth.keys() == {"tissue"}
    assert [cohort.truth["tissue"][place].max() for place in (0, SLICES)] == [1, 0]
    assert cohort.spacing_mm[[0, SLICES]].tolist() == [1, 3]
    assert cohort.labels["cs"].tolist() == [1] * 2 * SLICES


@pytest.mark.parametrize("name", ["c.safetensors", "c.shards"])
def test_memory_holds_a_part_and_not_the_cohort(tmp_path, name, monkeypatch):
    """So it does not grow with the number of studies, also where the cohort is written."""
    parts = [kept(tmp_path, number, ("t2w", "adc", "dce")) for number in range(60)]
    one = sum(images.nbytes for images in read_part(parts[0].file).modalities.values())
    monkeypatch.setattr("gankit.files.rows.BLOCK", one)
    monkeypatch.setattr("gankit.cohort.shards.MB", 5 * one)
    write_cohort(assembled(parts[:2]), tmp_path / "warm.safetensors")  # what is imported then is not counted
    tracemalloc.start()
    write_cohort(assembled(parts), tmp_path / name, **({"shard_size": 1} if name == "c.shards" else {}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * one
    written = read_cohort(tmp_path / name)
    assert [written.modalities["adc"].values[20 * number, 0, 3, 3] for number in range(60)] == list(range(60))


def test_an_image_of_a_part_that_is_not_finite_is_refused(tmp_path):
    """With the item and the patient, before the cohort is written."""
    part = kept(tmp_path, 1, ("t2w",))
    images = np.full((SLICES, SIZE, SIZE), np.inf, dtype=np.float32)
    write_part(attrs.evolve(read_part(part.file), modalities={"t2w": images}), part.file)
    with pytest.raises(CohortError, match="'t2w' has NaN or infinite values in 19 slices, the first is slice 1"):
        write_cohort(assembled([part]), tmp_path / "c.shards")
    assert not (tmp_path / "c.shards").exists()
