"""The cases: which fault disturbs which operation. Case k is a function of k."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from tests.faults import operations as ops
from tests.faults.damages import DAMAGES, FILE_KINDS, FileKind
from tests.faults.faults import CALLS, AtCall, Fault, FullDisk, Killed, LargestFile, ReadOnly, Twice, Vanished, mounts
from tests.faults.operations import OUT, PAGE, Bench, Operation, Undisturbed, end_together, left, pages, said

Maker = Callable[[random.Random, Undisturbed], Fault]


def _killed(chance: random.Random, usual: Undisturbed) -> Fault:
    return Killed(chance.uniform(0.02, 0.7))


def _killed_at_call(chance: random.Random, usual: Undisturbed) -> Fault:
    return AtCall(*_call(chance, usual), done=chance.random() < 0.5)


def _failing(error: str) -> Maker:
    return lambda chance, usual: AtCall(*_call(chance, usual), fails_with=error)


def _call(chance: random.Random, usual: Undisturbed) -> tuple[str, int]:
    call = chance.choice(list(CALLS))
    return call, chance.randint(1, usual.calls[call])


def _vanished(chance: random.Random, usual: Undisturbed) -> Fault:
    return Vanished(chance.randint(1, usual.calls["fsync"]))


def _largest_file(chance: random.Random, usual: Undisturbed) -> Fault:
    sizes = [file.stat().st_size for file in (usual.folder / OUT).rglob("*")]
    return LargestFile(chance.randint(1, max(1, max(sizes) // PAGE)) * PAGE)


def _full_disk(chance: random.Random, usual: Undisturbed) -> Fault:
    return FullDisk(chance.randint(usual.begun + 1, pages(usual.folder)) * PAGE)


KINDS: dict[str, Maker] = {
    "killed": _killed,
    "killed at a call": _killed_at_call,
    "ENOSPC": _failing("ENOSPC"),
    "EIO": _failing("EIO"),
    "vanished": _vanished,
    "large file": _largest_file,
    "full disk": _full_disk,
    "read-only": lambda chance, usual: ReadOnly(),
    "twice": lambda chance, usual: Twice(),
}
"""Kind of fault to what makes one by chance."""
MOUNTED = ("full disk", "read-only")
"""The kinds that need to mount a file system."""
CASES = 200
QUICK_CASES = 40
"""The first ones, which are tried in every run of the tests."""


@attrs.frozen
class Case:
    """An operation and what disturbs it."""

    number: int
    operation: Operation
    kind: str
    """A kind of fault, or the kind of file that is damaged."""
    file_kind: FileKind | None = None

    @property
    def name(self) -> str:
        return f"{self.number}: {self.operation.name}, {self.kind}"

    def impossible(self) -> str | None:
        """Why it cannot be tried here; None where it can."""
        return "file systems may not be mounted here" if self.kind in MOUNTED and not mounts() else None


def _pairs() -> Iterator[tuple[Operation, str, FileKind | None]]:
    """Every operation with every kind of fault, and every damaged file with its reader."""
    alone = (ops.TRAIN, ops.SAMPLE, ops.EXPORT, ops.ARRAYS, ops.VOLUMES, ops.EVALUATE, ops.COMPARE)
    for operation in alone:
        kinds = [kind for kind in KINDS if (operation, kind) != (ops.COMPARE, "vanished")]  # trained runs go with it
        yield from ((operation, kind, None) for kind in kinds)
    yield from ((ops.RANKS, kind, None) for kind in ("killed", "killed at a call", "ENOSPC"))
    yield from ((each.reader, f"damaged {each.name}", each) for each in FILE_KINDS)


_PAIRS = random.Random(0).sample(pairs := list(_pairs()), len(pairs))


def case(number: int) -> Case:
    """Case ``number``. All pairs come in turn."""
    return Case(number, *_PAIRS[number % len(_PAIRS)])


# What comes of a case -------------------------------------------------------------------------------------


@attrs.frozen
class Outcome:
    """What came of a case."""

    fault: str
    """What happened."""
    ended: str
    """How the disturbed command ended."""
    then: str
    """What came of the same command again."""
    problems: tuple[str, ...]
    """What should not be."""


def outcome(case: Case, bench: Bench) -> Outcome:
    """Carry out a case in a folder of its own, which is removed where nothing is wrong."""
    folder = bench.fresh(case.operation, f"case-{case.number}")
    chance = random.Random(case.number)
    found = (_disturbed if case.file_kind is None else _damaged)(case, bench, folder, chance)
    if not found.problems:
        shutil.rmtree(folder)
    return found


def _disturbed(case: Case, bench: Bench, folder: Path, chance: random.Random) -> Outcome:
    """The same command after a fault leaves what it leaves undisturbed."""
    operation, usual = case.operation, bench.undisturbed(case.operation)
    fault = KINDS[case.kind](chance, usual)
    with fault.around(folder / OUT):
        commands = operation.start(folder, fault)
        if isinstance(fault, Twice):
            commands += operation.start(folder, fault, secret="1")
        fault.strike(commands[operation.processes - 1], usual.seconds)
        if operation.processes > 1:
            end_together(commands)
        codes = [command.wait() for command in commands]
    ended, problems = _words(codes, folder)
    expected = left(folder) if isinstance(fault, Twice) and operation.secret else usual.files
    (folder / OUT).mkdir(exist_ok=True)
    then, others = _again(operation, folder, expected, may_refuse=False)
    return Outcome(str(fault), ended, then, (*problems, *others))


def _damaged(case: Case, bench: Bench, folder: Path, chance: random.Random) -> Outcome:
    """A command that reads a damaged file refuses it, or leaves what it leaves where the file is sound."""
    operation, usual, kind = case.operation, bench.undisturbed(case.operation), case.file_kind
    assert kind is not None
    if kind.cut_off:
        killed = AtCall("mkdtemp", usual.calls["mkdtemp"] - 1)
        _wait(operation.start(folder, killed))
    if kind.without:
        shutil.rmtree(folder / kind.without)
    how = chance.choice(DAMAGES)
    kind.damage(folder, how, chance)
    then, problems = _again(operation, folder, usual.files, may_refuse=True)
    return Outcome(f"{kind.name} {how.__name__}", "", then, problems)


def _again(
    operation: Operation, folder: Path, expected: dict[str, bytes], may_refuse: bool
) -> tuple[str, tuple[str, ...]]:
    """What came of a command that nothing disturbs any more, and what should not be."""
    for log in folder.glob("log-*"):
        log.unlink()
    codes = [command.wait() for command in operation.start(folder)]
    words, problems = _words(codes, folder)
    if any(codes):
        return words, problems if may_refuse else (*problems, f"the same command again: {words}")
    found = left(folder)
    aside = _without_aside(expected, found)
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    problems += tuple(f"{name}: {_difference(name, expected, found)}" for name in differing)
    return "same bytes, what was damaged kept aside" if aside else "same bytes", problems


def _without_aside(expected: dict[str, bytes], found: dict[str, bytes]) -> bool:
    """Whether a damaged checkpoint or damaged rows are kept in a file of their own. Such a file is no difference, nor
    is the lack of these rows, where all others are as expected."""
    damaged, metrics = "out/run/metrics.damaged.jsonl", "out/run/metrics.jsonl"
    aside = [name for name in found if Path(name).name.startswith("aside-") or name == damaged]
    if damaged in aside and set(found[metrics].splitlines()) <= set(expected[metrics].splitlines()):
        found[metrics] = expected[metrics]
    for name in aside:
        del found[name]
    return bool(aside)


def _difference(name: str, expected: dict[str, bytes], found: dict[str, bytes]) -> str:
    return "missing" if name not in found else "left over" if name not in expected else "other bytes"


def _words(codes: list[int], folder: Path) -> tuple[str, tuple[str, ...]]:
    """How commands ended, and what should not be: a traceback, or a failure that is not said on one line."""
    lines = said(folder).splitlines()
    errors = [line for line in lines if line.startswith("Error: ")]
    failed = sum(code in (1, 2) for code in codes)
    problems = ["a traceback"] if "Traceback (most recent call last):" in lines else []
    problems += [f"exit code {code}" for code in codes if code not in (0, 1, 2, -9, -15)]
    problems += [f"{failed} failed, {len(errors)} said why"] if len(errors) != failed else []
    words = errors or (["killed"] if -9 in codes else ["done"])
    return "; ".join(dict.fromkeys(words)).removeprefix("Error: "), tuple(problems)


def _wait(commands: list) -> None:
    for command in commands:
        command.wait()
