"""``gankit compare``: the plan, what is trained and measured, going on after a stop, tests and tables."""

import re
import shutil

import attrs
import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner

from gankit import InputError, Judging, RunError, compare, load_recipe, read_comparison, train, write_cohort
from gankit.cli import main
from gankit.comparison.axes import methods_of, slug
from gankit.comparison.compare import by_round, carry_out, failures, plan_comparison
from gankit.comparison.comparison import common_modalities
from gankit.comparison.earlier import read_earlier
from gankit.evaluation.result_files import write_result
from gankit.evaluation.statistics import Known, holm, nearer, welch
from gankit.processes.jobs import Ended
from gankit.recipe.structure import to_document
from gankit.run.directory import RunDirectory
from gankit.run.health.measures import MOVED
from gankit.run.metrics_file import MetricsFile
from tests.toy import MEASURED

JUDGING = {field.name for field in attrs.fields(Judging)}
SMALL = {"metrics": ("brightness",), "sets": 2, "per_set": 10, "replicates": 20, "steps": 2}
BRIGHT, DARK = "bright", "dark"


def planned_comparison(recipes, out, plugins, **options):
    """A plan; options are those of ``plan_comparison`` and fields of ``Judging``."""
    asked = {name: options.pop(name) for name in JUDGING & set(options)}
    return plan_comparison(recipes, out, judging=Judging(**asked), plugins=plugins, **options)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory, plugins, tiny_recipe):
    """Folder with two tiny recipes that differ in one learning rate."""
    folder = tmp_path_factory.mktemp("recipes")
    for name, rate in ((BRIGHT, 1e-3), (DARK, 3e-3)):
        recipe = tiny_recipe("adc-only", **{"name": name, "phases.unsupervised.learning_rate": rate})
        document = to_document(recipe, plugins.registry)
        (folder / f"{name}.toml").write_text(tomli_w.dumps(document))
    return folder


@pytest.fixture(scope="module")
def runs(recipes, plugins, tiny_cohort, tmp_path_factory):
    """Folder with the runs that a comparison of both, two seeds each, would train."""
    folder = tmp_path_factory.mktemp("runs")
    for name in (BRIGHT, DARK):
        for seed in (0, 1):
            recipe = load_recipe(recipes / f"{name}.toml", {"training.steps": 2, "training.seed": seed}, plugins)
            train(recipe, folder / f"{name}-seed{seed}", cohort=tiny_cohort, plugins=plugins, quiet=True)
    return folder


@pytest.fixture
def plan(recipes, measuring, tmp_path):
    """``plan(*names, **options)``: a small comparison of these recipes."""

    def make(*names, **options):
        files = [str(recipes / f"{name}.toml") for name in names or (BRIGHT, DARK)]
        return planned_comparison(files, tmp_path / "out", plugins=measuring, **{**SMALL, **options})

    return make


@pytest.fixture
def done(plan, runs, measuring, tmp_path):
    """``done(*names, **options)``: comparison.json of runs that were trained elsewhere."""
    shutil.copytree(runs, tmp_path / "out/runs")

    def run(*names, **options):
        return carry_out(plan(*names, **options), plugins=measuring, quiet=True)

    return run


def entry(line, name="brightness.mean"):
    return next(entry for entry in line.summary if entry.id == name)


def test_without_test_slices_methods_are_compared_without_a_row_of_real_slices(done, tiny_cohort, tmp_path):
    """A reading that is to be like the real one's has no better method then; the others have."""
    cohort = attrs.evolve(tiny_cohort, split=np.full(24, "train"))
    write_cohort(cohort, tmp_path / "real.safetensors")
    document = done(
        cohort=tmp_path / "real.safetensors", seeds=2, metrics=("high-frequency", "random-frechet"), headline=("*",)
    )
    assert [row.name for row in document.rows if row.kind != "model"] == ["augmented real"]
    better = {test.id: test.better for test in document.tests}
    assert better["high-frequency.adc.energy"] is None
    assert better["random-frechet.adc.fd"] in ("a", "b")


