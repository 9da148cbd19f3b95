"""A study that is begun: its cohort without test slices, the real side, and the aim of its reading."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from gankit._errors import CohortError, InputError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import require_fit
from gankit.cohort.held_out import HeldOut, held_out
from gankit.cohort.source import cohort_of
from gankit.cohort.stored import read_cohort, write_cohort
from gankit.cohort.warnings import PATIENTS
from gankit.comparison.comparison import Comparison, common_modalities, wanted_label
from gankit.comparison.plan import Plan
from gankit.evaluation.evaluation import Evaluation
from gankit.evaluation.metrics import refuse_unfit
from gankit.evaluation.real_side import RealCohorts, Wanted, chosen_modalities, only_label, prepare, wanted_of
from gankit.evaluation.rows import judge_in, judged_rows, settings_of
from gankit.evaluation.subjects import real_subject
from gankit.files.lock import locked
from gankit.files.user_cache import writable_cache
from gankit.plugin.plugins import Plugins
from gankit.processes.progress import say
from gankit.tuning.aim import Aim, aim_at, reading_named
from gankit.tuning.journal import JOURNAL, LOCKS, Journal
from gankit.tuning.result import BEST, ROWS, TABLE, Tried, TuningResult, ranked, write_results
from gankit.tuning.study import COHORT, Study, read_study
from gankit.tuning.trial import Bench, trial_run

FILES = (BEST, TABLE, ROWS, JOURNAL, COHORT)
"""What a study writes into its folder, but for study.json and folders."""


@attrs.frozen(eq=False, kw_only=True)
class Begun:
    """A study with all that its trials need."""

    study: Study
    journal: Journal
    bench: Bench
    aim: Aim
    slices: str
    """Where the validation slices come from, in a sentence."""
    digest: str
    """Digest of the cohort of the trials."""
    plugins: Plugins

    def result(self) -> TuningResult:
        """Every trial as it is now."""
        return TuningResult(
            folder=self.study.folder,
            aim=self.aim,
            trials=ranked([Tried.of(trial) for trial in self.journal.trials()]),
            slices=self.slices,
            digest=self.digest,
        )

    def publish(self) -> TuningResult:
        """Write the tables and the best recipe as they are now."""
        with locked(self.study.folder / LOCKS / "tables.lock", wait=True):
            result = self.result()
            write_results(result, self.study, self.plugins)
        return result


def begin(study: Study, plugins: Plugins, quiet: bool) -> Begun:
    """Load the cohort, leave its test slices out, find the aim of the reading, and write study.json.

    Raises:
        InputError: the cohort or the reading does not fit, or the folder has another study or files of someone else.
        RunError: the folder cannot be written.
    """
    _refuse_files_of_others(study)
    with locked(study.folder / LOCKS / "begin.lock", wait=True, elsewhere="give another `out`"):
        say("loading the cohort", quiet)
        chosen = _without_test(study)
        study.refuse_other(plugins, digest_of(chosen.cohort))
        begun = _begun(study, chosen, plugins, quiet)
        study.write(chosen.said, begun.digest, plugins)
        if not _holds(study.cohort_file, begun.digest):
            write_cohort(chosen.cohort, study.cohort_file)
    say(f"{chosen.said}; test slices are left out", quiet)
    for warning in _few(begun.bench.comparison.evaluation):
        say(f"warning: {warning}", quiet)
    return begun


def begin_again(folder: Path, plugins: Plugins) -> Begun:
    """The study in a folder, which another process has begun. Raises InputError: a file of it is damaged."""
    study, said = read_study(folder, plugins)
    return _begun(study, HeldOut(cohort=read_cohort(study.cohort_file), said=said), plugins, quiet=True)


def digest_of(cohort: Cohort) -> str:
    """Digest of a cohort of trials, its ground truth included."""
    return cohort.digest(tuple(cohort.truth))


def _without_test(study: Study) -> HeldOut:
    """The cohort of the trials. The recipe's own, which has test slices, is gone when this returns."""
    cohort = cohort_of(study.recipe.cohort)
    require_fit(study.recipe, cohort)
    asked = None if study.judging.label is None else Wanted.parse(study.judging.label)
    wanted = asked or wanted_of(study.recipe) or only_label(cohort)
    return held_out(cohort, wanted.label, study.validation, study.seed)


def _begun(study: Study, chosen: HeldOut, plugins: Plugins, quiet: bool) -> Begun:
    bench = _bench(study, chosen.cohort, plugins)
    return Begun(
        study=study,
        journal=Journal(study.folder, study.space, study.seed),
        bench=bench,
        aim=_aim(study, bench, quiet),
        slices=chosen.said,
        digest=digest_of(chosen.cohort),
        plugins=plugins,
    )


def _bench(study: Study, cohort: Cohort, plugins: Plugins) -> Bench:
    """The real side of the trials. Raises InputError or CohortError: the cohort does not fit."""
    run = trial_run(study.recipe.name, study.first_seed, study, {}, plugins)
    plan = Plan(folder=study.folder, runs=(run,), judging=study.judging, metrics=study.metrics)
    evaluation = prepare(
        RealCohorts(real=cohort),
        chosen_modalities(common_modalities(plan), study.judging.modalities),
        wanted_label(plan) or only_label(cohort),
        seed=study.judging.seed,
        replicates=study.judging.replicates,
        cache=writable_cache() or study.folder / "cache",
    )
    refuse_unfit(study.metrics, evaluation)
    settings = settings_of(evaluation, study.judging.sample_sets, study.metrics, plugins)
    return Bench(
        study=study,
        comparison=Comparison(plan, evaluation, settings, {}, cohort),
        judge=judge_in(study.folder, evaluation, study.metrics, plugins),
        plugins=plugins,
    )


def _aim(study: Study, bench: Bench, quiet: bool) -> Aim:
    """The aim of the reading. The validation slices are judged for it, as if they were synthetic.

    Raises InputError: there is no such reading, it has no aim, or no validation slice has the label.
    """
    evaluation = bench.comparison.evaluation
    try:
        evaluation.pool("test")
    except InputError as error:
        raise CohortError(
            f"no complete validation slice has label {evaluation.label!r} = {evaluation.value}; give a larger share as"
            " `validation`, or a validation split with such slices"
        ) from error
    subject = real_subject(evaluation, study.judging.sample_sets)
    assert subject is not None  # there are validation slices
    (row,) = judged_rows([subject], bench.judge, quiet)
    (metric,) = study.metrics
    name = reading_named(study.by, [summary.id for summary in row.summary], metric)
    return aim_at(name, row.summary, study.metrics)


def _few(evaluation: Evaluation) -> list[str]:
    """A sentence where few patients judge."""
    if (patients := len(np.unique(evaluation.pool("test").patient))) >= PATIENTS:
        return []
    return [
        f"few patients: the validation slices with label {evaluation.label!r} = {evaluation.value} are of {patients};"
        f" with fewer than {PATIENTS} the choice is one for these patients"
    ]


def _refuse_files_of_others(study: Study) -> None:
    """Raises InputError: the folder has a file that a study writes, but no study."""
    if study.file.is_file():
        return
    for name in FILES:
        if (study.folder / name).exists():
            raise InputError(
                f"`out` {study.folder}: has a {name} but no study, and nothing is written over it; give another folder"
            )


def _holds(file: Path, digest: str) -> bool:
    """Whether a cohort file is there and sound."""
    try:
        return file.is_file() and digest_of(read_cohort(file)) == digest
    except CohortError:
        return False
