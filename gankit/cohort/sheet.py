"""Sheets: pictures of slices, one row a modality, in physical windows with colour bars."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.fit import approached_slices, area_average, require_fit
from gankit.files.atomic import write_bytes
from gankit.recipe.recipe import ModalitySpec, Recipe

COLUMNS = 8
"""Slices beside each other in one panel."""

GAP = 1
"""Pixels of a slice between them."""

CELL = 90
"""Pixels of the sheet that a slice is wide, at least."""

LEFT, TOP, RIGHT, BETWEEN = 30, 26, 90, 12
"""Pixels for the modalities' names, the titles, the colour bars, and between panels and blocks."""

DPI = 100
LETTER = 9
"""Pixels that a letter of a title may take."""

Images = Mapping[str, Any]
"""Modality to (N, C, *S) numbers in the modality's unit, numpy arrays or tensors; NaN where a slice lacks it."""


def real_pairs(cohort: Cohort, recipe: Recipe, count: int) -> dict[str, np.ndarray]:
    """Up to ``count`` real slices that training draws samples to, spread over them, at the recipe's size.

    They have every modality, or, where none has, at least one.

    Raises:
        CohortError: the cohort does not fit the recipe.
    """
    require_fit(recipe, cohort)
    present_MN = np.array([cohort.modalities[name].present for name in recipe.modalities])
    approached_N = approached_slices(cohort, recipe)
    complete = np.flatnonzero(approached_N & present_MN.all(axis=0))
    indices = complete if len(complete) else np.flatnonzero(approached_N & present_MN.any(axis=0))
    chosen = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)]
    return {
        name: area_average(shown(cohort.modalities[name], chosen), spec.shape, name)
        for name, spec in recipe.modalities.items()
    }


def shown(modality: Modality, chosen: np.ndarray) -> np.ndarray:
    """Values (n, C, *S) of the chosen slices, NaN where they lack the modality."""
    values = modality.values[chosen]
    values[~modality.present[chosen]] = np.nan
    return values


def write_sheet(path: Path, recipe: Recipe, real: Images | None, synthetic: Images, title: str = "synthetic") -> None:
    """Write a PNG with real slices, where given, beside synthetic ones.

    Raises:
        RunError: the place cannot be written.
    """
    panels = {"real": real, title: synthetic} if real and len(next(iter(real.values()))) else {title: synthetic}
    write_bytes(path, sheet_png({name: images for name, images in panels.items() if images}, recipe.modalities))


def sheet_png(panels: Mapping[str, Images], specs: Mapping[str, ModalitySpec], columns: int = COLUMNS) -> bytes:
    """Panels side by side as PNG bytes; in each, blocks of ``columns`` slices with one row a modality, and at the end
    of the first block a colour bar for each. A pixel of a slice becomes a square of whole pixels.

    More than ``columns``^2 slices make wider blocks, as many slices wide as there are blocks.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = [len(next(iter(images.values()))) for images in panels.values()]
    across = [min(max(columns, math.isqrt(count - 1) + 1), count) for count in counts]
    blocks = max(-(-count // each) for count, each in zip(counts, across, strict=True))
    first = next(iter(panels.values()))
    sizes = _enlarged({name: plane(np.asarray(first[name][0])).shape for name in specs})
    widths = [each * max(width for _, width, _ in sizes.values()) for each in across]
    lefts = [LEFT + sum(widths[:number]) + number * BETWEEN for number in range(len(widths))]
    block_high = sum(height for height, _, _ in sizes.values()) + BETWEEN
    wide = lefts[-1] + widths[-1] + RIGHT
    full = max(wide, lefts[-1] + LETTER * len(list(panels)[-1])), TOP + blocks * block_high
    figure = Figure(figsize=(full[0] / DPI, full[1] / DPI), dpi=DPI)

    def add(left: float, top: float, width: float, height: float) -> Any:
        return figure.add_axes((left / full[0], 1 - (top + height) / full[1], width / full[0], height / full[1]))

    for left, title in zip(lefts, panels, strict=True):
        figure.text(left / full[0], 1 - 0.7 * TOP / full[1], title, fontsize=10, va="center")
    for block in range(blocks):
        top = TOP + block * block_high
        for name, (height, width, scale) in sizes.items():
            shown: Any = None
            for left, each, images in zip(lefts, across, panels.values(), strict=True):
                axes = add(left, top, each * width - GAP * scale, height - GAP * scale)
                shown = _draw_row(axes, images[name], specs[name], block * each, each) or shown
                if left == LEFT:
                    axes.set_ylabel(name, fontsize=9)
            if not block:
                bar = figure.colorbar(shown, cax=add(wide - RIGHT + BETWEEN, top + 4, 10, height - 8))
                bar.ax.tick_params(labelsize=7)
                bar.set_label("a.u." if specs[name].unit == "1" else specs[name].unit, fontsize=7)
            top += height
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content, metadata={"Software": "gankit"})
    return content.getvalue()


def _enlarged(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, int, int]]:
    """Height and width of a slice of each modality on the sheet, its gap included, and its whole factor; slices of
    fewer pixels are enlarged more, to about one width."""
    cell = max(width * math.ceil(CELL / width) for _, width in shapes.values())
    scales = {name: max(1, round(cell / width)) for name, (_, width) in shapes.items()}
    return {
        name: ((height + GAP) * scales[name], (width + GAP) * scales[name], scales[name])
        for name, (height, width) in shapes.items()
    }


def _draw_row(axes: Any, images: Any, spec: ModalitySpec, start: int, columns: int) -> Any:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    planes = [plane(image) for image in np.asarray(images[start : start + columns])]
    if not planes:
        return None
    strip = np.full((planes[0].shape[0], columns * (planes[0].shape[1] + GAP) - GAP), np.nan, dtype=np.float32)
    for column, picture in enumerate(planes):
        left = column * (picture.shape[1] + GAP)
        strip[:, left : left + picture.shape[1]] = picture
        if np.isnan(picture).all():
            _mark_absent(axes, left, *picture.shape)
    low, high = spec.window or spec.range
    return axes.imshow(strip, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect="auto")


def _mark_absent(axes: Any, left: int, height: int, width: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((left - 0.5, -0.5), width, height, facecolor="white", edgecolor="silver", hatch="////", linewidth=0)
    )
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.text(
        left + (width - 1) / 2,
        (height - 1) / 2,
        "absent",
        ha="center",
        va="center",
        fontsize=8,
        color="dimgray",
        bbox=label,
    )


def plane(image: np.ndarray) -> np.ndarray:
    """One picture (H, W) of an image (C, *S): the first channel, the middle of every leading dimension."""
    picture = image[0]
    while picture.ndim > 2:
        picture = picture[picture.shape[0] // 2]
    return picture if picture.ndim == 2 else np.tile(picture, (max(1, len(picture) // 8), 1))
