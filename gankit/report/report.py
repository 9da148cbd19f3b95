"""``report.html`` of a run, an evaluation or a comparison: one file that needs no other file, network or script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gankit._errors import InputError
from gankit.cohort.cohort import Cohort
from gankit.evaluation.result_files import COMPARISON, EVALUATION
from gankit.files.atomic import write_bytes
from gankit.files.made import refuse_to_replace
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.report.page import Page, rendered
from gankit.run.directory import RunDirectory

REPORT = "report.html"


def write_report(
    path: str | Path,
    out: str | Path | None = None,
    *,
    evaluation: str | Path | None = None,
    cohort: Cohort | None = None,
    plugins: Plugins | None = None,
) -> Path:
    """Write the report of a run, of an evaluation or of a comparison.

    Where something is missing (model, cohort, encoder, metrics), the report has a sentence in its place.

    Args:
        path: a run directory, or the folder of an evaluation or of a comparison.
        out: file to write; default: ``report.html`` in ``path``.
        evaluation: folder of an evaluation of the run; default: the run directory, or ``evaluation`` in it.
        cohort: the cohort of the run's recipe, if it is loaded already; default: load it.
        plugins: what is installed; default: load it.

    Returns: the file that was written.

    Raises:
        InputError: ``path`` is none of these, one of its files is damaged, ``evaluation`` has no
            evaluation, or the name of ``out`` does not end in .html or .htm or is that of a file of something else.
        RecipeError: the recipe does not fit the installed plugins.
        RunError: the file cannot be written.
    """
    if out is not None and Path(out).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"`out` {out}: is written as HTML, so its name must end in .html")
    if out is not None:
        refuse_to_replace(Path(out))
    folder = Path(path)
    page = _page(folder, None if evaluation is None else Path(evaluation), cohort, plugins or load_plugins())
    file = folder / REPORT if out is None else Path(out)
    write_bytes(file, rendered(page))
    return file


def report_if_possible(
    path: Path, warn: Callable[[str], None], *, cohort: Cohort | None = None, plugins: Plugins
) -> None:
    """Write a report at the end of work that is done and saved. Any error becomes a warning."""
    try:
        write_report(path, cohort=cohort, plugins=plugins)
    except Exception as error:
        warn(f"warning: no report ({type(error).__name__}: {error}); try 'gankit report {path}'")


def _page(folder: Path, evaluation: Path | None, cohort: Cohort | None, plugins: Plugins) -> Page:
    if (folder / COMPARISON).is_file():
        from gankit.report.comparison import comparison_page

        if evaluation is not None:
            raise InputError(f"`evaluation` {evaluation}: {folder} is a comparison, which holds its own metrics")
        return comparison_page(folder, plugins)
    if not RunDirectory(folder).recipe.is_file():
        return _page_of_evaluation(folder, evaluation, plugins)
    from gankit.report.run import run_page

    return run_page(RunDirectory(folder), cohort, evaluation, plugins)


def _page_of_evaluation(folder: Path, evaluation: Path | None, plugins: Plugins) -> Page:
    from gankit.report.evaluation import evaluation_page

    if not (folder / EVALUATION).is_file():
        raise InputError(
            f"{folder}: neither a run directory (recipe.lock.toml) nor an evaluation ({EVALUATION}) or comparison"
            f" ({COMPARISON})"
        )
    if evaluation is not None:
        raise InputError(f"`evaluation` {evaluation}: {folder} is an evaluation itself")
    return evaluation_page(folder, plugins)
