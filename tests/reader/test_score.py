"""``score_readers``: readers of known skill are recovered within their intervals."""

import math

import numpy as np
import pytest
from click.testing import CliRunner

from gankit.cli import main
from gankit.files.json_file import read_document
from gankit.reader.agreements import within_readers
from gankit.reader.figures import Figures
from gankit.reader.lesions import lesion_figures, place_figures
from gankit.reader.origin import origin_figures
from gankit.reader.readings import Readings
from gankit.reader.score import score_readers
from tests.reader.simulated import Skill, answered, study, written_study


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    """Enough for tests; the draws themselves are tested with the intervals of evaluations."""
    monkeypatch.setattr("gankit.reader.figures.REPLICATES", 100)


def phi(z: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def scored(key, skill, seed):
    """All figures of readers of one skill, without a file."""
    numbers = np.random.default_rng(seed)
    answers = {reader.number: answered(key, reader.number, skill, numbers) for reader in key.readers}
    figures = Figures(Readings.of(key, answers))
    return [*origin_figures(figures), *lesion_figures(figures), *place_figures(figures)]


def held(figures, truth):
    """Of the figures of each name, whether the interval holds the truth: (part, measure) to a list."""
    found: dict[tuple[str, str], list[bool]] = {}
    for each in figures:
        if (each.part, each.measure) in truth and each.interval is not None:
            low, high = each.interval
            holds = low - 1e-9 <= truth[each.part, each.measure] <= high + 1e-9
            found.setdefault((each.part, each.measure), []).append(holds)
    return found


def test_readers_of_known_skill_are_recovered_within_their_intervals():
    """Of intervals of 95%, over 30 studies of 3 readers, at least 88% hold the truth, for every figure."""
    skill = Skill(apart=1.4, sensitivity=0.8, specificity=0.7, place=0.7)
    truth = {
        ("origin", "accuracy"): phi(0.7),
        ("origin", "sensitivity"): phi(0.7),
        ("origin", "specificity"): phi(0.7),
        ("lesion", "sensitivity"): 0.8,
        ("lesion", "specificity"): 0.7,
        ("place", "lesions found and marked"): 0.8 * 0.7,
    }
    key = study(count=60, repeats=0)
    outcomes: dict[tuple[str, str], list[bool]] = {name: [] for name in truth}
    for seed in range(30):
        for name, holds in held(scored(key, skill, seed), truth).items():
            outcomes[name] += holds
    assert {name: np.mean(holds) >= 0.88 for name, holds in outcomes.items()} == dict.fromkeys(truth, True), outcomes
    assert min(map(len, outcomes.values())) >= 90


def test_the_area_by_confidence_is_that_of_the_felt_difference():
    """Phi(apart / sqrt 2), less what six levels lose: measured on many cases, and within the intervals of few."""
    skill = Skill(apart=1.4)
    (large,) = _areas(scored(study(count=1000, readers=1, repeats=0), skill, 0))
    assert large.value == pytest.approx(phi(1.4 / math.sqrt(2)), abs=0.03)
    small = [_areas(scored(study(count=60, repeats=0), skill, seed)) for seed in range(20)]
    holds = [low <= large.value <= high for areas in small for low, high in (each.interval for each in areas)]
    assert np.mean(holds) >= 0.88


def _areas(figures):
    return [each for each in figures if each.measure == "AUC"]


def test_readers_who_guess_are_not_told_from_chance():
    """Of exact tests at 5%, over 40 readers, few reject; and the verdict says what is not ruled out."""
    key, numbers = study(count=60, readers=40, repeats=0), np.random.default_rng(1)
    readings = Readings.of(key, {row + 1: answered(key, row + 1, Skill(apart=0), numbers) for row in range(40)})
    right = readings.array(lambda answer: answer.origin == "synthetic") == readings.synthetic_N
    figures = Figures(readings).shares("origin", "accuracy", right, np.ones(60, dtype=bool), "all cases", chance=True)
    p_values = [each.p for each in figures if each.p is not None]
    assert len(p_values) == 40
    assert np.mean(np.array(p_values) < 0.05) <= 0.1


def test_the_interval_of_all_readers_is_wider_where_readers_differ():
    """It speaks for other readers, so their spread counts, not their answers alone."""
    key = study(count=200, readers=4, repeats=0)
    numbers = np.random.default_rng(0)
    widths = {}
    for name, skills in {"alike": [1.0, 1.0, 1.0, 1.0], "unlike": [0.0, 0.0, 2.5, 2.5]}.items():
        answers = {at + 1: answered(key, at + 1, Skill(apart=apart), numbers) for at, apart in enumerate(skills)}
        (of_all,) = [
            each
            for each in origin_figures(Figures(Readings.of(key, answers)))
            if (each.measure, each.who) == ("accuracy", "all readers")
        ]
        widths[name] = of_all.interval[1] - of_all.interval[0]
    assert widths["unlike"] > 2 * widths["alike"]


def test_no_interval_leaves_the_range_of_its_figure(tmp_path):
    """Shares are within [0, 1] and kappas at most 1, also where every answer is right."""
    files = written_study(study(), tmp_path, Skill(apart=50, sensitivity=1, specificity=1, place=1))
    score = score_readers(files)
    for each in (*score.figures, *score.between, *score.within):
        low = -1 if "kappa" in each.measure else -3 if "level" in each.measure else 0
        high = 4 if "level" in each.measure else 1
        assert each.interval is None or low <= each.interval[0] <= each.interval[1] <= high, each
    perfect = next(each for each in score.figures if each.who == "all readers")
    assert perfect.value == 1
    assert perfect.interval == (pytest.approx(0.025 ** (1 / 60)), 1)


def test_steady_readers_agree_with_themselves_and_others_less():
    """Intra-reader agreement is of the two showings of repeated cases alone."""
    kappas = {}
    for steady in (1.0, 0.0):
        key = study(count=60, readers=1, repeats=24)
        readings = Readings.of(key, {1: answered(key, 1, Skill(steady=steady), np.random.default_rng(0))})
        kappas[steady] = next(each for each in within_readers(Figures(readings)) if "kappa" in each.measure)
    assert kappas[1.0].value == 1
    assert kappas[0.0].value < 0.5
    assert kappas[0.0].n == 24


def test_too_few_cases_have_no_interval_and_say_so(tmp_path):
    """A bootstrap over 4 cases would be a fiction."""
    score = score_readers(written_study(study(count=16, repeats=4), tmp_path))
    few = [each for each in (*score.figures, *score.within) if each.n < 10 and each.interval_of != "exact"]
    assert few
    for each in few:
        assert each.interval is None or each.interval_of == "exact, as of one reader"
        assert "too few for an interval" in each.note or each.value is None or each.interval


def test_each_source_has_figures_of_its_own(tmp_path):
    """Where there are several, so that methods can be compared."""
    score = score_readers(written_study(study(sources=("one", "two")), tmp_path))
    assert {each.among for each in score.figures if each.measure == "AUC"} == {"all cases", "one", "two"}


def test_the_command_writes_the_same_figures_in_four_files(tmp_path):
    """And prints the verdicts."""
    files = written_study(study(), tmp_path, Skill(apart=3))
    result = CliRunner().invoke(main, ["reader", "score", *map(str, files)])
    assert result.exit_code == 0, result.output
    assert "where chance gives 0.50: better than chance" in result.output
    folder = tmp_path / "score"
    document = read_document(folder / "score.json", "gankit-reader-score-1", "", ())
    accuracy = document["figures"][0]
    assert (accuracy["measure"], accuracy["who"]) == ("accuracy", "all readers")
    shown = f"{accuracy['value']:.2f} [{accuracy['interval'][0]:.2f}, {accuracy['interval'][1]:.2f}]"
    for name in ("score.md", "score.tex", "score.html"):
        assert shown in (folder / name).read_text(), name
    assert "http" not in (folder / "score.html").read_text().replace("http-equiv", "").replace("http://www.w3", "")


def test_a_score_is_the_same_every_time(tmp_path):
    """Draws follow from the seed of the study."""
    files = written_study(study(), tmp_path)
    assert score_readers(files) == score_readers(files)


def test_the_verdict_on_guesses_is_no_proof_of_likeness(tmp_path):
    """It names the rates that are not ruled out; one reader alone speaks for nobody else."""
    files = written_study(study(readers=1), tmp_path, Skill(apart=0))
    result = CliRunner().invoke(main, ["reader", "score", *map(str, files)])
    assert "not told from chance, which is no proof that nobody can; rates up to 0." in result.output
    assert "One reader has answered: the figures do not speak for other readers." in result.output
