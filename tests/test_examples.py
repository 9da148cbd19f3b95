"""What the README and the examples show is what works."""

import re
import tomllib
from pathlib import Path

import pytest

from gankit import load_plugins, load_recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = sorted((ROOT / "examples/recipes").glob("*.toml"))


def block(language, words):
    """The README's code block in this language that holds these words."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    (found,) = [text for text in blocks if words in text]
    return found


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_example_recipe_checks(recipe, plugins):
    """A recipe to copy has no problems and is listed in the examples' README."""
    assert load_recipe(recipe, plugins=plugins).name == recipe.stem
    assert f"recipes/{recipe.name}" in (ROOT / "examples/README.md").read_text(encoding="utf-8")


def test_the_recipe_of_the_readme_is_the_example():
    """The first recipe a reader copies is the one that is tested."""
    assert tomllib.loads(block("toml", "extends")) == tomllib.loads((ROOT / "examples/recipes/my.toml").read_text())


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
