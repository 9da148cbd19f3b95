"""Sheets: pictures of slices, one row a modality, in physical windows with colour bars."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gankit._atomic import write_bytes
from gankit._cohort import Cohort
from gankit._recipe import ModalitySpec, Recipe
from gankit._resident import area_average, select_pool

COLUMNS = 8
"""Slices beside each other in one panel."""

GAP = 1
"""Pixels between them."""

Images = Mapping[str, Any]
"""Modality to (N, C, *S) numbers in the modality's unit, numpy arrays or tensors."""


def real_pairs(cohort: Cohort, recipe: Recipe, count: int) -> dict[str, np.ndarray]:
    """Up to ``count`` real slices of the first pool that has every modality, spread over it, at the recipe's size."""
    complete = np.all([cohort.modalities[name].present for name in recipe.modalities], axis=0)
    indices = np.flatnonzero(complete & select_pool(next(iter(recipe.pools.values())), cohort))
    chosen = (
        indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)] if len(indices) else indices
    )
    return {
        name: area_average(cohort.modalities[name].values[chosen], spec.shape, name)
        for name, spec in recipe.modalities.items()
    }


def write_sheet(path: Path, recipe: Recipe, real: Images | None, synthetic: Images) -> None:
    """Write a PNG with real slices, where given, beside synthetic ones.

    Raises:
        RunError: the place cannot be written.
    """
    panels = (
        {"real": real, "synthetic": synthetic} if real and len(next(iter(real.values()))) else {"synthetic": synthetic}
    )
    write_bytes(path, sheet_png({name: images for name, images in panels.items() if images}, recipe.modalities))


def sheet_png(panels: Mapping[str, Images], specs: Mapping[str, ModalitySpec], columns: int = COLUMNS) -> bytes:
    """Panels side by side as PNG bytes; in each, blocks of ``columns`` slices with one row a modality."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = [len(next(iter(images.values()))) for images in panels.values()]
    widths = [min(columns, count) for count in counts]
    rows = max(-(-count // width) for count, width in zip(counts, widths, strict=True)) * len(specs)
    figure = Figure(figsize=(sum(widths) * 0.9 + 1.3, rows * 0.9 + 0.4), dpi=100, layout="constrained")
    grid = figure.subplots(rows, len(panels) + 1, squeeze=False, width_ratios=[*widths, 0.12])
    for row in range(rows):
        block, which = divmod(row, len(specs))
        name = list(specs)[which]
        shown: Any = None
        for axes, width, images in zip(grid[row], widths, panels.values(), strict=False):
            shown = _draw_row(axes, images[name], specs[name], block * width, width) or shown
        grid[row, 0].set_ylabel(name, fontsize=9)
        bar = figure.colorbar(shown, cax=grid[row, -1])
        bar.ax.tick_params(labelsize=6)
        unit = specs[name].unit
        bar.set_label("a.u." if unit == "1" else unit, fontsize=6)
    for axes, title in zip(grid[0], panels, strict=False):
        axes.set_title(title, fontsize=10)
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content, metadata={"Software": "gankit"})
    return content.getvalue()


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
    low, high = spec.window or spec.range
    return axes.imshow(strip, cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def plane(image: np.ndarray) -> np.ndarray:
    """One picture (H, W) of an image (C, *S): the first channel, the middle of every leading dimension."""
    picture = image[0]
    while picture.ndim > 2:
        picture = picture[picture.shape[0] // 2]
    return picture if picture.ndim == 2 else np.tile(picture, (max(1, len(picture) // 8), 1))
