"""Augmentations that move images: ``translation``, ``mirror`` and ``rotation``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from gankit import AbstractAugmentation, Augmentation, Draw, Problem, Shapes, option, shape_text


@attrs.frozen(kw_only=True)
class Translation(AbstractAugmentation):
    """Images (B, C, *S) moved along each axis by whole pixels, the edge repeated (Zhao et al. 2020, Sec. 3.2).

    A move is uniform among the whole numbers up to ``share`` of the side, in both directions. The paper fills with
    zeros, which in [-1, 1] is grey; the edge is what lies around an organ.
    """

    share: float = option(0.125, gt=0, le=1, help="farthest move, as a share of the side")

    @property
    def draws(self) -> Mapping[str, Draw]:
        return {"move": Draw("uniform", (3,))}

    def check(self, source: Shapes) -> Iterator[Problem]:
        shortest = min(min(shape[1:]) for shape in source.values())
        if round(self.share * shortest) < 1:
            moved = " and ".join(shape_text(shape[1:]) for shape in source.values())
            yield Problem("share", f"moves images of {moved} by less than half a pixel; at least {0.5 / shortest:.3g}")

    def build(self) -> Augmentation:
        from gankit_augmentation._geometry import Translated

        return Translated(self.share)


@attrs.frozen(kw_only=True)
class Mirror(AbstractAugmentation):
    """Images (B, C, *S) mirrored along the last axis, left and right, half of the time (Karras et al. 2020,
    arXiv:2006.06676, App. B).

    At ``probability`` 1 both directions are as frequent, so that critics cannot tell them apart. Below, they can.
    """

    @property
    def draws(self) -> Mapping[str, Draw]:
        return {"side": Draw()}

    def build(self) -> Augmentation:
        from gankit_augmentation._geometry import mirrored

        return mirrored


@attrs.frozen(kw_only=True)
class Rotation(AbstractAugmentation):
    """Images (B, C, *S) of two or three dimensions rotated about their centre in the plane of the last two axes, by
    angles uniform within ``degrees``. Values between pixels are bilinear, and the edge is repeated.

    Pixels are taken as square. It is for small angles: a square image turned by more shows what is beyond its edge.
    """

    degrees: float = option(10.0, gt=0, le=45, help="largest angle, in degrees, in both directions")

    @property
    def draws(self) -> Mapping[str, Draw]:
        return {"angle": Draw()}

    def check(self, source: Shapes) -> Iterator[Problem]:
        if any(len(shape) < 3 for shape in source.values()):
            yield Problem("use", "rotates images of 2 or 3 dimensions, not of 1")

    def build(self) -> Augmentation:
        from gankit_augmentation._geometry import Rotated

        return Rotated(self.degrees)
