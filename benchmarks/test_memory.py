"""Memory and open files of a long training."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from statistics import median

import pytest

from benchmarks.memory_watch import NOTED
from gankit import load_plugins, load_recipe, train

LARGEST_GROWTH = 0.02
"""Of the memory after warm-up."""
SMALL = {
    "training.batch": 4,
    "training.checkpoint_every": 4,
    "training.sample_every": 4,
    **{f"cohort.{split}_{label}": 8 for split in ("train", "test") for label in ("cs", "noncs")},
}
WATCH = EntryPoint(name="memory-watch", value="benchmarks.memory_watch", group="gankit")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.benchmark(group="5,000 steps of mpmri-quick, with checkpoints and sheets")
def test_memory_and_open_files_stay_as_they_are(benchmark, tmp_path):
    """The last tenth of the steps holds what the second tenth held, the first being the warm-up. A checkpoint and a
    sheet are written 20 times."""
    steps = 5000 if benchmark.enabled else 20
    plugins = load_plugins([*entry_points(group="gankit"), WATCH])
    every = {"training.log_every": 1} | dict.fromkeys(
        ("training.checkpoint_every", "training.sample_every"), steps // 20
    )
    size = {} if benchmark.enabled else SMALL
    recipe = load_recipe("mpmri-quick", {"training.steps": steps, **every, **size}, plugins)
    NOTED.clear()
    benchmark.pedantic(train, (recipe, tmp_path / "run"), {"plugins": plugins, "quiet": True}, rounds=1)
    tenth = len(NOTED) // 10
    before, after = (
        [median(column) for column in zip(*part, strict=True)] for part in (NOTED[tenth : 2 * tenth], NOTED[-tenth:])
    )
    assert len({files for _, _, files in NOTED[len(NOTED) // 4 :]}) == 1
    if benchmark.enabled:
        benchmark.extra_info |= {
            "resident MiB in the second tenth": round(before[1] / 2**20, 1),
            "resident MiB in the last tenth": round(after[1] / 2**20, 1),
            "open files": NOTED[-1][2],
        }
        assert after[1] <= (1 + LARGEST_GROWTH) * before[1]
