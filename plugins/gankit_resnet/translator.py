"""``resnet``: modalities to modalities of the same size. The spec; the network is in ``_resnet``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import attrs

from gankit import AbstractTranslator, Problem, Shapes, joined, option, shape_text, translation_problems

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class ResNet(AbstractTranslator):
    """The residual translator of Johnson et al. 2016 (arXiv:1603.08155), as CycleGAN has it (Zhu et al. 2017,
    arXiv:1703.10593, Sec. 7.2: "c7s1, d, d, R..., u, u, c7s1").

    Modalities (B, C, *S) to modalities (B, C', *S), both in [-1, 1], with one to three spatial dimensions. Halves the
    sides ``depth`` times, runs ``blocks`` residual blocks at the small size, ``x + norm(conv(relu(norm(conv(x)))))``,
    and doubles the sides back. There are no skips at the larger sizes, so an image that is made need not keep the edges
    of the one that is read. Each sample is normalised by itself; the first layer is not normalised.

    It differs from the papers in four ways: sides are doubled by nearest neighbours and a convolution, which leave no
    checkerboard; ReLUs are leaky; edges are padded with zeros; and halving layers have 4 taps.

    With ``residual``, the network makes a change t in [-1, 1] of the image x: ``y = t + (1 - |t|) x``. So y is x where
    t is 0, it nears 1 or -1 as t does, and it never leaves [-1, 1]. Values of x beyond [-1, 1] are limited to it.
    """

    width: int = option(32, ge=1, le=16_384, help="channels at full size, doubled at each halving; 64 in the papers")
    depth: int = option(2, ge=1, le=32, help="how often the sides are halved; they must be divisible by 2^depth")
    blocks: int = option(
        6, ge=1, le=256, help="number of residual blocks; in CycleGAN 6 at 128 pixels, 9 at 256 and more"
    )
    norm: Literal["pixel", "instance"] = option(
        "pixel",
        help="'pixel' normalises each pixel over its channels, 'instance' each channel over its pixels (as in the"
        " papers), which takes out how bright a channel is",
    )
    residual: bool = option(
        False, help="make a change of the image instead of a new one; the image is the first place that it reads"
    )

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        size, misfits = joined(source)[1:], [*translation_problems(source, target, self.depth)]
        yield from misfits
        if not misfits and self.norm == "instance" and max(size) == 2**self.depth:
            yield Problem("norm", "'instance' makes a map of one pixel zero; choose a smaller depth, or norm = 'pixel'")
        yield from self._check_residual(source, target)

    def _check_residual(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        (image, shape), *_ = source.items()
        if self.residual and shape != joined(target):
            shapes = f"{shape_text(shape)}, but the network makes {shape_text(joined(target))}"
            yield Problem("residual", f"{image!r}, the first place that is read, is {shapes}; set residual = false")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_resnet._resnet import ResNetNetwork

        inputs, *size = joined(source)
        return ResNetNetwork(
            rank=len(size),
            inputs=inputs,
            outputs=joined(target)[0],
            width=self.width,
            depth=self.depth,
            blocks=self.blocks,
            norm=self.norm,
            residual=self.residual,
        )
