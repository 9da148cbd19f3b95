"""``make_reader_study``: which cases, in which order, and what is refused."""

import json
from collections import Counter

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from gankit import InputError, write_cohort
from gankit.cli import main
from gankit.reader.design import ReaderDesign
from gankit.reader.key import read_key
from gankit.reader.make import make_reader_study
from tests.reader.slices import blobs


@pytest.fixture
def make(sources, plugins, tmp_path):
    """``make(*synthetic, questions=None, **design)``: the key of a small study in ``tmp_path / "study"``."""

    def run(*synthetic, questions=None, **design):
        return make_reader_study(
            sources["real"],
            [sources.get(name, name) for name in synthetic or ("made",)],
            tmp_path / "study",
            design=ReaderDesign(**{"count": 24, "readers": 2, **design}),
            questions=questions,
            plugins=plugins,
            quiet=True,
        )

    return run


def test_real_and_synthetic_cases_are_equally_many_with_each_label(make):
    """In all, and of each source as even as can be."""
    key = make("made", "other", count=28)
    by = Counter((case.origin, case.label) for case in key.cases)
    assert by == {(origin, label): 7 for origin in ("real", "synthetic") for label in (0, 1)}
    assert Counter(case.source for case in key.cases) == {"real": 14, "made": 7, "other": 7}


def test_sources_of_different_labels_make_a_study_together(make, tmp_path):
    """One makes slices with a lesion, another without; real cases are as many of each."""
    for value, name in enumerate(("without", "with")):
        cohort = blobs(60, 3 + value, synthetic=True)
        write_cohort(cohort.select(cohort.labels["cs"] == value), tmp_path / f"{name}.safetensors")
    key = make(tmp_path / "with.safetensors", tmp_path / "without.safetensors")
    assert Counter((case.source, case.label) for case in key.cases) == {
        ("real", 0): 6, ("real", 1): 6, ("with", 1): 6, ("without", 0): 6,
    }  # fmt: skip


def test_no_patient_has_two_cases_while_another_has_none(make):
    """60 patients give 12 real cases."""
    key = make()
    assert max(Counter(case.patient for case in key.cases).values()) == 1


def test_each_reader_sees_every_case_in_an_order_of_their_own(make):
    """Repeated cases are at two positions, in different halves of the page; they are balanced, too."""
    key = make(repeats=8)
    one, other = key.readers
    assert one.order != other.order
    for reader in key.readers:
        times = Counter(reader.order)
        assert set(times) == set(range(24))
        again = [case for case, number in times.items() if number == 2]
        assert len(reader.order) == 32
        assert Counter((key.cases[case].origin, key.cases[case].label) for case in again) == {
            (origin, label): 2 for origin in ("real", "synthetic") for label in (0, 1)
        }
        assert all(reader.first()[case] < 16 <= reader.second()[case] for case in again)


def test_a_seed_gives_the_same_study_and_another_seed_another(make, tmp_path):
    """Byte for byte."""
    first = make()
    pages = {file.name: file.read_bytes() for file in (tmp_path / "study/pages").iterdir()}
    (tmp_path / "study").rename(tmp_path / "before")
    assert make() == first
    assert {file.name: file.read_bytes() for file in (tmp_path / "study/pages").iterdir()} == pages
    (tmp_path / "study").rename(tmp_path / "again")
    other = make(seed=1)
    assert other.study != first.study
    assert other.readers[0].order != first.readers[0].order


def test_the_key_is_apart_from_the_pages_and_reads_back(make, tmp_path):
    """Whoever is handed the folder of pages is not handed the key."""
    key = make()
    assert sorted(file.name for file in (tmp_path / "study/pages").iterdir()) == ["reader-1.html", "reader-2.html"]
    assert read_key(tmp_path / "study/key/key.json") == key


def test_a_model_makes_the_cases_that_it_can(trained, sources, plugins, tmp_path):
    """Of a model of one label value all cases have it, and one draw gives one slice."""
    design = ReaderDesign(count=10, readers=1)
    key = make_reader_study(sources["real"], trained, tmp_path / "out", design=design, plugins=plugins, quiet=True)
    assert {(case.origin, case.label) for case in key.cases} == {("real", 1), ("synthetic", 1)}
    assert sum(case.source == trained.name for case in key.cases) == 5


