"""``python -m tests.faults cases`` or ``mutants``: try them and put the table into ``docs/faults.md``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from gankit import write_bytes
from tests.faults.cases import CASES, case, outcome
from tests.faults.mutants import ROOT, tried
from tests.faults.operations import Bench
from tests.faults.test_mutants import KINDS

os.environ["GANKIT_CACHE"] = "off"  # so that evaluations keep their caches in the folders that are damaged

PAGE = ROOT / "docs" / "faults.md"
MUTANTS = 10_000
"""Of each kind of file."""


def cases(count: int) -> Iterator[tuple[object, ...]]:
    """The rows of the table of cases."""
    yield "case", "command", "fault", "what it said", "the same command again"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "bench")
        for number in range(count):
            chosen = case(number)
            if why := chosen.impossible():
                yield number, chosen.operation.name, chosen.kind, f"not tried: {why}", ""
                continue
            found = outcome(chosen, bench)
            then = "; ".join(f"**{problem}**" for problem in found.problems) or found.then
            yield number, chosen.operation.name, found.fault, _short(found.ended), _short(then)


def mutants(count: int) -> Iterator[tuple[object, ...]]:
    """The rows of the table of mutants."""
    yield "files", "mutants", "read", "refused on one line", "anything else"
    for kind in KINDS:
        tally = tried(f"tests.faults.written:{kind}", count)
        print(*tally.problems, sep="\n", file=sys.stderr)
        refused = tally.read + tally.refused - len(tally.problems)
        yield kind, count, tally.read, refused - tally.read, len(tally.problems)


def _short(message: str) -> str:
    """A message up to what to do, without the technical reason in brackets."""
    return message.partition(";")[0].partition(" (")[0].replace("|", r"\|")


def _table(rows: Iterable[tuple[object, ...]]) -> str:
    lines = []
    for row in rows:
        lines.append("| " + " | ".join(map(str, row)) + " |")
        print(lines[-1], flush=True)
    head, *rest = lines
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rest])


def write_table(name: str, table: str) -> None:
    """Put a table between its marks in the page."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    write_bytes(PAGE, f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}".encode())


if __name__ == "__main__":
    name, *count = sys.argv[1:]
    make, usual = {"cases": (cases, CASES), "mutants": (mutants, MUTANTS)}[name]
    write_table(name, _table(make(int(count[0]) if count else usual)))
