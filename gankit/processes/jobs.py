"""Commands in processes of their own, several at a time, which end together when the user stops them."""

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

POLL_S, SHOW_S = 0.1, 0.5
"""Seconds between looks at the processes, and between those at how far they are."""


@attrs.frozen(eq=False, kw_only=True)
class Job:
    """One ``python -m ...``."""

    name: str
    module: tuple[str, ...]
    """Module and arguments."""
    log: Path
    """File to which what it prints is added."""
    total: int = 0
    """What ``done`` counts up to."""
    done: Callable[[], int] = lambda: 0


@attrs.frozen(kw_only=True)
class Ended:
    """How a job ended."""

    name: str
    code: int
    last: str
    """The last line that it printed."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads(at_once: int) -> dict[str, str]:
    """Environment in which so many processes share the cores; what the user has set stays."""
    share = {"OMP_NUM_THREADS": str(max(1, cores() // at_once)), "OMP_WAIT_POLICY": "PASSIVE"}
    return {**share, **os.environ}


def run_jobs(
    jobs: Sequence[Job], at_once: int, environment: Mapping[str, str], quiet: bool = False, what: str = "steps"
) -> tuple[list[Ended], signal.Signals | None]:
    """Run every job, ``at_once`` at a time, and show how far they are; ``what`` says what their totals count.

    Ctrl-C or SIGTERM is passed on to those that run, and no other starts; a second one kills them.

    Returns: how each job that was started ended, and the signal that stopped the rest.
    """
    waiting, running, ended = list(jobs), dict[Job, subprocess.Popen[bytes]](), list[Ended]()
    received, told = list[signal.Signals](), 0
    with ExitStack() as held:
        held.enter_context(handled(received.append))
        lines = held.enter_context(JobLines(jobs, quiet, what))
        held.callback(_kill, running)
        while waiting or running:
            if len(received) > told:
                told = len(received)
                waiting.clear()
                for process in running.values():
                    process.send_signal(signal.SIGINT) if told == 1 else process.kill()
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[job] = _start(job, environment)
                lines.started(job)
            for job in [job for job, process in running.items() if process.poll() is not None]:
                ended.append(Ended(name=job.name, code=_code(running.pop(job)), last=_last_line(job.log)))
                lines.ended(job, ended[-1])
            lines.show(running)
            time.sleep(POLL_S)
    return ended, received[0] if received else None


def _start(job: Job, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "gankit.processes.job_process", *job.module],
            stdin=subprocess.PIPE,  # never written; its end tells the job that this process is gone
            stdout=log,
            stderr=log,
            env=dict(environment),
            start_new_session=True,  # a terminal's Ctrl-C reaches it through us alone, once
        )


def _code(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process to end."""
    if process.stdin is not None:
        process.stdin.close()
    return process.wait()


def _kill(running: Mapping[Job, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        process.kill()
        _code(process)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


class JobLines:
    """How far all jobs together are, and under it a bar for each that runs; without a terminal a line at the start and
    the end of each, and one for all from time to time."""

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
        """Bring the bars, or the line, up to date."""
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