# Methods --------------------------------------------------------------------------------------------------


def named(plugins, *arguments, **options):
    given = {"overrides": (), "axes": (), "steps": None, **options}
    return [method.name for method in methods_of(arguments, given["overrides"], given["axes"], given["steps"], plugins)]


def test_an_axis_makes_a_method_for_each_value(plugins):
    """Table I: the factors of the StitchLayer; the key begins with the name of a network."""
    methods = methods_of(["adc-only"], (), ["adc_decoder.factor=1,2,4"], 7, plugins)
    assert [method.name for method in methods] == ["adc-only factor=1", "adc-only factor=2", "adc-only factor=4"]
    recipe = methods[2].recipe(3, plugins)
    assert (recipe.networks["adc_decoder"].factor, recipe.training.steps, recipe.training.seed) == (4, 7, 3)


def test_axes_multiply_and_keys_need_not_be_of_networks(plugins):
    """Every combination; labels are as short as they can be without being the same."""
    axes = ["training.batch=8,16", "augmentation.mirror=true,false"]
    assert named(plugins, "adc-only", axes=axes)[:2] == [
        "adc-only batch=8 mirror=true",
        "adc-only batch=8 mirror=false",
    ]
    widths = named(plugins, "adc-only", axes=["adc_decoder.width=8,16", "adc_critic.width=8"])
    assert widths[0] == "adc-only networks.adc_decoder.width=8 networks.adc_critic.width=8"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axes": ["adc_decoder.factor"]}, "`axes` adc_decoder.factor: must be KEY=VALUE,VALUE"),
        ({"axes": ["adc_decoder.factor=3"]}, "factor"),
        ({"axes": ["adc_decoders.factor=2"]}, "adc_decoders: unknown key"),
        ({"overrides": ["training.seed=3"]}, "`overrides` training.seed: a comparison counts seeds up"),
        ({"axes": ["training.seed=0,1"]}, "`axes` training.seed: a comparison counts seeds up"),
        ({"axes": ["training.batch=8,8"]}, "are both named 'adc-only batch=8' here"),
        ({"axes": {"training.batch": range(1, 2)}}, "must be one or more values in a list"),
        ({"axes": {"training.batch": [*range(1, 1002)]}}, "they make 1001 methods, and a comparison has at most 1000"),
        ({"axes": {f"a.{k}": [0] * 99 for k in range(60)}}, "and a comparison has at most 1000"),
    ],
)
def test_axes_that_cannot_be_are_refused(plugins, options, message):
    """With the key that is wrong."""
    with pytest.raises(InputError, match=message):
        named(plugins, "adc-only", **options)


def test_names_become_file_names():
    """No spaces, slashes or leading dots."""
    assert slug("adc-only factor=2") == "adc-only-factor=2"
    assert slug("../a b/c ü") == "a-b-c-ü"


# Results --------------------------------------------------------------------------------------------------


def test_runs_of_another_machine_are_taken_and_judged(done, tmp_path):
    """Trained runs that are copied in are not trained: every row says seed, steps, time and device."""
    document = done(seeds=2)
    names = ["bright-seed0", "bright-seed1", "dark-seed0", "dark-seed1", "real", "augmented real"]
    assert [row.name for row in document.rows] == names
    assert not (tmp_path / "out/logs").exists()
    for row in document.rows[:4]:
        assert (row.steps, row.seed, row.device) == (2, int(row.name[-1]), "cpu")
        assert row.wall_s > 0
    assert read_comparison(tmp_path / "out") == document


