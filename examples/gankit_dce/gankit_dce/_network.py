"""The network of ``tofts``. Letters: B batch, C channels, H W space, T moments since the injection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, he_weights

if TYPE_CHECKING:
    from gankit_dce.translator import Tofts

DILATIONS = (1, 2, 4, 1)
"""Of the 3 x 3 convolutions; each pixel sees 8 pixels around it."""

LEAST_VE = 0.02
"""Below it the wash-out of one second would not be resolved."""


class ToftsNetwork(nn.Module):
    """(B, C, H, W) to (B, 1, H, W) in [-1, 1]; see ``Tofts``."""

    delays_T: Tensor
    doses_T: Tensor

    def __init__(self, inputs: int, spec: Tofts):
        super().__init__()
        self._spec = spec
        self._acquisition = spec.acquisition()
        for name, values_T in (("delays_T", self._acquisition.delays_min()), ("doses_T", self._acquisition.doses())):
            self.register_buffer(name, torch.tensor(values_T, dtype=torch.float32), persistent=False)
        layers: list[nn.Module] = []
        for dilation in DILATIONS:
            layers += [he_weights(nn.Conv2d(inputs, spec.width, 3, padding=dilation, dilation=dilation))]
            layers += [nn.LeakyReLU(NEGATIVE_SLOPE)]
            inputs = spec.width
        self.tissue = nn.Sequential(*layers, nn.Conv2d(inputs, 2, 1))

    def kinetics(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Ktrans in 1/min and ve, each (B, 1, H, W), that explain the enhancement."""
        ktrans, ve = torch.sigmoid(self.tissue(x_BCHW)).split(1, dim=1)
        return self._spec.ktrans_per_min * ktrans, LEAST_VE + (self._spec.ve - LEAST_VE) * ve

    def forward(self, x_BCHW: Tensor) -> Tensor:
        ktrans, ve = self.kinetics(x_BCHW)
        concentration = self._acquisition.concentration(ktrans, ve, self.delays_T, self.doses_T, torch.exp)
        enhancement = self._acquisition.enhancement(concentration, torch.exp)
        return enhancement * (2 / self._spec.highest) - 1
