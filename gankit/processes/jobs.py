"""Commands in processes of their own, several at a time. They end together when the user stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import attrs

from gankit.processes.interrupt import handled
from gankit.processes.progress import Progress

POLL_S = 0.1
"""Seconds between two looks at whether a process has ended."""

SHOW_S = 0.5
"""Seconds between two looks at how far the jobs are."""


@attrs.frozen(eq=False, kw_only=True)
class Job:
    """One command ``python -m ...``."""

    name: str
    module: tuple[str, ...]
    """Module and arguments."""
    log: Path
    """File to which the output of the job is appended."""
    total: int = 0
    """How many steps the job has."""
    done: Callable[[], int] = lambda: 0
    """Returns how many of them are finished."""


@attrs.frozen(kw_only=True)
class Ended:
    """How a job ended."""

    name: str
    code: int
    last: str
    """The last line that the job printed."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sharing_cores(at_once: int) -> dict[str, str]:
    """The environment of jobs of which ``at_once`` share the cores. Variables that the user has set stay."""
    share = {"OMP_NUM_THREADS": str(max(1, cores() // at_once)), "OMP_WAIT_POLICY": "PASSIVE"}
    return {**share, **os.environ}


def run_jobs(
    jobs: Sequence[Job], at_once: int, environment: Mapping[str, str], quiet: bool = False, what: str = "steps"
) -> tuple[list[Ended], signal.Signals | None]:
    """Run the jobs, ``at_once`` at a time, and show how far they are.

    Ctrl-C or SIGTERM sends SIGINT to the jobs that run, and no further job starts. A second one kills them.

    Args:
        jobs: in the order in which they start.
        at_once: how many run at the same time, >= 1.
        environment: environment variables of each job.
        quiet: show nothing.
        what: what the totals of the jobs count.

    Returns: how each job that was started ended, and the signal that stopped the rest or None.
    """
    waiting, running, ended = list(jobs), dict[Job, subprocess.Popen[bytes]](), list[Ended]()
    received, told = list[signal.Signals](), 0
    with ExitStack() as held:
        held.enter_context(handled(received.append))
        lines = held.enter_context(JobLines(jobs, quiet, what))
        held.callback(_kill, running)
        while waiting or running:
            # Pass a signal on: the first asks the jobs to stop, the second kills them.
            if len(received) > told:
                told = len(received)
                waiting.clear()
                for process in running.values():
                    process.send_signal(signal.SIGINT) if told == 1 else process.kill()

            # Start jobs where there is room.
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[job] = start(job, environment)
                lines.started(job)

            # Collect jobs that have ended.
            for job in [job for job, process in running.items() if process.poll() is not None]:
                ended.append(Ended(name=job.name, code=_code(running.pop(job)), last=last_line(job.log)))
                lines.ended(job, ended[-1])
            lines.show(running)
            time.sleep(POLL_S)
    return ended, received[0] if received else None


def start(job: Job, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a job. It gets SIGINT when the standard input of its process is closed, so also when this process ends."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "gankit.processes.job_process", *job.module],  # -P: no module from here
            stdin=subprocess.PIPE,  # nothing is written; when it closes, the job knows that this process is gone
            stdout=log,
            stderr=log,
            env=dict(environment),
            start_new_session=True,  # so that a terminal's Ctrl-C reaches the job once, through this process
        )


def _code(process: subprocess.Popen[bytes]) -> int:
    """Wait until a process has ended; its exit code."""
    if process.stdin is not None:
        process.stdin.close()
    return process.wait()


def _kill(running: Mapping[Job, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        process.kill()
        _code(process)


def last_line(log: Path) -> str:
    """The last line of a log that is not empty."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


class JobLines:
    """A context that shows how far the jobs are.

    On a terminal: a bar for all jobs together, and beneath it one for each job that runs. Elsewhere: a line when a job
    starts or ends, and a line for all jobs from time to time.
    """

    def __init__(self, jobs: Sequence[Job], quiet: bool, what: str):
        self._done = {job: job.done() for job in jobs}
        self._begun = sum(self._done.values())
        self._total = sum(job.total for job in jobs)
        self._together = Progress(self._total, quiet, what, last_line=False)
        self._bars: dict[Job, Progress] = {}
        self._shown = 0.0

    def __enter__(self) -> JobLines:
        self._together.__enter__()
        self._together.begin(self._begun)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._together.__exit__(kind, error, trace)

    def started(self, job: Job) -> None:
        self._together.say(f"{job.name}: started")
        self._bars[job] = self._together.beneath(job.name, job.total)
        self._bars[job].begin(self._done[job])

    def show(self, running: Iterable[Job]) -> None:
        """Bring the bars, or the line, up to date, at most every ``SHOW_S`` seconds."""
        if time.monotonic() - self._shown <= SHOW_S:
            return
        self._shown = time.monotonic()
        for job in running:
            self._done[job] = job.done()
            self._bars[job].advance(self._done[job])
        if self._begun < (done := sum(self._done.values())) < self._total:
            self._together.advance(done)

    def ended(self, job: Job, how: Ended) -> None:
        word = "done" if how.code == 0 else f"ended with code {how.code}: {how.last}"
        self._bars.pop(job).close()
        self._done[job] = job.done()
        self._together.say(f"{job.name}: {word}")
