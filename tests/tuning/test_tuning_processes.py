"""Searches as processes: stopped and gone on with, several on one folder, several of one command."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("optuna")

PATIENCE_S = 180
RATE = "phases.unsupervised.learning_rate"


@pytest.fixture
def environment(tmp_path):
    """One in which the toy plugin is installed."""
    folder = tmp_path / "site/toy-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "entry_points.txt").write_text("[gankit]\ntoy = tests.toy\n")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def command(environment, recipe, tmp_path):
    """``command(*words, **changes)``: a process of ``gankit tune`` of a tiny recipe."""

    def start(*words, over=f"{RATE}=log:1e-4..1e-2", **changes):
        recipe(**changes)
        named = ["tune", "tiny.toml", "--over", over, "--by", "brightness.error", "--per-set", "8", "-o", "out"]
        return subprocess.Popen(
            [sys.executable, "-m", "gankit", *named, *words],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def ended(process):
    """Code, standard output and standard error of a process, which must end."""
    out, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, said


def rows(folder):
    """trials.csv."""
    with (folder / "out/trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_search_is_stopped_and_goes_on(command, tmp_path):
    """Ctrl-C ends its training and keeps its steps; the same command goes on with the trial that was left."""
    changes = {"training.steps": 150, "training.checkpoint_every": 1000}
    metrics = tmp_path / "out/runs/trial-0000-seed0/metrics.jsonl"
    first = command("--trials", "1", **changes)
    end = time.monotonic() + PATIENCE_S
    while not metrics.exists() or metrics.read_text().count("\n") < 3:
        assert first.poll() is None, first.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    code, _, said = ended(first)
    assert code == 130
    assert "stopped; what is finished is kept. To go on, run the same command again" in said
    stopped = len(metrics.read_text().splitlines())
    assert stopped < 150

    code, out, said = ended(command("--trials", "1", **changes))
    assert code == 0, said
    assert "out: 1 trials, 1 measured; all of them in trials.md and trials.csv" in out
    assert "best is trial 0: brightness.error" in out
    assert "gankit train out/best.toml" in out
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == list(range(1, 151))


def test_two_commands_on_one_folder_make_one_study(command, tmp_path):
    """Each trial is made by one of the two, and both see all of it."""
    both = [command("--trials", "4") for _ in range(2)]
    said = [ended(process) for process in both]
    assert [code for code, _, _ in said] == [0, 0], said
    finished = [line for _, _, text in said for line in text.splitlines() if line.startswith("finished trial")]
    assert sorted(line.split(":")[0] for line in finished) == [f"finished trial {number}" for number in range(4)]
    assert sorted(row["trial"] for row in rows(tmp_path)) == ["0", "1", "2", "3"]
    assert {row["state"] for row in rows(tmp_path)} == {"measured"}
    assert len({row[RATE] for row in rows(tmp_path)}) == 4


def test_trials_at_a_time_are_shared_by_workers(command, tmp_path):
    """Two processes of one command; a trial that fails says why, and the command succeeds."""
    code, out, said = ended(
        command("--trials", "4", "--jobs", "2", over="networks.adc_decoder.factor=2|4", **{"latent.dim": 4})
    )
    assert code == 0, said
    assert "worker 1: started" in said
    assert "worker 2: done" in said
    assert "out: 4 trials, 4 measured" in out
    logs = [(tmp_path / f"out/logs/worker-{number}.log").read_text() for number in (0, 1)]
    assert sum(log.count("\nfinished trial") for log in logs) == 4


def test_a_wrong_flag_is_named(command):
    """One line, as its user writes it, and nothing is there."""
    code, out, said = ended(command(over="training.batc=1..2"))
    assert (code, out) == (2, "")
    assert said.startswith("Error: --over training.batc=1..2: 1 does not fit tiny.toml: training.batc: unknown key;")
    assert "did you mean 'batch'?" in said
    assert said.count("\n") == 1
