"""Tensor files: what was written is read, and whatever was altered is refused."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gankit._errors import CheckpointError
from gankit.files.tensor_file import read_tensors, write_tensors


def test_any_altered_byte_of_a_tensor_file_is_noticed(tmp_path):
    """Whichever byte changes, header or tensor, the file is refused; or the byte said nothing and all reads alike."""
    path, tensors = tmp_path / "file.safetensors", {"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.int64)}
    write_tensors(path, tensors, {"format": "test", "step": 1234})
    content, refused = path.read_bytes(), 0
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 2]) + content[position + 1 :])
        try:
            read, header = read_tensors(path, "test")
        except CheckpointError:
            refused += 1
        else:
            assert header["step"] == 1234
            assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
    assert refused > 0.9 * len(content)


def test_what_is_written_is_read(tmp_path):
    """Tensors of any layout and the header; equal content gives equal bytes."""
    path = tmp_path / "file.safetensors"
    tensors = {"turned": torch.arange(6.0).reshape(2, 3).T, "half": torch.ones(2).bfloat16(), "none": torch.ones(0)}
    header = {"format": "test", "step": 3, "recipe": {"b": 1, "a": 2}}
    write_tensors(path, tensors, header)
    content = path.read_bytes()
    read, found = read_tensors(path, "test")
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
    assert read.keys() == tensors.keys()
    assert (found, list(found["recipe"])) == (header, ["b", "a"])
    write_tensors(path, dict(reversed(tensors.items())), header)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "altered",
    [
        lambda tensors, header: (tensors, {**header, "step": 4}),
        lambda tensors, header: ({"a": tensors["a"].reshape(4)}, header),
        lambda tensors, header: ({"a": tensors["a"].view(torch.int32)}, header),
        lambda tensors, header: ({"b": tensors["a"]}, header),
    ],
    ids=["header", "shape", "type", "name"],
)
def test_the_digest_is_of_header_names_types_and_shapes_as_well(tmp_path, altered):
    """A file of the same bytes of values that says something else of them does not verify."""
    path, tensors, header = tmp_path / "file.safetensors", {"a": torch.ones(2, 2)}, {"format": "test", "step": 3}
    write_tensors(path, tensors, header)
    with safe_open(path, framework="pt") as file:
        digest = json.loads(file.metadata()["gankit"])["digest"]
    tensors, header = altered(tensors, header)
    save_file(tensors, path, metadata={"gankit": json.dumps({**header, "digest": digest})})
    with pytest.raises(CheckpointError, match="its content does not match its digest"):
        read_tensors(path, "test")


def test_another_file_is_refused(tmp_path):
    """One that is not there, one cut short, one of another format, one without a header of gankit's."""
    path = tmp_path / "file.safetensors"
    with pytest.raises(CheckpointError, match="no such file"):
        read_tensors(path, "test")
    write_tensors(path, {"a": torch.ones(2)}, {"format": "test-1"})
    with pytest.raises(CheckpointError, match="format 'test-1', accepted: 'test-2'"):
        read_tensors(path, "test-2")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cannot be read, perhaps cut short"):
        read_tensors(path, "test-1")
    save_file({"a": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="format None"):
        read_tensors(path, "test-1")


def test_a_header_that_is_no_object_is_refused(tmp_path):
    """JSON that another program wrote under gankit's key."""
    for text in ("[1, 2]", "5", "null"):
        save_file({"a": torch.ones(2)}, tmp_path / "file.safetensors", metadata={"gankit": text})
        with pytest.raises(CheckpointError, match="format None, accepted: 'test'"):
            read_tensors(tmp_path / "file.safetensors", "test")
