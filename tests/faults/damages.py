"""Files that gankit wrote and something else changed, and the command that reads each."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import attrs

from tests.faults import operations as ops
from tests.faults.operations import Operation, again


def flipped(content: bytes, chance: random.Random, other: bytes) -> bytes:
    """One bit is another."""
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, chance: random.Random, other: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def zeroed(content: bytes, chance: random.Random, other: bytes) -> bytes:
    """From some place on, as after a crash of the machine."""
    place = chance.randrange(len(content))
    return content[:place] + bytes(len(content) - place)


def swapped(content: bytes, chance: random.Random, other: bytes) -> bytes:
    """What another file holds."""
    return other


DAMAGES: tuple[Callable[[bytes, random.Random, bytes], bytes], ...] = (flipped, cut, zeroed, swapped)


@attrs.frozen
class FileKind:
    """A kind of file that gankit reads."""

    name: str
    file: str
    """Where it is, as a pattern; the first that fits."""
    other: str
    """The file with which it is swapped, as a pattern; the last that fits."""
    reader: Operation
    cut_off: bool = False
    """Whether the reader has been killed before it wrote its last file but one, so that it goes on."""
    without: str = ""
    """A folder that is removed, so that the file is read and not what was made from it."""

    def damage(self, folder: Path, how: Callable[[bytes, random.Random, bytes], bytes], chance: random.Random) -> None:
        """Change the file's content."""
        file, other = min(folder.glob(self.file)), max(folder.glob(self.other))
        file.write_bytes(how(file.read_bytes(), chance, other.read_bytes()))


_TRAIN, _EVALUATE = again(ops.TRAIN), again(ops.EVALUATE)
FILE_KINDS = (
    FileKind("cohort", "cohort.safetensors", "run-0/model.safetensors", ops.TRAIN),
    FileKind("model", "run-0/model.safetensors", "run-1/model.safetensors", ops.SAMPLE),
    FileKind("run's model", "out/run/model.safetensors", "run-1/model.safetensors", _TRAIN),
    FileKind("checkpoint", "out/run/checkpoints/*4.*", "run-1/checkpoints/*4.*", _TRAIN),
    FileKind("recipe.lock.toml", "out/run/recipe.lock.toml", "run-1/recipe.lock.toml", _TRAIN),
    FileKind("metrics.jsonl", "out/run/metrics.jsonl", "run-1/recipe.lock.toml", _TRAIN),
    FileKind("synthetic cohort", "out/slices.safetensors", "run-0/model.safetensors", again(ops.SAMPLE)),
    FileKind("export.json", "out/slices/export.json", "run-0/recipe.lock.toml", again(ops.EXPORT)),
    FileKind("salt", "out/c.salt", "recipe.toml", again(ops.VOLUMES)),
    FileKind("part of an import", "out/c.parts/*.safetensors", "out/c.parts/*.safetensors", ops.VOLUMES, cut_off=True),
    FileKind("readings", "out/evaluation/readings/*.json", "out/evaluation/readings/*.json", _EVALUATE),
    FileKind(
        "cache",
        "out/evaluation/cache/*.safetensors",
        "run-0/model.safetensors",
        _EVALUATE,
        without="out/evaluation/readings",
    ),
    FileKind("evaluation.json", "out/evaluation/evaluation.json", "out/evaluation/readings/*.json", ops.REPORT),
    FileKind("plan.json", "out/comparison/plan.json", "out/comparison/comparison.json", again(ops.COMPARE)),
    FileKind("comparison.json", "out/comparison/comparison.json", "out/comparison/plan.json", ops.COMPARISON_REPORT),
)
