"""Tables in three formats say the same and keep what is special in each."""

from html.parser import HTMLParser

from gankit._tables import Table, latex, markdown, page

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


def test_html_is_escaped_and_whole():
    """Every tag that opens closes, and the cells come back as they were."""

    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.cells = [], []

        def handle_starttag(self, tag, attributes):
            if tag != "meta":
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_data(self, data):
            if self.open and self.open[-1] in ("td", "th"):
                self.cells.append(data)

    reader = Reader()
    reader.feed(page("A & B", [TABLE]))
    assert reader.open == []
    assert reader.cells == ["FID ↓", "a|b", "<i>CoGAN</i>", "231.2 ± 7.5", "–", "ours", "178.2 ± 3.7", "1"]
