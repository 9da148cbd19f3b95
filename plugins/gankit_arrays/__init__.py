"""Cohort files as the source of a recipe, and the import of plain arrays."""

from collections.abc import Mapping

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("cohort", "file", "gankit_arrays.source:CohortFile")


@hookimpl
def commands() -> Mapping[str, str]:
    return {"import arrays": "gankit_arrays.command:import_arrays"}
