"""The cohort as training sees it: images in [-1, 1] at the recipe's size, and pools to draw from."""

from __future__ import annotations

from typing import Any, Protocol

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._draws import Draws
from gankit._errors import CohortError
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.recipe import Augmentation


class Images(Protocol):
    """The images (N, C, *S) of all slices: a tensor, or what makes the same tensors of rows that are asked for."""

    @property
    def device(self) -> torch.device: ...
    def __getitem__(self, index: Any, /) -> Tensor: ...


@attrs.frozen(eq=False)
class TrainingCohort:
    """All slices of a cohort, ready to be drawn from."""

    images: dict[str, Images]
    """Modality to (N, C, *S), its range mapped to [-1, 1]; label to (N, classes), 1 at the class."""
    present: dict[str, np.ndarray]
    """Modality or label to (N,) bool: whether the slice has it."""
    pools: dict[str, np.ndarray]
    """Pool to the indices (K,) of its slices."""
    augmentation: Augmentation
    like: Tensor
    """Has the device and type of all that is drawn."""

    def rows(self, place: str, indices_B: np.ndarray) -> Tensor:
        """The images of some slices, (B, C, *S), or their labels, (B, classes)."""
        images = self.images[place]
        return images[torch.from_numpy(indices_B).to(images.device)].to(self.like)

    def members(self, pool: str, modalities: tuple[str, ...]) -> np.ndarray:
        """Indices of the pool's slices that have all these modalities.

        Raises:
            CohortError: there are none.
        """
        indices = self.pools[pool]
        for modality in modalities:
            indices = indices[self.present[modality][indices]]
        if not len(indices):
            elsewhere = int(np.all([self.present[modality] for modality in modalities], axis=0).sum())
            raise CohortError(
                f"pools.{pool}: no slice of the pool has {' and '.join(modalities)} ({elsewhere} slices outside of it"
                " have); choose another pool"
            )
        return indices

    def gather(
        self, modalities: tuple[str, ...], indices_B: np.ndarray, draws: Draws, stream: str, ranks: Ranks = ALONE
    ) -> dict[str, Tensor]:
        """This process's share of a global batch of slices, augmented: modality to (B, C, *S).

        ``indices_B`` are those of the global batch. All modalities of a slice are augmented alike.
        """
        chosen_B = ranks.share(indices_B)
        images = {name: self.rows(name, chosen_B) for name in modalities}
        return augment(images, self.augmentation, draws, stream, ranks)


def augment(
    images: dict[str, Tensor], augmentation: Augmentation, draws: Draws, stream: str, ranks: Ranks = ALONE
) -> dict[str, Tensor]:
    """Mirror slices along the last axis, and shift them along each axis, where the values at the edge are repeated.

    Args:
        images: modality to this process's share of the batch, (B, C, *S); labels, (B, classes), stay as they are.
        augmentation: says whether to mirror, and how far to shift.
        draws: the draws of this step.
        stream: name of the stream; the draws are for the global batch.
        ranks: gives this process's share of the draws.
    """
    if not (augmentation.mirror or augmentation.shift):
        return images
    first = max(images.values(), key=lambda image: image.ndim)
    count, rank = len(first) * ranks.size, first.ndim - 2
    mirror_B = ranks.share(draws.uniform(f"{stream}/mirror", count) < (0.5 if augmentation.mirror else 0))
    reach = augmentation.shift
    shift_BD = ranks.share(draws.generator(f"{stream}/shift").integers(-reach, reach + 1, size=(count, rank)))
    return {name: _resample(image, mirror_B, shift_BD) if image.ndim > 2 else image for name, image in images.items()}


def _resample(image: Tensor, mirror_B: np.ndarray, shift_BD: np.ndarray) -> Tensor:
    for axis, shift_B in enumerate(shift_BD.T, start=2):
        if shift_B.any():
            size = image.shape[axis]
            index_BL = np.clip(np.arange(size) + shift_B[:, None], 0, size - 1)
            index = _along(torch.from_numpy(index_BL), image, axis)
            image = image.gather(axis, index.expand(image.shape))
    if mirror_B.any():
        image = torch.where(_along(torch.from_numpy(mirror_B)[:, None], image, image.ndim - 1), image.flip(-1), image)
    return image


def _along(values_BL: Tensor, image: Tensor, axis: int) -> Tensor:
    """Values (B, L) on the device of an image, in a shape that broadcasts with it: L at one axis, 1 at the others."""
    shape = [len(image), *[1] * (image.ndim - 1)]
    shape[axis] = values_BL.shape[1]
    return values_BL.to(image.device).view(shape)
