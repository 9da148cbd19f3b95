"""Sheets: pictures of slices, one row for each modality, in physical windows with colour bars."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.fit import approached_slices, area_average, modality_of, require_fit
from gankit.cohort.pictures import GAP, Images, Voxel, lesions, picture
from gankit.files.atomic import write_bytes
from gankit.recipe.recipe import ModalitySpec, Recipe

COLUMNS = 8
"""Slices side by side in one panel, where there are not more than COLUMNS^2."""

VOLUME_COLUMNS = 2
"""The same of volumes, which are shown by three planes each."""

CELL = 90
"""Least width of a slice on the sheet, in pixels of the sheet."""

LEFT, TOP, RIGHT, BETWEEN = 30, 26, 90, 12
"""Pixels of the sheet for the names of modalities, for titles, for colour bars, and between panels or blocks."""

DPI = 100
LETTER = 9
"""Pixels of the sheet for one letter of a title."""


def real_pairs(cohort: Cohort, recipe: Recipe, count: int) -> dict[str, np.ndarray]:
    """Real slices of the pools that training approaches, at the recipe's size, to show beside synthetic ones.

    They have every modality; where no slice has, they have at least one. They are spread evenly over such slices.

    Args:
        cohort: the recipe's cohort.
        recipe: names modalities, sizes and pools.
        count: how many slices at most.

    Returns: modality to (n, C, *S) in the modality's unit, NaN where a slice lacks it.

    Raises:
        CohortError: the cohort does not fit the recipe.
    """
    require_fit(recipe, cohort)
    modalities = {name: modality_of(cohort, name, spec) for name, spec in recipe.modalities.items()}
    present_MN = np.array([modality.present for modality in modalities.values()])
    approached_N = approached_slices(cohort, recipe)
    complete = np.flatnonzero(approached_N & present_MN.all(axis=0))
    indices = complete if len(complete) else np.flatnonzero(approached_N & present_MN.any(axis=0))
    chosen = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)]
    return {
        name: area_average(shown(modalities[name], chosen), spec.shape, name)
        for name, spec in recipe.modalities.items()
    }


def shown(modality: Modality, chosen: np.ndarray) -> np.ndarray:
    """Values (n, C, *S) of the slices with these indices, NaN where a slice lacks the modality."""
    values = modality.values[chosen]
    values[~modality.present[chosen]] = np.nan
    return values


def write_sheet(
    path: Path,
    recipe: Recipe,
    real: Images | None,
    synthetic: Images,
    title: str = "synthetic",
    of_real: str = "real",
    aspects: Mapping[str, float] = {},
) -> None:
    """Write a PNG of synthetic slices under ``title``, with real ones under ``of_real`` at their left where they are
    given. ``aspects`` are those of ``sheet_png``.

    Raises:
        RunError: the file cannot be written.
    """
    panels = {of_real: real, title: synthetic} if real and len(next(iter(real.values()))) else {title: synthetic}
    panels = {name: images for name, images in panels.items() if images}
    write_bytes(path, sheet_png(panels, recipe.modalities, aspects=aspects))


def sheet_png(
    panels: Mapping[str, Images],
    specs: Mapping[str, ModalitySpec],
    columns: int | None = None,
    aspects: Mapping[str, float] = {},
    places: Mapping[str, Sequence[Voxel | None]] = {},
) -> bytes:
    """Panels of slices side by side, as the bytes of a PNG.

    A panel has blocks of ``columns`` slices, one below the other, and a block has one row for each modality. The first
    block has a colour bar for each row. A pixel of a slice becomes a square of whole pixels of the sheet. Where a panel
    has more than ``columns``^2 slices, its blocks are as many slices wide as there are blocks. A volume is shown by
    three planes, which go through its lesion where a mask says where that is; see ``picture``.

    Args:
        panels: title to images; at least one panel, each with at least one slice.
        specs: modality to its window and unit, in the order of the rows.
        columns: slices side by side; default: 8, and 2 volumes.
        aspects: modality to the distance of planes over that of pixels, for volumes; 1 where it is not said.
        places: title to the voxel through which the planes of each volume go; default: as a mask among them says.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    looks = {title: _Looks(places.get(title) or lesions(images, specs), aspects) for title, images in panels.items()}
    layout = _Layout.of(panels, specs, columns, aspects)
    figure = Figure(figsize=(layout.width / DPI, layout.height / DPI), dpi=DPI)

    def add_axes(left: float, top: float, width: float, height: float) -> Any:
        bottom = 1 - (top + height) / layout.height
        return figure.add_axes((left / layout.width, bottom, width / layout.width, height / layout.height))

    # Titles
    for left, title in zip(layout.lefts, panels, strict=True):
        figure.text(left / layout.width, 1 - 0.7 * TOP / layout.height, title, fontsize=10, va="center")

    # Blocks from top to bottom; in each, a row for each modality
    for block in range(layout.blocks):
        top = TOP + block * layout.block_height
        for name, (height, width, scale) in layout.cells.items():
            shown: Any = None
            for left, across, (title, images) in zip(layout.lefts, layout.across, panels.items(), strict=True):
                axes = add_axes(left, top, across * width - GAP * scale, height - GAP * scale)
                pictures = looks[title].pictures(name, images[name], block * across, across)
                shown = _draw_row(axes, pictures, specs[name], across) or shown
                if left == LEFT:
                    axes.set_ylabel(name, fontsize=9)
            if not block:
                bar = figure.colorbar(shown, cax=add_axes(layout.bars + BETWEEN, top + 4, 10, height - 8))
                bar.ax.tick_params(labelsize=7)
                bar.set_label("a.u." if specs[name].unit == "1" else specs[name].unit, fontsize=7)
            top += height

    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content, metadata={"Software": "gankit"})
    return content.getvalue()


