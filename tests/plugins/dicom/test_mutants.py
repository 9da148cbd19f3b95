"""Mutated inputs: each import ends in time and within memory, with an exit code and at most one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.dicom.mutants import KINDS, MEMORY, SECONDS

ROOT = Path(__file__).parents[3]
CHUNK = 250
"""Mutants of one process."""


def started(first, last):
    words = [sys.executable, "-m", "tests.plugins.dicom.mutants", str(first), str(last)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def problems(process, first, last):
    """What is wrong with each import of a process that has ended or will."""
    said, cries = process.communicate(timeout=(last - first) * SECONDS)
    lines = [json.loads(line) for line in said.splitlines()]
    for before, after in zip(lines[::2], lines[1::2], strict=False):
        unchanged = before["what"].endswith("unchanged")
        if after["raised"]:
            yield f"{before['what']}: raised {after['raised']}"
        elif after["code"] not in ((0,) if unchanged else (0, 2)):
            yield f"{before['what']}: exit code {after['code']}"
        elif [line.partition(":")[0] for line in after["said"]] != ["Error"] * (after["code"] == 2):
            yield f"{before['what']}: said {after['said']}"
    if len(lines) % 2:
        yield f"{lines[-1]['what']}: ended the process by {process.returncode}, over {SECONDS} s or {MEMORY} bytes?"
    elif len(lines) != 2 * (len(KINDS) + last - first):
        yield f"{first} to {last}: ended early: {cries[-1000:]}"
    elif cries:
        yield f"{first} to {last}: a library printed {cries[:200]}"


def all_problems(count):
    """Two processes at a time."""
    found = []
    for start in range(0, count, 2 * CHUNK):
        chunks = [(first, first + CHUNK) for first in (start, start + CHUNK)]
        processes = [started(*chunk) for chunk in chunks]
        for process, chunk in zip(processes, chunks, strict=True):
            found += problems(process, *chunk)
    return found


def test_500_mutants_end_with_a_line_each():
    """DICOM, NIfTI, MetaImage, tables and arrays in turn; the inputs before mutation are imported."""
    assert all_problems(500) == []


@pytest.mark.slow
def test_10000_mutants_end_with_a_line_each():
    """The same with others beside them."""
    assert all_problems(10_000) == []
