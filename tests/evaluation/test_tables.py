"""Tables in both formats say the same and keep what is special in each."""

from gankit._tables import Table, latex, markdown

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


def test_latex_has_no_special_character_bare():
    """%, &, _, braces and signs that pdfLaTeX does not know."""
    text = latex([TABLE])
    assert r"\caption{50\% \& more\_of \{x\}. A note.}" in text
    assert r"    $<$i$>$CoGAN$<$/i$>$ & 231.2 $\pm$ 7.5 & -- \\" in text
    assert r"FID $\downarrow$" in text
    assert text.isascii()
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
