"""Trained models that plugins ship, by name."""

import shutil

import attrs
import pytest
from click.testing import CliRunner

from gankit import InputError, load_model, train
from gankit.cli import main


@pytest.fixture(scope="module")
def shipping(tiny_recipe, plugins, tmp_path_factory):
    """The installed plugins, and a model ``tiny`` with its card that one of them ships."""
    folder = tmp_path_factory.mktemp("models")
    train(tiny_recipe(**{"training.steps": 2}), folder / "run", device="cpu", plugins=plugins, quiet=True)
    shutil.copy(folder / "run" / "model.safetensors", folder / "tiny.safetensors")
    (folder / "tiny.md").write_text("# tiny\nTrained for two steps.\n")
    return attrs.evolve(plugins, models={"tiny": folder / "tiny.safetensors"})


@pytest.fixture
def gankit(shipping, monkeypatch):
    """``gankit("models")``, with these plugins."""
    for module in ("models", "sample"):
        monkeypatch.setattr(f"gankit.cli.{module}.plugins", lambda: shipping, raising=False)
    monkeypatch.setattr("gankit.cli._group.plugins", lambda: shipping)
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def test_a_shipped_model_is_loaded_by_its_name(shipping):
    """The name stands wherever a run or a file may."""
    assert load_model("tiny", "cpu", shipping).step == 2


def test_what_lies_in_the_folder_comes_before_a_shipped_name(shipping, tmp_path, monkeypatch):
    """A run directory of that name is meant, not the shipped model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    with pytest.raises(InputError, match="tiny: not a run directory"):
        load_model("tiny", "cpu", shipping)


def test_an_unknown_name_brings_the_shipped_ones(shipping):
    """With the nearest of them."""
    with pytest.raises(InputError, match="did you mean 'tiny'.; shipped models: tiny"):
        load_model("tini", "cpu", shipping)


def test_models_are_listed_with_their_recipe(gankit):
    """A line each."""
    assert gankit("models").output.startswith("tiny  ADC + T2w prostate pairs")


def test_the_card_of_a_model_is_printed(gankit):
    """As it was written."""
    assert gankit("models", "tiny").output == "# tiny\nTrained for two steps.\n\n"


def test_a_model_that_is_not_shipped_is_refused(gankit):
    """One line and exit code 2."""
    result = gankit("models", "large")
    assert result.exit_code == 2
    assert result.output == "Error: no shipped model 'large'; shipped models: tiny\n"


def test_a_shipped_model_samples(gankit, tmp_path):
    """``gankit sample NAME``."""
    assert gankit("sample", "tiny", "-n", 2, "-o", tmp_path / "s.npz", "--device", "cpu").exit_code == 0
    assert (tmp_path / "s.npz").is_file()
