"""Recipes from texts, and their problems."""

import pytest

from gankit import RecipeError, load_recipe
from tests.recipe.texts import ADC_ONLY


@pytest.fixture
def written(tmp_path):
    """``written(name, text)``: a recipe file of this text."""

    def write(name, text):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


@pytest.fixture
def load(written, plugins):
    """``load(text, *overrides)``: the recipe of this text, ``small`` by default."""
    return lambda text=ADC_ONLY, *overrides: load_recipe(written("small.toml", text), overrides, plugins)


@pytest.fixture
def faults(load):
    """``faults(text, *overrides)``: the problems of this text, place to message."""

    def found(text=ADC_ONLY, *overrides):
        with pytest.raises(RecipeError) as caught:
            load(text, *overrides)
        return {problem.place: problem.message for problem in caught.value.problems}

    return found
