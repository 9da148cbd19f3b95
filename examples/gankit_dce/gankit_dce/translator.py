"""``tofts``: ADC and T2w to early enhancement. The spec; the network is in ``_network``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractTranslator, Problem, Shapes, joined, option, shape_text
from gankit_dce.kinetics import Acquisition

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class Tofts(AbstractTranslator):
    """Convolutions guess Ktrans and ve of each pixel, and physics makes the early enhancement of them.

    Modalities (B, C, H, W) in [-1, 1] to one modality (B, 1, H, W) whose range is [0, highest]: relative enhancement,
    signal over baseline minus 1, through the Tofts model with Parker's arterial input and the equation of a spoiled
    gradient echo. So whatever the weights, some tissue enhances like that. See ``gankit_dce.kinetics``.
    """

    width: int = option(24, ge=1, le=16_384, help="channels of the convolutions")
    highest: float = option(3.2, gt=0, help="upper end of the modality's range, whose lower end must be 0")
    ktrans_per_min: float = option(0.5, gt=0, help="largest Ktrans, 1/min")
    ve: float = option(0.5, gt=0.02, le=1, help="largest volume fraction of the extravascular extracellular space")
    after_s: float = option(30.0, gt=0, help="seconds from injection to the image")
    repetition_ms: float = option(4.0, gt=0, help="repetition time TR, ms")
    flip_deg: float = option(12.0, gt=0, help="flip angle, degrees")
    t1_ms: float = option(1600.0, gt=0, help="T1 without contrast agent, ms")
    relaxivity: float = option(4.5, gt=0, help="r1 of the contrast agent, L/(mmol s)")

    def acquisition(self) -> Acquisition:
        """When and how the early phase is imaged, in seconds."""
        return Acquisition(
            after_s=self.after_s,
            repetition_s=self.repetition_ms / 1000,
            flip_deg=self.flip_deg,
            t1_s=self.t1_ms / 1000,
            relaxivity=self.relaxivity,
        )

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        reads, makes = joined(source), joined(target)
        if len(reads) != 3 or makes != (1, *reads[1:]):
            found = f"{shape_text(reads)} to {shape_text(makes)}"
            yield Problem("use", f"makes one channel of the plane that it reads, but here it is {found}")
        reached = self.acquisition().highest(self.ktrans_per_min, self.ve)
        if reached > self.highest:
            yield Problem(
                "highest",
                f"must be >= {reached:.3g}, which tissue reaches {self.after_s:g} s after injection, got"
                f" {self.highest:g}; raise it and the modality's range, or lower ktrans_per_min or ve",
            )

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_dce._network import ToftsNetwork

        return ToftsNetwork(joined(source)[0], self)
