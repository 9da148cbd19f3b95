"""``style-generator``: a mapping network and modulated convolutions. The spec; the network is in ``_style``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractGenerator, PerAxis, Problem, Shapes, option
from gankit_stitch._plan import plan, problems

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class StyleGenerator(AbstractGenerator):
    """A small StyleGAN2 (Karras et al. 2020, arXiv:1912.04958) with the StitchLayer at its end.

    Latent (B, Z) to image (B, C, *S) in [-1, 1], with one to three spatial dimensions. A mapping network makes of the
    latent what scales the input channels i of every convolution, s_i. Its weights are then demodulated (Eqs. 1 to 3):

        ``w'_ijk = s_i w_ijk``  and  ``w''_ijk = w'_ijk / sqrt(sum over i, k of w'_ijk^2 + 1e-8)``

    for output channel j and tap k. A learned constant map is enlarged by linear interpolation and convolved twice in
    each block. Each block adds its own part to the image (Fig. 7b: output skips, by convolutions that are modulated and
    not demodulated): the last block adds F^d sub-images through the StitchLayer, those before add images that are
    enlarged, in which no grid can be. Sides must be F * 2^k times those of the constant map, k >= 1, as for
    ``stitch-decoder``.

    It reads labels and images beside the latent as ``stitch-decoder`` does. Images enter where the paper adds noise,
    after the first convolution of each block, so noise is a place of the graph: the network draws none. The latent is
    not normalised, the mapping network learns as fast as the rest, and there is no path length regularisation.
    """

    factor: PerAxis = option(
        2,
        ge=1,
        help="F: sub-images along each dimension, as 2 or [1, 2, 2]; 1 makes the whole image without the StitchLayer",
    )
    width: int = option(32, ge=1, le=16_384, help="channels of the last blocks; the first have 4 times as many")
    start: PerAxis = option(
        2, ge=1, help="pixels along the smallest side of the constant map, or along each, as [3, 2, 2]"
    )
    mapping: int = option(2, ge=0, le=256, help="layers of the mapping network; 0: styles are linear in the latent")
    gain: float = option(0.25, gt=0, help="scale of the image before tanh when training starts")

    @property
    def reads_apart(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        yield from problems(source, target, self.start, self.factor)

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_stitch._style import StyleNetwork

        sizes = plan(source, target, self.start, self.factor)
        return StyleNetwork(sizes, self.width, self.mapping, self.gain)
