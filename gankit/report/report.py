"""``report.html`` of a run or of a comparison: one file that needs nothing else, neither network nor script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gankit._errors import InputError
from gankit.cohort.cohort import Cohort
from gankit.evaluation.result_files import COMPARISON
from gankit.files.atomic import write_bytes
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
    """Write the report of a run directory or of the folder of a comparison.

    Args:
        out: file to write; default: ``report.html`` in ``path``.
        evaluation: folder of an evaluation of the run; default: the run directory, or ``evaluation`` in it.
        cohort: that of the run's recipe, where it is at hand already.

    Returns: the file. What is absent (model, cohort, encoder, metrics) is said in its place.

    Raises:
        InputError: neither a run nor a comparison, a file of it is damaged, or ``out`` is no name of an HTML file.
        RecipeError: the recipe does not fit the installed plugins.
        RunError: the place cannot be written.
    """
    if out is not None and Path(out).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"`out` {out}: is written as HTML, so its name must end in .html")
    folder = Path(path)
    page = _page(folder, None if evaluation is None else Path(evaluation), cohort, plugins or load_plugins())
    file = folder / REPORT if out is None else Path(out)
    write_bytes(file, rendered(page))
    return file


def report_if_possible(
    path: Path, warn: Callable[[str], None], *, cohort: Cohort | None = None, plugins: Plugins
) -> None:
    """``write_report`` at the end of work that is done and saved: whatever hinders it is a warning."""
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
        raise InputError(f"{folder}: neither a run directory (recipe.lock.toml) nor a comparison ({COMPARISON})")
    from gankit.report.run import run_page

    return run_page(RunDirectory(folder), cohort, evaluation, plugins)
