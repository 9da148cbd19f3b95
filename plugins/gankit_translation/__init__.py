"""Image translation: real slices of some modalities to others, paired (pix2pix) or not (CycleGAN)."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    """Register the phases ``translate`` and ``cycle`` and the losses ``cycle`` and ``identity``."""
    registry.add("phase", "translate", "gankit_translation.translate:Translate")
    registry.add("phase", "cycle", "gankit_translation.cycle:Cycle")
    registry.add("loss", "cycle", "gankit_translation.losses:CycleConsistency")
    registry.add("loss", "identity", "gankit_translation.losses:Identity")