@attrs.frozen
class _Looks:
    """How the images of a panel are shown; see ``picture``."""

    places: Sequence[Voxel | None]
    aspects: Mapping[str, float]

    def pictures(self, name: str, images: Any, start: int, count: int) -> list[np.ndarray]:
        """Pictures of ``count`` images of a modality, from number ``start`` on."""
        chosen = zip(np.asarray(images[start : start + count]), self.places[start : start + count], strict=True)
        return [picture(image, at, self.aspects.get(name, 1.0)) for image, at in chosen]


@attrs.frozen
class _Layout:
    """Where panels, blocks and rows are on a sheet, in pixels of the sheet."""

    across: list[int]
    """Slices side by side in each panel."""
    blocks: int
    """Blocks one below the other, in the panel that has most."""
    cells: dict[str, tuple[int, int, int]]
    """Modality to height and width of a slice, its gap included, and the factor by which it is enlarged."""
    lefts: list[int]
    """Left edge of each panel."""
    bars: int
    """Right edge of the last panel, where the room for colour bars begins."""
    block_height: int
    width: int
    """Width of the sheet."""
    height: int
    """Height of the sheet."""

    @classmethod
    def of(
        cls, panels: Mapping[str, Images], names: Iterable[str], columns: int | None, aspects: Mapping[str, float]
    ) -> _Layout:
        # Slices in each direction
        first = {name: np.asarray(next(iter(panels.values()))[name][0]) for name in names}
        volumes = any(image.ndim == 4 for image in first.values())
        columns = columns or (VOLUME_COLUMNS if volumes else COLUMNS)
        counts = [len(next(iter(images.values()))) for images in panels.values()]
        across = [min(max(columns, math.isqrt(count - 1) + 1), count) for count in counts]
        blocks = max(-(-count // each) for count, each in zip(counts, across, strict=True))

        # Their pixels
        pictures = {name: picture(image, aspect=aspects.get(name, 1.0)) for name, image in first.items()}
        cells = _cells({name: shown.shape for name, shown in pictures.items()}, CELL * (3 if volumes else 1))
        widths = [each * max(width for _, width, _ in cells.values()) for each in across]
        lefts = [LEFT + sum(widths[:number]) + number * BETWEEN for number in range(len(widths))]
        bars = lefts[-1] + widths[-1]
        block_height = sum(height for height, _, _ in cells.values()) + BETWEEN

        # The title of the last panel may need more room than its slices and the colour bars.
        width = max(bars + RIGHT, lefts[-1] + LETTER * len(list(panels)[-1]))
        return cls(across, blocks, cells, lefts, bars, block_height, width, TOP + blocks * block_height)


def _cells(shapes: Mapping[str, tuple[int, ...]], least: int) -> dict[str, tuple[int, int, int]]:
    """Height and width of a slice of each modality on the sheet, its gap included, and the factor of enlargement.

    The factor is a whole number. Slices with fewer pixels are enlarged more, so that all are about equally wide, and
    none less than ``least`` pixels.
    """
    cell = max(width * math.ceil(least / width) for _, width in shapes.values())
    scales = {name: max(1, round(cell / width)) for name, (_, width) in shapes.items()}
    return {
        name: ((height + GAP) * scales[name], (width + GAP) * scales[name], scales[name])
        for name, (height, width) in shapes.items()
    }


def _draw_row(axes: Any, planes: Sequence[np.ndarray], spec: ModalitySpec, columns: int) -> Any:
    """Draw pictures of one modality in a row with room for ``columns``; None where there is none."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    if not planes:
        return None
    strip = np.full((planes[0].shape[0], columns * (planes[0].shape[1] + GAP) - GAP), np.nan, dtype=np.float32)
    for column, shown in enumerate(planes):
        left = column * (shown.shape[1] + GAP)
        strip[:, left : left + shown.shape[1]] = shown
        if np.isnan(shown).all():
            _mark_absent(axes, left, *shown.shape)
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
