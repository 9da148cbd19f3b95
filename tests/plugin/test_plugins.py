"""Loading plugins: every entry point of the group, a broken one named and left out."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gankit import InputError, PluginWarning, load_plugins, load_recipe

REPOSITORY = Path(__file__).parents[2]

HEAD = "from gankit import hookimpl\n"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """``plugin(name, source)``: a module on the path and the entry point that names it."""
    monkeypatch.syspath_prepend(tmp_path)

    def written(name, source, module=None):
        module = module or f"{tmp_path.name.replace('-', '_')}_{name}"
        (tmp_path / f"{module}.py").write_text(HEAD + source)
        return EntryPoint(name=name, value=module, group="gankit")

    return written


def test_entry_points_are_the_folders_under_plugins():
    """What ships is found the way a stranger's plugin is, and nothing is forgotten."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    folders = {folder.parent.name for folder in (REPOSITORY / "plugins").glob("*/__init__.py")}
    assert set(project["entry-points"]["gankit"].values()) == folders


def test_a_plugin_adds_components_recipes_and_commands(plugin, tmp_path):
    """Hooks, all optional, are the whole contract."""
    entry = plugin(
        "mine",
        "from pathlib import Path\n"
        "@hookimpl\ndef register_components(registry): registry.add('loss', 'mine', 'nowhere:Mine')\n"
        "@hookimpl\ndef recipes(): return {'my-recipe': Path('my-recipe.toml')}\n"
        "@hookimpl\ndef commands(): return {'mine': 'nowhere:mine'}\n"
        "@hookimpl\ndef export_formats(): return {'mine': 'nowhere:encode'}\n",
    )
    found = load_plugins([entry])
    assert [(entry.kind, entry.name, entry.plugin) for entry in found.registry.entries()] == [("loss", "mine", "mine")]
    assert found.recipes == {"my-recipe": Path("my-recipe.toml")}
    assert found.commands == {"mine": "nowhere:mine"}
    assert found.export_formats == {"mine": "nowhere:encode"}
    assert list(found.distributions) == ["mine"]


def test_a_plugin_offers_paths_and_kernels_only_when_asked(plugin):
    """They may import torch, so loading plugins does not call them; what goes wrong is still blamed on the plugin."""
    entry = plugin("mine", "@hookimpl\ndef op_paths(): return {'op on cpu': 'by hand'}\n")
    broken = plugin("culprit", "@hookimpl\ndef kernels(device): raise ZeroDivisionError(device)\n")
    found = load_plugins([entry, broken])
    assert found.op_paths() == {"op on cpu": "by hand"}
    message = r"plugin 'culprit' is left out: hook kernels failed: ZeroDivisionError: cpu \(.*_culprit\.py:3\)"
    with pytest.warns(PluginWarning, match=message):
        assert found.kernels("cpu") == {}


def test_what_two_plugins_say_of_one_operator_is_that_of_the_first(plugin):
    """The other is named in a warning, with what it repeats."""
    source = "@hookimpl\ndef op_paths(): return {'op on cpu': '%s'}\n"
    found = load_plugins([plugin("one", source % "by hand"), plugin("two", source % "by foot")])
    with pytest.warns(PluginWarning, match="'two' is left out: hook op_paths offers what another plugin has: op on c"):
        assert found.op_paths() == {"op on cpu": "by hand"}


def test_plugins_are_loaded_in_the_order_of_their_names(plugin):
    """Not in that of installation, nor of their modules."""
    source = "@hookimpl\ndef recipes(): return {}\n"
    entries = [plugin("c", source, "order_b"), plugin("a", source, "order_c"), plugin("b", source, "order_a")]
    assert list(load_plugins(entries).distributions) == ["a", "b", "c"]


def test_a_shipped_recipe_is_told_from_a_file_of_the_same_name(plugins):
    """A message names the first by its plugin and the other by its path."""
    assert plugins.origin_of(plugins.recipes["mpmri"]) == "recipe mpmri (shipped by mri)"
    assert plugins.origin_of(Path("mine/mpmri.toml")) == "mine/mpmri.toml"


def test_installed_plugins_name_their_distribution(plugins):
    """The locked recipe records which version of which distribution each plugin came from."""
    assert plugins.distributions["stitch"].startswith("gankit ")


