"""A slice or volume as planes of numbers, and the note beside them: what every format here shares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from gankit import InputError, SyntheticSlice, shape_text

NOTE = "synthetic.json"
TAKEN = {2: "(channels, height, width)", 3: "(channels, depth, height, width)"}
"""Number of dimensions in space to the shape of an image, in words."""


@attrs.frozen(eq=False)
class Plane:
    """One channel of one modality: a plane, or the stack of planes of a volume."""

    name: str
    """The modality; with its number where there are several channels, as in ``dwi-1``."""
    modality: str
    values: np.ndarray
    """(H, W) float32 in ``unit``; of a volume (D, H, W), planes from feet to head."""
    unit: str
    spacing_mm: tuple[float, float] | None
    """Size of a pixel: distance between rows, between columns."""
    slice_spacing_mm: float | None = None
    """Distance of the planes of a volume."""
    given: bool = False
    """Whether no network made it."""

    def known_spacing_mm(self) -> tuple[float, float]:
        """The size of a pixel. Raises InputError where it is not known."""
        if self.spacing_mm is None:
            raise InputError(
                f"{self.modality}: the model does not know the size of its pixels, for its training slices came"
                " without; give it, as in `spacing_mm` 1.5"
            )
        return self.spacing_mm

    def known_slice_spacing_mm(self) -> float:
        """The distance of the planes of a volume. Raises InputError where it is not known."""
        if self.slice_spacing_mm is None:
            raise InputError(
                f"{self.modality}: the model does not know the distance of its planes, for its training volumes came"
                " without; give it, as in `slice_spacing_mm` 3"
            )
        return self.slice_spacing_mm

    def sizes(self) -> dict[str, Any]:
        """What a note says of the size of pixels, and of the distance of planes."""
        apart = {"slice_spacing_mm": self.slice_spacing_mm} if self.values.ndim == 3 else {}
        return {"spacing_mm": self.spacing_mm, **apart}


def planes(synthetic: SyntheticSlice, ranks: tuple[int, ...] = (2, 3)) -> Iterator[Plane]:
    """Every channel of every modality of a slice or volume.

    Args:
        ranks: how many dimensions in space the format takes.

    Raises:
        InputError: a modality has another number of dimensions in space.
    """
    for modality, image in synthetic.images.items():
        if image.ndim - 1 not in ranks:
            taken = " or ".join(TAKEN[rank] for rank in ranks)
            raise InputError(f"{modality}: is {shape_text(image.shape)}; this format takes {taken}")
        for channel, values in enumerate(image):
            yield Plane(
                name=modality if len(image) == 1 else f"{modality}-{channel}",
                modality=modality,
                values=values,
                unit=synthetic.modalities[modality].unit,
                spacing_mm=synthetic.spacing_mm.get(modality),
                slice_spacing_mm=synthetic.slice_spacing_mm.get(modality),
                given=modality in synthetic.unmade,
            )


def note(synthetic: SyntheticSlice, files: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The JSON beside the files: whence the slice comes, and what each file holds."""
    content = {
        "synthetic": True,
        "statement": synthetic.statement(),
        "recipe": synthetic.recipe,
        "step": synthetic.step,
        "digest": synthetic.digest,
        "seed": synthetic.seed,
        "index": synthetic.index,
        **({"given": dict(synthetic.given)} if synthetic.given else {}),
        **({"unmade": list(synthetic.unmade)} if synthetic.unmade else {}),
        "files": files,
    }
    return (json.dumps(content, indent=2) + "\n").encode()