def test_a_recipe_and_a_cohort_of_a_plugin_are_real_too(trained, tiny_recipe, plugins, tmp_path, monkeypatch):
    """What has a cohort can be named; what needs options says so."""
    with pytest.raises(InputError, match="`real` file: needs path; give a recipe"):
        make_reader_study("file", trained, tmp_path / "out", plugins=plugins, quiet=True)
    with pytest.raises(InputError, match="`real` phantm: no such file; .* the name of a cohort: .*phantom"):
        make_reader_study("phantm", trained, tmp_path / "out", plugins=plugins, quiet=True)


QUESTIONS = {
    "[lesion]\nradius = 2": "lesion.radius: must be > 0 and <= 0.5, got 2",
    "[orign]": "orign: unknown key; did you mean 'origin'?",
    "title = 'nothing'": "nothing is asked; add [origin], [lesion] or [[ratings]]",
    "[[ratings]]\nname = 'a'\nask = 'A?'\nlevels = ['one']": "ratings.0.levels: must be 2 to 9 different words",
    "[[ratings]]\nname = 'A b'\nask = 'A?'\nlevels = ['1', '2']": "ratings.0.name: must be a small letter",
    "[origin]\nreal = 'x'\nsynthetic = 'x'": "origin.synthetic: is the word for real cases too",
    "[origin": "not TOML",
}


