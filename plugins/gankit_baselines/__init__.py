"""The methods that Wang et al. compare with, as recipes over components (Sec. I, IV)."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    pass
