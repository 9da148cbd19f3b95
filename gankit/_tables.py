"""Tables as Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence

import attrs

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "≈": r"$\approx$", "–": "--", "−": "$-$", "×": r"$\times$", "<": "$<$", ">": "$>$", "²": "$^2$", "µ": r"$\mu$",
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Table:
    """Text cells under column heads; the first column names the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def markdown(tables: Sequence[Table]) -> str:
    """Tables one below the other, each under a heading."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"

    aligned = "| --- |" + " ---: |" * (len(table.columns) - 1)
    lines = [f"## {table.title}", "", line(table.columns), aligned, *map(line, table.rows), ""]
    return "\n".join([*lines, *[f"{note}\n" for note in table.notes]])


def latex(tables: Sequence[Table]) -> str:
    """``table`` environments, to ``\\input`` in a paper; needs the package booktabs."""
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


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
td:last-child { white-space: normal; max-width: 30rem }
thead th { border-bottom: 2px solid #444 }
p { color: #555; max-width: 60rem }
"""


def page(title: str, tables: Sequence[Table]) -> str:
    """One self-contained HTML page."""
    body = "\n".join(_html(table) for table in tables)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _html(table: Table) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = "\n".join(line(cells, "td") for cells in table.rows)
    notes = "".join(f"\n<p>{html.escape(note)}</p>" for note in table.notes)
    return (
        f"<h2>{html.escape(table.title)}</h2>\n<table><thead>{line(table.columns, 'th')}</thead>\n"
        f"<tbody>\n{rows}\n</tbody></table>{notes}"
    )
