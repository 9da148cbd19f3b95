"""The network of ``style-generator``. Letters: B batch, Z latent, I O channels in and out, C of images, S space."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from gankit import NEGATIVE_SLOPE, convolution, he_weights
from gankit_stitch._layers import ENLARGING, Reading, block_widths, equal_kernels, plus, pointwise, without_bias
from gankit_stitch._plan import Plan
from gankit_stitch._stitch import StitchLayer

_ACTIVATION_GAIN = math.sqrt(2 / (1 + NEGATIVE_SLOPE**2))
_STYLE_SQUARE = 2
"""Mean square of styles when training starts: their mean is 1, and their variance is 1."""


class StyleNetwork(nn.Module):
    """Latent (B, Z), and images (B, C', *S) beside it, to image (B, C, *S) in [-1, 1]; see ``StyleGenerator``.

    Sub-images are equal before training, and generators share weights under one seed, as in ``StitchDecoderNetwork``.

    Args:
        plan: sizes of what is read and made.
        width: channels of the last blocks.
        mapping: layers of the mapping network, each of Z units.
        gain: scale of the values before tanh at the start.
    """

    def __init__(self, plan: Plan, width: int, mapping: int, gain: float):
        super().__init__()
        widths = block_widths(width, plan.blocks)
        layers = [he_weights(nn.Linear(plan.latent, plan.latent)) for _ in range(mapping)]
        self.mapping = nn.Sequential(*[part for each in layers for part in (each, nn.LeakyReLU(NEGATIVE_SLOPE))])
        self.constant = nn.Parameter(nn.init.normal_(torch.empty(1, widths[0], *plan.first_map)))
        self.blocks = nn.ModuleList(
            StyleBlock(plan, widths[i], widths[i + 1], gain, last=i == plan.blocks - 1) for i in range(plan.blocks)
        )
        self.enlarge = nn.ModuleList(_linearly(times) for times in plan.times)
        last = zip(plan.times[-1], plan.factor, strict=True)
        self.enlarge_last = _linearly([times * factor for times, factor in last])
        self.stitch = StitchLayer(plan.factor)
        self.read = Reading(plan, widths[1:])
        self.channels = plan.channels

    def forward(self, *places: Tensor) -> Tensor:
        z_BZ, added = self.read(*places)
        w_BZ = self.mapping(z_BZ)
        maps = self.constant.expand(len(z_BZ), *self.constant.shape[1:])
        image_BCS = maps.new_zeros(len(z_BZ), self.channels, *maps.shape[2:])
        *blocks, last = zip(self.enlarge, self.blocks, added, strict=True)
        for enlarge, block, beside in blocks:
            maps, shown = block(enlarge(maps), w_BZ, beside)
            image_BCS = enlarge(image_BCS) + shown
        enlarge, block, beside = last
        _, sub_images = block(enlarge(maps), w_BZ, beside)
        return torch.tanh(self.enlarge_last(image_BCS) + self.stitch(sub_images))


def _linearly(times: Sequence[int]) -> nn.Module:
    """A layer that enlarges each axis, by linear interpolation."""
    return nn.Upsample(scale_factor=tuple(map(float, times)), mode=ENLARGING[len(times)])


class StyleBlock(nn.Module):
    """Two modulated convolutions of an enlarged map (B, I, *S), and what their result adds to the image.

    Args:
        plan: the generator's sizes.
        inputs, outputs: I and O.
        gain: scale of what it adds at the start.
        last: whether it adds F^d sub-images of each channel. Their kernels start equal and have 3 taps, since
            sub-images are shifted by less than a pixel of theirs. Otherwise it adds one image, by kernels of one tap.
    """

    def __init__(self, plan: Plan, inputs: int, outputs: int, gain: float, last: bool):
        super().__init__()
        rank, copies = plan.rank, plan.copies if last else 1
        self.first = ModulatedConvolution(he_weights(convolution(inputs, outputs, rank)), plan.latent)
        self.second = ModulatedConvolution(he_weights(convolution(outputs, outputs, rank)), plan.latent)
        shown = he_weights((convolution if last else pointwise)(outputs, plan.channels, rank), slope=1)
        shown = equal_kernels(shown, copies, gain / math.sqrt(_STYLE_SQUARE))
        self.show = ModulatedConvolution(shown, plan.latent, demodulates=False)

    def forward(self, x_BIS: Tensor, w_BZ: Tensor, beside: Tensor | None) -> tuple[Tensor, Tensor]:
        """Maps (B, O, *S), and an image (B, C, *S) or sub-images (B, C * F^d, *S)."""
        maps = _activated(self.first(x_BIS, w_BZ, beside))
        maps = _activated(self.second(maps, w_BZ))
        return maps, self.show(maps, w_BZ)


class ModulatedConvolution(nn.Module):
    """A convolution whose weights are modulated and demodulated for each sample (Karras et al. 2020, Eqs. 1 to 3).

    All samples are convolved with the same weights w. Scaling each input channel by s_i before, and each output channel
    by ``1 / sqrt(sum over i, k of (s_i w_ijk)^2 + 1e-8)`` after, gives the same as weights of each sample's own. The
    styles s are linear in w_BZ and start with mean 1, and with variance 1 for standard normal w_BZ.

    Args:
        convolve: the convolution, with its weights. Its bias becomes that of the result, and starts at 0.
        latent: Z.
        demodulates: whether Eq. 3 is applied.
    """

    def __init__(self, convolve: Any, latent: int, demodulates: bool = True):
        super().__init__()
        self.convolve = without_bias(convolve)
        self.bias = nn.Parameter(torch.zeros(convolve.out_channels))
        self.style = nn.Linear(latent, convolve.in_channels)
        nn.init.normal_(self.style.weight, std=latent**-0.5)
        nn.init.ones_(self.style.bias)
        self.demodulates = demodulates

    def forward(self, x_BIS: Tensor, w_BZ: Tensor, beside: Tensor | None = None) -> Tensor:
        """The convolution (B, O, *S), with ``beside`` added before the bias."""
        s_BI = self.style(w_BZ)
        made_BOS = self.convolve(x_BIS * _over_space(s_BI, x_BIS))
        if self.demodulates:
            square_OI = self.convolve.weight.square().flatten(2).sum(dim=2)
            made_BOS = made_BOS * _over_space(torch.rsqrt(s_BI.square() @ square_OI.T + 1e-8), made_BOS)
        return plus(made_BOS, beside) + _over_space(self.bias[None], made_BOS)


def _over_space(values_BC: Tensor, maps_BCS: Tensor) -> Tensor:
    """Values as constant maps, which broadcast over the space of ``maps_BCS``."""
    return values_BC.view(*values_BC.shape, *[1] * (maps_BCS.ndim - 2))


def _activated(x_BCS: Tensor) -> Tensor:
    """A leaky ReLU that keeps the mean square of standard normal values."""
    return _ACTIVATION_GAIN * leaky_relu(x_BCS, NEGATIVE_SLOPE)
