"""What the README and the examples show is what works."""

import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import gankit
from gankit import load_plugins, load_recipe, write_cohort

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_RECIPE = (ROOT / "docs/tutorials/first-recipe.md").read_text(encoding="utf-8")
RECIPES = sorted(path for folder in ("recipes", "comparison") for path in (ROOT / "examples" / folder).glob("*.toml"))


def block(language, words, page=README):
    """The page's code block in this language that holds these words."""
    blocks = re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)
    (found,) = [text for text in blocks if words in text]
    return found


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_example_recipe_checks(recipe, plugins):
    """A recipe to copy has no problems and is listed in the examples' README."""
    assert load_recipe(recipe, plugins=plugins).name == recipe.stem
    assert f"{recipe.parent.name}/{recipe.name}" in (ROOT / "examples/README.md").read_text(encoding="utf-8")


def test_the_recipe_of_the_readme_is_the_example():
    """The first recipe a reader copies is the one that is tested."""
    written = block("toml", 'name = "my"')
    assert tomllib.loads(written) == tomllib.loads((ROOT / "examples/recipes/my.toml").read_text())


def test_the_variant_of_the_first_tutorial_changes_and_removes_terms(plugins, tmp_path):
    """It shows how; what it does not name stays."""
    (tmp_path / "variant.toml").write_text(block("toml", "# variant.toml", FIRST_RECIPE))
    (warm_up, *_) = load_recipe(tmp_path / "variant.toml", plugins=plugins).phases
    weights = {term.name: (type(term).__name__, term.weight) for term in warm_up.terms}
    assert weights["l2-adc"] == ("L2", 20)
    assert weights["l2-t2w"] == ("L1", 10)
    assert "band-l2-adc" not in weights


def test_the_plugin_of_the_readme_is_a_loss_that_a_recipe_can_use(plugins, tiny_recipe):
    """The ten lines of the README register a loss, and a phase builds it."""
    names = {}
    exec(block("python", "AbstractPairedLoss"), names)
    registry = load_plugins().registry
    registry.registering("huber")
    names["register_components"](registry)
    import torch

    loss = registry.find("huber", "loss")(on=("adc",)).build()
    image_BCHW = torch.zeros(2, 1, 4, 4)
    assert loss(image_BCHW, image_BCHW + 0.05).tolist() == pytest.approx([0.05**2 / 2] * 2)


def test_the_picture_of_the_readme_is_there():
    """The README shows what its main command made."""
    (picture,) = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_the_digits_train(plugins, tmp_path, monkeypatch):
    """Core and components know nothing of the prostate: other pictures under other names go from script to model."""
    folder = ROOT / "examples/digits"
    make = runpy.run_path(str(folder / "make_cohort.py"))
    cohort = make["digits_cohort"]()
    assert list(cohort.modalities) == ["ink", "edge"]
    write_cohort(cohort, tmp_path / "digits.safetensors")
    few = {"training.steps": 2, "training.batch": 4, "phases.unsupervised.start": 0}
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(folder / "digits.toml", few, plugins)
    for name, spec in recipe.modalities.items():
        assert spec.range[0] <= cohort.modalities[name].values.min()
        assert cohort.modalities[name].values.max() <= spec.range[1]
    result = gankit.train(recipe, device="cpu", plugins=plugins, quiet=True)
    made = gankit.load_model(result.path, plugins=plugins).cohort(3)
    assert {name: modality.values.shape for name, modality in made.modalities.items()} == {
        "ink": (3, 1, 16, 16),
        "edge": (3, 1, 16, 16),
    }
    assert made.labels["loop"].tolist() == [1, 1, 1]


def test_a_classifier_trains_on_real_plus_synthetic_slices(trained, tiny_cohort_file):
    """From a run and a cohort file to both figures."""
    call = [sys.executable, ROOT / "examples/classifier/train.py", trained, tiny_cohort_file]
    done = subprocess.run(call, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120)
    real, both = done.stdout.splitlines()
    assert re.fullmatch(r"real: 18 slices, area under the curve [01]\.\d{3}", real)
    assert re.fullmatch(r"real plus synthetic: 27 slices, area under the curve [01]\.\d{3}", both)
    assert float(real.split()[-1]) == 1  # the cohort's cancer is easy to see


@pytest.mark.parametrize("folder", ["gankit_dce", "digits", "classifier"])
def test_every_example_folder_is_listed(folder):
    """With a README that says how to run it."""
    assert f"| `{folder}/` |" in (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert (ROOT / "examples" / folder / "README.md").is_file()
