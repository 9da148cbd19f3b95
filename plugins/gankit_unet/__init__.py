"""The U-Net that translates modalities into modalities (paper Sec. II-A: G, ADC to T2w)."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    """Register the translator ``unet``."""
    registry.add("translator", "unet", "gankit_unet.translator:UNet")
