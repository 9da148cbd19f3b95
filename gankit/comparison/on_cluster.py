"""``compare`` on a cluster: a job trains and measures each run, and one measures rows of real slices.

The call submits what is neither done nor in the queue, says where all stand, and returns. Called again when all is
done, it writes the tables. The folder of the comparison keeps in ``submitted.json`` which jobs were submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from gankit._errors import InputError
from gankit.comparison.cluster_job import REAL, ClusterJob
from gankit.comparison.compare import SEE_LOG, begun, by_round, finished, held, require_trained
from gankit.comparison.comparison import Comparison
from gankit.comparison.plan import Plan, PlannedRun
from gankit.evaluation.results import ComparisonResult
from gankit.evaluation.rows import judge_in, lacking
from gankit.files.json_file import read_document, write_document
from gankit.plugin.plugins import Plugins
from gankit.processes.cluster import Cluster, InQueue, Where, in_queue, require_cluster, submit
from gankit.processes.jobs import last_line
from gankit.processes.progress import watched

FORMAT = "gankit-submitted-1"
SUBMITTED = "submitted.json"
REMEDY = "remove it when no job of this comparison is in the queue"
State = Literal["done", "waits", "runs", "to submit", "failed"]


@attrs.frozen(kw_only=True)
class Submitted:
    """The jobs that were submitted for one run."""

    id: str
    """The last of them."""
    times: int
    """How many there were."""


@attrs.frozen(kw_only=True)
class Standing:
    """Where a run, or the rows of real slices, stand."""

    name: str
    state: State
    words: str
    """The state in words, as ``trained, 2 of 5 sets measured``."""
    job: Submitted | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


@attrs.frozen(eq=False)
class OnCluster:
    """A comparison whose work a cluster does."""

    comparison: Comparison
    where: Where
    cluster: Cluster
    plugins: Plugins

    @property
    def plan(self) -> Plan:
        return self.comparison.plan

    @property
    def file(self) -> Path:
        return self.plan.folder / SUBMITTED

    def standings(self) -> list[Standing]:
        """Where every run stands, in the order of the plan, and the rows of real slices.

        Raises:
            InputError: submitted.json is damaged, or of another ``where``.
            RunError: the cluster does not answer.
        """
        jobs = self._submitted()
        queue = in_queue(self.where, [job.id for job in jobs.values()])
        judge = judge_in(self.plan.folder, self.comparison.evaluation, self.plan.metrics, self.plugins)
        measured = {
            subject.name: (subject.sets - lacking(subject, judge), subject.sets)
            for subject in self.comparison.subjects(self.plugins)
        }
        names = [run.name for run in self.plan.runs]
        references = [counts for name, counts in measured.items() if name not in names]
        real = (sum(done for done, _ in references), sum(sets for _, sets in references))
        far = {run.name: self._trained(run, measured.get(run.name)) for run in self.plan.runs}
        far[REAL] = (real[0] == real[1], f"{real[0]} of {real[1]} sets measured")
        return [self._standing(name, *far[name], jobs.get(name), queue) for name in far]

    def submit(self, standings: Sequence[Standing]) -> list[Standing]:
        """Submit what is to be submitted. Returns: where all stand then. Raises RunError: the cluster refuses."""
        # Real slices first, since all others use the networks that metrics train on them
        order = [REAL, *(run.name for run in by_round(self.plan.runs))]
        waiting = [each for each in standings if each.state == "to submit"]
        waiting.sort(key=lambda each: order.index(each.name))
        if self.where == "local":  # which has no queue: what does not fit waits for the next call
            waiting = waiting[: max(0, self.cluster.at_once - sum(each.state == "runs" for each in standings))]
        if not waiting:
            return list(standings)
        folder = self.plan.folder.resolve()
        calls = [ClusterJob(folder, each.name, self.cluster.cpus) for each in waiting]
        ids = submit(self.where, self.cluster, folder / "jobs", f"gankit-{folder.name}", calls)
        new = {
            each.name: Submitted(id=id, times=1 if each.job is None else each.job.times + 1)
            for each, id in zip(waiting, ids, strict=True)
        }
        self._keep({**self._submitted(), **new})
        return [each if each.name not in new else _sent(each, new[each.name]) for each in standings]

    def _trained(self, run: PlannedRun, measured: tuple[int, int] | None) -> tuple[bool, str]:
        """Whether a run is done, and how far it is in words. ``measured``: sets that are, and all; None: untrained."""
        if measured is None:
            step = self.plan.run_directory(run).logged_step()
            return False, f"step {step} of {run.recipe.training.steps}"
        done, sets = measured
        return done == sets, f"trained, {done} of {sets} sets measured"

    def _standing(
        self, name: str, done: bool, words: str, job: Submitted | None, queue: Mapping[str, InQueue]
    ) -> Standing:
        if done:
            return Standing(name=name, state="done", words=words, job=job)
        if job is None:
            return Standing(name=name, state="to submit", words=words)
        if (queued := queue.get(job.id)) is not None:
            place = f" on {queued.where}" if queued.runs else f", {queued.where}" if queued.where else ""
            state: State = "runs" if queued.runs else "waits"
            return Standing(name=name, state=state, words=f"{words}, job {job.id} {state}{place}", job=job)
        why = _last_words(self.plan.folder, name)
        state = "to submit" if job.times < self.cluster.attempts else "failed"
        return Standing(name=name, state=state, words=f"{words}, job {job.id} ended: {why}", job=job)

    def _submitted(self) -> dict[str, Submitted]:
        if not self.file.exists():
            return {}
        document = read_document(self.file, FORMAT, REMEDY, ("format", "where", "jobs"))
        try:
            if document["where"] != self.where:
                raise InputError(f"{self.file}: its jobs went to {document['where']}, not to {self.where}; {REMEDY}")
            return {name: Submitted(**job) for name, job in document["jobs"].items()}
        except (LookupError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self.file}: damaged, a part is missing or of another type ({error}); {REMEDY}"
            ) from error

    def _keep(self, jobs: Mapping[str, Submitted]) -> None:
        listed: dict[str, Any] = {name: attrs.asdict(job) for name, job in jobs.items()}
        write_document(self.file, {"format": FORMAT, "where": self.where, "jobs": listed})


def _sent(standing: Standing, job: Submitted) -> Standing:
    return attrs.evolve(standing, state="waits", words=f"{standing.words}, submitted as job {job.id}", job=job)


def carry_out_on(
    where: Where, cluster: Cluster, plan: Plan, *, plugins: Plugins, quiet: bool = False
) -> tuple[list[Standing], ComparisonResult | None]:
    """Submit what is neither done nor in the queue; write the tables where nothing is left to do.

    Returns: where every run stands, and the result; None while jobs are in the queue.

    Raises:
        InputError: recipes or cohorts do not fit, or the cluster would refuse the jobs. Nothing was submitted then.
        RunError: another process works on this comparison, the cluster does not answer, every training failed, or the
            folder cannot be written.
    """
    require_cluster(where, cluster)
    with held(plan.folder), watched(not quiet):
        comparison, warnings = begun(plan, plugins, quiet)
        work = OnCluster(comparison, where, cluster, plugins)
        standings = work.submit(work.standings())
        if any(each.state in ("waits", "runs", "to submit") for each in standings):
            return standings, None
        trained = [run.name for run in plan.runs if plan.standing(run).trained]
        failed = {
            each.name: f"{_last_words(plan.folder, each.name)}; raise attempts, {cluster.attempts}, to go on"
            for each in standings
            if each.state == "failed" and each.name != REAL and each.name not in trained
        }
        require_trained(plan, failed)
        return standings, finished(comparison, failed, warnings, plugins, quiet)


def stands(where: Where, cluster: Cluster, plan: Plan, *, plugins: Plugins) -> list[Standing]:
    """Where every run stands. Nothing is submitted or written. For errors see ``carry_out_on``."""
    require_cluster(where, cluster)
    return OnCluster(Comparison.of(plan, plugins), where, cluster, plugins).standings()


def _last_words(folder: Path, name: str) -> str:
    """Why a job ended, by what it printed last. It has no log where it ended before gankit began in it."""
    log = folder / "logs" / f"{name}.log"
    if not log.exists():
        return "it ended before gankit began, as where a line of 'setup' fails; jobs/ has what it printed"
    if (last := last_line(log)).startswith("Error:"):
        return f"{last}; {SEE_LOG.format(name=name)}"
    return f"without an error, as where it is killed or memory is short; it printed last: {last}"
