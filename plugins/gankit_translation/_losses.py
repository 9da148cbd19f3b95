"""The arithmetic of ``gankit_translation.losses``."""

from torch import Tensor


def mean_absolute(candidate: Tensor, reference: Tensor) -> Tensor:
    """(B, ...) and (B, ...) to the mean over all but the first dimension of their absolute difference, (B,)."""
    return (candidate - reference).abs().flatten(1).mean(dim=1)
