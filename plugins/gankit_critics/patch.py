"""``patch-critic``: images to a score for each patch. The spec; the network is in ``_patch_critic``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import attrs

from gankit import AbstractDiscriminator, Problem, Shapes, option, shape_text
from gankit_critics._ends import check_ends, classes, image_shape

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class PatchCritic(AbstractDiscriminator):
    """PatchGAN (Isola et al. 2017, arXiv:1611.07004, Sec. 3.2.2): patches that overlap are scored, each by itself.

    Modalities (B, C, *S) to unbounded scores (B, P), with one to three spatial dimensions. ``layers`` convolutions of 4
    taps halve the sides and double the width; two more of 4 taps keep it, the last of which gives a score. So a side of
    n pixels has ``n / 2^layers - 2`` patches, rounded down. A patch has 16, 34, 70, 142 or 286 pixels a side for 1 to 5
    layers (the paper's 16 x 16, 70 x 70 and 286 x 286 are 1, 3 and 5).

    ``scales`` (Wang et al. 2018, arXiv:1711.11585, Sec. 3.2, equation 3): so many such critics judge the image at full
    size, averaged over 2 pixels a side, over 4, and so on; the paper has 3. It adds up their losses. A loss here is a
    mean over P. So the scores of a smaller image are repeated, as many whole times as make about as many as those of
    the largest.

    ``projection`` adds an inner product with the label y to each score (Miyato and Koyama 2018, arXiv:1802.05637,
    equation 3): ``s = y^T V f + w^T f``, where f are the features of the 4 x 4 places that the last layer sees.

    Other than in the papers the default is no normalisation: those over pixels forget how bright an image is, which an
    ADC map measures, and batch mixes samples. May be differentiated twice.
    """

    width: int = option(
        32, ge=1, le=16_384, help="channels of the first layer; each further one doubles them, up to 8 times"
    )
    layers: int = option(
        3, ge=1, le=32, help="convolutions that halve the sides; a patch has 16, 34, 70, 142, ... pixels"
    )
    scales: int = option(1, ge=1, le=16, help="critics, each on an image half as large as that of the one before")
    norm: Literal["none", "batch", "layer", "instance"] = option(
        "none",
        help="normalisation after each layer but the first and the last; batch mixes samples, so no gradient penalty",
    )
    spectral_norm: bool = option(
        False, help="divide each layer's weights by their largest singular value (Miyato et al. 2018)"
    )
    projection: bool = option(False, help="read a label beside the images of a term, by an inner product with features")

    @property
    def mixes_samples(self) -> bool:
        return self.norm == "batch"

    @property
    def reads_apart(self) -> bool:
        return self.projection

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        problems = [*check_ends(source, target, self.projection)]
        yield from problems
        sides = [] if problems else image_shape(source, self.projection)[1:]
        needed = 3 * 2 ** (self.layers + self.scales - 1)
        if sides and min(sides) < needed:
            halvings = (min(sides) // 3).bit_length() - 1
            accepted = f"together at most {halvings + 1}" if halvings > 0 else "nothing; its smallest side is 6 pixels"
            yield Problem(
                "layers",
                f"{self.layers} at {self.scales} scale{'s' * (self.scales > 1)} need sides of {needed} pixels, not"
                f" {shape_text(tuple(sides))}; accepted for layers + scales: {accepted}",
            )

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_critics._patch_critic import PatchCriticNetwork

        return PatchCriticNetwork(
            image_shape(source, self.projection),
            classes(source, self.projection),
            width=self.width,
            layers=self.layers,
            scales=self.scales,
            norm=self.norm,
            spectral=self.spectral_norm,
        )
