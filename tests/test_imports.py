"""``gankit.imports``: cohorts from other data, by functions that plugins name."""

import subprocess
import sys

import pytest

import gankit

STRANGER = """
from gankit import hookimpl

@hookimpl
def importers():
    return {"tapes": "stranger_of_tapes:import_tapes", "nothing": "stranger_of_tapes:import_nothing"}

def import_tapes(folder, *, reels=1, out=None):
    return f"{reels} of {folder}"
"""


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """An installed distribution whose plugin imports tapes."""
    (tmp_path / "stranger_of_tapes.py").write_text(STRANGER)
    about = tmp_path / "stranger_of_tapes-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-of-tapes\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[gankit]\ntapes = stranger_of_tapes\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_strangers_import_stands_beside_those_that_ship(stranger):
    """It is called with its own parameters, and listed."""
    assert gankit.imports.tapes("shelf", reels=3) == "3 of shelf"
    assert {"tapes", "arrays", "dicom", "volumes"} <= set(dir(gankit.imports))


def test_an_import_that_nobody_offers_gets_the_nearest():
    """As an attribute that is not there, so that ``hasattr`` can ask."""
    with pytest.raises(AttributeError, match="no plugin imports 'arays'; did you mean 'arrays'.*known: arrays, dicom"):
        _ = gankit.imports.arays
    assert not hasattr(gankit.imports, "tapes")


def test_names_of_python_itself_are_answered_without_plugins(monkeypatch):
    """Whoever inspects the module asks for them; none is an import."""
    monkeypatch.setattr("gankit.imports.load_plugins", lambda: pytest.fail("looked for plugins"))
    assert not hasattr(gankit.imports, "__path__")


def test_an_import_that_cannot_be_loaded_blames_its_plugin(stranger):
    """The function that the hook names is not there."""
    with pytest.raises(gankit.PluginError, match="plugin 'tapes': importer 'nothing' cannot be imported"):
        _ = gankit.imports.nothing


@pytest.mark.parametrize("plugin", ["gankit_arrays", "gankit_dicom"])
def test_a_plugin_that_imports_is_cheap_to_load(plugin):
    """Its package has the function and brings in neither numpy nor torch nor what reads files."""
    heavy = "{'numpy', 'torch', 'pydicom', 'SimpleITK', 'scipy', 'click'}"
    code = f"import sys, {plugin}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", ["arrays", "dicom", "volumes"])
def test_an_import_explains_itself(name):
    """Each parameter by name, and what is raised."""
    function = getattr(gankit.imports, name)
    for word in ("Args:", "Returns:", "Raises:", *function.__kwdefaults__):
        assert word in function.__doc__
