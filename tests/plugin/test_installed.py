"""Only what is installed loads, and of that only what the environment names."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gankit import PluginWarning, load_plugins
from gankit.cli import main
from gankit.plugin.installed import CHOSEN, installed_plugins

NEVER = "raise SystemExit('it ran')\n"


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """The current folder, with a distribution that nobody installed and modules that say so when they run."""
    about = tmp_path / "planted-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[gankit]\nplanted = planted\n")
    for module in ("planted", "click", "attrs", "numpy", "torch"):
        (tmp_path / f"{module}.py").write_text(NEVER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", ["", ".", "the folder"])
def test_what_lies_in_the_current_folder_is_named_and_does_not_load(planted, monkeypatch, place):
    """However it came onto the path without being installed."""
    monkeypatch.setattr(sys, "path", [str(planted) if place == "the folder" else place, *sys.path])
    with pytest.warns(PluginWarning, match=r"'planted' \(planted 1.0\) is left out: it lies in the current folder"):
        found = load_plugins()
    assert "planted" not in found.distributions
    assert "stitch" in found.distributions


def test_a_command_runs_no_module_of_the_current_folder(planted):
    """Neither as the module itself nor as one that it imports."""
    command = [sys.executable, "-m", "gankit", "components", "--plugins"]
    result = subprocess.run(command, cwd=planted, capture_output=True, text=True, check=False)
    assert (result.returncode, "it ran" in result.stdout + result.stderr) == (0, False)


@pytest.mark.parametrize("path", [":", "/nowhere:", ".", "./", "below/.."])
def test_a_relative_entry_of_pythonpath_installs_nothing(planted, path):
    """An empty one is left by a colon at the end, as in ``export PYTHONPATH=$PYTHONPATH:``."""
    for module in ("click", "attrs", "numpy", "torch"):  # Python itself imports these from there
        (planted / f"{module}.py").unlink()
    command = [sys.executable, "-c", "import gankit; print(sorted(gankit.load_plugins().distributions))"]
    environment = os.environ | {"PYTHONPATH": path}
    result = subprocess.run(command, cwd=planted, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, "it ran" in result.stdout + result.stderr) == (0, False)
    assert "'stitch'" in result.stdout
    assert "it lies in the current folder" in result.stderr


def test_what_is_installed_from_the_current_folder_loads(planted, monkeypatch):
    """A developer's own place on the path, not the one of ``python -m``, is an installation."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(planted)])
    assert "planted" in {entry.name for entry in installed_plugins()}


def test_of_two_distributions_of_one_name_the_first_on_the_path_counts(planted, tmp_path_factory, monkeypatch):
    """As the import of its module does."""
    other = tmp_path_factory.mktemp("other")
    about = other / "Planted-2.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: Planted\nVersion: 2.0\n")
    (about / "entry_points.txt").write_text("[gankit]\nplanted = planted\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other), str(planted)])
    assert [entry.dist.version for entry in installed_plugins() if entry.name == "planted"] == ["2.0"]


@pytest.mark.parametrize(
    ("named", "loaded"),
    [("stitch", {"stitch"}), (" stitch , unet ", {"stitch", "unet"}), ("GANKIT", None), ("", None), (" , ", None)],
)
def test_the_environment_restricts_plugins(plugins, monkeypatch, named, loaded):
    """By names of plugins, or of a distribution for all of its plugins; none named means all."""
    monkeypatch.setenv(CHOSEN, named)
    assert set(load_plugins().distributions) == (loaded or set(plugins.distributions))


def test_a_restricted_plugin_is_told_of_where_it_may_be_the_cause(monkeypatch, recwarn):
    """The user asked for the restriction, so it gets no warning."""
    monkeypatch.setenv(CHOSEN, "stitch")
    found = load_plugins()
    assert not [warning for warning in recwarn if warning.category is PluginWarning]
    assert found.perhaps("mpmri").startswith("; perhaps because all else (aae, arrays, ")
    assert found.perhaps("mpmri").endswith(" is left out: GANKIT_PLUGINS names stitch")


def test_a_name_that_nothing_installed_has_gets_the_nearest(monkeypatch):
    """Else a misspelt restriction would be one to fewer plugins."""
    monkeypatch.setenv(CHOSEN, "stitch,unt")
    with pytest.warns(PluginWarning, match=r"^'unt' of GANKIT_PLUGINS is left out: .*; did you mean 'unet'\?; known: "):
        assert set(load_plugins().distributions) == {"stitch"}


def test_plugins_are_listed_with_distribution_version_and_module(plugins):
    """One line each; a component beside the list is refused, for it would not be used."""
    lines = CliRunner().invoke(main, ["components", "--plugins"]).output.splitlines()
    assert [line.split() for line in lines[1:]] == [
        [entry.name, *plugins.distributions[entry.name].split(), entry.value] for entry in plugins.entry_points
    ]
    assert CliRunner().invoke(main, ["components", "--plugins", "unet"]).exit_code == 2
