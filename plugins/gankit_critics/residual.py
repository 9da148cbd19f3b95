"""``residual-critic``: images to one score each through residual blocks. The spec; the network is in
``_residual_critic``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import attrs

from gankit import AbstractDiscriminator, Problem, Shapes, halvings, option
from gankit_critics._ends import check_ends, classes, image_shape

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class ResidualCritic(AbstractDiscriminator):
    """Residual blocks down to a small map, the sum over its pixels, and one linear layer.

    The critic of Miyato et al. 2018 (arXiv:1802.05957, Appendix B.4) after Gulrajani et al. 2017 (arXiv:1704.00028,
    Appendix F). Modalities (B, C, *S) to unbounded scores (B,), with one to three spatial dimensions. Each block halves
    every side of 8 or more, until all are under 8 (64 x 64 ends at 4 x 4): the number of blocks follows from the size.
    A block is ``(shortcut(x) + h(x)) / sqrt(2)``. h has a convolution of 3 taps and one of 4 that halves the sides,
    each after a leaky ReLU, the first block without the first of them. The shortcut averages 2 pixels a side and
    changes the number of channels. The papers halve by an average after a convolution, which one convolution of 4 taps
    can do. Dividing by sqrt(2) keeps the variance (Karras et al. 2020, arXiv:1912.04958).

    ``minibatch_std`` (Karras et al. 2018, arXiv:1710.10196, Sec. 3) gives the last block one more channel: the standard
    deviation over so many samples that follow each other, averaged over channels and pixels.

    ``projection`` adds an inner product with the label y to the score (Miyato and Koyama 2018, arXiv:1802.05637,
    equation 3): ``s = y^T V f + w^T f + b``, where f are the sums over pixels.

    May be differentiated twice.
    """

    width: int = option(
        32, ge=1, le=16_384, help="channels of the first block; each further one doubles them, up to 8 times"
    )
    norm: Literal["none", "batch", "layer", "instance"] = option(
        "none",
        help="normalisation before each leaky ReLU within a block; batch mixes samples, so no gradient penalty",
    )
    spectral_norm: bool = option(
        False, help="divide each layer's weights by their largest singular value (Miyato et al. 2018)"
    )
    minibatch_std: int = option(
        0,
        ge=0,
        help="samples in a group whose standard deviation the critic sees, so they mix; must divide the batch; 0: none",
    )
    projection: bool = option(False, help="read a label beside the images of a term, by an inner product with features")

    @property
    def mixes_samples(self) -> bool:
        return self.norm == "batch" or self.minibatch_std > 0

    @property
    def reads_apart(self) -> bool:
        return self.projection

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        yield from check_ends(source, target, self.projection)
        if self.minibatch_std == 1:
            yield Problem("minibatch_std", "one sample has no standard deviation; must be at least 2, or 0 for none")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_critics._residual_critic import ResidualCriticNetwork

        shape = image_shape(source, self.projection)
        return ResidualCriticNetwork(
            shape,
            classes(source, self.projection),
            [self.width * min(2**block, 8) for block in range(halvings(max(shape[1:])))],
            norm=self.norm,
            spectral=self.spectral_norm,
            group=self.minibatch_std,
        )
