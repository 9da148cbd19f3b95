"""``stitch-decoder``: latent to sub-images to image. The spec; the network is in ``_stitch_decoder``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractGenerator, Problem, Shape, Shapes, doublings, joined, option, shape_text

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

    With ``base``, image = tanh(stitch(sub-images) + enlarged(A z)): what principal components of the images can
    tell of them, the matrix A learns within a few hundred steps, and the sub-images add the rest.
    """

    factor: int = option(
        2, ge=1, help="F: sub-images along each dimension; 1 makes the whole image without the StitchLayer"
    )
    width: int = option(32, ge=1, help="channels of the last blocks; the first have 4 times as many")
    start: int = option(2, ge=1, help="pixels along the smallest side of the fully connected layer's map")
    gain: float = option(0.25, gt=0, help="scale of the image before tanh when training starts")
    base: int = option(
        0,
        ge=0,
        help="add, before tanh, an image that is linear in the latent, of 1 / base of each side, enlarged; 0: none."
        " An extension of ours, with which reconstructions keep far more of a lesion",
    )

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        latent, size = joined(source), joined(target)[1:]
        if len(latent) != 1:
            yield Problem("use", f"makes images from a latent (Z), not from {shape_text(latent)}")
        if not 1 <= len(size) <= 3:
            yield Problem("use", f"makes images with 1 to 3 spatial dimensions, not {len(size)}")
        elif doublings(size, self.start, self.factor) is None:
            yield Problem("factor", self._misfit(size))
        elif self.base and any(side % self.base for side in size):
            divisors = [str(base) for base in range(1, min(size) + 1) if not any(side % base for side in size)]
            accepted = ", ".join(divisors)
            yield Problem("base", f"{self.base} does not divide {shape_text(size)}; accepted: {accepted}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_stitch._stitch_decoder import StitchDecoderNetwork

        (latent,), (channels, *sides) = joined(source), joined(target)
        size = tuple(sides)
        blocks = doublings(size, self.start, self.factor)
        if blocks is None:
            raise ValueError(self._misfit(size))
        return StitchDecoderNetwork(
            latent=latent,
            channels=channels,
            first_map=tuple(side // (self.factor * 2**blocks) for side in size),
            blocks=blocks,
            factor=self.factor,
            width=self.width,
            gain=self.gain,
            base=self.base,
        )

    def _misfit(self, size: Shape) -> str:
        accepted = "nothing; change the size"
        for start in (self.start, *range(2, min(size)), 1):
            factors = [str(factor) for factor in range(1, min(size)) if doublings(size, start, factor)]
            if factors:
                accepted = f"with start = {start}: {', '.join(factors)}"
                break
        return (
            f"{self.factor} does not fit {shape_text(size)} with start = {self.start}: the smallest side must"
            " be start x factor x 2^k, k >= 1, and the others in proportion to it by whole pixels;"
            f" accepted {accepted}"
        )
