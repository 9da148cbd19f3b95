"""Safetensors files of numpy arrays."""

import json
import resource

import numpy as np
import pytest
import safetensors.numpy

from gankit.files.rows import StoredRows, ZeroPiece
from gankit.files.stored_arrays import StoredArrays, read_arrays, verified_arrays, write_arrays

ARRAYS = {
    "ä": np.arange(42, dtype=np.float32).reshape(7, 2, 3),
    "small": np.arange(7, dtype=np.int8),
    "b": np.arange(5, dtype=np.int32),
    "truths": np.array([True, False, True]),
    "none": np.zeros((0, 3), dtype=np.float64),
    "number": np.array(3.5),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
}


def test_files_have_the_bytes_that_safetensors_writes(tmp_path):
    """The format is another project's."""
    write_arrays(tmp_path / "ours", ARRAYS, {"format": "x", "word": "ü"})
    text = json.dumps(StoredArrays.open(tmp_path / "ours").header, sort_keys=True)
    contiguous = {name: np.array(array, order="C") for name, array in ARRAYS.items()}
    safetensors.numpy.save_file(contiguous, tmp_path / "theirs", metadata={"gankit": text})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_arrays_come_back_and_may_be_changed_in_memory(tmp_path):
    """A change does not reach the file."""
    write_arrays(tmp_path / "file", ARRAYS, {"a": 1})
    arrays, header = verified_arrays(tmp_path / "file")
    assert header == {"a": 1}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
    arrays["b"][:] = 0
    np.testing.assert_array_equal(verified_arrays(tmp_path / "file")[0]["b"], ARRAYS["b"])


def test_the_order_of_bytes_of_a_number_is_that_of_the_format(tmp_path):
    """Whatever it is in memory."""
    write_arrays(tmp_path / "file", {"x": np.arange(3, dtype=">f8")}, {})
    np.testing.assert_array_equal(verified_arrays(tmp_path / "file")[0]["x"], np.arange(3.0))


def test_numbers_that_numpy_lacks_are_refused(tmp_path):
    """On one line, with their type."""
    import torch
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "file")
    with pytest.raises(ValueError, match="it has numbers of type BF16, which numpy lacks"):
        read_arrays(tmp_path / "file")


def test_neither_writing_nor_reading_needs_a_second_copy(tmp_path):
    """Rows are written as they come, and the arrays of a file are the file."""
    size = 256 << 20
    rows = StoredRows([ZeroPiece((size >> 20, 1 << 20), np.dtype(np.uint8))])
    before = _peak()
    write_arrays(tmp_path / "large", {"x": rows}, {})
    arrays, _ = verified_arrays(tmp_path / "large")
    assert arrays["x"].shape == rows.shape
    assert _peak() - before < size / 3


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
