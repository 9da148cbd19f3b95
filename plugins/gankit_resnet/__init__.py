"""The residual network that translates images into images: that of Johnson et al. 2016 and of CycleGAN."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    """Register the translator ``resnet``."""
    registry.add("translator", "resnet", "gankit_resnet.translator:ResNet")
