"""``gankit new plugin`` writes a package that works as it stands."""

import os
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from gankit import InputError, load_plugins
from gankit.cli import main
from gankit.cli.new import LONGEST_NAME, PluginNames, plugin_names, write_plugin

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation",
       "--disable-pip-version-check"]  # fmt: skip


def said(*call, **settings):
    """What a program prints; it must succeed."""
    done = subprocess.run([*map(str, call)], capture_output=True, text=True, timeout=120, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plugin named after a keyword behind a digit, written by the command and installed into a folder of its own."""
    place = tmp_path_factory.mktemp("new")
    result = CliRunner().invoke(main, ["new", "plugin", "3d-class", "-o", str(place / "package")])
    assert result.exit_code == 0, result.output
    said(*PIP, "--target", place / "site", place / "package")
    return place


@pytest.fixture(scope="module")
def environment(made):
    """The environment in which it is installed."""
    return {**os.environ, "PYTHONPATH": str(made / "site"), "OMP_NUM_THREADS": "1"}


def test_its_own_tests_pass_beside_the_installed_package(made, environment):
    """They use ``gankit.testing`` and test what was installed, since the source is not on the path."""
    quietly = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    assert "3 passed" in said(sys.executable, "-m", "pytest", *quietly, made / "package", env=environment, cwd=made)


def test_it_shows_up_among_the_components_and_recipes(made, environment):
    """With the origin that it was installed from."""
    gankit = [sys.executable, "-m", "gankit"]
    shown = said(*gankit, "components", "3d-class", env=environment)
    assert shown.startswith("loss 3d-class, from plugin 3d-class (gankit-3d-class 0.1.0)")
    assert "  3d-class " in said(*gankit, "components", env=environment)
    assert "is fine" in said(*gankit, "recipe", "check", "3d-class", env=environment)


@pytest.mark.parametrize("name", ["x", "class", "json", "a" * LONGEST_NAME])
def test_what_it_writes_is_clean_whatever_the_name(name, tmp_path):
    """Sorted imports and lines of the right length, for the shortest name and for the longest."""
    write_plugin(PluginNames(name), tmp_path / "package")
    said("ruff", "check", "--no-cache", ".", cwd=tmp_path / "package")
    said("ruff", "format", "--check", "--no-cache", ".", cwd=tmp_path / "package")
    project = tomllib.loads((tmp_path / "package/pyproject.toml").read_text())["project"]
    assert project["entry-points"]["gankit"] == {name: f"gankit_{name}"}


@pytest.mark.parametrize("text", ["edge-loss", "edge_loss", "gankit-edge-loss", "gankit_edge_loss"])
def test_dashes_underscores_and_the_prefix_lead_to_one_name(text, plugins):
    """As pip does not tell them apart, neither does gankit."""
    names = plugin_names(text, plugins)
    assert (names.name, names.distribution, names.package) == ("edge-loss", "gankit-edge-loss", "gankit_edge_loss")


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("Edges", "such as 'edges'"),
        ("my plugin", "such as 'my-plugin'"),
        ("edge--loss", "such as 'edge-loss'"),
        ("../edges", "such as 'edges'"),
        ("a" * (LONGEST_NAME + 1), "such as '" + "a" * LONGEST_NAME + "'"),
        ("größe", "such as 'gr-e'"),
        ("gankit-", "with single dashes between them"),
        ("", "with single dashes between them"),
    ],
)
def test_what_is_no_name_is_refused_with_one_that_is(text, better, plugins):
    """Nothing is renamed in silence."""
    with pytest.raises(InputError, match=f"is not a name for a plugin; accepted: .*{better}"):
        plugin_names(text, plugins)


@pytest.mark.parametrize(
    ("taken", "kind"), [("aae", "plugin"), ("l2", "component"), ("cogan", "recipe"), ("export", "plugin")]
)
def test_a_name_that_something_installed_has_is_refused(taken, kind, plugins):
    """Two plugins, two losses or two recipes of one name would leave both out."""
    with pytest.raises(InputError, match=f"an installed {kind} is named '{taken}'; choose another name"):
        plugin_names(taken, plugins)


def test_the_name_of_a_plugin_that_cannot_be_loaded_is_taken_too():
    """It is installed all the same."""
    with pytest.raises(InputError, match="an installed plugin is named 'aae'"):
        plugin_names("aae", load_plugins([]))


def test_a_folder_that_exists_is_left_alone(tmp_path):
    """Not even an empty one is filled; nothing else is left behind."""
    with pytest.raises(InputError, match="exists already; nothing was written"):
        write_plugin(PluginNames("edges"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_nowhere_is_left_alone(tmp_path):
    """It is something of the user's, too."""
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(InputError, match="exists already; nothing was written"):
        write_plugin(PluginNames("edges"), tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
