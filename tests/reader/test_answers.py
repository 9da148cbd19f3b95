"""Answers that cannot be scored: one line each, and nothing is written."""

import json

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from gankit import InputError
from gankit.cli import main
from gankit.reader.answers import Mark, read_answers
from gankit.reader.score import score_readers
from tests.reader.simulated import OUTSIDE, Skill, answered, study, written, written_study


@pytest.fixture
def key():
    """A study of 20 cases."""
    return study(count=20, repeats=6)


@pytest.fixture
def files(key, tmp_path):
    """Answers of three readers, with the key beside them."""
    return written_study(key, tmp_path / "study")


def altered(file, change):
    """The file with a change of its text."""
    file.write_text(change(file.read_text()))
    return file


def with_answer(key, file, number, **changes):
    """The answers of a file, saved anew with changes of one answer."""
    answers = read_answers([file], key)[1]
    rows = list(answers.answers)
    rows[number] = attrs.evolve(rows[number], **changes)
    return written(attrs.evolve(answers, answers=tuple(rows)), file)


def test_edited_answers_are_refused(files):
    """A single other letter is enough."""
    altered(files[0], lambda text: text.replace('"synthetic"', '"real"', 1))
    with pytest.raises(InputError, match=r"reader-1.json: damaged \(its content does not match its digest"):
        score_readers(files)


def test_answers_that_an_editor_has_only_indented_are_read(files, key):
    """White space is no content."""
    altered(files[0], lambda text: text.replace("\n", "\r\n  "))
    assert list(read_answers(files, key)) == [1, 2, 3]


def test_answers_of_another_study_are_refused(files, tmp_path):
    """The message names both."""
    (other,) = written_study(study(count=20, readers=1, repeats=6, seed=1), tmp_path / "other")
    with pytest.raises(InputError, match="has answers of study 'study-1', the key is of 'study-0'"):
        score_readers([*files[1:], other], key=tmp_path / "study/key/key.json")


def test_a_reader_who_has_two_files_is_refused(files, key, tmp_path):
    """Nobody can know which of them counts."""
    again = written(answered(key, 1, Skill(), np.random.default_rng(9)), tmp_path / "study/reader-1-again.json")
    with pytest.raises(InputError, match="reader-1-again.json: reader 1 has answered in .*reader-1.json too; give one"):
        score_readers([*files, again])


@pytest.mark.parametrize(
    "left_open",
    [{"origin": None}, {"confidence": None}, {"lesion": None}, {"ratings": {}}, {"lesion": True, "mark": None}],
)
def test_incomplete_answers_are_refused(left_open, files, key):
    """The message counts what is open, and says how the reader goes on."""
    with_answer(key, files[0], 7, **left_open)
    with pytest.raises(InputError, match="1 of 26 cases are not answered, the first is case 8; ask the reader to open"):
        score_readers(files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"confidence": 4}, "case 3: confidence 4 is no level"),
        ({"ratings": {"quality": 5}}, "case 3: quality 5 is no level"),
        ({"ratings": {"quality": 1, "beauty": 1}}, "case 3: beauty 1 is no level"),
        ({"lesion": True, "mark": Mark(x=1.5, y=0)}, "case 3: the mark is outside of the image"),
        ({"origin": "unreal"}, r"answers.2.origin: must be one of 'real', 'synthetic'"),
    ],
)
def test_answers_that_no_page_gives_are_refused(change, message, files, key):
    """Even where their digest is right."""
    with_answer(key, files[0], 2, **change)
    with pytest.raises(InputError, match=f"damaged \\({message}"):
        score_readers(files)


def test_a_page_of_another_length_is_refused(files, key):
    """Some answers have been cut off."""
    answers = read_answers(files[:1], key)[1]
    written(attrs.evolve(answers, answers=answers.answers[:-1]), files[0])
    with pytest.raises(InputError, match="reader 1 has no page with so many cases"):
        score_readers(files)


def test_every_file_that_cannot_be_scored_is_named(files, tmp_path):
    """On the command line, with exit code 2; the score that is there stays."""
    assert CliRunner().invoke(main, ["reader", "score", *map(str, files)]).exit_code == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "study/score").iterdir()}
    altered(files[0], lambda text: text[:100])
    altered(files[2], lambda text: text.replace("5.0", "6.0", 1))
    result = CliRunner().invoke(main, ["reader", "score", *map(str, files)])
    assert result.exit_code == 2
    assert "reader-1.json: damaged (not JSON" in result.output
    assert "reader-3.json: damaged (its content" in result.output
    assert {file.name: file.read_bytes() for file in (tmp_path / "study/score").iterdir()} == before


def test_other_files_are_refused(files, tmp_path):
    """The key is no file of answers, and what is not there is said."""
    with pytest.raises(InputError, match="format 'gankit-reader-key-1'; accepted: 'gankit-reader-answers-1'"):
        score_readers(tmp_path / "study/key/key.json", key=tmp_path / "study/key/key.json")
    with pytest.raises(InputError, match=r"none.json: no such file; name the files that the pages have saved"):
        score_readers(tmp_path / "study/none.json")
    with pytest.raises(InputError, match="study: is a folder; name the files"):
        score_readers(tmp_path / "study")
    (tmp_path / "lone.json").write_text("{}")
    with pytest.raises(InputError, match="no key/key.json beside it; put answers into the folder of the study"):
        score_readers(tmp_path / "lone.json")


def test_a_key_that_was_edited_is_refused(files, tmp_path):
    """Else a changed truth would give other figures."""
    key = tmp_path / "study/key/key.json"
    document = json.loads(key.read_text())
    document["cases"][0]["origin"] = "real"
    key.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"key.json: damaged \(its content does not match its digest"):
        score_readers(files)


def test_answers_are_read_back_as_they_were_written(key, tmp_path):
    """With marks, and what is open as None."""
    answers = answered(key, 1, Skill(sensitivity=1, place=0), np.random.default_rng(0))
    read = read_answers([written(answers, tmp_path / "reader-1.json")], key)[1]
    assert read == answers
    assert any(answer.mark == OUTSIDE for answer in read.answers)
