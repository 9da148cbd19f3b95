"""Contact sheets: every slice of a study, one row a modality, outlines of gland and lesion."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import ndimage

from gankit_dicom._part import Part

RANGES = {"t2w": (0, 700), "adc": (0, 3000), "dce": (0, 2)}
TITLES = {"t2w": "T2w", "adc": "ADC, 0 to 3000 1e-6 mm2/s", "dce": "enhancement, 0 to 2"}
LABELS = {1: "CS", 0: "not CS", -1: "unknown"}
GLAND, LESION, ABSENT = (232, 197, 71), (255, 77, 77), (217, 217, 217)
SIDE = 128
"""Least pixels of a slice's side."""
GAP = 4
DPI = 100


def sheet_png(part: Part, first_slice: int) -> bytes:
    """A PNG of the slices of a part, numbered from ``first_slice`` of the T2w volume on."""
    names = [name for name in RANGES if name in part.modalities and part.present[name].any()]
    picture = np.concatenate(
        [np.concatenate([_tile(part, name, i) for i in range(len(part))], axis=1) for name in names]
    )
    height, width, _ = picture.shape
    side, margin = width // len(part), 16
    figure = Figure(figsize=(width / DPI, (height + 2 * margin) / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.figimage(picture, 0, margin)
    low = 1 / (height + 2 * margin)
    figure.text(0.004, 1 - 3 * low, ";  ".join(TITLES[name] for name in names), fontsize=8, va="top")
    for index, label in enumerate(part.cs):
        text = f"{first_slice + index + 1}: {LABELS[int(label)]}"
        figure.text((index + 0.5) * side / width, 4 * low, text, fontsize=7, ha="center")
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _tile(part: Part, name: str, index: int) -> np.ndarray:
    """One slice in colours (side, side, 3) uint8 with outlines and a margin."""
    image = part.modalities[name][index]
    times = max(1, -(-SIDE // image.shape[0]))
    low, high = RANGES[name]
    grey = (np.clip((image - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    tile = np.repeat(_larger(grey, times)[..., None], 3, axis=2)
    if not part.present[name][index]:
        tile[:] = ABSENT
    for mask, colour in ((part.tissue, GLAND), (part.lesion, LESION)):
        if mask is not None:
            tile[_outline(_larger(mask[index] > 0, times))] = colour
    return np.pad(tile, ((GAP, 0), (GAP // 2, GAP // 2), (0, 0)), constant_values=255)


def _larger(image: np.ndarray, times: int) -> np.ndarray:
    return image.repeat(times, axis=0).repeat(times, axis=1)


def _outline(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)