BROKEN = {
    "an import that fails": ("import gankit_no_such_module\n", r"cannot be imported: ModuleNotFoundError: .*:2\)"),
    "an import that ends the process": ("raise SystemExit(1)\n", r"cannot be imported: SystemExit: 1 \(.*:2\)"),
    "a syntax error": ("def (:\n", r"cannot be imported: SyntaxError: .*:2\)"),
    "a misspelt hook": (
        "@hookimpl\ndef register_component(registry): pass\n",
        r"unknown hook 'register_component'.*\.py:2\); the hooks are .*register_components",
    ),
    "a hook with another argument": (
        "@hookimpl\ndef register_components(registrar): pass\n",
        r"registrar.*\.py:2\)",
    ),
    "a hook without the marker": ("def register_components(registry): pass\n", "implements no hook"),
    "a hook that fails": ("@hookimpl\ndef recipes():\n    return {}['mpmri']\n", r"recipes failed: KeyError: .*:4\)"),
    "a hook that returns the wrong thing": ("@hookimpl\ndef commands(): return ['mine']\n", "hook commands.*mapping"),
    "a hook that ends the process": (
        "@hookimpl\ndef recipes(): raise SystemExit(1)\n",
        r"hook recipes failed: SystemExit: 1 \(.*:3\)",
    ),
    "a name that is no text": (
        "from pathlib import Path\n@hookimpl\ndef recipes(): return {3: Path()}\n",
        "hook recipes: 3 must stand for a path",
    ),
    "a recipe that is no path": ("@hookimpl\ndef recipes(): return {'a': 'b'}\n", "'a' must stand for a path, got 'b'"),
    "a command that is no text": (
        "@hookimpl\ndef commands(): return {'a': ('b', 'c', 'd')}\n",
        r"'a' must stand for 'module:command', or that and a sentence, got \('b', 'c', 'd'\)",
    ),
    "an unknown kind": (
        "@hookimpl\ndef register_components(registry): registry.add('los', 'a', 'b:C')\n",
        r"unknown kind 'los'; did you mean 'loss'.*:3\)",
    ),
    "a name twice": (
        "@hookimpl\ndef register_components(registry):\n"
        "    registry.add('loss', 'a', 'b:C')\n    registry.add('loss', 'a', 'b:C')\n",
        "registers loss 'a', but plugin 'culprit' has a loss of that name",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plugin_is_named_and_left_out(plugin, fault):
    """One line with plugin, distribution, what went wrong and where; its neighbours are there, nothing of it is."""
    source, message = BROKEN[fault]
    good = "from pathlib import Path\n@hookimpl\ndef recipes(): return {'%s': Path()}\n"
    entries = [plugin("before", good % "a"), plugin("culprit", source), plugin("innocent", good % "b")]
    match = rf"^plugin 'culprit' \({entries[1].value}, from {entries[1].value}\) is left out: .*{message}"
    with pytest.warns(PluginWarning, match=match) as warned:
        found = load_plugins(entries)
    assert [str(failure) for failure in found.failures] == [str(warning.message) for warning in warned]
    assert "\n" not in str(found.failures[0])
    assert (list(found.recipes), list(found.distributions)) == (["a", "b"], ["before", "innocent"])
    assert list(found.registry.entries()) == []


def test_two_plugins_with_one_name_are_both_left_out(plugin):
    """pluggy would drop the second without a word."""
    source = "@hookimpl\ndef recipes(): return {}\n"
    with pytest.warns(PluginWarning, match="'same' is left out: first_module and second_module have each a plugin"):
        found = load_plugins([plugin("same", source, "first_module"), plugin("same", source, "second_module")])
    assert found.distributions == {}


CONTESTED = {
    "phase 'taken'": "@hookimpl\ndef register_components(registry): registry.add('phase', 'taken', 'b:C')\n",
    "recipe 'taken'": "from pathlib import Path\n@hookimpl\ndef recipes(): return {'taken': Path()}\n",
    "command 'taken'": "@hookimpl\ndef commands(): return {'taken': 'somewhere'}\n",
    "export format 'taken'": "@hookimpl\ndef export_formats(): return {'taken': 'somewhere'}\n",
}


@pytest.mark.parametrize("what", CONTESTED)
def test_what_two_plugins_offer_neither_has(plugin, what):
    """What a name means never depends on which plugin was loaded last; both are named, since either may give way."""
    entries = [plugin(name, CONTESTED[what]) for name in ("two", "one")]
    with pytest.warns(PluginWarning, match=f"^{what} is left out: plugins 'one' and 'two' each offer one of that name"):
        found = load_plugins(entries)
    assert not any((*found.registry.entries(), *found.recipes, *found.commands, *found.export_formats))
    assert list(found.distributions) == ["one", "two"]


def test_networks_of_two_kinds_contest_a_name(plugin):
    """A recipe's ``use`` does not tell them apart."""
    hook = "@hookimpl\ndef register_components(registry): registry.add('%s', 'taken', 'b:C')\n"
    with pytest.warns(PluginWarning, match="^network 'taken' is left out"):
        found = load_plugins([plugin("one", hook % "encoder"), plugin("two", hook % "generator")])
    assert not list(found.registry.entries())


def test_who_needs_what_is_left_out_hears_why(plugin):
    """A name that is unknown may be one of a plugin that could not be loaded."""
    with pytest.warns(PluginWarning):
        found = load_plugins([plugin("theirs", "import gankit_no_such_module\n")])
    cause = r"; perhaps because plugin 'theirs' .* is left out: .*ModuleNotFoundError: .*theirs\.py:2\)"
    with pytest.raises(InputError, match=f"no loss named 'hinge'.*{cause}"):
        found.registry.find("hinge", "loss")
    with pytest.raises(InputError, match=f"no recipe named 'theirs'.*{cause}"):
        load_recipe("theirs", (), found)


def test_a_contested_name_is_told_from_a_plugin_that_is_left_out(plugin):
    """Only what has to do with the name is named as the cause."""
    entries = [plugin(name, CONTESTED["phase 'taken'"]) for name in ("one", "two")]
    with pytest.warns(PluginWarning):
        found = load_plugins([*entries, plugin("theirs", "import gankit_no_such_module\n")])
    with pytest.raises(InputError, match="perhaps because phase 'taken' is left out") as caught:
        found.registry.find("taken", "phase")
    assert "theirs" not in str(caught.value)
