"""What a user can ask of an import."""

from __future__ import annotations

import attrs

MODALITIES = ("t2w", "adc", "dce")
UNITS = {"t2w": "1", "adc": "1e-6 mm2/s", "dce": "1"}

ZEROS = {
    "mark": "marked by 0, pixels beside them blend with 0",
    "exclude": "marked by 0, pixels beside them are means of what was measured",
    "inpaint": "filled with the nearest measurement",
}


@attrs.frozen(kw_only=True)
class Options:
    """Everything that changes what is written, apart from the protocol."""

    size: int = 64
    gland: float = 0.6
    """Part of the crop's width that the gland has."""
    register: str = "none"
    zeros: str = "mark"
    """What becomes of ADC voxels without a measurement; a key of ``ZEROS``."""
    dce: str = "early"
    """Which enhancement the modality ``dce`` is: early or late."""
    need: tuple[str, ...] = ("t2w", "adc")
    seed: int = 0
    keep_ids: bool = False
