"""Cohorts larger than memory: batches that are read from shards, beside a cohort that is kept and a DataLoader."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.large_cohort import BATCH, HOW, drawing, write_generated

PAPER = 2425
"""Training slices of the paper."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Cohorts by the number of slices, written once."""
    written = {}

    def of(slices):
        if slices not in written:
            written[slices] = tmp_path_factory.mktemp("large") / f"{slices}.shards"
            write_generated(written[slices], slices)
        return written[slices]

    return of


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("times", [1, 20])
def test_batches_from_shards(benchmark, folders, times, how):
    """Pairs a second, and the memory that they take above that of an idle process: of ``mapped`` it does not grow with
    the cohort."""
    benchmark.group = f"batches: 32 of 64 pairs of 64 x 64 out of {times} x 2,425"
    folder = folders(times * PAPER if benchmark.enabled else 200)
    batches = 32 if benchmark.enabled else 1
    benchmark.pedantic(drawing(how, folder, batches), rounds=5, warmup_rounds=1)
    if benchmark.enabled:
        words = [sys.executable, "-m", "benchmarks.large_cohort", how, str(folder), str(batches)]
        alone = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        benchmark.extra_info |= {name: round(value) for name, value in alone.items()}
        benchmark.extra_info["pairs_per_s_here"] = round(BATCH * batches / benchmark.stats.stats.median)
        if how == "mapped":
            assert alone["peak_mb"] < 300  # at most 128 MB are looked at to check ranges
