"""Metrics of synthetic slices against a real cohort."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    pass
