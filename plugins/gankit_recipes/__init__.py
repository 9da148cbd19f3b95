"""Recipes that put the field's parts together: translation, and classes that are asked for."""

from collections.abc import Mapping
from pathlib import Path

from gankit import hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def recipes() -> Mapping[str, Path]:
    return {file.stem: file for file in sorted(RECIPES.glob("*.toml"))}
