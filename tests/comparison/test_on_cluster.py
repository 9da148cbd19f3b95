"""A comparison whose runs are jobs of a cluster: submitted, killed, gone on with, gathered into tables."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import tomli_w
from click.testing import CliRunner

from gankit import InputError, Judging, RunError
from gankit.cli import main
from gankit.comparison import on_cluster
from gankit.comparison.cluster_job import ClusterJob
from gankit.comparison.compare import carry_out, plan_comparison
from gankit.comparison.on_cluster import carry_out_on, stands
from gankit.files.json_file import write_document
from gankit.processes.cluster import Cluster
from gankit.recipe.structure import to_document

PATIENCE_S = 240
CLUSTER = Cluster(cpus=1, hours=0.2, attempts=2)
slurm = pytest.mark.slurm


def _answers() -> bool:
    try:
        return subprocess.run(["squeue"], capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(params=["local", pytest.param("slurm", marks=slurm)])
def where(request):
    if request.param == "slurm" and not _answers():
        pytest.skip("no Slurm answers here; .ci/slurm starts one")
    return request.param


@pytest.fixture
def plan(plugins, tiny_recipe, tmp_path):
    """``plan(**options)``: a comparison of one recipe, whose metric an installed plugin has."""
    recipe = tiny_recipe("adc-only", **{"name": "one", "training.checkpoint_every": 20})
    (tmp_path / "one.toml").write_text(tomli_w.dumps(to_document(recipe, plugins.registry)))

    def make(folder="out", **options):
        judging = Judging(metrics=("high-frequency",), sets=2, per_set=8, replicates=20)
        return plan_comparison(
            str(tmp_path / "one.toml"), tmp_path / folder, judging=judging, plugins=plugins, **options
        )

    return make


@pytest.fixture
def call(where, plugins):
    """``call(plan)``: what the command does; returns the lines that say where all stand, and the result."""

    def do(plan):
        standings, result = carry_out_on(where, CLUSTER, plan, plugins=plugins, quiet=True)
        return "\n".join(map(str, standings)), result

    return do


@pytest.fixture
def until(where, plugins):
    """``until(plan, pattern)``: look until the lines that say where all stand fit; returns them."""

    def look(plan, pattern):
        end = time.monotonic() + PATIENCE_S
        while True:
            lines = "\n".join(map(str, stands(where, CLUSTER, plan, plugins=plugins)))
            if re.search(pattern, lines):
                return lines
            assert time.monotonic() < end, lines
            time.sleep(0.2)

    return look


def test_jobs_train_and_measure_and_the_same_call_makes_the_tables(plan, call, until, plugins, monkeypatch):
    """The readings are those of the same comparison without a cluster, on as many threads as its jobs have."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(CLUSTER.cpus))
    asked = {"steps": 2}
    lines, result = call(plan(**asked))
    assert result is None
    assert re.search(r"one-seed0: step 0 of 2, submitted as job \S+\nreal-slices: 0 of", lines)
    again, _ = call(plan(**asked))
    assert "submitted" not in again

    until(plan(**asked), r"one-seed0: trained, 2 of 2 sets measured\nreal-slices: (\d) of \1 ")
    lines, result = call(plan(**asked))
    alone = carry_out(plan("alone", **asked), plugins=plugins, quiet=True)
    assert result.methods[0].summary == alone.methods[0].summary
    assert [row.name for row in result.rows] == [row.name for row in alone.rows]


def test_a_killed_job_is_submitted_again_and_goes_on(plan, call, until, where, tmp_path):
    """Its training resumes, and after so many attempts it counts as failed."""
    asked, metrics = {"steps": 100_000}, tmp_path / "out/runs/one-seed0/metrics.jsonl"
    call(plan(**asked))
    first = _kill_after(metrics, 25, where)
    until(plan(**asked), r"one-seed0: step \d+ of 100000, job \S+ ended: ")
    lines, _ = call(plan(**asked))
    assert re.search(r"one-seed0: step \d+ of 100000, job \S+ ended: .*, submitted as job", lines)
    _kill_after(metrics, first + 20, where)
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == sorted(set(steps))

    until(plan(**asked), r"ended: [^$]*real-slices: (\d) of \1 ")
    killed = "training of one-seed0 failed: without an error, as where it is killed .*; raise attempts, 2, to go on"
    with pytest.raises(RunError, match=killed):
        call(plan(**asked))


