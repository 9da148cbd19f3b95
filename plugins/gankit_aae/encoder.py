"""``conv-encoder``: images to latents. The spec; the network is in ``_conv_encoder``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import attrs

from gankit import AbstractEncoder, PerAxis, Problem, Shapes, joined, kernel_problems, option, shape_text

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class ConvEncoder(AbstractEncoder):
    """F_enc of Sec. II-A: strided convolutions, then one linear layer to the latent.

    Modalities (B, C, *S), with one to three spatial dimensions, to latents (B, Z). Each layer halves every
    side of 8 or more; all but the first are normalised within each sample.
    """

    width: int = option(
        32, ge=1, le=16_384, help="channels of the first layer; each further one doubles them, up to 8 times"
    )
    depth: int | None = option(
        None, ge=1, le=32, help="number of convolutional layers; default: as many as bring every side under 8"
    )
    kernel: PerAxis | None = option(
        None,
        ge=1,
        le=15,
        help="taps along axes that a convolution does not halve, odd, as [1, 3, 3]; default: 3",
    )
    latent_norm: Literal["batch", "layer", "none"] = option(
        "batch",
        help="brings latents to mean 0 and variance 1: each number over the batch (in a saved model over all slices"
        " that the encoder was trained on), or each latent over its own numbers; without it they may shrink together",
    )

    @property
    def mixes_samples(self) -> bool:
        return self.latent_norm == "batch"

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        shape, latent = joined(source), joined(target)
        if not 2 <= len(shape) <= 4:
            yield Problem("use", f"encodes images (C, *S) of 1 to 3 dimensions, not {shape_text(shape)}")
        else:
            yield from kernel_problems(len(shape) - 1, self.kernel)
        if len(latent) != 1:
            yield Problem("use", f"returns a latent (Z), not {shape_text(latent)}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_aae._conv_encoder import ConvEncoderNetwork

        (latent,) = joined(target)
        return ConvEncoderNetwork(joined(source), latent, self.width, self.depth, self.latent_norm, self.kernel or 3)
