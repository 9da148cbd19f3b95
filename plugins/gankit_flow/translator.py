"""``flow-unet``: noise to modalities, along a field of velocities. The spec; the network is in ``_flow_unet``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import (
    AbstractSampler,
    AbstractTranslator,
    Problem,
    Shapes,
    joined,
    option,
    shape_text,
    translation_problems,
)
from gankit_flow.samplers import Heun

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class FlowUNet(AbstractTranslator):
    """A field of velocities ``v(x, t)`` as a U-Net, and the sampler that follows it from noise to modalities.

    The first place that it reads is standard normal noise (B, C, *S) of the shape of the modalities that it makes
    together, in one to three spatial dimensions. Further places are what samples are conditioned on: images are read
    beside x, labels beside the time. ``forward`` solves ``dx/dt = v(x, t)`` from the noise at time 0 to the modalities
    at time 1 (Liu et al. 2022, arXiv:2209.03003, equation 1; Lipman et al. 2023, arXiv:2210.02747) and limits them to
    [-1, 1]. So a sample takes ``sampler.evaluations`` runs of the U-Net. Phase ``flow-matching`` trains it.

    The U-Net is that of Ho et al. 2020 (arXiv:2006.11239, Appendix B) made small: residual blocks with group norm, the
    time as sines and cosines that scale and shift each block (Dhariwal and Nichol 2021, arXiv:2105.05233, Sec. 3.1),
    self-attention between the pixels at the smallest size. A new network has velocities of zero.
    """

    sampler: AbstractSampler = option(
        Heun(steps=8), help="how samples follow the velocities, a table with 'use'; default: heun with 8 steps"
    )
    width: int = option(32, ge=1, le=16_384, help="channels at full size; twice at half size, 4 times below")
    depth: int = option(3, ge=1, le=32, help="how often the sides are halved; they must be divisible by 2^depth")
    blocks: int = option(1, ge=1, le=64, help="residual blocks at each size, on the way down and on the way up")
    attention: bool = option(True, help="whether the pixels see each other at the smallest size")

    @property
    def reads_apart(self) -> bool:
        return True

    @property
    def gives_velocity(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        (start, shape), *_ = source.items()
        if shape != joined(target):
            made = f"{' and '.join(target)}, which have {shape_text(joined(target))}"
            yield Problem(
                "use",
                f"starts at {start!r}, the first place that it reads, of {shape_text(shape)}, and makes {made}; give"
                f" noise of this shape first, as in noise = {{ random = {list(joined(target))} }}",
            )
            return
        yield from translation_problems(source, target, self.depth)

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_flow._flow_unet import FlowUNetNetwork

        (_, (channels, *size)), *rest = source.items()
        return FlowUNetNetwork(
            rank=len(size),
            channels=channels,
            images=sum(shape[0] for _, shape in rest if len(shape) > 1),
            labels=sum(shape[0] for _, shape in rest if len(shape) == 1),
            width=self.width,
            depth=self.depth,
            blocks=self.blocks,
            attention=self.attention,
            sampler=self.sampler.build(),
        )
