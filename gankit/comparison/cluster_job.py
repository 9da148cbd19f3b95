"""What a job of a cluster does: it trains a run, then measures its row; or it measures the rows of real slices.

submitit carries it to its node as a pickle, which only names this class. Called again, a job goes on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import attrs

from gankit.comparison.compare import training_job
from gankit.comparison.plan import read_plan
from gankit.evaluation.subjects import REFERENCES
from gankit.plugin.plugins import load_plugins
from gankit.processes.jobs import Job, start

REAL = "real-slices"
"""Name of the job that measures rows of real slices."""


@attrs.define
class ClusterJob:
    """The job of one run, or of the rows of real slices."""

    folder: Path
    """Folder of the comparison, which has its plan."""
    name: str
    """Name of the run, or ``REAL``."""
    threads: int
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)

    def __call__(self) -> None:
        """Train and measure what is missing. Exits with the code of what failed."""
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads), "OMP_WAIT_POLICY": "PASSIVE"}
        for job in self._jobs():
            self._process = start(job, environment)
            if (code := self._process.wait()) != 0:
                sys.exit(code)

    def checkpoint(self) -> object:
        """Stop, as Ctrl-C does, so that nothing that is trained is lost; the job that takes the place of this one.

        submitit calls it when the job is at its time limit, or is to make room for another.
        """
        import submitit

        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(ChildProcessError):  # it was collected
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)  # __call__ waits, and holds its lock
        return submitit.helpers.DelayedSubmission(ClusterJob(self.folder, self.name, self.threads))

    def _jobs(self) -> list[Job]:
        log = self.folder / "logs" / f"{self.name}.log"
        measured = REFERENCES if self.name == REAL else (self.name,)
        measuring = Job(name=self.name, module=("gankit.comparison.worker", str(self.folder), *measured), log=log)
        plan = read_plan(self.folder, load_plugins())
        own = [run for run in plan.runs if run.name == self.name and not plan.standing(run).trained]
        return [*(training_job(plan, run) for run in own), measuring]
