"""Minibatch standard deviation: what lets a critic see that samples of a set are too alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_EPSILON = 1e-8


class MinibatchStd(nn.Module):
    """Maps (B, C, *S) to (B, C + 1, *S) (Karras et al. 2018, arXiv:1710.10196, Sec. 3).

    The new channel is constant: the standard deviation over the samples of a group, ``sqrt(variance + 1e-8)``, of each
    channel at each pixel, averaged over all channels and pixels.

    A group is so many samples that follow each other. A loss may score real and synthetic samples in one call, one
    set after the other. So no group has some of both where the size of a group divides the sets. Groups are the same on
    any number of processes, since each has a contiguous share of the batch.

    Args:
        group: samples in a group; it must divide the batch.
    """

    def __init__(self, group: int):
        super().__init__()
        self.group = group

    def forward(self, x_BCS: Tensor) -> Tensor:
        if len(x_BCS) % self.group:
            raise ValueError(
                f"{len(x_BCS)} samples cannot be divided into groups of {self.group} (minibatch_std); training.batch"
                f" of each process must be a multiple of it"
            )
        digits = torch.promote_types(x_BCS.dtype, torch.float32)  # a variance needs more than bfloat16 has
        grouped = x_BCS.to(digits).unflatten(0, (-1, self.group))
        deviation = (grouped.var(dim=1, correction=0) + _EPSILON).sqrt().flatten(1).mean(dim=1)
        each_B = deviation.to(x_BCS.dtype).unsqueeze(1).expand(-1, self.group).flatten()
        channel = each_B.view(-1, *[1] * (x_BCS.ndim - 1)).expand(-1, 1, *x_BCS.shape[2:])
        return torch.cat([x_BCS, channel], dim=1)
