"""Critics of patches, of residual blocks, and of the whole image beside a window of it; all may project on labels."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("discriminator", "patch-critic", "gankit_critics.patch:PatchCritic")
    registry.add("discriminator", "residual-critic", "gankit_critics.residual:ResidualCritic")
    registry.add("discriminator", "two-scale-critic", "gankit_critics.two_scale:TwoScaleCritic")
