"""Self-attention between the pixels of a map. Letters: B batch, C channels, S space, N pixels, K keys' channels."""

import torch
from torch import Tensor, nn

_NARROWER = 8
"""How many times fewer channels queries and keys have than the map, as in Zhang et al. 2019."""


class SelfAttention(nn.Module):
    """Self-attention of Zhang et al. 2019, "Self-attention GANs" (arXiv:1805.08318, Sec. 3), on maps (B, C, *S).

    ``y = gain o + x`` (equation 3). ``o_j = sum_i softmax_i(q_j . k_i / sqrt(K)) v_i`` is equations 1 and 2 over all
    pixels i, with queries q, keys k and values v as linear functions of a pixel's channels. The gain starts at 0, so
    that a new network computes what it would without attention. Two things are not the paper's: the scale
    ``1 / sqrt(K)`` (Vaswani et al. 2017, arXiv:1706.03762, equation 1), and values as wide as the map, so that no
    further layer widens them.

    Args:
        channels: C.
    """

    def __init__(self, channels: int):
        super().__init__()
        narrow = max(1, channels // _NARROWER)
        self.scale = narrow**-0.5
        self.query = nn.Conv1d(channels, narrow, kernel_size=1)
        self.key = nn.Conv1d(channels, narrow, kernel_size=1)
        self.value = nn.Conv1d(channels, channels, kernel_size=1)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x_BCS: Tensor) -> Tensor:
        x_BCN = x_BCS.flatten(2)
        alike_BNN = (self.query(x_BCN) * self.scale).transpose(1, 2) @ self.key(x_BCN)
        o_BCN = self.value(x_BCN) @ alike_BNN.softmax(dim=2).transpose(1, 2)
        return self.gain * o_BCN.reshape(x_BCS.shape) + x_BCS