def test_seeds_may_begin_anywhere_and_are_trained_round_by_round(plan):
    """So that reported seeds are not those that were tuned on, and all methods have as many when time runs out."""
    runs = plan(seeds=2, first_seed=10).runs
    assert [(run.name, run.recipe.training.seed) for run in runs] == [
        ("bright-seed10", 10), ("bright-seed11", 11), ("dark-seed10", 10), ("dark-seed11", 11)
    ]  # fmt: skip
    assert [run.name for run in by_round(runs)] == ["bright-seed10", "dark-seed10", "bright-seed11", "dark-seed11"]


def test_a_folder_of_other_seeds_is_refused(plan, measuring):
    """The first seed is part of what a comparison is."""
    plan(first_seed=0).write(measuring)
    with pytest.raises(InputError, match="training.seed: 0 there, 5 here"):
        plan(first_seed=5)


def test_with_several_seeds_the_unit_is_the_seed(done):
    """A method's values are the means of its rows; the test is Welch's on them."""
    document = done(seeds=2)
    assert document.unit == "training seed"
    bright, dark = document.methods
    means = {row.name: entry(row).mean for row in document.rows}
    assert entry(bright).values == (means["bright-seed0"], means["bright-seed1"])
    assert (entry(bright).n, entry(bright).interval_of) == (2, "seeds")
    (test,) = document.tests
    found = welch(entry(bright).values, entry(dark).values)
    assert (test.a, test.b, test.t, test.p) == (BRIGHT, DARK, found.t, found.p)
    nearer = min((bright, dark), key=lambda method: abs(entry(method).mean - means["real"]))
    assert {"a": BRIGHT, "b": DARK}[test.better] == nearer.name


def test_with_one_seed_the_unit_is_the_set_and_it_is_said(done, tmp_path):
    """In the JSON and in every table."""
    document = done()
    assert document.unit == "sample set"
    (test,) = document.tests
    assert [entry(row).mean for row in document.rows[:2]] == [entry(method).mean for method in document.methods]
    assert [len(entry(method).values) for method in document.methods] == [2, 2]
    real = Known(entry(document.row("real")).mean, entry(document.row("real")).interval)
    assert test.p == nearer(*(entry(method).values for method in document.methods), real).p
    for file in ("comparison.md", "comparison.tex", "report.html"):
        assert "the noise of sampling alone" in (tmp_path / "out" / file).read_text()


def test_holm_corrects_over_every_test_of_the_table(done):
    """Two readings of one pair."""
    tests = done(seeds=2, headline=("brightness.*",)).tests
    assert [test.id for test in tests] == ["brightness.mean", "brightness.error"]  # none was measured of the third
    assert [test.p_holm for test in tests] == holm([test.p for test in tests])


def test_one_set_of_one_seed_cannot_be_tested(done):
    """No p is made up."""
    (test,) = done(sets=1).tests
    assert (test.p, test.p_holm, test.note) == (None, None, "needs two values of each method")


def test_a_run_that_fails_is_named_and_the_others_are_compared(plan, runs, measuring, monkeypatch, tmp_path):
    """Its reason is in the JSON and in the tables; without any trained run there is no comparison."""
    failing = [Ended(name="dark-seed0", code=1, last="Error: the loss is nan")]
    monkeypatch.setattr("gankit.comparison.compare.run_jobs", lambda *_: (failing, None))
    shutil.copytree(runs / "bright-seed0", tmp_path / "out/runs/bright-seed0")
    document = carry_out(plan(), plugins=measuring, quiet=True)
    assert [row.name for row in document.rows] == ["bright-seed0", "real", "augmented real"]
    assert [(run.name, run.reason) for run in document.failed] == [
        ("dark-seed0", "Error: the loss is nan; see logs/dark-seed0.log in the folder of the comparison")
    ]
    assert "Training of dark-seed0 failed: Error: the loss is nan" in (tmp_path / "out/comparison.md").read_text()
    assert failures(document).startswith("training of dark-seed0 failed: Error: the loss is nan; see logs/dark-seed0")
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(RunError, match="training of dark-seed0 failed"):
        carry_out(plan(DARK), plugins=measuring, quiet=True)


