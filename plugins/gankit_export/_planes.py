"""A slice as planes of numbers, and the note beside them: what every format here shares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from gankit import InputError, SyntheticSlice, shape_text

NOTE = "synthetic.json"


@attrs.frozen(eq=False)
class Plane:
    """One channel of one modality."""

    name: str
    """The modality; with its number where there are several channels, as in ``dwi-1``."""
    modality: str
    values: np.ndarray
    """(H, W) float32 in ``unit``."""
    unit: str
    spacing_mm: tuple[float, float] | None
    """Size of a pixel: distance between rows, between columns."""
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


def planes(synthetic: SyntheticSlice) -> Iterator[Plane]:
    """Every plane of a slice.

    Raises:
        InputError: a modality has not two dimensions in space.
    """
    for modality, image in synthetic.images.items():
        if image.ndim != 3:
            raise InputError(f"{modality}: is {shape_text(image.shape)}; this format takes (channels, height, width)")
        for channel, values in enumerate(image):
            yield Plane(
                name=modality if len(image) == 1 else f"{modality}-{channel}",
                modality=modality,
                values=values,
                unit=synthetic.modalities[modality].unit,
                spacing_mm=synthetic.spacing_mm.get(modality),
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
