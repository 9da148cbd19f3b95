"""mp-MRI of the prostate: the recipes of Wang et al. and their variants, and a model trained by one of them."""

from collections.abc import Mapping
from pathlib import Path

from gankit import hookimpl

RECIPES = Path(__file__).parent / "recipes"
MODELS = Path(__file__).parent / "models"


@hookimpl
def recipes() -> Mapping[str, Path]:
    return {file.stem: file for file in sorted(RECIPES.glob("*.toml"))}


@hookimpl
def models() -> Mapping[str, Path]:
    return {file.stem: file for file in sorted(MODELS.glob("*.safetensors"))}
