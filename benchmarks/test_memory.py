"""Memory and open files of a long training."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from statistics import median

import pytest

from benchmarks.memory_watch import NOTED
from gankit import load_plugins, load_recipe, train
from tests.conftest import disc_with_a_spot, shrunk

LARGEST_GROWTH = 0.02
"""Of the memory after warm-up."""
WATCH = EntryPoint(name="memory-watch", value="benchmarks.memory_watch", group="gankit")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.benchmark(group="5,000 steps of mpmri-paper at 16 x 16, with 200 rows, checkpoints and sheets")
def test_memory_and_open_files_stay_as_they_are(benchmark, tmp_path):
    """The last tenth of the steps holds what the second tenth held, the first with its 20 sheets being the warm-up."""
    steps, sheets = (5000, 200) if benchmark.enabled else (20, 20)
    plugins = load_plugins([*entry_points(group="gankit"), WATCH])
    every = dict.fromkeys((f"training.{what}_every" for what in ("log", "checkpoint", "sample")), steps // sheets)
    changes = {**shrunk("mpmri-paper", plugins), "cohort.path": "none", "training.steps": steps, **every}
    recipe = load_recipe("mpmri-paper", changes, plugins)
    NOTED.clear()
    settings = {"cohort": disc_with_a_spot(), "plugins": plugins, "quiet": True}
    benchmark.pedantic(train, (recipe, tmp_path / "run"), settings, rounds=1)
    tenth = len(NOTED) // 10
    before, after = (median(size for _, size, _ in part) for part in (NOTED[tenth : 2 * tenth], NOTED[-tenth:]))
    assert len({files for _, _, files in NOTED[len(NOTED) // 4 :]}) == 1
    if benchmark.enabled:
        benchmark.extra_info |= {
            "resident MiB in the second tenth": round(before / 2**20, 1),
            "resident MiB in the last tenth": round(after / 2**20, 1),
            "open files": NOTED[-1][2],
        }
        assert after <= (1 + LARGEST_GROWTH) * before
