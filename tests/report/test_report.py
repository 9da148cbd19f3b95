"""``gankit report``: one file that holds everything it shows, escapes what it is told, and says what is absent."""

import base64
import json
import math
import re
import shutil
from html.parser import HTMLParser

import attrs
import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner

from gankit import (
    FileWarning,
    InputError,
    Judging,
    MethodResult,
    MethodSummary,
    evaluate,
    load_recipe,
    train,
    write_cohort,
    write_report,
)
from gankit.cli import main
from gankit.comparison.compare import carry_out, plan_comparison
from gankit.files.json_file import write_document
from gankit.files.tables import Table
from gankit.recipe.structure import to_document
from gankit.report.comparison import axis_tables
from gankit.report.figures import POINTS, curve, decimated, ticks
from gankit.report.page import Page, Section, TableBlock, rendered
from gankit.report.run import estimates
from gankit.run.directory import RunDirectory
from gankit.run.health.measures import HEALTH

SCRIPT = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Document(HTMLParser):
    """Elements and text of a page; fails where tags do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.open = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(self.text.split())


def read(path):
    return Document(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tiny_recipe, tiny_cohort, plugins, tmp_path_factory):
    """A finished run whose recipe and cohort try to bring a script into the page."""
    recipe = tiny_recipe(**{"summary": f"pairs {SCRIPT}"})
    cohort = attrs.evolve(tiny_cohort, source=f"a disc {SCRIPT}")
    return train(recipe, tmp_path_factory.mktemp("report") / "run", cohort=cohort, plugins=plugins, quiet=True).path


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the run to take things from."""
    return shutil.copytree(run, tmp_path / "copy")


def without_encoder(tiny_recipe, folder, plugins, cohort, **overrides):
    recipe = tiny_recipe("adc-only", **{"training.steps": 1, **overrides})
    return train(recipe, folder, cohort=cohort, plugins=plugins, quiet=True).path


# A run ----------------------------------------------------------------------------------------------------


def test_training_ends_with_a_report(run):
    """The run directory has it, with every section, and its size is said."""
    page = read(run / "report.html")
    titles = ("Real and synthetic pairs", "Interpolation", "Nearest training slices", "Metrics", "Losses", "Health")
    for title in (*titles, "Provenance"):
        assert title in page.words
    size = (run / "report.html").stat().st_size
    assert f"({size / 1e6:.2f} MB)" in page.words
    assert size < 5e6


def test_the_page_loads_nothing_and_runs_nothing(run):
    """No script, no link out, no address: pictures are data, and the page forbids the rest."""
    text = (run / "report.html").read_text()
    page = Document(text)
    assert not page.all("script")
    assert not page.all("link")
    assert {name for _, attributes in page.elements for name in attributes if name.startswith("on")} == set()
    sources = [
        attributes.get(key) for _, attributes in page.elements for key in ("src", "href", "srcset", "xlink:href")
    ]
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources if source)
    assert not re.search(r"https?://|url\(|@import", text)
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))


def test_what_recipe_and_cohort_say_is_text(run):
    """A script planted in the summary and in the cohort's source is shown, not run."""
    text = (run / "report.html").read_text()
    assert SCRIPT not in text
    assert read(run / "report.html").text.count(SCRIPT) >= 3


def test_pictures_show_slices_in_physical_windows(run, tiny_recipe):
    """9 real and 16 synthetic pairs, a strip of 10, and 6 patients with what comes nearest to them, each a PNG of
    16 x 16 slices; colour bars name the window."""
    page = read(run / "report.html")
    pictures = page.all("img")
    assert all(picture["alt"] for picture in pictures)
    counts = [int(re.search(r"(\d+) slices", picture["alt"])[1]) for picture in pictures]
    assert sum(counts) == 2 * (9 + 16 + 10 + 2 * 6)
    for picture, count in zip(pictures, counts, strict=True):
        png = base64.b64decode(picture["src"].partition(",")[2])
        assert png.startswith(b"\x89PNG")
        width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
        assert (width, height) == (17 * count - 1, 16)
    low, high = tiny_recipe().modalities["adc"].range
    assert f"adc {low:g} {(low + high) / 2:g} {high:g} 1e-6 mm2/s" in page.words


