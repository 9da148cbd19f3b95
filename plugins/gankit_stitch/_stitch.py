"""``stitch`` interlaces sub-images into one image, for any number of spatial dimensions (Eq. 7).

Dimension letters: N batch, C channels, S all spatial dimensions, A those of a sub-image, d how many there
are, F the factor, K = C * F^d the channels of all sub-images.
"""

from torch import Tensor, nn


def stitch(x_NKA: Tensor, factor: int) -> Tensor:
    """Interlace the F^d sub-images of each channel into one image: (N, C*F^d, *A) to (N, C, *(F*A)).

    Equation 7, counted from 0: in two dimensions sub-image n = p*F + q supplies pixel (F*i + p, F*j + q) of
    the image, and the sub-images of channel c are input channels c*F^2 to c*F^2 + F^2 - 1. This is
    ``torch.nn.functional.pixel_shuffle``. In other dimensions n counts the same way, the last one fastest.

    Args:
        x_NKA: sub-images of any dtype, memory layout and device; N, C and sides may be 0.
        factor: F, at least 1. With 1 the result equals the input.

    Returns:
        The image (N, C, *S), S = F*A. It may share memory with the input where nothing has to move.

    Raises:
        ValueError: F below 1, no spatial dimension, or channels not divisible by F^d.
    """
    rank = _rank(x_NKA, factor)
    batch, parts, *sides = x_NKA.shape
    channels, rest = divmod(parts, factor**rank)
    if rest:
        raise ValueError(
            f"stitch by {factor} needs channels divisible by {factor}^{rank} = {factor**rank},"
            f" got {parts} channels in shape {tuple(x_NKA.shape)}"
        )
    blocks = x_NKA.reshape(batch, channels, *[factor] * rank, *sides)
    order = [axis for i in range(rank) for axis in (2 + rank + i, 2 + i)]
    return blocks.permute(0, 1, *order).reshape(batch, channels, *[factor * side for side in sides])


def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
    """Take an image apart into its F^d interlaced sub-images: (N, C, *(F*A)) to (N, C*F^d, *A).

    The inverse of ``stitch``, and its adjoint.

    Raises:
        ValueError: F below 1, no spatial dimension, or a side not divisible by F.
    """
    rank = _rank(x_NCS, factor)
    batch, channels, *sides = x_NCS.shape
    if any(side % factor for side in sides):
        raise ValueError(f"unstitch by {factor} needs sides divisible by it, got shape {tuple(x_NCS.shape)}")
    smaller = [side // factor for side in sides]
    blocks = x_NCS.reshape(batch, channels, *[part for side in smaller for part in (side, factor)])
    order = [*range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2)]
    return blocks.permute(0, 1, *order).reshape(batch, channels * factor**rank, *smaller)


def _rank(x: Tensor, factor: int) -> int:
    if factor < 1:
        raise ValueError(f"factor must be at least 1, got {factor} for shape {tuple(x.shape)}")
    if x.ndim < 3:
        raise ValueError(f"expected (N, C, *S) with one or more spatial dimensions, got shape {tuple(x.shape)}")
    return x.ndim - 2


class StitchLayer(nn.Module):
    """The StitchLayer (Sec. II-B): ``stitch`` as a layer without parameters.

    Maps (N, C*F^d, *A) to (N, C, *(F*A)) and keeps the values as they are.

    Args:
        factor: F, the number of sub-images along each dimension, at least 1.
    """

    def __init__(self, factor: int):
        super().__init__()
        if factor < 1:
            raise ValueError(f"factor must be at least 1, got {factor}")
        self.factor = factor

    def forward(self, x_NKA: Tensor) -> Tensor:
        return stitch(x_NKA, self.factor)

    def extra_repr(self) -> str:
        return f"factor={self.factor}"
