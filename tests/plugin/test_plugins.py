"""Loading plugins: every entry point of the group, and the culprit named when one is broken."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gankit import PluginError, load_plugins

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
    with pytest.raises(PluginError, match="plugin 'culprit': hook kernels failed: ZeroDivisionError: cpu"):
        found.kernels("cpu")


def test_installed_plugins_name_their_distribution(plugins):
    """The locked recipe records which version of which distribution each plugin came from."""
    assert plugins.distributions["stitch"].startswith("gankit ")


BROKEN = {
    "an import that fails": ("import gankit_no_such_module\n", "cannot be imported: ModuleNotFoundError"),
    "a syntax error": ("def (:\n", "cannot be imported: SyntaxError"),
    "a misspelt hook": (
        "@hookimpl\ndef register_component(registry): pass\n",
        "unknown hook 'register_component'.*the hooks are .*register_components",
    ),
    "a hook with another argument": ("@hookimpl\ndef register_components(registrar): pass\n", "registrar"),
    "a hook without the marker": ("def register_components(registry): pass\n", "implements no hook"),
    "a hook that fails": ("@hookimpl\ndef recipes(): return {}['mpmri']\n", "hook recipes failed: KeyError"),
    "a hook that returns the wrong thing": ("@hookimpl\ndef commands(): return ['mine']\n", "hook commands.*mapping"),
    "an unknown kind": (
        "@hookimpl\ndef register_components(registry): registry.add('los', 'a', 'b:C')\n",
        "unknown kind 'los'; did you mean 'loss'",
    ),
    "a name twice": (
        "@hookimpl\ndef register_components(registry):\n"
        "    registry.add('loss', 'a', 'b:C')\n    registry.add('loss', 'a', 'b:C')\n",
        "registers loss 'a', but plugin 'culprit' has a loss of that name",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plugin_is_named(plugin, fault):
    """Whatever is wrong with one plugin among many, the message names that plugin and the fault."""
    source, message = BROKEN[fault]
    good = "@hookimpl\ndef recipes(): return {}\n"
    with pytest.raises(PluginError, match=f"(?s)plugin 'culprit'.*{message}"):
        load_plugins([plugin("before", good), plugin("culprit", source), plugin("innocent", good)])


def test_two_plugins_with_one_name_are_refused(plugin):
    """pluggy would drop the second without a word."""
    source = "@hookimpl\ndef recipes(): return {}\n"
    with pytest.raises(PluginError, match="two plugins are named 'same': one from first_module, one from second_modu"):
        load_plugins([plugin("same", source, "first_module"), plugin("same", source, "second_module")])


def test_two_plugins_with_one_component_are_refused(plugin):
    """Both plugins are named, since either may give way."""
    source = "@hookimpl\ndef register_components(registry): registry.add('phase', 'taken', 'b:C')\n"
    with pytest.raises(PluginError, match="plugin 'two' registers phase 'taken', but plugin 'one' has a phase"):
        load_plugins([plugin("two", source), plugin("one", source)])


@pytest.mark.parametrize("hook", ["recipes", "commands", "export_formats"])
def test_two_plugins_with_one_recipe_or_command_are_refused(plugin, hook):
    """A recipe or command never depends on which plugin was loaded last."""
    source = f"@hookimpl\ndef {hook}(): return {{'taken': 'somewhere'}}\n"
    with pytest.raises(PluginError, match=f"plugin 'two' offers {hook} that another plugin has: taken"):
        load_plugins([plugin("one", source), plugin("two", source)])
