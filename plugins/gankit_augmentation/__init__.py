"""Augmentations of what critics see.

They follow Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training" (arXiv:2006.10738).
"""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("augmentation", "translation", "gankit_augmentation.geometry:Translation")
    registry.add("augmentation", "mirror", "gankit_augmentation.geometry:Mirror")
    registry.add("augmentation", "rotation", "gankit_augmentation.geometry:Rotation")
    registry.add("augmentation", "cutout", "gankit_augmentation.values:Cutout")
    registry.add("augmentation", "intensity", "gankit_augmentation.values:Intensity")