def _kill_after(metrics, steps, where):
    """Kill the job when it has logged so many steps; returns how many there were."""
    end = time.monotonic() + PATIENCE_S
    while not metrics.exists() or metrics.read_text().count("\n") < steps:
        assert time.monotonic() < end
        time.sleep(0.1)
    submitted = json.loads((metrics.parents[2] / "submitted.json").read_text())["jobs"]["one-seed0"]["id"]
    if where == "slurm":
        subprocess.run(["scancel", "--signal=KILL", submitted], check=True)
    else:
        _kill_family(int(submitted))
    return metrics.read_text().count("\n")


def _kill_family(process):
    """Kill a process and all that it started."""
    children = [
        int(line)
        for line in subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False
        ).stdout.split()
    ]
    os.kill(process, signal.SIGKILL)
    for child in children:
        _kill_family(child)


def test_jobs_of_one_cluster_are_not_taken_for_those_of_another(plan, plugins, tmp_path):
    """The file of submitted jobs says where they are."""
    write_document(tmp_path / "out/submitted.json", {"format": "gankit-submitted-1", "where": "slurm", "jobs": {}})
    with pytest.raises(InputError, match="its jobs went to slurm, not to local; remove it when no job"):
        carry_out_on("local", CLUSTER, plan(), plugins=plugins, quiet=True)


def test_what_local_has_no_room_for_waits_for_the_next_call(plan, plugins, monkeypatch, tmp_path):
    """There is no queue, so ``at_once`` is how many are submitted."""
    sent = []
    monkeypatch.setattr(on_cluster, "submit", lambda *given: [sent.append(each.name) or "1" for each in given[-1]])
    standings, _ = carry_out_on("local", Cluster(cpus=1, at_once=2), plan(seeds=3), plugins=plugins, quiet=True)
    assert sent == ["real-slices", "one-seed0"]
    assert [each.state for each in standings] == ["waits", "to submit", "to submit", "waits"]


def test_a_job_whose_setup_fails_says_that_gankit_did_not_begin(plan, plugins):
    """Such a job has no log, so the line that says where it stands sends to what the job printed."""
    cluster, made = Cluster(cpus=1, attempts=1, setup=("exit 1",)), plan()
    carry_out_on("local", cluster, made, plugins=plugins, quiet=True)
    end = time.monotonic() + PATIENCE_S
    standings = stands("local", cluster, made, plugins=plugins)
    while any(each.state == "runs" for each in standings):
        assert time.monotonic() < end
        time.sleep(0.1)
        standings = stands("local", cluster, made, plugins=plugins)
    assert [each.state for each in standings] == ["failed", "failed"]
    assert all("ended before gankit began, as where a line of 'setup' fails; jobs/" in str(each) for each in standings)
    with pytest.raises(
        RunError, match="one-seed0 failed: it ended before .* jobs/ has what it printed; raise attempts, 1,"
    ):
        carry_out_on("local", cluster, made, plugins=plugins, quiet=True)


def test_a_job_at_its_time_limit_stops_its_training_and_takes_its_own_place(tmp_path):
    """It sends what Ctrl-C sends, and waits until the training has kept what it has."""
    job = ClusterJob(tmp_path, "one-seed0", 1)
    (tmp_path / "training.py").write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(7))\n"
        "print(flush=True)\n"
        "time.sleep(60)\n"
    )
    job._process = subprocess.Popen([sys.executable, tmp_path / "training.py"], stdout=subprocess.PIPE)
    job._process.stdout.readline()
    again = job.checkpoint()
    assert job._process.wait(10) == 7
    assert again.function == ClusterJob(tmp_path, "one-seed0", 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cluster", "cluster.toml"], "--cluster goes with --on"),
        (["--on", "local", "--jobs", "2"], "--jobs is for this machine; with --on, at_once in the cluster file"),
        (["--on", "local"], "cluster.toml: no such cluster file; write one"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words, message, tmp_path, monkeypatch):
    """Each with one line, before anything is read."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["compare", "adc-only-quick", *words])
    assert done.exit_code == 2
    assert message in done.output