@pytest.mark.parametrize("text", QUESTIONS)
def test_wrong_questions_are_named_with_their_place(text, make, tmp_path):
    """Nothing is written."""
    (tmp_path / "questions.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        make(questions=tmp_path / "questions.toml")
    assert QUESTIONS[text] in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_slices_of_a_phantom_are_not_called_real_alone(sources, tmp_path, plugins):
    """On the page, unless the questions have a word of their own."""
    cohort = attrs.evolve(blobs(60, 0), source="digital phantom")
    write_cohort(cohort, tmp_path / "drawn.safetensors")
    design, files = ReaderDesign(count=10), (tmp_path / "drawn.safetensors", sources["made"])
    key = make_reader_study(*files, tmp_path / "study", design=design, plugins=plugins, quiet=True)
    assert key.questions.origin.real == "real (phantom)"
    (tmp_path / "questions.toml").write_text("[origin]\nreal = 'drawn'")
    asked = {"questions": tmp_path / "questions.toml", "design": design, "plugins": plugins, "quiet": True}
    assert make_reader_study(*files, tmp_path / "other", **asked).questions.origin.real == "drawn"


def test_a_file_chooses_the_questions(make, tmp_path):
    """What it does not name is not asked."""
    (tmp_path / "questions.toml").write_text("title = 'Only lesions'\n[lesion]\nmark = false\n")
    key = make(questions=tmp_path / "questions.toml")
    assert key.questions.origin is None
    assert key.questions.lesion is not None
    assert not key.questions.lesion.mark
    assert "Only lesions" in (tmp_path / "study/pages/reader-1.html").read_text()


WRONG = {
    "REAL MADE -n 4": "-n 4: too few cases for an interval; must be an even number from 10 to 2000",
    "REAL MADE -n 61": "-n 61: must be an even number from 10",
    "REAL MADE -n 400": "the real cohort, split test: 60 complete slices with 'cs' = 0, 100 are needed; lower -n, or",
    "REAL MADE -n 400 --split all": "60 complete slices with 'cs' = 0, 100 are needed; lower -n, or balance",
    "REAL MADE --split train": "the real cohort has no slice in split 'train'; choose another --split",
    "REAL MADE --split tset": "--split 'tset': must be train, test, validation or all",
    "REAL MADE --readers 0": "--readers must be a whole number from 1 to 100, got 0",
    "REAL MADE -n 10 --repeats 6": "--repeats 6: at most half of the 10 cases",
    "REAL MADE --label css": "--label css: the real cohort has no such label; did you mean 'cs'?",
    "REAL MADE --modalities acd": "--modalities acd: no such modality; did you mean 'adc'?",
    "MADE MADE": "is marked synthetic (blobs of seed 1); real slices are needed here",
    "REAL MADE MADE": "another source is named 'made' too",
    "REAL REAL": "another source is named 'real' too",
    "none MADE": "none: no such file; give a cohort file, a recipe",
    "REAL none": "none: no such run or file",
    "REAL MADE --device gpu": "gpu",
    "REAL MADE --questions none.toml": "--questions none.toml: cannot be read",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_message(line, sources, tmp_path, monkeypatch):
    """Exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    words = line.replace("REAL", str(sources["real"])).replace("MADE", str(sources["made"])).split()
    result = CliRunner().invoke(main, ["reader", "make", *words, "-o", "out"])
    assert result.exit_code == 2, result.output
    assert WRONG[line] in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_left_as_it_is(sources, tmp_path):
    """A second study would mix its pages with those of the first."""
    (tmp_path / "reader-1.json").write_text("answers")
    words = [str(sources["real"]), str(sources["made"]), "-n", "10", "-o", str(tmp_path)]
    result = CliRunner().invoke(main, ["reader", "make", *words])
    assert result.exit_code == 2
    assert "is there already and is no empty folder; name another" in result.output
    assert [file.name for file in tmp_path.iterdir()] == ["reader-1.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cohort: {"labels": {}}, "slices of odd have no such label; leave it or `label` out"),
        (
            lambda cohort: {"labels": {"cs": np.full(len(cohort), 5, np.int8)}},
            "odd: its slices have no value of label 'cs' that real slices have, which are 0, 1",
        ),
        (lambda cohort: {"modalities": {"dce": cohort.modalities["adc"]}}, "has modality 'dce', the real cohort has"),
        (
            lambda cohort: {"modalities": {"adc": attrs.evolve(cohort.modalities["adc"], unit="mm2/s")}},
            "adc is in 'mm2/s', wanted '1e-6 mm2/s'",
        ),
        (
            lambda cohort: {"synthetic": False, "patient": blobs(60, 0).patient},
            "patients with the real cases, the first",
        ),
    ],
)
def test_a_source_that_does_not_fit_is_named(change, message, make, tmp_path):
    """Labels, modalities, units, and patients that are among the real cases."""
    cohort = blobs(60, 3, synthetic=True)
    write_cohort(attrs.evolve(cohort, **change(cohort)), tmp_path / "odd.safetensors")
    with pytest.raises(InputError) as caught:
        make(tmp_path / "odd.safetensors", label="cs")
    assert message in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_a_study_without_a_label_asks_for_no_lesion(make, tmp_path):
    """And a file that asks for one is refused."""
    cohort = blobs(60, 3, synthetic=True)
    write_cohort(attrs.evolve(cohort, labels={}), tmp_path / "plain.safetensors")
    key = make(tmp_path / "plain.safetensors")
    assert (key.label, key.questions.lesion) == (None, None)
    (tmp_path / "study").rename(tmp_path / "before")
    (tmp_path / "questions.toml").write_text("[lesion]")
    with pytest.raises(InputError, match=r"\[lesion\] needs a label that all slices have"):
        make(tmp_path / "plain.safetensors", questions=tmp_path / "questions.toml")


def test_cases_need_not_be_balanced_by_a_label(make):
    """Then no lesion is asked for, and any slices are drawn."""
    key = make(label="none")
    assert (key.label, key.questions.lesion) == (None, None)
    assert {case.label for case in key.cases} == {None}


def test_the_command_says_where_pages_and_key_are(sources, tmp_path):
    """And how many cases each source has."""
    words = [str(sources["real"]), str(sources["made"]), "-n", "12", "--readers", "2", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, ["reader", "make", *words])
    assert result.exit_code == 0, result.output
    assert "6 cases of real, 6 cases of made" in result.output
    assert "2 pages, one a reader; 6 cases are shown twice" in result.output
    assert json.loads((tmp_path / "out/key/key.json").read_text())["format"] == "gankit-reader-key-1"
