"""Early DCE enhancement through a pharmacokinetic model: a translator and a recipe for gankit."""

from collections.abc import Mapping
from pathlib import Path

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    """Register the translator ``tofts``; it is imported when a recipe uses it."""
    registry.add("translator", "tofts", "gankit_dce.translator:Tofts")


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Ship the recipe ``tofts-quick``."""
    return {"tofts-quick": Path(__file__).parent / "recipes" / "tofts-quick.toml"}
