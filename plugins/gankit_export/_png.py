"""PNG: 16 bit grey between black and white of the modality's window, which the note beside it names."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gankit import SyntheticSlice
from gankit_export._planes import NOTE, note, planes

WHITE = 2**16 - 1


def encode(synthetic: SyntheticSlice) -> dict[str, bytes]:
    """``<modality>.png`` for each modality: grey ``g`` stands for ``black + (white - black) g / 65535`` in its unit,
    and values outside the window are clipped. A text chunk says that the picture is synthetic."""
    files, notes = {}, {}
    for plane in planes(synthetic, ranks=(2,)):
        black, white = synthetic.window(plane.modality)
        grey = np.rint((plane.values.astype(np.float64) - black) / (white - black) * WHITE).clip(0, WHITE)
        said = PngInfo()
        said.add_text("Comment", synthetic.statement())
        content = io.BytesIO()
        Image.fromarray(grey.astype(np.uint16)).save(content, "png", pnginfo=said)
        files[f"{plane.name}.png"] = content.getvalue()
        notes[f"{plane.name}.png"] = {
            "unit": plane.unit,
            "black": black,
            "white": white,
            "spacing_mm": plane.spacing_mm,
        }
    return {**files, NOTE: note(synthetic, notes)}
