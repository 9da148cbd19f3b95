"""A comparison whose runs and measurements are processes: trained, stopped, gone on with, measured by several."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import tomli_w

from gankit.recipe.structure import to_document

PATIENCE_S = 120


@pytest.fixture
def environment(tmp_path):
    """One in which the toy plugin is installed."""
    folder = tmp_path / "site/toy-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "entry_points.txt").write_text("[gankit]\ntoy = tests.toy\n")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}


def test_a_comparison_is_stopped_and_goes_on(environment, plugins, tiny_recipe, tmp_path):
    """Ctrl-C ends its processes and keeps their steps; the same command trains on, and two processes measure."""
    recipe = tiny_recipe("adc-only", **{"name": "one", "training.checkpoint_every": 1000})
    (tmp_path / "one.toml").write_text(tomli_w.dumps(to_document(recipe, plugins.registry)))
    words = [sys.executable, "-m", "gankit", "compare", "one.toml", "-o", "out", "--jobs", "2", "--steps", "150"]
    words += ["--sets", "2", "--per-set", "8", "--replicates", "20", "--metrics", "brightness"]
    started = {"cwd": tmp_path, "env": environment, "stderr": subprocess.PIPE, "text": True}
    metrics = tmp_path / "out/runs/one-seed0/metrics.jsonl"

    first = subprocess.Popen(words, **started)
    end = time.monotonic() + PATIENCE_S
    while not metrics.exists() or metrics.read_text().count("\n") < 3:
        assert first.poll() is None, first.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    assert first.wait(PATIENCE_S) == 130
    assert "To go on, run the same command again" in first.stderr.read()
    stopped = len(metrics.read_text().splitlines())
    assert stopped < 150

    second = subprocess.run(words, timeout=PATIENCE_S, check=False, stdout=subprocess.PIPE, **started)
    assert second.returncode == 0, second.stderr
    document = json.loads((tmp_path / "out/comparison.json").read_text())
    assert [(row["name"], row["steps"]) for row in document["rows"][:1]] == [("one-seed0", 150)]
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 151))
    assert rows[stopped]["wall_s"] > rows[stopped - 1]["wall_s"]  # it adds up over the stop
    logs = [(tmp_path / f"out/logs/measuring-{number}.log").read_text() for number in (0, 1)]
    assert sum(log.count(": brightness") for log in logs) == 5  # each set once, by either
    assert "measuring 2/2: done" in second.stderr
