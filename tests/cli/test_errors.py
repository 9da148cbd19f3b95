"""What the user did wrong is one message and exit code 2, never a traceback; a bug keeps its traceback."""

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from gankit import load_plugins
from gankit.cli import _group, main


@pytest.fixture
def gankit(monkeypatch, tmp_path, tiny_cohort_file):
    """``gankit(*words)``: the result of a command in a folder with broken and good input."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text('extends = "mpmri"\nlatent.dim = 0\ntraining.step = 3\n')
    (tmp_path / "not.toml").write_text("[phases\n")
    (tmp_path / "cut.safetensors").write_bytes(tiny_cohort_file.read_bytes()[:1000])
    (tmp_path / "arrays.npz").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    return lambda *words: CliRunner().invoke(main, words)


ERRORS = {
    "train bad.toml": "Error: bad.toml: 2 problems\n  latent.dim: must be >= 1, got 0\n  training.step: unknown key",
    "train not.toml": "Error: not.toml: 1 problem\n  not TOML",
    "train mpmir": "Error: no recipe named 'mpmir'; did you mean 'mpmri'?",
    "train none.toml": "Error: none.toml: no such recipe file",
    "train empty/": "Error: empty/: no such recipe file",
    "train mpmri --out=": "Error: --out '': is given nothing; name a file or folder, or leave it out",
    "cohort sheet cut.safetensors --out=": "Error: --out '': is given nothing",
    "train mpmri --set training.steps": "must be KEY=VALUE, as in --set training.steps=100",
    "train mpmri --set training.steps=many": "training.steps: must be a whole number, got 'many' (from --set)",
    "train mpmri --set trainig.steps=3": "trainig: unknown key; did you mean 'training'?",
    "train mpmri --steps 0": "Invalid value for '--steps'",
    "train mpmri --device tpu": "Error: --device tpu: unknown; accepted: auto, cpu, cuda, cuda:N",
    "train mpmri --device meta": "Error: --device meta: unknown; accepted: auto, cpu, cuda, cuda:N",
    "train mpmri --set cohort.use=file": "cohort.path: required",
    "train mpmri --set cohort.use=file --set cohort.path=no.safetensors": "Error: no.safetensors: no such cohort file",
    "train mpmri --set cohort.use=file --set cohort.path=cut.safetensors": "cut.safetensors: not a readable cohort",
    "recipe check bad.toml": "Error: bad.toml: 2 problems",
    "recipe show none.toml": "Error: none.toml: no such recipe file",
    "recipe show mpmri --source --set training.steps=3": "Error: --source prints the file as it stands",
    "recipe show none.toml --source": "Error: none.toml: no such recipe file",
    "components unett": "Error: no component named 'unett'; did you mean 'unet'?; known: ",
    "cohort info none.safetensors": "Error: none.safetensors: no such cohort file",
    "cohort info cut.safetensors": "Error: cut.safetensors: not a readable cohort file, perhaps cut short",
    "cohort sheet cut.safetensors -o sheet.png": "Error: cut.safetensors: not a readable cohort file",
    "sample none -o sheet.png": "Error: none: no such run or file",
    "sample empty -o sheet.png": "Error: empty: not a run directory",
    "sample empty -o sheet.jpg": "unknown kind of file '.jpg'; accepted: .safetensors, .shards, .npz, .png",
    "sample empty -n 0 -o sheet.png": "Invalid value for '-n'",
    "interpolate empty -o strip.jpg": "Error: -o strip.jpg: is written as PNG, so its name must end in .png",
    "cohort sheet cut.safetensors -o sheet.jpg": "Error: -o sheet.jpg: is written as PNG",
    "train mpmri --device cpu:7": "Error: --device cpu:7: unknown; accepted: auto, cpu, cuda, cuda:N",
    "interpolate empty -o strip.png": "Error: empty: not a run directory",
    "interpolate none -o strip.png": "Error: none: no such run or file",
    "import arrays none.npz --modality adc=adc --patient p -o c.safetensors": "Error: none.npz: no such file",
    "import arrays a.npz --modality adc=adc --patient p -o a.npz": "Error: -o a.npz: a cohort file ends with .safet",
    "sample mpmri -o sheet.png": "Error: mpmri: is a recipe, not yet a run; train it first, as in 'gankit train mpmri'",
    "sample empty -o cut.safetensors": "Error: -o cut.safetensors: is there already and is no synthetic cohort; name",
    "sample empty --format png -o new.png": "Error: -o new.png: is the name of a file; with --format name a new folder",
    "report empty -o report.pdf": "Error: -o report.pdf: is written as HTML, so its name must end in .html",
    "cohort info arrays.npz": "make one with 'gankit import arrays arrays.npz'",
    "components stit": "Error: no component named 'stit'; did you mean 'stitch-decoder'?",
}


@pytest.mark.parametrize("line", ERRORS)
def test_wrong_input_is_one_message(gankit, tmp_path, line):
    """Exit code 2, the message, and not a file more than before."""
    before = sorted(tmp_path.rglob("*.*"))
    result = gankit(*line.split())
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert ERRORS[line] in result.output
    assert "Traceback" not in result.output
    assert [path for path in sorted(tmp_path.rglob("*.*")) if path not in before and path.name != ".lock"] == []


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """``broken(source)``: gankit with one plugin of this source alone."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(source):
        module = f"broken_{abs(hash(tmp_path))}"
        (tmp_path / f"{module}.py").write_text(source.replace("HERE", module))
        found = [EntryPoint(name="theirs", value=module, group="gankit")]
        monkeypatch.setattr(_group, "load_plugins", lambda: load_plugins(found))
        _group.plugins.cache_clear()

    yield install
    monkeypatch.undo()
    _group.plugins.cache_clear()


