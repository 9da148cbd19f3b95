"""Slabs of the phantom: slices of its volumes with their neighbours as channels."""

from __future__ import annotations

import attrs
import numpy as np

from gankit import Cohort, Modality
from gankit_phantom._tissue import TISSUES, index

GLAND = range(index("peripheral zone"), len(TISSUES))
"""Tissues of the prostate."""
LEAST_SECTION = 0.2
"""Least cross-section of the gland in a slice, over the largest of its volume."""


def slabs_of(volumes: Cohort, neighbours: int) -> Cohort:
    """The slices of volumes (N, 1, D, H, W) that show the gland, (M, 2 K + 1, H, W) with their K neighbours.

    Channels go from feet to head; the slice is channel K. Slices that lack a neighbour are left out. A slice has the
    label of its volume where it shows some of the lesion, else 0; ground truth is the slice's own.
    """
    sections_ND = np.isin(volumes.truth["tissue"], GLAND).sum(axis=(2, 3))
    shown_ND = sections_ND >= LEAST_SECTION * sections_ND.max(axis=1, keepdims=True)
    shown_ND[:, :neighbours] = shown_ND[:, shown_ND.shape[1] - neighbours :] = False
    volume_M, plane_M = np.nonzero(shown_ND)
    planes_MC = plane_M[:, None] + np.arange(-neighbours, neighbours + 1)
    lesion_MHW = volumes.truth["lesion"][volume_M, plane_M]
    slices = volumes.select(volume_M)
    return attrs.evolve(
        slices,
        modalities={
            name: Modality.of(modality.values[volume_M[:, None], 0, planes_MC], modality.unit, channels="first")
            for name, modality in volumes.modalities.items()
        },
        labels={"cs": slices.labels["cs"] * lesion_MHW.any(axis=(1, 2)).astype(np.int8)},
        slice_spacing_mm=None,
        truth={name: values[volume_M, plane_M] for name, values in volumes.truth.items()},
        source=f"{volumes.source}; slabs of {2 * neighbours + 1} slices",
    )