def test_every_scalar_has_a_curve(run, tiny_recipe):
    """Whatever metrics.jsonl holds is drawn under its phase; health shows the distances and the pace."""
    page = read(run / "report.html")
    keys = {key for row in RunDirectory(run).read_metrics() for key in row} - {"step", "steps_per_s", "wall_s"}
    names, measures = ({key for key in keys if key.startswith(HEALTH) == measured} for measured in (False, True))
    distances = estimates(tiny_recipe())
    assert len(distances) == 2
    assert len([svg for svg in page.all("svg") if "viewbox" in svg]) == len(keys) + len(distances) + 1
    assert all(name.removeprefix(HEALTH).replace("/", ", ", 1) in page.words for name in measures)
    for name in names:
        assert f"Phase {name.partition('.')[0]}" in page.words
        assert name.partition(".")[2].replace(".critic", ", critic") in page.words


def test_a_classifying_critic_estimates_no_distance(plugins):
    """Minus a logistic objective is never above 0."""
    assert estimates(load_recipe("cogan-quick", plugins=plugins)) == []


def test_a_report_is_the_same_each_time(run, plugins, tmp_path):
    """Samples come from a seed and nothing depends on the clock."""
    assert write_report(run, tmp_path / "a.html", plugins=plugins).read_bytes() == (
        write_report(run, tmp_path / "b.html", plugins=plugins).read_bytes()
    )


def test_what_is_absent_is_said_in_one_sentence(copy, plugins, tmp_path):
    """No model, no metrics, no evaluation and no cohort file: the page stands, and each section says so."""
    (copy / "model.safetensors").unlink()
    (copy / "metrics.jsonl").unlink()
    run = RunDirectory(copy)
    recipe = run.locked_recipe()
    run.lock_recipe({**recipe, "cohort": {**recipe["cohort"], "path": str(tmp_path / "gone")}}, run.provenance())
    page = read(write_report(copy, plugins=plugins))
    assert "No samples:" in page.words
    assert "No real slices: the cohort cannot be read" in page.words
    assert "No losses: metrics.jsonl has no row yet." in page.words
    assert "No health curves" in page.words
    assert "Not judged yet" in page.words
    assert not page.all("img")


def test_a_cohort_of_other_content_is_said(copy, tiny_cohort, plugins, monkeypatch):
    """Both digests are shown where the cohort is not that with which the run began."""
    said = read(write_report(copy, plugins=plugins)).words
    assert "another content" not in said
    other = tiny_cohort.select(np.arange(23))
    monkeypatch.setattr("gankit.report.run.cohort_of", lambda source: other)
    words = read(write_report(copy, plugins=plugins)).words
    assert f"{RunDirectory(copy).provenance()['cohort']}; the cohort shown here has another content," in words
    assert f"has another content, {other.digest()}" in words


