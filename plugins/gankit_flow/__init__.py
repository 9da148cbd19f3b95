"""Rectified flow: images made from noise of their own size, in several steps through one network. The baseline that
answers "why a GAN?"."""

from collections.abc import Mapping
from pathlib import Path

from gankit import Registry, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def register_components(registry: Registry) -> None:
    """Register the translator ``flow-unet``, the samplers ``euler`` and ``heun`` and the phase ``flow-matching``."""
    registry.add("translator", "flow-unet", "gankit_flow.translator:FlowUNet")
    registry.add("sampler", "euler", "gankit_flow.samplers:Euler")
    registry.add("sampler", "heun", "gankit_flow.samplers:Heun")
    registry.add("phase", "flow-matching", "gankit_flow.phase:FlowMatching")


@hookimpl
def recipes() -> Mapping[str, Path]:
    return {file.stem: file for file in sorted(RECIPES.glob("*.toml"))}
