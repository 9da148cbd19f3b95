"""The report of an evaluation: its tables, and the charts that metrics ask for."""

from __future__ import annotations

from pathlib import Path

from gankit.evaluation.result_files import read_evaluation
from gankit.evaluation.results import EvaluationResult
from gankit.evaluation.tables import ABSENT, duration, evaluation_tables, text_or_dash
from gankit.files.tables import Table
from gankit.plugin.plugins import Plugins
from gankit.report.charts import charts
from gankit.report.page import Block, Facts, Page, Section, TableBlock, Text
from gankit.report.provenance import judging_facts


def evaluation_page(folder: Path, plugins: Plugins) -> Page:
    """The report of the evaluation in a folder. Raises InputError: its file is damaged."""
    result = read_evaluation(folder)
    names = ", ".join(row.name for row in result.rows if row.kind in ("model", "cohort"))
    sections = (Section("Metrics", metrics_blocks(result, plugins)), _provenance(result))
    return Page(f"Evaluation of {names or ABSENT}", "", sections, f"Made from {folder.resolve().name}/.")


def metrics_blocks(result: EvaluationResult, plugins: Plugins, *cautions: str) -> tuple[Block, ...]:
    """The short table, cautions about its rows, charts, and the table of all readings."""
    short, full = evaluation_tables(result)
    return (TableBlock(short), *map(Text, cautions), *charts(result, plugins), TableBlock(full, folded=True))


def _provenance(result: EvaluationResult) -> Section:
    rows = tuple(
        (
            row.name,
            row.source,
            text_or_dash(row.recipe),
            text_or_dash(row.steps),
            text_or_dash(row.seed),
            duration(row.wall_s),
            text_or_dash(row.model_digest),
        )
        for row in result.rows
    )
    columns = ("row", "slices", "recipe", "steps", "seed", "training took", "model digest")
    return Section(
        "Provenance",
        (Facts(judging_facts(result.settings)), TableBlock(Table(title="Rows", columns=columns, rows=rows))),
    )
