"""The methods that Wang et al. compare with, as recipes over components (Sec. I, IV).

CoGAN is that of Liu and Tuzel 2016, "Coupled generative adversarial networks" (arXiv:1606.07536); the supervised
method is that of Costa et al. 2018, "End-to-end adversarial retinal image synthesis" (IEEE TMI 37(3)).
"""

from collections.abc import Mapping
from pathlib import Path

from gankit import Registry, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("generator", "coupled-generator", "gankit_baselines.generator:CoupledGenerator")
    registry.add("discriminator", "coupled-critic", "gankit_baselines.critic:CoupledCritic")
    registry.add("loss", "gan", "gankit_baselines.losses:NonSaturating")


@hookimpl
def recipes() -> Mapping[str, Path]:
    return {file.stem: file for file in sorted(RECIPES.glob("*.toml"))}
