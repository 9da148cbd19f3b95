"""A cluster: what a user's file asks it for, which jobs wait or run there, and how jobs are submitted.

Slurm schedules; submitit writes the batch scripts and puts a job that is at its time limit back into the queue.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal

import attrs

from gankit._errors import InputError, RecipeError, RunError, nearest
from gankit.files.documents import given_toml
from gankit.files.toml_types import structure_table

Where = Literal["slurm", "local"]
"""``slurm``, or ``local``: processes of this machine in the place of jobs, to try a cluster file."""

CLUSTER_FILE = "cluster.toml"
"""Name of the cluster file where none is given."""

WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "CONFIGURING"}
"""States of Slurm's jobs that have not begun; the others that ``squeue`` lists run."""

OWN_WORDS = ("partition", "account", "qos", "constraint")
"""Keys of a cluster file that are options of sbatch under the same name."""

ASK_S = 60
"""Seconds after which a command of Slurm is given up."""


def _at_least(least: float, most: float) -> Callable[[Any, Any, Any], None]:
    def check(_: Any, field: Any, value: float | None) -> None:
        if value is not None and not least <= value <= most:
            raise ValueError(f"must be {least:g} to {most:g}, got {value:g}")

    return check


def _word(_: Any, field: Any, value: str | None) -> None:
    if value is not None and (not value.strip() or not value.isprintable()):
        raise ValueError(f"must be a text in one line, got {value!r}")


