"""Damage to files, and files as they were before they had digests."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy


def flipped(content: bytes, count: int, within: int | None = None) -> Iterator[bytes]:
    """``count`` copies of some bytes, each with one bit flipped at a drawn place among the first ``within``."""
    numbers = np.random.default_rng(0)
    places = numbers.integers(within or len(content), size=count)
    for place, bit in zip(places, numbers.integers(8, size=count), strict=True):
        yield content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def spoilt(content: bytes) -> dict[str, bytes]:
    """What else can become of a file's bytes."""
    half = len(content) // 2
    return {
        "empty": b"",
        "zeros": bytes(len(content)),
        "cut": content[:half],
        "without its end": content[:-2],  # a line end alone says nothing
        "zeros at the end": content[:half] + bytes(len(content) - half),
        "half of it twice": content[:half] * 2,
    }


def rewrite_arrays(file: Path, change=lambda arrays, header: None) -> None:
    """Write a file of arrays as an earlier version did, without digest, after a change of its arrays or header."""
    with safetensors.safe_open(file, framework="numpy") as stored:
        header = json.loads((stored.metadata() or {}).get("gankit", "{}"))
        arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    header.pop("digest", None)
    change(arrays, header)
    safetensors.numpy.save_file(arrays, file, metadata={"gankit": json.dumps(header)})