def test_a_training_that_was_killed_says_so(plan, measuring, monkeypatch):
    """Its last line is no reason."""
    killed = [Ended(name="dark-seed0", code=-9, last="training 3/9")]
    monkeypatch.setattr("gankit.comparison.compare.run_jobs", lambda *_: (killed, None))
    with pytest.raises(
        RunError, match="dark-seed0 failed: it was killed .SIGKILL., .* it printed last: training 3/9; see"
    ):
        carry_out(plan(DARK), plugins=measuring, quiet=True)


def test_runs_that_another_process_trains_are_waited_for(plan, runs, measuring, tmp_path):
    """As where a job of a cluster does."""
    shutil.copytree(runs, tmp_path / "out/runs")
    with (
        RunDirectory(tmp_path / "out/runs/dark-seed0").locked(),
        pytest.raises(RunError, match="trains dark-seed0, as j"),
    ):
        carry_out(plan(), plugins=measuring, quiet=True)


@pytest.mark.parametrize("name", ["comparison.json", "comparison.md", "comparison.tex", "report.html"])
def test_files_of_someone_else_stay(plan, tmp_path, name):
    """Nothing is trained then."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(InputError, match=f"{name}: is there already and was not made by gankit"):
        plan()


# Going on -------------------------------------------------------------------------------------------------


def test_a_comparison_that_is_run_again_measures_nothing(done):
    """The same figures from the files."""
    first = done(seeds=2)
    count = len(MEASURED)
    assert done(seeds=2) == first
    assert len(MEASURED) == count


def test_a_comparison_grows(done):
    """A method, a seed and a set more; what was measured stays."""
    done(BRIGHT, sets=1)
    MEASURED.clear()
    document = done(BRIGHT, DARK, seeds=2, sets=2)
    assert [method.name for method in document.methods] == [BRIGHT, DARK]
    assert sorted(name for name, _ in MEASURED if "real" not in name) == sorted(
        ["bright-seed0", *["bright-seed1", "dark-seed0", "dark-seed1"] * 2]
    )


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ([DARK], {}, "it has 'bright', which is not among yours"),
        ([], {"steps": 3}, "bright: training.steps: 2 there, 3 here"),
        ([], {"overrides": ["latent.dim=4"]}, "bright: latent.dim: 8 there, 4 here"),
        ([], {"per_set": 11}, "judging.per_set: 10 there, 11 here"),
        ([], {"seed": 1}, "judging.seed: 0 there, 1 here"),
        ([], {"options": ["brightness.scale=2"]}, "brightness.scale: 1.0 there, 2.0 here"),
    ],
)
def test_another_comparison_is_refused_and_nothing_is_lost(done, plan, tmp_path, names, options, message):
    """One line, and every file as it was."""
    done()
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    with pytest.raises(
        InputError, match=f"holds another comparison \\(.*{message}.*or another place with `out`"
    ) as caught:
        plan(*names, **options)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


def test_a_run_of_another_recipe_is_refused(plan, runs, tmp_path):
    """What was copied must be what would be trained."""
    shutil.copytree(runs / "bright-seed0", tmp_path / "out/runs/dark-seed0")
    with pytest.raises(
        InputError, match=r"dark-seed0: holds a run of another recipe \(name: 'bright' there, 'dark' here"
    ):
        plan()


def test_a_model_without_its_recipe_is_refused(plan, runs, tmp_path):
    """It cannot be told what it is."""
    (tmp_path / "out/runs/bright-seed0").mkdir(parents=True)
    shutil.copy(runs / "bright-seed0/model.safetensors", tmp_path / "out/runs/bright-seed0")
    with pytest.raises(InputError, match="not a run directory"):
        plan()


def test_a_run_trained_for_longer_is_refused(plan, runs, tmp_path):
    """Its last steps cannot be taken back."""
    shutil.copytree(runs, tmp_path / "out/runs")
    with pytest.raises(InputError, match="was trained for 2 steps, this comparison asks for 1; give `steps` 2"):
        plan(steps=1)


def test_two_processes_do_not_share_a_folder(plan, measuring, tmp_path):
    """The second one says so."""
    import filelock

    (tmp_path / "out").mkdir()
    with (
        filelock.FileLock(tmp_path / "out/.lock"),
        pytest.raises(RunError, match="another process is at this comparison"),
    ):
        carry_out(plan(), plugins=measuring, quiet=True)


def test_modalities_that_are_not_judged_may_differ(measuring, tmp_path):
    """Their units, ranges and sizes are no concern of the comparison."""
    (tmp_path / "odd.toml").write_text('extends = "mpmri-quick"\nname = "odd"\n[modalities.t2w]\nunit = "s"\n')
    recipes = ["mpmri-quick", str(tmp_path / "odd.toml")]
    with pytest.raises(InputError, match="modalities.t2w.unit: 1 in mpmri-quick, s in odd"):
        common_modalities(planned_comparison(recipes, tmp_path / "out", plugins=measuring))
    adc_alone = planned_comparison(recipes, tmp_path / "out", modalities=("adc",), plugins=measuring)
    assert "adc" in common_modalities(adc_alone)


def test_methods_must_be_comparable(plan, recipes, measuring, tmp_path):
    """Cohorts, sizes and labels differ: one line, before any training."""
    document = load_recipe(recipes / f"{DARK}.toml", {"modalities.adc.range": [0, 9], "name": "odd"}, measuring)
    (recipes / "odd.toml").write_text(tomli_w.dumps(to_document(document, measuring.registry)))
    with pytest.raises(InputError, match=r"modalities.adc.range: \(0.0, 3000.0\) in bright, \(0.0, 9.0\) in odd"):
        carry_out(plan(BRIGHT, "odd"), plugins=measuring, quiet=True)
    assert not (tmp_path / "out/plan.json").exists()  # mended, it may begin here
    other = load_recipe(recipes / f"{DARK}.toml", {"cohort.path": "other.safetensors", "name": "far"}, measuring)
    (recipes / "far.toml").write_text(tomli_w.dumps(to_document(other, measuring.registry)))
    with pytest.raises(InputError, match="bright and far train on different cohorts"):
        carry_out(planned_comparison([str(recipes / f"{name}.toml") for name in (BRIGHT, "far")], tmp_path / "two",
                                plugins=measuring, **SMALL), plugins=measuring, quiet=True)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-40],
        lambda content: content.replace(b"bright", b"brighd", 1),
        lambda content: b"{}",
        lambda content: b"[1, 2]",
        lambda content: content.replace(b'"digest"', b'"no digest"'),
    ],
    ids=["cut", "one letter", "empty", "a list", "no digest"],
)
def test_a_damaged_plan_is_refused_on_one_line(plan, done, measuring, tmp_path, change):
    """What was compared would be in doubt."""
    done(BRIGHT)
    file = tmp_path / "out/plan.json"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(InputError, match="plan.json: ") as raised:
        plan(BRIGHT)
    assert "\n" not in str(raised.value)


def test_methods_of_another_label_than_asked_for_are_refused(plan, measuring):
    """They would be judged as what they are not."""
    with pytest.raises(InputError, match="bright makes slices with 'cs' = 1, asked for are slices with 'cs' = 0"):
        carry_out(plan(label="cs=0"), plugins=measuring, quiet=True)


def test_rows_say_where_a_training_cohort_was_not_looked_at(
    recipes, runs, measuring, tiny_cohort, tiny_cohort_file, plugins, tmp_path
):
    """A comparison cautions as an evaluation does."""
    recipe = load_recipe(recipes / f"{DARK}.toml", {"cohort.path": "gone.safetensors", "name": "far"}, measuring)
    file = tmp_path / "far.toml"
    file.write_text(tomli_w.dumps(to_document(recipe, measuring.registry)))
    out = tmp_path / "out"
    planned = planned_comparison([str(file)], out, cohort=tiny_cohort_file, plugins=measuring, **SMALL)
    (run,) = planned.runs
    train(run.recipe, planned.run_directory(run).path, cohort=tiny_cohort, plugins=plugins, quiet=True)
    document = carry_out(planned, plugins=measuring, quiet=True)
    assert document.rows[0].note.startswith("its training cohort is not at hand")


# Beside earlier comparisons -------------------------------------------------------------------------------


@pytest.fixture
def earlier(done, tmp_path):
    """``earlier(**options)``: a comparison of "dark" alone, whose runs are gone."""

    def make(**options):
        done(DARK, **options)
        shutil.copy(tmp_path / "out/comparison.json", tmp_path / "earlier.json")
        shutil.move(tmp_path / "out", tmp_path / "gone")
        shutil.copytree(tmp_path / "gone/runs", tmp_path / "out/runs")
        shutil.rmtree(tmp_path / "gone")
        for run in (tmp_path / "out/runs").glob("dark-*"):
            shutil.rmtree(run)
        return tmp_path / "earlier.json"

    return make


def together(recipes, measuring, tmp_path, **options):
    plan = planned_comparison(recipes / "bright.toml", tmp_path / "out", plugins=measuring, **{**SMALL, **options})
    return carry_out(plan, plugins=measuring, quiet=True)


def test_methods_of_an_earlier_comparison_are_compared_as_if_they_were_trained_here(
    earlier, done, recipes, runs, measuring, tmp_path
):
    """Summaries and tests are those of one comparison of both; nothing of the earlier one is measured again."""
    file = earlier(seeds=2)
    MEASURED.clear()
    beside = together(recipes, measuring, tmp_path, seeds=2, beside=[file])
    assert not [name for name, _ in MEASURED if "dark" in name]
    assert "dark" in (tmp_path / "out/report.html").read_text()
    shutil.rmtree(tmp_path / "out")
    shutil.copytree(runs, tmp_path / "out/runs")
    whole = done(seeds=2)
    assert (beside.tests, beside.note) == (whole.tests, whole.note)
    assert [each.summary for each in beside.methods] == [each.summary for each in whole.methods]
    assert [row.name for row in beside.rows] == [row.name for row in whole.rows]


def test_alarms_of_trainings_are_warned_of(plan, runs, measuring, tmp_path, capsys):
    """With the run, the alarm and where it is; the others are silent."""
    shutil.copytree(runs, tmp_path / "out/runs")
    metrics = MetricsFile(tmp_path / "out/runs/dark-seed1/metrics.jsonl")
    for step in range(1000, 1020):
        metrics.append({"step": step, f"{MOVED}adc_critic": 1e-7})
    comparison = carry_out(plan(seeds=2), plugins=measuring)
    (warning,) = [each for each in comparison.warnings if "alarm" in each]
    assert warning.startswith(
        "dark-seed1: training ended with alarms: still network (networks.adc_critic); 'gankit report"
    )
    assert f"warning: {warning}\n" in capsys.readouterr().err


def test_rows_say_which_earlier_comparison_they_are_from(earlier, recipes, measuring, tmp_path):
    """Also where that one had them from another."""
    first = together(recipes, measuring, tmp_path, beside=earlier())
    row = first.row("dark-seed0")
    assert row.path is None
    assert row.note.startswith(f"judged in {tmp_path / 'earlier.json'} (")
    assert not first.row("bright-seed0").note
    second = read_earlier(tmp_path / "out", ["other"])
    assert row.note in second[0].rows[1].note


def test_metrics_that_one_side_lacks_stay_empty_and_are_warned_of(earlier, recipes, measuring, tmp_path):
    """The readings of both sides are tested."""
    both = together(recipes, measuring, tmp_path, metrics=("brightness", "high-frequency"), beside=earlier())
    name = tmp_path / "earlier.json"
    assert f"rows of {name} have nothing of high-frequency" in both.warnings
    tests = {test.id: test for test in both.tests}
    assert tests["brightness.mean"].p is not None
    assert tests["high-frequency.adc.energy"].note == "not measured for both"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sets": 3}, "`sets` 2 there, 3 here; give `sets` 2"),
        ({"per_set": 11}, "`per_set` 10 there, 11 here; give `per_set` 10"),
        ({"seed": 1}, "`seed` 0 there, 1 here; give `seed` 0"),
    ],
)
def test_an_earlier_comparison_that_was_judged_otherwise_is_refused(
    earlier, recipes, measuring, tmp_path, options, message
):
    """With both values and what to do, before anything is trained."""
    file = earlier()
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(InputError, match=re.escape(f"`beside` {file}: {message}")):
        together(recipes, measuring, tmp_path, beside=[file], **options)
    assert not (tmp_path / "out/runs").exists()


def test_an_earlier_comparison_against_other_real_slices_is_refused(earlier, recipes, measuring, tiny_cohort, tmp_path):
    """Equal numbers of slices do not make them the same."""
    real = attrs.evolve(tiny_cohort, patient=np.char.add(tiny_cohort.patient, "x"))
    write_cohort(real, tmp_path / "real.safetensors")
    with pytest.raises(InputError, match="earlier.json: real slices 24 of .* there, 24 of .* here; only methods that"):
        together(recipes, measuring, tmp_path, beside=earlier(), cohort=tmp_path / "real.safetensors")


def test_a_method_that_both_comparisons_have_is_refused(earlier, recipes, measuring, tmp_path):
    """It cannot be said which is meant."""
    file = earlier()
    with pytest.raises(InputError, match="has a method 'dark', as this comparison has; give the recipe another `name`"):
        planned_comparison(recipes / "dark.toml", tmp_path / "new", plugins=measuring, **SMALL, beside=[file])
    with pytest.raises(InputError, match="has a method 'dark', as .*earlier.json has"):
        read_earlier([file, file], [])


def test_a_training_that_counts_as_two_is_refused(earlier, runs, recipes, measuring, tmp_path):
    """Under another method's name, in a comparison beside; both places are named."""
    file = earlier()
    result = read_comparison(file)
    rows = tuple(attrs.evolve(row, name=row.name.replace("dark", "night")) for row in result.rows)
    (method,) = result.methods
    night = attrs.evolve(method, name="night", rows=("night-seed0",))
    write_result(file, attrs.evolve(result, rows=rows, methods=(night,)))
    shutil.copytree(runs / "dark-seed0", tmp_path / "new/runs/dark-seed0")
    with pytest.raises(InputError, match=r"row 'night-seed0' of .*earlier.json: is the same model as .*dark-seed0"):
        planned_comparison(recipes / "dark.toml", tmp_path / "new", plugins=measuring, **SMALL, beside=[file])


