"""``residual-generator``: residual up-sampling blocks. The spec; the network is in ``_residual``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractGenerator, PerAxis, Problem, Shapes, option
from gankit_stitch._plan import plan, problems

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class ResidualGenerator(AbstractGenerator):
    """The residual generator of Gulrajani et al. 2017 (arXiv:1704.00028, App. C) and SNGAN (Miyato et al. 2018,
    arXiv:1802.05957, Fig. 9), with the StitchLayer at its end.

    Latent (B, Z) to image (B, C, *S) in [-1, 1], with one to three spatial dimensions: a fully connected layer, then
    blocks that double the sides,

        ``block(x) = V act(norm(W up(act(norm(x))))) + up(U x)``

    with convolutions W and V of 3 taps and U of 1, then norm, act, a convolution to F^d sub-images, and the
    StitchLayer. Sides must be F * 2^k times those of the first map, k >= 1, as for ``stitch-decoder``. Here norm is
    ``PixelNorm`` where the papers have batch normalisation, so that no slice depends on the others of its batch, and
    act is a leaky ReLU.

    It reads labels and images beside the latent as ``stitch-decoder`` does. Images enter at W.
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
    gain: float = option(0.25, gt=0, help="scale of the image before tanh when training starts")

    @property
    def reads_apart(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        yield from problems(source, target, self.start, self.factor)

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_stitch._residual import ResidualNetwork

        return ResidualNetwork(plan(source, target, self.start, self.factor), self.width, self.gain)
