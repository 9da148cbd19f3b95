"""A cohort of which each batch is read from its files, and where ``training.cohort`` keeps a cohort."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.fit import modality_of, network_rows, present_values, refuse_other_scale, require_fit
from gankit.processes.device import device_memory
from gankit.recipe.recipe import ModalitySpec, Recipe
from gankit.training.cohort import Images, TrainingCohort
from gankit.training.resident import resident_cohort, with_images

SHARE = 0.25
"""Share of the memory of a device, or of the machine, up to which ``"auto"`` keeps a cohort there."""


@attrs.frozen(eq=False)
class StoredImages:
    """The images of a modality, of which rows are read and brought to size and range when they are asked for."""

    name: str
    spec: ModalitySpec
    modality: Modality
    dtype: torch.dtype
    device: torch.device = torch.device("cpu")

    def __getitem__(self, index: Tensor | np.ndarray) -> Tensor:
        """The same as of ``network_values``, to the bit, for indices (B,) or a mask (N,)."""
        rows = np.asarray(index)
        made = network_rows(self.name, self.spec, self.modality.values[rows], self.modality.present[rows])
        return torch.from_numpy(np.asarray(made, dtype=np.float32)).to(self.dtype)


def mapped_cohort(
    recipe: Recipe, cohort: Cohort, device: torch.device, dtype: torch.dtype = torch.float32
) -> TrainingCohort:
    """A cohort whose batches are those of ``resident_cohort``, to the bit, and are made when they are drawn.

    Raises:
        CohortError: as for ``resident_cohort``.
    """
    require_fit(recipe, cohort)
    images: dict[str, Images] = {}
    for name, spec in recipe.modalities.items():
        modality = modality_of(cohort, name, spec)
        refuse_other_scale(name, spec, present_values(modality))
        images[name] = stored = StoredImages(name, spec, modality, dtype)
        stored[np.arange(1)]  # raises where the size does not fit
    return with_images(recipe, cohort, images, device, dtype)


def training_cohort(recipe: Recipe, cohort: Cohort, device: torch.device, say: Callable[[str], None]) -> TrainingCohort:
    """The cohort where ``training.cohort`` keeps it: on the device, or in its files.

    ``"auto"`` keeps it on the device where it takes at most ``SHARE`` of its memory.

    Args:
        recipe, cohort, device: what is trained, and where.
        say: prints a line where the cohort stays in its files.

    Raises:
        CohortError: as for ``resident_cohort``.
    """
    size = 4 * len(cohort) * sum(math.prod(spec.shape) for spec in recipe.modalities.values())
    memory = device_memory(device)
    fits = memory is None or size <= SHARE * memory
    if recipe.training.cohort == "resident" or (recipe.training.cohort == "auto" and fits):
        return resident_cohort(recipe, cohort, device)
    say(f"cohort: mapped, so batches are read from its files; on {device} it would take {size / 1e9:.3g} GB")
    return mapped_cohort(recipe, cohort, device)


def is_mapped(cohort: TrainingCohort) -> bool:
    """Whether batches are read from files."""
    return any(isinstance(images, StoredImages) for images in cohort.images.values())
