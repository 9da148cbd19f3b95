"""Slices as feature networks see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gankit import Cohort, Evaluation, InputError

if TYPE_CHECKING:
    from torch import Tensor


def images(cohort: Cohort, evaluation: Evaluation, *modalities: str) -> np.ndarray:
    """These modalities, or all, as (N, C, *S) float32 in [-1, 1].

    Raises:
        InputError: a value is not finite.
    """
    stacked = evaluation.stacked(cohort, *modalities)
    finite_N = np.isfinite(stacked.reshape(len(stacked), -1)).all(axis=1)
    if len(bad := np.flatnonzero(~finite_N)):
        raise InputError(
            f"{len(bad)} of {len(stacked)} slices to be judged have NaN or infinite values, the first is slice"
            f" {bad[0]} of patient '{cohort.patient[bad[0]]}'; mend them or leave them out"
        )
    return stacked


def halved(x_BCS: Tensor) -> Tensor:
    """Mean over blocks of 2 along each axis; an odd last row is left out."""
    for axis in range(2, x_BCS.ndim):
        even = x_BCS.narrow(axis, 0, x_BCS.shape[axis] // 2 * 2)
        x_BCS = even.unflatten(axis, (-1, 2)).mean(dim=axis + 1)
    return x_BCS


def convolve(x_BCS: Tensor, weight: Tensor, bias: Tensor | None = None, **options: Any) -> Tensor:
    """A convolution over as many axes as the images have."""
    from torch.nn import functional

    return (functional.conv1d, functional.conv2d, functional.conv3d)[x_BCS.ndim - 3](x_BCS, weight, bias, **options)
