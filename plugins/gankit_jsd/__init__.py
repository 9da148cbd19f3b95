"""Auxiliary critics of Wang et al., Eqs. 8 to 10: a Jensen-Shannon divergence that critic and synthesizer maximise."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("loss", "jsd-auxiliary", "gankit_jsd.losses:AuxiliaryJensenShannon")
