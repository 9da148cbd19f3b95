"""``unet``: modalities to modalities of the same size. The spec; the network is in ``_unet``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractTranslator, Problem, Shapes, joined, option, shape_text

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class UNet(AbstractTranslator):
    """A U-Net (Ronneberger et al. 2015), the G of Sec. II-A.

    Modalities (B, C, *S) to modalities (B, C', *S), both in [-1, 1], with one to three spatial dimensions.
    Halves the sides ``depth`` times and doubles them back, with a skip at each size. Deterministic, with no
    running statistics: its output depends on its weights and this sample alone.
    """

    width: int = option(32, ge=1, help="channels at full size; twice at half size, 4 times below")
    depth: int = option(4, ge=1, help="how often the sides are halved; they must be divisible by 2^depth")

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        size, target_size = joined(source)[1:], joined(target)[1:]
        if size != target_size:
            sizes = f"{shape_text(size)} and its target {shape_text(target_size)}"
            yield Problem("use", f"keeps the spatial size, but its source is {sizes}")
        if not 1 <= len(size) <= 3:
            yield Problem("use", f"translates images with 1 to 3 spatial dimensions, not {len(size)}")
        elif any(side % 2**self.depth for side in size):
            deepest = min((side & -side).bit_length() - 1 for side in size)
            accepted = f"accepted depths: 1 to {deepest}" if deepest else "no depth fits an odd side"
            needed = f"must be divisible by 2^{self.depth} = {2**self.depth}"
            yield Problem("depth", f"the sides of {shape_text(size)} {needed}; {accepted}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_unet._unet import UNetNetwork

        inputs, *size = joined(source)
        return UNetNetwork(len(size), inputs, joined(target)[0], self.width, self.depth)
