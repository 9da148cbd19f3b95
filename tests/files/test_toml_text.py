"""TOML that people read: short lists on one line, the same document."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from gankit.files.toml_text import WIDTH, toml_text

TEXT = st.characters(codec="utf-8")
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab]['\"=\n.", max_size=4), inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(st.text(TEXT, max_size=5), VALUES, max_size=5)


@given(DOCUMENTS)
def test_it_reads_back_as_the_same_document(document):
    """Whatever texts and keys hold: brackets, quotes, line breaks, other line ends."""
    assert tomllib.loads(toml_text(document)) == document


def test_a_short_list_is_on_one_line():
    """Nested ones too."""
    assert toml_text({"shape": [1, 64, 64], "pairs": [["a", "["], []]}) == (
        'shape = [1, 64, 64]\npairs = [["a", "["], []]\n'
    )


def test_a_long_list_has_a_line_for_each_item():
    """A line that nobody reads to its end is worse than many."""
    text = toml_text({"names": ["a name of some length"] * 9, "short": [1]})
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("\n") == 12
