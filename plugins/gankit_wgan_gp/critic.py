"""``conv-critic``: images to one score each. The spec; the network is in ``_conv_critic``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import attrs

from gankit import AbstractDiscriminator, PerAxis, Problem, Shapes, joined, kernel_problems, option, shape_text

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class ConvCritic(AbstractDiscriminator):
    """Strided convolutions and leaky ReLU down to a small map, then one linear layer.

    Modalities (B, C, *S) to unbounded scores (B,), with one to three spatial dimensions. Each layer halves
    every side of 8 or more, until all are under 8 (64 x 64 ends at 4 x 4): the depth follows from the size.
    Serves as the Wasserstein critics of Eqs. 4 and 5 and as the auxiliary critics of Eqs. 8 and 9. May be
    differentiated twice, as the gradient penalty needs. ``spectral_norm`` is that of Miyato et al. 2018
    (arXiv:1802.05957, equation 8).
    """

    width: int = option(
        32, ge=1, le=16_384, help="channels of the first layer; each further one doubles them, up to 8 times"
    )
    kernel: PerAxis | None = option(
        None,
        ge=1,
        le=15,
        help="taps along axes that a convolution does not halve, odd, as [1, 3, 3]; default: 3",
    )
    norm: Literal["none", "batch", "layer"] = option(
        "none",
        help="normalisation after each layer but the first; batch mixes samples, so no gradient penalty",
    )
    spectral_norm: bool = option(
        False, help="divide each layer's weights by their largest singular value (Miyato et al. 2018)"
    )

    @property
    def mixes_samples(self) -> bool:
        return self.norm == "batch"

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        shape = joined(source)
        if not 2 <= len(shape) <= 4:
            yield Problem("use", f"scores images (C, *S) of 1 to 3 dimensions, not {shape_text(shape)}")
        else:
            yield from kernel_problems(len(shape) - 1, self.kernel)
        if joined(target) != ():
            yield Problem("use", f"returns one score per sample, not {shape_text(joined(target))}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_wgan_gp._conv_critic import ConvCriticNetwork

        return ConvCriticNetwork(joined(source), self.width, self.norm, self.spectral_norm, self.kernel or 3)
