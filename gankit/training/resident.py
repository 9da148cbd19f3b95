"""A cohort that is kept on the device, as training sees it."""

from __future__ import annotations

import torch

from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import modality_of, network_values, one_hot, pool_indices, require_fit
from gankit.recipe.recipe import Recipe
from gankit.training.cohort import Images, TrainingCohort


def resident_cohort(
    recipe: Recipe, cohort: Cohort, device: torch.device, dtype: torch.dtype = torch.float32
) -> TrainingCohort:
    """Bring a cohort into the sizes and ranges of a recipe, and to the device.

    Raises:
        CohortError: a modality or label is missing, a unit, size or range does not fit, or a pool is empty.
    """
    require_fit(recipe, cohort)
    images: dict[str, Images] = {}
    for name, spec in recipe.modalities.items():
        values = network_values(name, spec, modality_of(cohort, name, spec))
        images[name] = torch.from_numpy(values).to(device, dtype)
    return with_images(recipe, cohort, images, device, dtype)


def with_images(
    recipe: Recipe, cohort: Cohort, images: dict[str, Images], device: torch.device, dtype: torch.dtype
) -> TrainingCohort:
    """The cohort with these images, wherever they are, to which labels are added. Raises CohortError: a pool is
    empty."""
    present = {name: modality_of(cohort, name, spec).present for name, spec in recipe.modalities.items()}
    labels = {name: cohort.labels[label.label] for name, label in recipe.labels().items()}
    classes = {name: one_hot(labels[name], label.classes) for name, label in recipe.labels().items()}
    return TrainingCohort(
        images=images | {name: torch.from_numpy(vectors).to(device, dtype) for name, vectors in classes.items()},
        present=present | {name: values >= 0 for name, values in labels.items()},
        pools={name: pool_indices(name, pool, cohort) for name, pool in recipe.pools.items()},
        augmentation=recipe.augmentation,
        like=torch.empty(0, device=device, dtype=dtype),
    )
