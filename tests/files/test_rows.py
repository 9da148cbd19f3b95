"""Rows that are read from files when they are asked for."""

from pathlib import Path

import numpy as np
import pytest

from gankit import RunError
from gankit.files.rows import OPEN, StoredRows, ZeroPiece, blocks
from gankit.files.stored_arrays import StoredArrays, write_arrays

COUNTS = (3, 1, 4)
INDICES = {
    "number": 2,
    "from the end": -1,
    "slice": slice(1, 7),
    "steps": slice(None, None, 3),
    "none": slice(0, 0),
    "mask": np.arange(8) % 3 == 0,
    "in another order, twice": np.array([7, 0, 3, 7]),
    "list": [5, 1],
    "first channel": (slice(None), 0),
    "one pixel": (4, 1, 2),
}


@pytest.fixture
def parts():
    numbers = np.random.default_rng(0)
    return [numbers.standard_normal((count, 2, 3), dtype=np.float32) for count in COUNTS]


@pytest.fixture
def rows(parts, tmp_path):
    for number, part in enumerate(parts):
        write_arrays(tmp_path / f"{number}", {"x": part, "before": np.ones(7, dtype=np.float32)}, {})
    return StoredRows([StoredArrays.open(tmp_path / f"{number}").pieces["x"] for number in range(len(parts))])


@pytest.mark.parametrize("what", INDICES)
def test_rows_are_indexed_as_an_array_is(rows, parts, what):
    """Values, shape and type are those of the array with the same rows."""
    whole = np.concatenate(parts)
    expected, found = whole[INDICES[what]], rows[INDICES[what]]
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == np.shape(expected)
    assert (rows.shape, rows.dtype, rows.ndim, len(rows)) == (whole.shape, whole.dtype, whole.ndim, len(whole))


def test_no_such_row(rows):
    """As of an array."""
    with pytest.raises(IndexError):
        rows[8]


def test_a_selection_reads_nothing_and_is_indexed_alike(rows, parts, monkeypatch):
    """Selections of selections too."""
    chosen = np.concatenate(parts)[np.array([6, 2, 0])][1:]
    with monkeypatch.context() as patch:
        patch.setattr(StoredRows, "_read", lambda *_: pytest.fail("rows were read"))
        selection = rows.select(np.array([6, 2, 0])).select(slice(1, None))
    np.testing.assert_array_equal(selection[:], chosen)
    np.testing.assert_array_equal(np.asarray(selection), chosen)


def test_changed_rows_are_made_when_they_are_read(rows, parts):
    """One change after the other, also of a selection."""
    doubled = rows.changed(lambda some: some[:, :1] * 2, (1, 3), np.dtype(np.float32))
    whole = np.concatenate(parts)[:, :1] * 2
    assert doubled.shape == whole.shape
    np.testing.assert_array_equal(doubled.select([4, 1])[:], whole[[4, 1]])
    less = doubled.changed(lambda some: some - 1, (1, 3), np.dtype(np.float32))
    np.testing.assert_array_equal(less[5], whole[5] - 1)


def test_rows_that_are_changed_are_read_a_block_at_a_time(rows, parts, monkeypatch):
    """So that no more than a block is in memory as it is in the files."""
    monkeypatch.setattr("gankit.files.rows.BLOCK", 50)  # a row has 24 bytes
    sizes = []

    def halved(some):
        sizes.append(len(some))
        return some[:, :1] / 2

    made = rows.changed(halved, (1, 3), np.dtype(np.float32))[[6, 0, 1, 5, 2]]
    np.testing.assert_array_equal(made, np.concatenate(parts)[[6, 0, 1, 5, 2], :1] / 2)
    assert sizes == [2, 2, 1]


def test_zeros_stand_where_no_file_is(rows):
    """Slices that lack a modality need no file."""
    both = StoredRows([*rows._pieces, ZeroPiece((2, 2, 3), np.dtype(np.float32))])
    assert not both[8:].any()
    np.testing.assert_array_equal(both[:8], rows[:])


def test_blocks_are_all_rows_in_order(rows, monkeypatch):
    """At most so many bytes of them, but at least one row."""
    monkeypatch.setattr("gankit.files.rows.BLOCK", 50)
    found = list(blocks(rows))
    assert [place for place, _ in found] == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)]
    np.testing.assert_array_equal(np.concatenate([block for _, block in found]), rows[:])
    monkeypatch.setattr("gankit.files.rows.BLOCK", 1)
    assert len(list(rows)) == len(list(blocks(rows))) == 8


def test_a_file_that_was_replaced_is_not_read(rows, parts, tmp_path):
    """Its rows are no longer those that were verified."""
    write_arrays(tmp_path / "1", {"x": parts[1] + 1}, {})
    rows[0]
    with pytest.raises(RunError, match="1: was replaced while it was in use; run the same command again"):
        rows[3]
    (tmp_path / "2").unlink()
    with pytest.raises(RunError, match="2: cannot be read any more .No such file or directory.; put it back"):
        rows[5]


def test_a_file_that_shrinks_is_told_from_one_that_does_not(rows, tmp_path):
    """As on a failing disk: on one line, and the process lives."""
    rows[0]
    with (tmp_path / "0").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(RunError, match="0: cannot be read any more .it ends too early.; put it back"):
        rows[1]


def test_systems_without_preadv_read_the_same(rows, parts, monkeypatch):
    """Windows has none."""
    monkeypatch.delattr("os.preadv")
    np.testing.assert_array_equal(rows[:], np.concatenate(parts))


def test_more_files_than_can_be_open_are_read(tmp_path):
    """Those that were read longest ago are closed."""
    for number in range(2 * OPEN):
        write_arrays(tmp_path / f"{number}", {"x": np.full(1, number)}, {})
    rows = StoredRows([StoredArrays.open(tmp_path / f"{number}").pieces["x"] for number in range(2 * OPEN)])
    np.testing.assert_array_equal(rows[:], np.arange(2 * OPEN))


def test_what_was_read_stays_in_no_memory(tmp_path):
    """However much is read, in turn, the process holds none of the file."""
    count = 64
    write_arrays(tmp_path / "large", {"x": np.ones((count, 1 << 18), dtype=np.float32)}, {})
    rows = StoredRows([StoredArrays.open(tmp_path / "large").pieces["x"]])
    before = _resident()
    for row in range(count):
        rows[[row]]
    assert _resident() - before < count / 4


def _resident():
    """Mebibytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def test_rows_do_what_arrays_do(rows, parts):
    """Arithmetic, functions of numpy and methods read all of it; what an array lacks, rows lack."""
    whole = np.concatenate(parts)
    np.testing.assert_array_equal((rows > 0) * rows - 1, (whole > 0) * whole - 1)
    np.testing.assert_array_equal(np.percentile(rows, 3), np.percentile(whole, 3))
    np.testing.assert_array_equal(rows.reshape(8, -1).min(axis=1), whole.reshape(8, -1).min(axis=1))
    assert rows.nbytes == whole.nbytes
    with pytest.raises(AttributeError, match="neither an array nor rows of files have 'middle'"):
        _ = rows.middle
