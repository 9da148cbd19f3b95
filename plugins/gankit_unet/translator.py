"""``unet``: modalities to modalities of the same size. The spec; the network is in ``_unet``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import (
    AbstractTranslator,
    PerAxis,
    Problem,
    Shapes,
    joined,
    kernel_problems,
    nearest,
    option,
    per_axis,
    translation_problems,
)

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class UNet(AbstractTranslator):
    """A U-Net (Ronneberger et al. 2015), the G of Sec. II-A.

    Modalities (B, C, *S) to modalities (B, C', *S), both in [-1, 1], with one to three spatial dimensions.
    Halves the sides ``depth`` times and doubles them back, with a skip at each size. It has no running statistics: its
    output depends on its weights and this sample alone. An axis that is halved fewer times than others, as that of few
    thick slices, is halved at the smaller sizes.

    With ``attention``, the pixels of one size see each other (Zhang et al. 2019, "Self-attention GANs",
    arXiv:1805.08318, equations 1 to 3): on the way up, or between the two ways at the smallest size. A new network
    computes what it would without attention.

    With ``dropout``, the deeper half of the blocks on the way up drop numbers, as the first blocks of the decoder of
    Isola et al. 2017 (arXiv:1611.07004, Sec. 6.1.1; there at rate 0.5) do. The network draws nothing: a random place
    that it reads decides, as in ``dropout = 0.5, noise = "texture"`` of a network with ``from = ["adc", "texture"]``.
    Where this place is quiet, nothing is dropped. Noise that is not named as ``noise`` is read as an image.
    """

    width: int = option(32, ge=1, le=16_384, help="channels at full size; twice at half size, 4 times below")
    depth: PerAxis = option(
        4,
        ge=0,
        le=32,
        help="how often the sides are halved; they must be divisible by 2^depth; one for each axis as in [2, 4, 4]",
    )
    kernel: PerAxis | None = option(
        None, ge=1, le=15, help="taps of the convolutions along each axis, odd, as [1, 3, 3]; default: 3"
    )
    attention: int | None = option(
        None,
        ge=1,
        help="self-attention on the maps whose shortest side has so many pixels; its memory grows with the square of"
        " their number of pixels; default: none",
    )
    dropout: float | None = option(
        None,
        gt=0,
        lt=1,
        help="probability with which the deeper half of the blocks on the way up drop a number; default: no dropout",
    )
    noise: str | None = option(
        None, help="random place, one of those that the network reads, whose values say what dropout drops"
    )

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        size, misfits = joined(source)[1:], [*translation_problems(source, target, self.depth, each_axis=True)]
        yield from misfits
        if 1 <= len(size) <= 3:
            yield from kernel_problems(len(size), self.kernel)
        if not misfits and not any(per_axis(self.depth, len(size))):
            yield Problem("depth", "must halve an axis at least once, got 0")
            return
        if not misfits and self.attention not in (None, *self._sides(size)):
            accepted = ", ".join(map(str, self._sides(size)))
            yield Problem("attention", f"no map has a shortest side of {self.attention} pixels; accepted: {accepted}")
        yield from self._check_noise(source)

    def _sides(self, size: tuple[int, ...]) -> list[int]:
        """The shortest side of the maps after 0, 1, ... halvings."""
        sides = [size]
        for strides in self._strides(len(size)):
            sides.append(tuple(side // stride for side, stride in zip(sides[-1], strides, strict=True)))
        return [min(each) for each in sides]

    def _strides(self, rank: int) -> list[tuple[int, ...]]:
        """For each halving on the way down: 2 along the axes that it halves, 1 along others."""
        depths = per_axis(self.depth, rank)
        levels = max(depths)
        return [tuple(2 if level >= levels - depth else 1 for depth in depths) for level in range(levels)]

    def _check_noise(self, source: Shapes) -> Iterator[Problem]:
        sources = ", ".join(source)
        if self.noise is None:
            if self.dropout:
                needed = "a network draws nothing, so dropout needs a random place among those that it reads"
                yield Problem("noise", f"{needed}; name one of {sources}, or remove 'dropout'")
        elif self.noise not in source:
            yield Problem("noise", f"is not read: {self.noise!r}{nearest(self.noise, source)}; accepted: {sources}")
        elif len(source) == 1:
            yield Problem("noise", f"{self.noise!r} is all that the network reads; it needs an image too")
        elif not self.dropout:
            yield Problem("dropout", f"required, since noise {self.noise!r} serves dropout alone; or remove 'noise'")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_unet._unet import UNetNetwork

        channels, *size = joined(source)
        noise = self._noise_channels(source)
        return UNetNetwork(
            rank=len(size),
            inputs=channels - len(noise),
            outputs=joined(target)[0],
            width=self.width,
            strides=self._strides(len(size)),
            kernel=self.kernel or 3,
            attention=None if self.attention is None else self._sides(tuple(size)).index(self.attention),
            dropout=self.dropout or 0.0,
            noise=noise,
        )

    def _noise_channels(self, source: Shapes) -> range:
        """The channels of the noise among those that the network reads."""
        if self.noise is None:
            return range(0)
        places = list(source)
        first = sum(source[place][0] for place in places[: places.index(self.noise)])
        return range(first, first + source[self.noise][0])