def test_a_cohort_without_test_slices_still_has_pictures(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """The strip's caption does not call its ends test slices then."""
    cohort = attrs.evolve(tiny_cohort, split=np.full(24, "train"))
    write_cohort(cohort, tmp_path / "cohort.safetensors")
    chosen = {"cohort.path": str(tmp_path / "cohort.safetensors"), "training.steps": 1}
    train(tiny_recipe(**chosen), tmp_path / "run", plugins=plugins, quiet=True)
    page = read(write_report(tmp_path / "run", plugins=plugins))
    assert "Ends: two real slices, since fewer than two of the test split fit." in page.words


def test_a_recipe_without_encoder_has_no_interpolation(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """Real slices have no latents then, and the section says so."""
    page = read(without_encoder(tiny_recipe, tmp_path / "run", plugins, tiny_cohort) / "report.html")
    assert "has no encoder, so real slices have no latents" in page.words


def test_an_evaluation_of_the_run_is_shown(copy, plugins):
    """Figures with SD and interval, found in the run directory; one that is older than the model is named so."""
    metrics = ("high-frequency",)
    judging = Judging(sets=2, per_set=10, replicates=20, metrics=metrics)
    evaluate(copy, copy / "evaluation", judging=judging, plugins=plugins, quiet=True)
    page = read(write_report(copy, plugins=plugins))
    assert re.search(r"\d ± [\d.e-]+ \[[−\d.e, -]+\]", page.words)
    assert "high-frequency" in page.words
    assert "was judged after" not in page.words
    file = copy / "evaluation/evaluation.json"
    document = json.loads(file.read_text())
    document["rows"][0]["model_digest"] = "0" * 32
    write_document(file, document)
    assert f"Row {copy.name} is of another model than the one here." in read(write_report(copy, plugins=plugins)).words
    document["rows"][0]["steps"] = 1
    write_document(file, document)
    assert "was judged after 1 steps" in read(write_report(copy, plugins=plugins)).words
    (copy / "model.safetensors").unlink()
    document["rows"][0]["seed"] = 5
    write_document(file, document)
    said = read(write_report(copy, plugins=plugins)).words
    assert re.search(rf"Row {copy.name} is of another run, of recipe \S+ and seed 5\.", said)


def test_damaged_lines_of_metrics_are_said(copy, plugins):
    """The others are drawn; nothing is moved or removed."""
    metrics = copy / "metrics.jsonl"
    content = metrics.read_bytes() + b"5\nnull\n"
    metrics.write_bytes(content)
    with pytest.warns(FileWarning, match=r"lines \d+ and \d+ are damaged, cut short, .* and left out"):
        page = read(write_report(copy, plugins=plugins))
    assert re.search(
        r"Of metrics.jsonl, lines \d+ and \d+ are damaged, repeated or of another run, and left out.", page.words
    )
    assert "Phase supervised" in page.words
    assert metrics.read_bytes() == content


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "other"}'])
def test_a_damaged_evaluation_is_named(copy, plugins, content):
    """The message names the file; nothing is written."""
    (copy / "evaluation.json").write_text(content)
    with pytest.raises(InputError, match=r"evaluation\.json"):
        write_report(copy, plugins=plugins)


def test_a_report_that_fails_leaves_the_training_done(tiny_recipe, tiny_cohort, plugins, tmp_path, monkeypatch, capsys):
    """A warning says what to try; the run is whole."""

    def fail(*_, **__):
        raise ValueError("no ink")

    monkeypatch.setattr("gankit.report.report.write_report", fail)
    result = train(tiny_recipe(**{"training.steps": 1}), tmp_path / "run", cohort=tiny_cohort, plugins=plugins)
    assert result.step == 1
    assert (result.path / "model.safetensors").is_file()
    assert "no report (ValueError: no ink); try 'gankit report" in capsys.readouterr().err


# A comparison ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def comparison(tiny_recipe, tiny_cohort, plugins, tmp_path_factory):
    """Two batches of the tiny ``mpmri-paper`` and one recipe without encoder, judged by one metric."""
    folder = tmp_path_factory.mktemp("comparison")
    files = []
    for name, source in (("pairs", "mpmri-paper"), ("alone", "adc-only")):
        recipe = tiny_recipe(source, **{"name": name, "training.steps": 2})
        files.append(folder / f"{name}.toml")
        files[-1].write_text(tomli_w.dumps(to_document(recipe, plugins.registry)))
    plan = plan_comparison(
        files,
        folder / "out",
        judging=Judging(sets=2, per_set=10, replicates=20, metrics="high-frequency", modalities="adc"),
        axes={"training.batch": [2, 4]},
        plugins=plugins,
    )
    for planned in plan.runs:
        train(planned.recipe, plan.run_directory(planned).path, cohort=tiny_cohort, plugins=plugins, quiet=True)
    carry_out(plan, plugins=plugins, quiet=True)
    return folder / "out"


def test_a_comparison_shows_every_method_on_the_same_latents(comparison, plugins, tmp_path):
    """A row of real slices, a row a method, strips for those with an encoder; tables, tests and trainings."""
    page = read(write_report(comparison, tmp_path / "out.html", plugins=plugins))
    shown = [picture["alt"] for picture in page.all("img")]
    assert shown[:2] == ["real: 8 slices, adc", "real: 8 slices, t2w"]
    for batch in (2, 4):
        assert f"pairs batch={batch} (pairs-batch={batch}-seed0): 8 slices, t2w" in shown
        assert f"alone batch={batch} (alone-batch={batch}-seed0): 8 slices, adc" in shown
        assert f"pairs batch={batch} (pairs-batch={batch}-seed0): 10 slices, adc" in shown
    assert "same 8 latents" in page.words
    assert "'alone' has no encoder" in page.words
    for said in ("p (Holm)", "mean ± SD [95% interval]", "pairs along the axis", "pairs-batch=4-seed0"):
        assert said in page.words


def test_a_comparison_stands_without_its_runs(comparison, plugins, tmp_path):
    """Where run directories were removed the tables remain, and the pictures' place says why it is empty."""
    folder = tmp_path / "out"
    folder.mkdir()
    document = json.loads((comparison / "comparison.json").read_text())
    for row in document["rows"]:
        row["path"] = None
    write_document(folder / "comparison.json", document)
    page = read(write_report(folder, plugins=plugins))
    assert not page.all("img")
    assert "pairs batch=2: No samples:" in page.words
    assert "p (Holm)" in page.words


def test_a_comparison_opens_with_the_readings_that_decide(comparison):
    """First of all sections: a card for each, with every method drawn, real slices beside, and a verdict in words."""
    text = (comparison / "report.html").read_text()
    page = Document(text)
    first = text.index("<h2>")
    assert text.startswith("<h2>At a glance</h2>", first)
    cards = text[first : text.index("<h2>", first + 1)].split('<figure class="card">')[1:]
    assert 1 <= len(cards) <= 6
    for card in cards:
        rows = re.findall(r'<th scope="row">(.*?)</th>', card)
        assert {"pairs batch=2", "pairs batch=4"} <= set(rows)
        assert card.count("<circle") == len(rows)
    assert page.words.count("higher is better") + page.words.count("lower is better") + page.words.count("as on real")


@pytest.mark.parametrize(
    ("column", "wide"),
    [
        (("0.931 ± 0.012 [0.916, 0.946]", "–", "-3", "< 0.001", "9 min 33 s"), None),
        (("phases.unsupervised.terms.wgan-gp-t2w.learning_rate", "–"), 51),
        (("", ""), None),
    ],
)
def test_columns_of_numbers_and_of_texts_are_told_apart(column, wide):
    """Texts, and their heads, stand at the left and wrap, long paths of keys too; numbers stand at the right."""
    table = Table(title="", columns=("row", "cell"), rows=tuple((f"row {n}", cell) for n, cell in enumerate(column)))
    assert TableBlock(table).wide == (5, wide)
    html = rendered(Page("", "", (Section("", (TableBlock(table),)),), "")).decode()
    style = f' class="text" style="--wide: {wide}ch"' if wide else ""
    assert f'<th scope="col"{style}>cell</th>' in html
    assert html.count('<td class="text">' if wide else "<td>") == len(column)


def test_rows_and_pictures_of_a_phantom_are_not_called_real_alone(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """The title over its slices has the word."""
    cohort = attrs.evolve(tiny_cohort, source="a phantom of discs")
    run = train(tiny_recipe(**{"training.steps": 1}), tmp_path / "run", cohort=cohort, plugins=plugins, quiet=True)
    page = read(write_report(run.path, cohort=cohort, plugins=plugins))
    assert "real (phantom)" in page.words
    assert any(picture["alt"].startswith("real (phantom): ") for picture in page.all("img"))
    assert not any(picture["alt"].startswith("real: ") for picture in page.all("img"))


def method(name, mean):
    """A method with one reading, ``m.r``."""
    values = {"n": 1, "mean": mean, "sd": None, "interval": None, "interval_of": None, "values": (mean,)}
    summary = MethodSummary(metric="m", name="r", unit="1", better="higher", notes=(), **values)
    return MethodResult(name=name, rows=(name,), seeds=(0,), steps=1, wall_s=None, device=None, summary=(summary,))


def test_an_axis_is_a_table_with_its_values_across():
    """As Table I: one column a value, one line a reading; methods off the axis are left out."""
    names = ("net factor=1", "net factor=2", "plain")
    methods = [method(name, mean=float(at)) for at, name in enumerate(names)]
    (table,) = axis_tables(methods, ["m.r"])
    assert table.columns == ("", "factor=1", "factor=2")
    assert table.rows == (("m.r ↑", "0", "1"),)


# Curves ---------------------------------------------------------------------------------------------------


def test_a_long_curve_keeps_its_extremes_in_the_band():
    """Thousands of rows become a few hundred blocks: means within, least and greatest value kept, order kept."""
    values_N = np.random.default_rng(0).standard_normal(12_345)
    steps_P, mean_P, low_P, high_P = decimated(np.arange(12_345.0), values_N)
    assert len(mean_P) == POINTS
    assert low_P.min() == values_N.min()
    assert high_P.max() == values_N.max()
    assert np.all((low_P <= mean_P) & (mean_P <= high_P))
    assert np.all(np.diff(steps_P) > 0)
    assert len(curve("noise", list(range(12_345)), values_N).svg) < 25_000


@pytest.mark.parametrize("values", [[3.0], [2.0, 2.0], [0.0, 0.0], [1.0, math.nan, 2.0], [1e-12, 2e-12], [-1e9, 1e9]])
def test_a_curve_stays_in_its_frame(values):
    """One value, equal values, gaps, tiny and huge numbers: every coordinate is a number in the picture."""
    svg = curve("c", list(range(len(values))), values).svg
    numbers = [float(text) for pair in re.findall(r'points="([^"]*)"', svg) for text in re.split(r"[ ,]", pair)]
    numbers += [float(text) for text in re.findall(r'c[xy]="([^"]*)"', svg)]
    assert numbers
    assert all(0 <= number <= 320 for number in numbers)
    assert "nan" not in svg


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 12.7), (0, 40_000), (1e-7, 3e-7), (995, 1005), (-0.7, -0.2)])
def test_ticks_are_few_round_and_inside(low, high):
    """Three to seven numbers, a 1, 2 or 5 times a power of ten apart."""
    found = ticks(low, high)
    assert 3 <= len(found) <= 7
    assert all(low <= tick <= high for tick in found)
    assert f"{found[1] - found[0]:.3e}"[:5] in ("1.000", "2.000", "5.000")


