"""Cluster files, what is looked at before a job is submitted, and what Slurm's commands say of the queue."""

import os
import stat

import pytest

from gankit import InputError, RunError
from gankit.processes import cluster as module
from gankit.processes.cluster import Cluster, InQueue, in_queue, read_cluster, require_cluster


@pytest.fixture
def command(tmp_path, monkeypatch):
    """``command(name, script)``: a command of Slurm as a script of the shell, first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name, script):
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return make


def test_a_cluster_file_says_what_jobs_ask_for(tmp_path):
    """Its keys are the fields, and what it leaves out has defaults."""
    file = tmp_path / "cluster.toml"
    file.write_text(
        'partition = "gpu"\nhours = 2\ngpus = 1\nsetup = ["module load cuda"]\n[sbatch]\nexclude = "node7"\n'
    )
    expected = Cluster(partition="gpu", hours=2.0, gpus=1, setup=("module load cuda",), sbatch={"exclude": "node7"})
    assert read_cluster(file) == expected
    assert Cluster().at_once == 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('partiton = "gpu"', "partiton: unknown key; did you mean 'partition'"),
        ("hours = 0", "hours: must be 0.05 to 8784, got 0"),
        ("gpus = 2", "gpus: must be 0 to 1, got 2"),
        ('partition = ""', "partition: must be a text in one line, got ''"),
        ('[sbatch]\nexclude = "a\\nb"', "sbatch: must be a text in one line"),
        ("cpus = 1.5", "cpus: must be a whole number, got 1.5"),
        ("cpus = ", "cluster.toml: "),
    ],
)
def test_a_wrong_cluster_file_names_the_key(text, message, tmp_path):
    """Each problem has its place, what was found and what is accepted."""
    file = tmp_path / "cluster.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_cluster(file)
    assert message in str(caught.value)


def test_a_missing_cluster_file_is_told_how_to_write(tmp_path):
    """The message has an example."""
    with pytest.raises(InputError, match="no such cluster file; write one, such as: partition = "):
        read_cluster(tmp_path / "cluster.toml")


def test_without_slurm_nothing_is_submitted(monkeypatch):
    """A machine that has no sbatch is no login node."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="there is no command sbatch here; run this on a login node"):
        require_cluster("slurm", Cluster())


def test_without_submitit_a_line_says_what_to_install(monkeypatch):
    """It is an extra."""
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'gankit\[slurm\]'"):
        require_cluster("local", Cluster())


def test_a_partition_that_the_cluster_lacks_is_refused(command):
    """The nearest is named, and all that there are."""
    command("sinfo", "echo gpu; echo long")
    command("sbatch", "exit 0")
    require_cluster("slurm", Cluster(partition="gpu,long"))
    with pytest.raises(InputError, match="the cluster has no partition 'gpus'; did you mean 'gpu'.*it has gpu, long"):
        require_cluster("slurm", Cluster(partition="gpus"))


def test_what_slurm_refuses_is_told_before_any_work(command):
    """``sbatch --test-only`` asks for what the jobs will ask for."""
    command(
        "sbatch", '[ "$1" = --test-only ] && echo "$*" | grep -q -e --gpus-per-node=1 && echo "no such GPU" >&2; exit 1'
    )
    with pytest.raises(InputError, match="the cluster refuses such jobs: sbatch: no such GPU; change the cluster file"):
        require_cluster("slurm", Cluster(gpus=1))


def test_the_queue_tells_what_waits_and_what_runs(command):
    """Jobs of others and jobs that have ended are left out."""
    command("squeue", "printf '7_0|RUNNING|node3\\n7_1|PENDING|(Priority)\\n9|RUNNING|node1\\n'")
    assert in_queue("slurm", ["7_0", "7_1", "8"]) == {
        "7_0": InQueue(runs=True, where="node3"),
        "7_1": InQueue(runs=False, where="Priority"),
    }


def test_a_cluster_that_does_not_answer_is_an_error(command):
    """Its own last line says why."""
    command("squeue", "echo slow >&2; echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(RunError, match="squeue: Unable to contact slurm controller"):
        in_queue("slurm", ["7"])
