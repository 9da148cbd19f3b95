"""Tables in both formats say the same and keep what is special in each."""

import attrs

from gankit.files.tables import Table, latex, markdown, print_table

TABLE = Table(
    title="50% & more_of {x}",
    columns=("", "FID ↓", "a|b"),
    rows=(("<i>CoGAN</i>", "231.2 ± 7.5", "–"), ("ours", "178.2 ± 3.7", "1")),
    notes=("A note.",),
)


def test_markdown_cells_keep_their_bars():
    """A bar within a cell is no end of it."""
    lines = markdown([TABLE]).splitlines()
    assert lines[2:4] == [r"|  | FID ↓ | a\|b |", "| --- | ---: | ---: |"]
    assert lines[4] == "| <i>CoGAN</i> | 231.2 ± 7.5 | – |"
    assert "A note." in lines


def test_a_cell_is_one_line_of_its_row():
    """Whatever line breaks it has."""
    (row,) = (
        line for line in markdown([attrs.evolve(TABLE, rows=(("one\ntwo", "1", "2"),))]).splitlines() if "two" in line
    )
    assert row == "| one two | 1 | 2 |"


def test_latex_has_no_special_character_bare():
    """%, &, _, braces and signs that pdfLaTeX does not know."""
    text = latex([TABLE])
    assert r"\caption{50\% \& more\_of \{x\}. A note.}" in text
    assert r"    $<$i$>$CoGAN$<$/i$>$ & 231.2 $\pm$ 7.5 & -- \\" in text
    assert r"FID $\downarrow$" in text
    assert text.isascii()
    assert text.count(r"\begin{") == text.count(r"\end{") == 2


def test_a_terminal_shows_every_cell_as_it_is(capsys, monkeypatch):
    """Brackets are no markup; figures end where their heads end; notes stand below."""
    monkeypatch.setenv("COLUMNS", "100")
    print_table(attrs.evolve(TABLE, rows=(("ours", "0.93 [0.90, 0.95]", "–"),)))
    said = capsys.readouterr().out
    head, row = (next(line for line in said.splitlines() if word in line).rstrip() for word in ("FID ↓", "ours"))
    assert head.index("FID ↓") + len("FID ↓") == row.index("0.93 [0.90, 0.95]") + len("0.93 [0.90, 0.95]")
    assert "A note." in said
