"""Tables as Markdown, as LaTeX and on a terminal. The HTML of tables is in ``report/report.html.j2``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import attrs

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "≈": r"$\approx$", "–": "--", "−": "$-$", "×": r"$\times$", "<": "$<$", ">": "$>$", "²": "$^2$", "µ": r"$\mu$",
}  # fmt: skip

_WIDTH_OF_FILES = 10_000
"""Columns of text that a table printed to a file may take; it takes as many as it needs."""


@attrs.frozen(kw_only=True)
class Table:
    """Cells of text under column heads. The first column names the rows; each row has one cell for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def markdown(tables: Sequence[Table]) -> str:
    """GitHub's Markdown: the tables one below the other, each under a heading, its notes under it."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"

    aligned = "| --- |" + " ---: |" * (len(table.columns) - 1)
    lines = [f"## {table.title}", "", line(table.columns), aligned, *map(line, table.rows), ""]
    return "\n".join([*lines, *[f"{note}\n" for note in table.notes]])


def latex(tables: Sequence[Table]) -> str:
    """LaTeX: one ``table`` environment for each table, to ``\\input`` in a paper; needs the package booktabs."""
    return "% needs \\usepackage{booktabs}\n" + "\n".join(_latex(table) for table in tables)


def _latex(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "    " + " & ".join(map(_latex_text, cells)) + r" \\"

    caption = " ".join(_latex_text(text.rstrip(".") + ".") for text in (table.title, *table.notes))
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{caption}}}",
            rf"  \begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"    \toprule",
            line(table.columns),
            r"    \midrule",
            *map(line, table.rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def print_table(table: Table) -> None:
    """Print a table to standard output; every column but the first is aligned to the right."""
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    # Cells wrap at the edge of a terminal, and are whole in a file.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)
    grid = Grid(title=table.title or None, box=None, header_style="bold", pad_edge=False)
    for number, head in enumerate(table.columns):
        grid.add_column(Text(head), justify="right" if number else "left")
    for row in table.rows:
        grid.add_row(*map(Text, row))
    console.print(grid)
    for note in table.notes:
        console.print(Text(note))
