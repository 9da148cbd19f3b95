"""Trained models that plugins ship, by name."""

import shutil

import attrs
import pytest
from click.testing import CliRunner

from gankit import InputError, load_model, load_recipe, train
from gankit.cli import main
from gankit.recipe.structure import to_document
from gankit.run.card import kept_card
from gankit.run.targets import recipe_of


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


def test_the_card_in_a_model_is_printed_after_what_its_plugin_says(gankit, shipping):
    """One beside the other."""
    from gankit import model_card
    from gankit.run.card import keep_card

    file = shipping.models["tiny"]
    keep_card(file, model_card("tiny", plugins=shipping).document)
    printed = gankit("models", "tiny").output
    assert printed.startswith("# tiny\nTrained for two steps.\n")
    assert "## Not to be used for" in printed


def test_a_model_that_is_not_shipped_is_refused(gankit):
    """One line and exit code 2."""
    result = gankit("models", "large")
    assert result.exit_code == 2
    assert result.output == "Error: no shipped model 'large'; shipped models: tiny\n"


def test_a_shipped_model_samples(gankit, tmp_path):
    """``gankit sample NAME``."""
    assert gankit("sample", "tiny", "-n", 2, "-o", tmp_path / "s.npz", "--device", "cpu").exit_code == 0
    assert (tmp_path / "s.npz").is_file()


# The demonstration model ----------------------------------------------------------------------------------


def test_the_demonstration_model_is_small_and_has_a_card(plugins):
    """Under 3 MB in the wheel; the card says how it was trained and what it reads."""
    file = plugins.models["mpmri-demo"]
    assert file.stat().st_size < 3e6
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "gankit train mpmri-demo" in card
    assert "lesion-contrast.adc.train" in card


def test_the_demonstration_model_has_its_audit_in_its_file(plugins):
    """A card of this model, with what was measured of copies."""
    card = kept_card(plugins.models["mpmri-demo"])
    assert card is not None
    audit = {reading["id"]: reading["mean"] for reading in card["audit"]}
    assert audit["memorisation.exact.copies"] == 0
    assert audit["memorisation.moved.patients"] == 0


def test_the_demonstration_model_is_of_the_shipped_recipe(plugins):
    """Its recipe is ``mpmri-demo`` to the last option, so that the command in the card would train it again."""
    shipped = to_document(load_recipe("mpmri-demo", plugins=plugins), plugins.registry)
    assert to_document(recipe_of(plugins.models["mpmri-demo"], plugins), plugins.registry) == shipped


def test_the_demonstration_model_encodes_its_training_slices_to_mean_0_and_variance_1(plugins):
    """Its batch statistics are those of its averaged weights over the pool that it was trained on."""
    model = load_model("mpmri-demo", "cpu", plugins)
    slices = model.recipe.cohort.load().dataset("cs", model.recipe, units=True, modalities=["adc"])[:]
    latents_NZ = model.encode({"adc": slices["adc"]})
    assert latents_NZ.mean(dim=0).abs().max() < 1e-3
    assert (latents_NZ.var(dim=0, correction=0) - 1).abs().max() < 1e-3


def test_the_demonstration_model_makes_pairs_in_range(plugins):
    """ADC and T2w of slices with the label, none of them flat."""
    cohort = load_model("mpmri-demo", "cpu", plugins).cohort(4, seed=0)
    assert set(cohort.labels["cs"]) == {1}
    assert cohort.modalities["adc"].values.shape == (4, 1, 64, 64)
    for name, (low, high) in {"adc": (0, 3000), "t2w": (0, 700)}.items():
        values = cohort.modalities[name].values
        assert low <= values.min() < values.max() <= high
        assert (values.std(axis=(1, 2, 3)) > 0.05 * (high - low)).all()
