"""The reader study in ``examples/`` opens, says what its slices are, and is scored."""

from pathlib import Path

import attrs
import numpy as np
import pytest

from gankit.reader.key import read_key
from gankit.reader.questions import read_questions
from gankit.reader.score import score_readers
from tests.reader.pages import codes, page_data
from tests.reader.simulated import Skill, answered, written

FOLDER = Path(__file__).parents[2] / "examples/reader-study"
PAGE = FOLDER / "study/pages/reader-1.html"
KEY = FOLDER / "study/key/key.json"


def test_the_study_is_small_and_its_page_is_of_its_key():
    """Below 1 MB in all; every case of the key is on the page."""
    key, data = read_key(KEY), page_data(PAGE)
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 1e6
    assert (data["study"], data["reader"]) == (key.study, 1)
    assert len(codes(data)) == len(key.cases) == 12
    assert key.questions == read_questions(FOLDER / "questions.toml")


def test_the_page_says_that_no_case_is_of_a_patient():
    """In its title, its instructions and its buttons; the word real is nowhere among them."""
    asked = page_data(PAGE)["questions"]
    assert "Phantom" in asked["title"]
    assert "No case is of a patient." in asked["instructions"][0]
    assert asked["origin"]["words"] == ["phantom", "network"]
    assert "phantom" in next(source.about for source in read_key(KEY).sources if source.origin == "real")


@pytest.mark.parametrize("apart", [0.0, 6.0])
def test_answers_are_scored(apart, tmp_path):
    """Those of a simulated reader who guesses, and of one who sees; the words are those of the page."""
    key = read_key(KEY)
    answers = answered(key, 1, Skill(apart=apart), np.random.default_rng(0))
    rated = tuple(attrs.evolve(answer, ratings={"quality": 3}) for answer in answers.answers)
    file = written(attrs.evolve(answers, answers=rated), tmp_path / "reader-1.json")
    score = score_readers(file, key=KEY, out=tmp_path / "score")
    accuracy = next(each for each in score.figures if each.measure == "accuracy")
    assert accuracy.value > 0.85 if apart else accuracy.interval[0] <= 0.5 <= accuracy.interval[1]
    page = (tmp_path / "score/score.html").read_text()
    assert "Phantom and network cases were told apart" in page
    assert "real cases" not in page
