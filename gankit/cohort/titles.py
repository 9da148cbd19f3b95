"""What the items of a cohort are called over pictures, in tables and in messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gankit.cohort.cohort import Cohort

VOLUME_AXES = 4
"""Of channels and space, in the shape of a volume."""

_PHANTOM = re.compile(r"\bphantoms?\b", re.IGNORECASE)


def real_title(source: str, title: str = "real") -> str:
    """The title of slices that stand for real ones: a cohort whose source speaks of a phantom shows no patient.

    Args:
        source: what the cohort says of where its slices came from.
        title: the title of slices of patients.
    """
    return f"{title} (phantom)" if _PHANTOM.search(source) else title


def item_of(shapes: Iterable[Sequence[int]]) -> str:
    """What an item is called whose modalities have these shapes (C, *S): "volume" where one has three spatial axes,
    else "slice"."""
    return "volume" if any(len(shape) == VOLUME_AXES for shape in shapes) else "slice"


def counted(count: int, word: str) -> str:
    """A number of things: "1 slice", "2 slices"."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def cohort_item(cohort: Cohort) -> str:
    """What an item of a cohort is called; see ``item_of``."""
    return item_of(modality.values.shape[1:] for modality in cohort.modalities.values())


def cohort_size(cohort: Cohort) -> str:
    """How many items of how many patients a cohort has: "400 volumes of 200 patients"."""
    return f"{counted(len(cohort), cohort_item(cohort))} of {counted(len(set(cohort.patient)), 'patient')}"
