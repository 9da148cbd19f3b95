"""``stitch-decoder``: latent to sub-images to image. The spec; the network is in ``_stitch_decoder``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractGenerator, PerAxis, Problem, Shapes, joined, kernel_problems, option, shape_text
from gankit_stitch._plan import plan, problems

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class StitchDecoder(AbstractGenerator):
    """The decoder of Fig. 8: a fully connected layer, up-sampling blocks, F^d sub-images, the StitchLayer.

    Latent (B, Z) to image (B, C, *S) in [-1, 1], with one to three spatial dimensions. Sub-images have the
    sides a = S / F. The first map has ``start`` pixels along the smallest side and the proportions of the
    image, whatever F, so decoders of one image size share the fully connected layer and the first block. At
    64 x 64, Z = 128 and the default width these hold 74 to 79% of the parameters (Sec. IV-B: 77%). Every side
    must be F * 2^k times that of the first map, k >= 1.

    Volumes of few thick slices may have a factor, a start and a kernel for each axis. With a start for each, k follows
    along each axis, and one that is doubled fewer times is so in the first blocks, where voxels are longest in the
    plane.

    Other vectors that it reads, such as labels, are concatenated with the latent. Images that it reads beside it, of
    the size of the image that it makes, enter its blocks: the last one as ``act(PixelNorm(convolution(map) + A u))``,
    where u has the F^d sub-images of each image and A is a convolution, those before with the images averaged over
    areas, through convolutions that start at zero. So noise gives texture, and a mask may say where a lesion is; zeros
    change no bit.

    With ``base``, image = tanh(stitch(sub-images) + enlarged(A z)): what principal components of the images can
    tell of them, the matrix A learns within a few hundred steps, and the sub-images add the rest.
    """

    factor: PerAxis = option(
        2,
        ge=1,
        help="F: sub-images along each dimension, as 2 or [1, 2, 2]; 1 makes the whole image without the StitchLayer",
    )
    width: int = option(32, ge=1, le=16_384, help="channels of the last blocks; the first have 4 times as many")
    start: PerAxis = option(
        2, ge=1, help="pixels along the smallest side of the fully connected layer's map, or along each, as [3, 2, 2]"
    )
    kernel: PerAxis | None = option(
        None, ge=1, le=15, help="taps of the convolutions along each axis, odd, as [1, 3, 3]; default: 3"
    )
    gain: float = option(0.25, gt=0, help="scale of the image before tanh when training starts")
    base: int = option(
        0,
        ge=0,
        help="add, before tanh, an image that is linear in the latent, of 1 / base of each side, enlarged; 0: none."
        " An extension of ours, with which reconstructions keep far more of a lesion",
    )

    @property
    def reads_apart(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        yield from problems(source, target, self.start, self.factor)
        size = joined(target)[1:]
        if 1 <= len(size) <= 3:
            yield from kernel_problems(len(size), self.kernel)
        if self.base and 1 <= len(size) <= 3 and any(side % self.base for side in size):
            divisors = [str(base) for base in range(1, min(size) + 1) if not any(side % base for side in size)]
            accepted = ", ".join(divisors)
            yield Problem("base", f"{self.base} does not divide {shape_text(size)}; accepted: {accepted}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_stitch._stitch_decoder import StitchDecoderNetwork

        sizes = plan(source, target, self.start, self.factor)
        return StitchDecoderNetwork(sizes, self.width, self.gain, self.base, self.kernel or 3)
