"""The embedded cohort: a procedural digital prostate phantom with known ground truth."""

from collections.abc import Mapping

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("cohort", "phantom", "gankit_phantom.source:Phantom")


@hookimpl
def commands() -> Mapping[str, tuple[str, str]]:
    return {"phantom": ("gankit_phantom.command:phantom", "Draw the digital prostate phantom to a cohort file.")}
