"""``gankit evaluate``: what it prints and writes, and how wrong input is answered."""

import pytest
from click.testing import CliRunner

from gankit import InputError
from gankit.cli import main

WRONG = {
    "none -o out": "Error: none: no such run or file",
    "RUN -o out --metrics brightnes": "Error: no metric named 'brightnes'; did you mean 'brightness'?",
    "RUN -o out --metrics ,": "Error: --metrics ',': names nothing; name some, or leave it out",
    "RUN -o out --metrics brightness --option brightness.scal=2": "brightness.scal: unknown key; did you mean 'scale'?",
    "RUN -o out --metrics brightness --option brightness.scale=-1": "brightness.scale: must be > 0, got -1",
    "RUN -o out --metrics brightness --option bright.scale=2": "--option bright.scale: must be METRIC.OPTION;",
    "RUN -o out --metrics brightness --headline fidd.x": "Error: --headline fidd.x: no such metric; the metrics are",
    "RUN -o out --metrics brightness --headline brightnes": "no such metric; did you mean 'brightness'?",
    "RUN -o out --metrics brightness --modalities acd": "--modalities acd: no such modality; did you mean 'adc'?",
    "RUN -o out --metrics brightness --label cs=yes": "Error: --label cs=yes: must be NAME, which is",
    "RUN -o out --metrics brightness --label cs=2": "no complete train slice with label 'cs' = 2",
    "RUN -o out --metrics brightness --cohort none": "Error: none: no such cohort file",
    "COHORT -o out --metrics brightness": "give their cohort file as --cohort, or a recipe as --recipe",
    "RUN/metrics.jsonl -o out": "metrics.jsonl: not a readable cohort file",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_message(line, measuring, trained, tiny_cohort_file, monkeypatch, tmp_path):
    """Exit code 2 and nothing written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    words = line.replace("RUN", str(trained)).replace("COHORT", str(tiny_cohort_file)).split()
    result = CliRunner().invoke(main, ["evaluate", *words])
    assert result.exit_code == 2
    assert WRONG[line] in result.output.replace(f"{trained}/", "")
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_the_headline_and_writes_a_table(measuring, trained, monkeypatch, tmp_path):
    """One line a row; the table says what is better, how many sets there are and who the patients were."""
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    options = [
        "--metrics",
        "brightness",
        "--headline",
        "*.error",
        "--sets",
        "2",
        "--per-set",
        "8",
        "--replicates",
        "20",
    ]
    result = CliRunner().invoke(main, ["evaluate", str(trained), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    assert "run: brightness.error 0." in result.output
    text = (tmp_path / "out/evaluation.md").read_text()
    assert "| brightness.error ↓ | seeds | steps | training | device |" in text
    assert "adc, t2w judged against 24 real slices of 8 patients (a disc with a spot) and no fresh patients" in text
    assert "real: no fresh patients" in text


def test_a_metrics_name_is_all_of_its_readings_and_what_is_none_is_said(measuring, trained, monkeypatch, tmp_path):
    """In the short table; a misspelt reading costs no measurement."""
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    options = ["--metrics", "brightness", "--headline", "brightness,brightness.eror", "--sets", "1", "--per-set", "8"]
    result = CliRunner().invoke(main, ["evaluate", str(trained), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("run: "))
    assert "brightness.error 0." in line
    assert "brightness.mean" in line
    assert "warning: --headline brightness.eror: no such reading; did you mean 'brightness.error'?" in result.output


def test_the_command_says_why_a_metric_has_no_figure(measuring, trained, monkeypatch, tmp_path):
    """One line, after those of the rows and under the table; a metric with one figure has none."""
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    options = ["--metrics", "brightness,filed,lesion-contrast", "--sets", "1", "--per-set", "8"]
    result = CliRunner().invoke(main, ["evaluate", str(trained), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    assert "filed: not measured: set TOY_FILE\n" in result.output
    assert "brightness: not measured" not in result.output
    assert "\nfiled: not measured: set TOY_FILE.\n" in (tmp_path / "out/evaluation.md").read_text()


@pytest.mark.parametrize("given", [["a,b, c"], ["a", "b,c"], ["a", "b", "c"]])
def test_names_are_separated_by_commas_or_given_many_times(monkeypatch, tmp_path, given):
    """None of them is lost."""
    asked = []

    def evaluate(target, out, *, judging, **_):
        asked.append(judging)
        raise InputError("enough")

    monkeypatch.setattr("gankit.evaluation.evaluate.evaluate", evaluate)
    options = [word for names in given for word in ("--metrics", names)]
    CliRunner().invoke(main, ["evaluate", "run", "-o", str(tmp_path / "out"), *options])
    assert asked[0].metrics == ("a", "b", "c")