def test_an_evaluation_belongs_to_a_run(comparison, run, tmp_path):
    """On the command line: the file is said; a folder of neither kind, and an evaluation of a comparison, are not."""
    out = tmp_path / "out.html"
    result = CliRunner().invoke(main, ["report", str(run), "-o", str(out)])
    assert (result.exit_code, result.output) == (0, f"{out}\n")
    assert out.is_file()
    for words, said in (
        (
            [str(tmp_path)],
            "neither a run directory (recipe.lock.toml) nor an evaluation (evaluation.json) or comparison",
        ),
        ([str(comparison), "--evaluation", str(tmp_path)], "is a comparison, which holds its own metrics"),
        ([str(run), "--evaluation", str(tmp_path)], "no evaluation.json there"),
    ):
        result = CliRunner().invoke(main, ["report", *words])
        assert result.exit_code == 2
        assert said in result.output


def test_real_slices_that_lack_a_modality_are_left_empty(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """Where no slice is complete each shows what it has, and the page says why the rest is empty."""
    t2w = tiny_cohort.modalities["t2w"]
    halves = {
        "adc": attrs.evolve(tiny_cohort.modalities["adc"], present=np.arange(24) % 2 == 0),
        "t2w": attrs.evolve(t2w, present=np.arange(24) % 2 == 1),
    }
    cohort = attrs.evolve(tiny_cohort, modalities=halves)
    recipe = tiny_recipe()
    run = train(recipe, tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True).path
    said = read(write_report(run, cohort=cohort, plugins=plugins)).words
    assert "left empty where they lack a modality" in said
    assert "No interpolation: " in said
