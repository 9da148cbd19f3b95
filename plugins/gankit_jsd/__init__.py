"""Auxiliary critics: drive the synthesizer away from a class by Jensen-Shannon divergence, Wang et al., Eqs. 8 to 10."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("loss", "jsd-auxiliary", "gankit_jsd.losses:AuxiliaryJensenShannon")