@pytest.mark.parametrize("line", ["--help", "recipe list", "components", "train --help", "recipe schema", "models"])
def test_a_broken_plugin_is_left_out_of_what_does_not_need_it(gankit, broken, line):
    """One line on standard error names plugin, distribution, exception, file and line; the command goes on."""
    broken("\nimport gankit_no_such_module")
    result = gankit(*line.split())
    assert result.exit_code == 0
    (warning,) = [said for said in result.stderr.splitlines() if said.startswith("warning: ")]
    assert re.match(
        r"warning: plugin 'theirs' \((\w+), from \1\) is left out: cannot be imported: ModuleNotFoundError: No module"
        r" named 'gankit_no_such_module' \(.*/\1\.py:2\); mend it or uninstall the distribution$",
        warning,
    )


@pytest.mark.parametrize("line", ["train theirs", "theirs", "components theirs", "sample theirs -o a.png"])
def test_what_needs_a_broken_plugin_says_so(gankit, broken, line):
    """The name may be of the plugin that is left out, so the error says why that is."""
    broken("import gankit_no_such_module")
    result = gankit(*line.split())
    assert result.exit_code == 2
    assert "perhaps because plugin 'theirs'" in result.stderr.split("\nError: ")[1]


LAZY = """
from pathlib import Path
from gankit import hookimpl
@hookimpl
def register_components(registry): registry.add("phase", "theirs", "gankit_no_such_module:Phase")
@hookimpl
def recipes(): return {"theirs": Path("/nowhere/theirs.toml")}
@hookimpl
def models(): return {"theirs": Path("/nowhere/theirs.safetensors")}
@hookimpl
def commands(): return {"theirs": "gankit_no_such_module:work"}
"""


@pytest.mark.parametrize("line", ["--help", "recipe list", "components", "recipe schema", "models"])
def test_a_listing_goes_on_past_what_cannot_be_imported(gankit, broken, line):
    """A plugin that loads may still name modules and files that are not there; lists say which and go on."""
    broken(LAZY)
    result = gankit(*line.split())
    assert result.exit_code == 0
    assert "theirs" in result.output
    assert "(broken" in result.output or "warning: left out: plugin 'theirs': phase 'theirs'" in result.stderr


COMMAND = """
import click
from gankit import hookimpl
@hookimpl
def commands(): return {"theirs": "%s"}
@click.command()
def work(): raise ZeroDivisionError("a bug")
"""


def test_a_plugins_command_that_cannot_be_imported_names_the_plugin(gankit, broken):
    """The rest of gankit works on."""
    broken(COMMAND % "gankit_no_such_module:work")
    result = gankit("theirs")
    assert result.exit_code == 2
    assert "command 'theirs' cannot be imported from 'gankit_no_such_module:work': ModuleNotFoundError" in result.output


def test_a_plugins_command_may_not_hide_one_of_gankits(gankit, broken):
    """``gankit train`` is always ours."""
    broken(COMMAND.replace('"theirs"', '"train"') % "HERE:work")
    result = gankit("train", "--help")
    assert "Train RECIPE" in result.output
    assert "warning: plugin 'theirs': its command 'train' is left out: gankit has one" in result.stderr


def test_a_bug_keeps_its_traceback(gankit, broken):
    """What is not the user's fault is not dressed up as it."""
    broken(COMMAND % "HERE:work")
    result = gankit("theirs")
    assert isinstance(result.exception, ZeroDivisionError)
    assert "Error" not in result.output


def test_an_interrupted_command_says_so_and_ends_as_a_signal_does(gankit, broken):
    """Exit code 130, as shells have it."""
    broken((COMMAND % "HERE:work").replace('ZeroDivisionError("a bug")', "KeyboardInterrupt"))
    result = gankit("theirs")
    assert result.exit_code == 130
    assert result.output == "Error: interrupted\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("words", ["components", "recipe list", "recipe schema", "recipe show mpmri-quick"])
def test_a_full_disk_where_it_prints_to_is_one_line(words):
    """As for ``gankit recipe show mpmri > my.toml``."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "gankit", *words.split()]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: what is printed cannot be written: No space left on device; make room")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", ["train mpmri-quick -o", "evaluate empty -o", "report empty -o", "sample empty -o"])
def test_a_path_that_is_given_nothing_is_not_the_current_folder(gankit, words):
    """As ``-o "$OUT"`` gives it where OUT is not set."""
    before = sorted(Path().iterdir())
    result = gankit(*words.split(), "")
    assert (result.exit_code, sorted(Path().iterdir())) == (2, before)
    assert "Error: -o '': is given nothing; name a file or folder, or leave it out" in result.output
