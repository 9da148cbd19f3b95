"""Files of every kind, mutated by a seed, and the commands that read them.

As a program it runs commands on some of them, one after the other, each within limits of time and memory, and prints
one line of JSON before and one after each:

    python -m tests.faults.mutants tests.faults.written:recipes 0 250
"""

from __future__ import annotations

import importlib
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from tests.faults.mutations import ANYWHERE, Mutation
from tests.faults.pictures import draw_none

SECONDS = 20
"""Of processor time that one command may take."""
WAIT = 6
"""Times as long may it take where the machine does other work, too."""
MEMORY = 2 * 2**30
"""Bytes of address space that one command may take."""
LONGEST = 5000
"""Characters of a line that a person may be shown."""
CHUNK = 250
"""Mutants of one process."""
PROCESSES = 2
"""That run at a time."""
ROOT = Path(__file__).parents[2]


@attrs.frozen
class Kind:
    """Files that a command reads, and how they are mutated."""

    words: tuple[str, ...]
    """Of the command; ``{}`` is the folder of the files."""
    mutated: str
    """Which of the files may be mutated, as a pattern for ``rglob``."""
    write: Callable[[Path], None]
    """Writes sound files into a folder."""
    change: tuple[Mutation, ...]
    """Changes of what such a file holds; its bytes are changed by ``ANYWHERE``."""


Kinds = Mapping[str, Kind]


# In the program -------------------------------------------------------------------------------------------


def run_mutants(kinds: Kinds, first: int, last: int) -> None:
    """Mutants of all kinds in turn, in this process, after the sound files of each."""
    from click.testing import CliRunner

    from gankit.cli import main

    run = CliRunner()
    draw_none()
    with tempfile.TemporaryDirectory() as place:
        originals = {}
        for kind, each in kinds.items():
            originals[kind] = Path(place) / "originals" / str(len(originals))
            originals[kind].mkdir(parents=True)
            each.write(originals[kind])
            _run(main, run, each, originals[kind], f"{kind}, unchanged")
            shutil.rmtree(originals[kind] / "out", ignore_errors=True)
        _limit_memory()
        for number in range(first, last):
            kind = list(kinds)[number % len(kinds)]
            folder = Path(place) / "mutant"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(originals[kind], folder)
            _run(main, run, kinds[kind], folder, f"{kind}, {number}: {mutate(kinds[kind], folder, number)}")


def mutate(kind: Kind, folder: Path, number: int) -> str:
    """Mutate one to three files of a folder; says which and how."""
    chance = random.Random(number)
    files = sorted(file for file in folder.rglob(kind.mutated) if file.is_file())
    contents = [file.read_bytes() for file in files]
    said = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        file = chance.choice(files)
        mutation = chance.choice(kind.change) if chance.random() < 0.5 else chance.choice(ANYWHERE)
        if content := file.read_bytes():
            file.write_bytes(mutation(content, chance, contents))
            said.append(f"{mutation.__name__} {file.name}")
    return "; ".join(said)


def _run(main: Any, runner: Any, kind: Kind, folder: Path, what: str) -> None:
    print(json.dumps({"what": what}), flush=True)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(WAIT * SECONDS)
    result = runner.invoke(main, [word.replace("{}", str(folder)) for word in kind.words])
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.alarm(0)
    unexpected = None if isinstance(result.exception, (SystemExit, type(None))) else repr(result.exception)[:LONGEST]
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith("warning: ")]
    print(json.dumps({"code": result.exit_code, "said": lines, "raised": unexpected}), flush=True)


def _limit_memory() -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))


# In the tests ---------------------------------------------------------------------------------------------


@attrs.define
class Tally:
    """What came of mutants."""

    read: int = 0
    """Commands that ended well: the mutation is no damage."""
    refused: int = 0
    """Commands that ended with one line."""
    problems: list[str] = attrs.field(factory=list)
    """What should not be, and of which mutant."""


def tried(kinds: str, count: int) -> Tally:
    """What comes of the first ``count`` mutants of some kinds, as in ``"tests.faults.written:recipes"``."""
    tally = Tally()
    chunks = [(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    for begin in range(0, len(chunks), PROCESSES):
        some = chunks[begin : begin + PROCESSES]
        for process, chunk in [(_started(kinds, *chunk), chunk) for chunk in some]:
            _count(tally, process, *chunk)
    return tally


def _started(kinds: str, first: int, last: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.faults.mutants", kinds, str(first), str(last)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _count(tally: Tally, process: subprocess.Popen[str], first: int, last: int) -> None:
    """Read what a process printed that has ended or will."""
    said, cries = process.communicate(timeout=(last - first) * WAIT * SECONDS)
    lines = [json.loads(line) for line in said.splitlines()]
    for before, after in zip(lines[::2], lines[1::2], strict=False):
        tally.problems += (f"{before['what']}: {wrong}" for wrong in _wrong(before["what"], after))
        if not before["what"].endswith("unchanged"):
            tally.read += after["code"] == 0
            tally.refused += after["code"] != 0
    if len(lines) % 2:
        why = f"ended the process by {process.returncode}, over {SECONDS} s or {MEMORY} bytes?"
        tally.problems.append(f"{lines[-1]['what']}: {why} {cries[-500:]}")
    elif process.returncode or not lines:
        tally.problems.append(f"{first} to {last}: ended early: {cries[-1000:]}")
    elif cries:
        tally.problems.append(f"{first} to {last}: a library printed {cries[:200]}")


def _wrong(what: str, after: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with how a command ended."""
    heads = [line.partition(":")[0] for line in after["said"] if not line.startswith("  ")]  # problems are indented
    if after["raised"]:
        yield f"raised {after['raised']}"
    elif after["code"] not in ((0,) if what.endswith("unchanged") else (0, 1, 2)):
        yield f"exit code {after['code']}"
    elif heads != ["Error"] * (after["code"] != 0):
        yield f"said {after['said']}"
    elif any(len(line) > LONGEST for line in after["said"]):
        yield f"said a line of {max(map(len, after['said']))} characters"


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    run_mutants(getattr(importlib.import_module(module), name), int(sys.argv[2]), int(sys.argv[3]))
