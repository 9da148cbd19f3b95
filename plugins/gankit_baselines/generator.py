"""``coupled-generator``: one latent to several modalities. The spec; the network is in ``_coupled_generator``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractGenerator, Problem, Shape, Shapes, doublings, joined, option, shape_text

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class CoupledGenerator(AbstractGenerator):
    """The generators of Liu and Tuzel 2016 (arXiv:1606.07536, Sec. 3): shared first layers, a modality's own last ones.

    Latent (B, Z) to modalities (B, C1 + C2, *S) in [-1, 1], with one to three spatial dimensions: a fully connected
    layer and up-sampling blocks that all modalities share, which decide what is shown, then blocks and a last
    convolution of each modality, which decide how it looks. A recipe names it for every modality, all from the
    latent. The layers are those of ``stitch-decoder`` with ``factor = 1``, so that methods differ by how the
    modalities depend on each other. Sides must be ``start`` times 2^k, k >= 1, along the smallest side, and the
    others in proportion.
    """

    width: int = option(32, ge=1, le=16_384, help="channels of the last blocks; the first have 4 times as many")
    start: int = option(2, ge=1, help="pixels along the smallest side of the fully connected layer's map")
    own: int = option(
        0, ge=0, le=32, help="last up-sampling blocks that each modality has of its own, beside its convolution"
    )
    gain: float = option(0.25, gt=0, help="scale of the images before tanh when training starts")

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        latent, size = joined(source), joined(target)[1:]
        if len(latent) != 1:
            yield Problem("use", f"makes images from a latent (Z), not from {shape_text(latent)}")
        if not 1 <= len(size) <= 3:
            yield Problem("use", f"makes images with 1 to 3 spatial dimensions, not {len(size)}")
        elif (blocks := doublings(size, self.start)) is None:
            yield Problem("start", self._misfit(size))
        elif self.own > blocks:
            yield Problem("own", f"must be at most {blocks}, the blocks from {self.start} pixels, got {self.own}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_baselines._coupled_generator import CoupledGeneratorNetwork

        (latent,), (_, *sides) = joined(source), joined(target)
        size = tuple(sides)
        blocks = doublings(size, self.start)
        if blocks is None:
            raise ValueError(self._misfit(size))
        return CoupledGeneratorNetwork(
            latent=latent,
            channels=[shape[0] for shape in target.values()],
            first_map=tuple(side // 2**blocks for side in size),
            shared=blocks - self.own,
            own=self.own,
            width=self.width,
            gain=self.gain,
        )

    def _misfit(self, size: Shape) -> str:
        fitting = [str(start) for start in range(1, min(size)) if doublings(size, start)]
        return (
            f"{self.start} does not fit {shape_text(size)}: the smallest side must be start x 2^k, k >= 1, and the"
            f" others in proportion to it by whole pixels; accepted: {', '.join(fitting) or 'nothing; change the size'}"
        )
