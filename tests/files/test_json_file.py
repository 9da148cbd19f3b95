"""JSON files of gankit: what is read says what it is, and is what was written."""

import json

import pytest

from gankit import FileWarning, InputError
from gankit.files.json_file import read_document, write_document
from tests.damage import flipped, spoilt

DOCUMENT = {"format": "gankit-test-1", "µ": [1, None, 0.1, 1e-05], "digest of": {"digest": "0" * 32}}


def read(file):
    return read_document(file, "gankit-test-1", "make it again", DOCUMENT.keys())


def test_a_document_of_the_format_is_read(tmp_path):
    """As it was written, without its digest."""
    write_document(tmp_path / "a.json", DOCUMENT)
    assert read(tmp_path / "a.json") == DOCUMENT
    assert len(json.loads((tmp_path / "a.json").read_text())["digest"]) == 32


def test_a_document_with_another_byte_is_refused_whichever_it_is(tmp_path):
    """Numbers that read alike, the word "digest" and white space that becomes something else included."""
    file = tmp_path / "a.json"
    write_document(file, DOCUMENT)
    content = file.read_bytes()
    every = (content[:at] + bytes([content[at] ^ 32]) + content[at + 1 :] for at in range(len(content)))
    for damaged in (*every, *flipped(content, 100), *spoilt(content).values()):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.json: (damaged|format) .*; make it again$"):
            read(file)


def test_another_indentation_is_no_damage(tmp_path):
    """Nor are the line ends of another system."""
    file = tmp_path / "a.json"
    write_document(file, DOCUMENT)
    file.write_bytes(json.dumps(json.loads(file.read_text()), indent=4).replace("\n", "\r\n").encode())
    assert read(file) == DOCUMENT


def test_a_document_of_before_digests_is_read_with_one_warning(tmp_path):
    """One that has neither a digest nor the keys of that time is damaged."""
    (tmp_path / "a.json").write_text(json.dumps(DOCUMENT))
    with pytest.warns(FileWarning, match=r"a\.json: has no digest, as files of earlier versions") as warned:
        assert read(tmp_path / "a.json") == DOCUMENT
    assert len(warned) == 1
    (tmp_path / "a.json").write_text(json.dumps({**DOCUMENT, "dogest": "0" * 32}))
    with pytest.raises(InputError, match="does not match its digest"):
        read(tmp_path / "a.json")


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
        read(tmp_path / "a.json")
    assert "\n" not in str(caught.value)