def test_a_run_whose_model_is_of_another_seed_is_refused(plan, runs, tmp_path):
    """One training would count as two seeds."""
    shutil.copytree(runs, tmp_path / "out/runs")
    shutil.copy(runs / "bright-seed0/model.safetensors", tmp_path / "out/runs/bright-seed1/model.safetensors")
    with pytest.raises(InputError, match=r"bright-seed1.model\.safetensors: is a model of another run .*training.seed"):
        plan(seeds=2)


def test_only_comparisons_can_stand_beside(tmp_path):
    """Other files, and other types, are named."""
    (tmp_path / "evaluation.json").write_text('{"format": "gankit-evaluation-1"}')
    with pytest.raises(InputError, match="accepted: 'gankit-comparison-2'"):
        read_earlier(tmp_path / "evaluation.json", [])
    with pytest.raises(InputError, match="none.json: no such file; name a comparison.json, or the folder of a comp"):
        read_earlier([tmp_path / "none.json"], [])
    with pytest.raises(InputError, match="`beside` must be"):
        read_earlier(5, [])


# The command ----------------------------------------------------------------------------------------------


def test_a_dry_run_prints_the_plan_and_writes_nothing(recipes, runs, measuring, monkeypatch, tmp_path):
    """What is trained, what is to train, what is measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gankit.cli.compare.plugins", lambda: measuring)
    shutil.copytree(runs / "bright-seed0", tmp_path / "out/runs/bright-seed0")
    before = sorted(tmp_path.rglob("*"))
    words = ["--steps", "2", "--seeds", "2", "-o", "out", "--dry-run", "--metrics", "brightness"]
    result = CliRunner().invoke(main, ["compare", str(recipes / "bright.toml"), *words])
    assert result.output.splitlines() == [
        "bright-seed0: trained, 2 steps",
        "bright-seed1: to train from step 0, 2 steps",
        "2 rows of 5 sets of 1942 slices to measure, and rows of real slices beside",
        "metrics: brightness",
    ]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_warns_of_phases_that_never_start(plan):
    """As training does, before any of it."""
    from gankit.cli.compare import _planned

    lines = _planned(plan(overrides={"phases.unsupervised.start": 5}, seeds=2))
    said = (
        "phases.unsupervised starts at step 5, but training ends at step 2 (training.steps), so this phase never runs"
    )
    assert lines[:2] == [f"warning: bright: {said}", f"warning: dark: {said}"]
    assert lines[2].startswith("bright-seed0: to train")


def test_tables_show_methods_real_slices_and_p_values(done, tmp_path):
    """In Markdown, LaTeX and HTML, the same figures."""
    from gankit.evaluation.tables import figure

    document = done(seeds=2)
    shown = figure(entry(document.methods[0])).split()[0]
    for file in ("comparison.md", "comparison.tex", "report.html"):
        text = (tmp_path / "out" / file).read_text()
        assert shown in text
        for word in ("bright", "dark", "real", "augmented real", "p (Holm)", "a disc with a spot"):
            assert word in text, (file, word)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"recipes": []}, "`recipes` must be one or more"),
        ({"recipes": [5]}, "`recipes` must be one or more"),
        ({"seeds": True}, "`seeds` must be a whole number of at least 1, got True"),
        ({"seeds": "3"}, "`seeds` must be a whole number of at least 1, got '3'"),
        ({"seeds": 10**20}, f"`seeds` {10**20}: makes {10**20} trainings, and a comparison has at most 1000"),
        ({"first_seed": -1}, "`first_seed` must be a whole number of at least 0, got -1"),
        ({"jobs": 0}, "`jobs` must be a whole number of at least 1, got 0"),
        ({"steps": 2.5}, "`steps` must be a whole number of at least 1, got 2.5"),
        ({"out": 5}, "`out` must be a path, got 5"),
        ({"judging": "brightness"}, "`judging` must be a gankit.Judging"),
        ({"axes": {"training.batch": 8}}, "`axes` training.batch: must be one or more values in a list, got 8"),
        ({"axes": {"training.batch": "8"}}, "`axes` training.batch: must be one or more values in a list, got '8'"),
        ({"axes": {"training.batch": []}}, "`axes` training.batch: must be one or more values in a list"),
        ({"axes": 5}, "`axes` must be KEY to values, or texts KEY=VALUE,VALUE,..., got 5"),
        ({"overrides": 5}, "`overrides` must be KEY to value, or texts KEY=VALUE, got 5"),
    ],
)
def test_arguments_of_another_type_are_named_before_any_work(changed, message, measuring, tmp_path):
    """One line with the parameter and what it takes."""
    given = {"recipes": "mpmri-quick", "out": tmp_path / "out", "plugins": measuring, "quiet": True, **changed}
    with pytest.raises(InputError, match=re.escape(message)):
        compare(**given)
    assert not (tmp_path / "out").exists()
