"""Contact sheets: every slice of a study, or a volume in three planes; a row a modality, outlines of the masks."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable

import attrs
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from gankit_dicom._part import Part

RANGES = {"t2w": (0, 700), "adc": (0, 3000), "dce": (0, 2)}
TITLES = {"t2w": "T2w", "adc": "ADC, 0 to 3000 1e-6 mm2/s", "dce": "enhancement, 0 to 2"}
LABELS = {1: "CS", 0: "not CS", -1: "unknown"}
WHITE, GLAND, LESION, ABSENT = 252, 253, 254, 255
"""Places in the palette: greys from black to white, then three colours."""
COLOURS = ((232, 197, 71), (255, 77, 77), (217, 217, 217))
PALETTE = [*(level * 255 // WHITE for level in range(WHITE + 1) for _ in range(3)), *itertools.chain(*COLOURS)]
SIDE = 128
"""Least pixels of a slice's side; of a volume's twice as many."""
GAP = 4
MARGIN, FONT = 18, 12
"""Pixels: height of the lines above and below the pictures, and size of their letters."""


@attrs.frozen
class _Column:
    """One picture of each modality."""

    title: str
    cut: Callable[[np.ndarray], np.ndarray]
    """A picture (rows, columns) of pixels of one side, of images or outlines of all items."""
    item: int


def sheet_png(part: Part, first_slice: int) -> bytes:
    """A PNG of the items of a part, numbered from ``first_slice`` of the T2w volume on.

    A slab is shown by its middle slice; a volume by an axial, a coronal and a sagittal plane through the middle of its
    lesion, or of the volume where none is outlined.
    """
    columns = _of_volume(part) if part.slice_spacing_mm is not None else _of_slices(part, first_slice)
    names = [name for name in RANGES if name in part.modalities and part.present[name].any()]
    tiles = [[_tile(part, name, column) for column in columns] for name in names]
    height = max(tile.shape[0] for tile in tiles[0])
    picture = np.concatenate([np.concatenate([_taller(tile, height) for tile in row], axis=1) for row in tiles])
    middles = np.cumsum([tile.shape[1] for tile in tiles[0]]) - [tile.shape[1] / 2 for tile in tiles[0]]
    above = _line(picture.shape[1], [(GAP, ";  ".join(TITLES[name] for name in names))], "lm")
    below = _line(picture.shape[1], zip(middles, (column.title for column in columns), strict=True), "mm")
    drawn, content = Image.fromarray(np.concatenate([above, picture, below]), "P"), io.BytesIO()
    drawn.putpalette(PALETTE)
    drawn.save(content, "png")
    return content.getvalue()


def _line(width: int, texts: Iterable[tuple[float, str]], anchor: str) -> np.ndarray:
    """A line of texts at these places, as a picture (MARGIN, width) on white ground."""
    line = Image.new("L", (width, MARGIN), 255)
    draw, font = ImageDraw.Draw(line), ImageFont.load_default(FONT)
    for left, text in texts:
        draw.text((left, MARGIN / 2), text, 0, font, anchor)
    return _grey(np.asarray(line) / 255)


def _of_slices(part: Part, first_slice: int) -> list[_Column]:
    def column(index: int, label: int) -> _Column:
        title = f"{first_slice + index + 1}: {LABELS[label]}"
        return _Column(title, lambda values: _middle_slice(values[index]), index)

    return [column(index, int(label)) for index, label in enumerate(part.cs)]


def _middle_slice(image: np.ndarray) -> np.ndarray:
    """(rows, columns) of a slice or of a slab."""
    return image if image.ndim == 2 else image[len(image) // 2]


def _of_volume(part: Part) -> list[_Column]:
    """Three planes; heads are up, and planes that are farther apart than pixels are repeated."""
    shape = part.modalities["t2w"].shape[1:]
    drawn = np.argwhere(part.lesion[0]) if part.lesion is not None else np.empty((0, 3))
    z, y, x = drawn.mean(axis=0).round().astype(int) if len(drawn) else np.array(shape) // 2
    along = (part.slice_spacing_mm or 0) / part.spacing_mm
    lines = ((np.arange(max(1, round(shape[0] * along))) + 0.5) / along).astype(int).clip(max=shape[0] - 1)[::-1]
    return [
        _Column(f"axial {z + 1} of {shape[0]}: {LABELS[int(part.cs[0])]}", lambda values: values[0, z], 0),
        _Column("coronal", lambda values: values[0, lines, y], 0),
        _Column("sagittal", lambda values: values[0, lines, :, x], 0),
    ]


def _tile(part: Part, name: str, column: _Column) -> np.ndarray:
    """One picture (rows, columns) of places in the palette, with outlines and a margin."""
    image = column.cut(part.modalities[name])
    least = SIDE if part.slice_spacing_mm is None else 2 * SIDE
    times = max(1, -(-least // part.modalities[name].shape[-1]))
    low, high = RANGES[name]
    tile = _larger(_grey((image - low) / (high - low)), times)
    if not part.present[name][column.item]:
        tile[:] = ABSENT
    for mask, colour in ((part.tissue, GLAND), (part.lesion, LESION)):
        if mask is not None:
            tile[_outline(_larger(column.cut(mask) > 0, times))] = colour
    return np.pad(tile, ((GAP, 0), (GAP // 2, GAP // 2)), constant_values=WHITE)


def _grey(share: np.ndarray) -> np.ndarray:
    """Places in the palette of what is black at 0 and white at 1."""
    return (np.clip(share, 0, 1) * WHITE).astype(np.uint8)


def _taller(tile: np.ndarray, height: int) -> np.ndarray:
    """A picture on white ground of this height."""
    return np.pad(tile, ((0, height - len(tile)), (0, 0)), constant_values=WHITE)


def _larger(image: np.ndarray, times: int) -> np.ndarray:
    return image.repeat(times, axis=0).repeat(times, axis=1)


def _outline(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)