def _words(_: Any, field: Any, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        _word(_, field, name)
        _word(_, field, value)


@attrs.frozen(kw_only=True)
class Cluster:
    """What a job asks for. The fields are the keys of a cluster file; what is not given, the cluster decides."""

    partition: str | None = attrs.field(default=None, validator=_word)
    account: str | None = attrs.field(default=None, validator=_word)
    qos: str | None = attrs.field(default=None, validator=_word)
    constraint: str | None = attrs.field(default=None, validator=_word)
    hours: float = attrs.field(default=4.0, validator=_at_least(0.05, 8784))
    """Time limit of a job. 90 s before it, a job stops, keeps what it has, and is put back into the queue."""
    cpus: int = attrs.field(default=4, validator=_at_least(1, 1024))
    """Processor cores of a job."""
    gpus: int = attrs.field(default=0, validator=_at_least(0, 1))
    """GPUs of a job: a training uses one."""
    memory_gb: float | None = attrs.field(default=None, validator=_at_least(0.1, 1e5))
    at_once: int = attrs.field(default=16, validator=_at_least(1, 10_000))
    """Jobs that run at the same time."""
    attempts: int = attrs.field(default=3, validator=_at_least(1, 1000))
    """How often a job that ended early is submitted, and how often it is put back at its time limit."""
    setup: tuple[str, ...] = ()
    """Lines of shell that a job runs first, such as ``module load cuda``."""
    sbatch: Mapping[str, str] = attrs.field(factory=dict, validator=_words)
    """Further options of sbatch without their dashes, such as ``exclude = "node7"``."""


@attrs.frozen
class InQueue:
    """A job that has not ended."""

    runs: bool
    """False while it waits."""
    where: str
    """The node that it runs on, or why it waits; empty where that is not known."""


def read_cluster(file: Path) -> Cluster:
    """A cluster file. Raises InputError: it cannot be read, or has problems; all of them are in the message."""
    if not file.is_file():
        raise InputError(
            f'{file}: no such cluster file; write one, such as: partition = "gpu", hours = 4, gpus = 1, each in a line'
            " of its own, or name another with `cluster`"
        )
    cluster, problems = structure_table(given_toml("cluster", file), Cluster)
    if cluster is None:
        raise RecipeError(str(file), problems)
    return cluster


def require_cluster(where: Where, cluster: Cluster) -> None:
    """Make sure that jobs can be submitted. Nothing is submitted.

    Raises:
        InputError: submitit or Slurm is not installed here, or Slurm would refuse the jobs, as where it has no such
            partition.
    """
    if importlib.util.find_spec("submitit") is None:
        raise InputError("jobs need submitit; pip install 'gankit[slurm]'")
    if where == "local":
        return
    if shutil.which("sbatch") is None:
        raise InputError(
            "`where` slurm: there is no command sbatch here; run this on a login node of the cluster, or leave `where`"
            " out to use this machine"
        )
    if cluster.partition is not None:
        partitions = _asked("sinfo", "--noheader", "--format=%R").split()
        if unknown := [name for name in cluster.partition.split(",") if name not in partitions]:
            raise InputError(
                f"partition: the cluster has no partition {unknown[0]!r}{nearest(unknown[0], partitions)}; it has"
                f" {', '.join(partitions) or 'none'}"
            )
    try:
        _asked("sbatch", "--test-only", *_flags(cluster), "--wrap=true")
    except RunError as error:
        raise InputError(f"the cluster refuses such jobs: {error}; change the cluster file") from error


def in_queue(where: Where, ids: Sequence[str]) -> dict[str, InQueue]:
    """Those of the jobs that have not ended. Raises RunError: Slurm does not answer."""
    if where == "local":
        return {one: InQueue(runs=True, where="this machine") for one in ids if _alive(int(one))}
    if not ids:
        return {}
    listed = _asked("squeue", "--me", "--noheader", "--array", "--format=%i|%T|%R").splitlines()
    found = {}
    for line in listed:
        one, state, place = line.strip().split("|", 2)
        found[one] = InQueue(runs=state not in WAITING, where=place.strip("()"))
    return {one: found[one] for one in ids if one in found}


def submit(where: Where, cluster: Cluster, folder: Path, name: str, calls: Sequence[Callable[[], None]]) -> list[str]:
    """Submit a job for each call, of which ``cluster.at_once`` run at the same time.

    Args:
        where: to what.
        cluster: what each job asks for.
        folder: folder for submitit's files, which every node sees.
        name: name of the jobs in the queue.
        calls: picklable; one with a method ``checkpoint`` is asked by it to stop when its job is at its time limit.

    Returns: the id of each job. Raises RunError: the cluster refuses them.
    """
    import submitit

    executor = submitit.AutoExecutor(folder=folder, cluster=where, **{f"{where}_max_num_timeout": cluster.attempts})
    asked = {"timeout_min": _minutes(cluster), "gpus_per_node": cluster.gpus, f"{where}_setup": list(cluster.setup)}
    if where == "slurm":
        own = {name: getattr(cluster, name) for name in OWN_WORDS}
        asked |= {f"slurm_{name}": value for name, value in own.items() if value is not None}
        asked |= {"cpus_per_task": cluster.cpus, "slurm_array_parallelism": cluster.at_once}
        asked |= {} if cluster.memory_gb is None else {"mem_gb": cluster.memory_gb}
        asked |= {"slurm_additional_parameters": dict(cluster.sbatch)}
    executor.update_parameters(name=name, **asked)
    try:
        with _apart(folder / "local.log") if where == "local" else nullcontext(), executor.batch():
            jobs = [executor.submit(call) for call in calls]
        return [job.job_id for job in jobs]
    except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
        raise RunError(f"the cluster refuses the jobs: {_last_line(str(error))}") from error


@contextmanager
def _apart(log: Path) -> Iterator[None]:
    """A context in which new processes write to a log, so that whoever reads what this one prints need not wait."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        with log.open("ab") as file:
            for number in kept:
                os.dup2(file.fileno(), number)
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)


def _flags(cluster: Cluster) -> list[str]:
    """What a job asks for, as options of sbatch."""
    asked: dict[str, Any] = {
        **{name: getattr(cluster, name) for name in OWN_WORDS},
        "time": _minutes(cluster),
        "cpus-per-task": cluster.cpus,
        "gpus-per-node": cluster.gpus or None,
        "mem": None if cluster.memory_gb is None else f"{round(cluster.memory_gb * 1024)}M",
        **cluster.sbatch,
    }
    return [f"--{name}={value}" for name, value in asked.items() if value is not None]


def _minutes(cluster: Cluster) -> int:
    """The time limit as Slurm takes it."""
    return max(1, round(cluster.hours * 60))


def _asked(*command: str) -> str:
    """What a command of Slurm printed. Raises RunError: it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"{command[0]}: no answer within {ASK_S} s; try again later") from error
    except OSError as error:
        raise RunError(f"{command[0]}: cannot be run ({error.strerror})") from error
    if done.returncode != 0:
        raise RunError(f"{command[0]}: {_last_line(done.stderr)}")
    return done.stdout


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it failed without a word")


def _alive(process: int) -> bool:
    """Whether a process of submitit's local executor is there."""
    with suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)  # so that one that this process started, and that has ended, is gone
    try:
        os.kill(process, 0)
    except (ProcessLookupError, PermissionError):  # a number that another user's process has now is not ours
        return False
    command = Path(f"/proc/{process}/cmdline")
    return not command.exists() or b"submitit" in command.read_bytes()
