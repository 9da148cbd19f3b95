"""JSON files of gankit: what is read says what it is."""

import json

import pytest

from gankit import InputError
from gankit.files.json_file import read_document


def test_a_document_of_the_format_is_read(tmp_path):
    """As it was written."""
    document = {"format": "gankit-test-1", "µ": [1, None]}
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    assert read_document(tmp_path / "a.json", "gankit-test-1", "make it again") == document


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        (b'{"format": "gankit-', "damaged \\(not JSON: Unterminated string"),
        (b"\xff", "damaged"),
        (b'{"format": "gankit-test-0"}', "format 'gankit-test-0'; accepted: 'gankit-test-1'"),
        (b"[" * 200_000, r"damaged \(more than 64 tables or lists"),
        (b"1" * 5000, r"damaged \(a whole number of more than 64 bits"),
        (b"[]", "format None; accepted: 'gankit-test-1'"),
    ],
    ids=["missing", "cut short", "no text", "older", "brackets", "digits", "a list"],
)
def test_another_file_is_refused_with_the_remedy(tmp_path, content, message):
    """One line with the file, what was found and what to do."""
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json: {message}.*; make it again$") as caught:
        read_document(tmp_path / "a.json", "gankit-test-1", "make it again")
    assert "\n" not in str(caught.value)
