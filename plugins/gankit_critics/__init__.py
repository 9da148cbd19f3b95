"""Critics of patches at one or several scales, and of residual blocks; both may project on labels."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("discriminator", "patch-critic", "gankit_critics.patch:PatchCritic")
    registry.add("discriminator", "residual-critic", "gankit_critics.residual:ResidualCritic")
