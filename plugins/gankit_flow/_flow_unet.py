"""The network of ``flow-unet``. Letters: B batch, C channels, S space, E numbers that embed time and labels."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from gankit import Sampler, SelfAttention, convolution

_GROUPS = 8
"""Largest number of groups of a norm."""
_FREQUENCIES = 32
_SLOWEST, _FASTEST = 1.0, 1000.0
"""Frequencies of the sines and cosines of the time, in radians over the whole way from noise to image."""


class FlowUNetNetwork(nn.Module):
    """Noise (B, C, *S), and images and labels beside it, to (B, C, *S) in [-1, 1]; see ``FlowUNet``.

    Args:
        rank: number of spatial dimensions, 1 to 3.
        channels: C.
        images, labels: channels of the images, and numbers of the labels, that are read beside the noise.
        width: channels at full size.
        depth: number of halvings.
        blocks: residual blocks at each size on each way.
        attention: whether pixels see each other at the smallest size.
        sampler: follows the velocities from noise to images.
    """

    def __init__(
        self,
        rank: int,
        channels: int,
        images: int,
        labels: int,
        width: int,
        depth: int,
        blocks: int,
        attention: bool,
        sampler: Sampler,
    ):
        super().__init__()
        self.sampler = sampler
        self.labels = labels
        widths = [width * min(2**level, 4) for level in range(depth + 1)]
        embedding = 4 * width
        self.embed = nn.Sequential(
            nn.Linear(2 * _FREQUENCIES + labels, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )

        # The way down
        self.enter = convolution(channels + images, width, rank)
        self.down = nn.ModuleList(
            nn.ModuleList(_Block(rank, widths[level], widths[level], embedding) for _ in range(blocks))
            for level in range(depth)
        )
        self.halve = nn.ModuleList(
            convolution(widths[level], widths[level + 1], rank, stride=2) for level in range(depth)
        )

        # The smallest size
        self.middle = nn.ModuleList(_Block(rank, widths[-1], widths[-1], embedding) for _ in range(2))
        self.attention = SelfAttention(widths[-1]) if attention else nn.Identity()

        # The way up, from the smallest size
        rising = [(widths[level + 1], widths[level]) for level in reversed(range(depth))]
        self.enlarge = nn.ModuleList(_doubling(rank, below, here) for below, here in rising)
        self.up = nn.ModuleList(
            nn.ModuleList(_Block(rank, 2 * here if number == 0 else here, here, embedding) for number in range(blocks))
            for _, here in rising
        )
        self.leave = nn.Sequential(_norm(width), nn.SiLU(), _silent(convolution(width, channels, rank)))

    def forward(self, noise_BCS: Tensor, *rest: Tensor) -> Tensor:
        def velocity(x_BCS: Tensor, time_B: Tensor) -> Tensor:
            return self.velocity(x_BCS, time_B, *rest)

        return self.sampler(velocity, noise_BCS).clamp(-1, 1)

    def velocity(self, x_BCS: Tensor, time_B: Tensor, *rest: Tensor) -> Tensor:
        """Velocities at x and time, (B, C, *S)."""
        images = [each for each in rest if each.ndim > 2]
        labels = [each for each in rest if each.ndim == 2]
        embedded_BE = self.embed(torch.cat([_waves(time_B), *labels], dim=1))

        x_BCS = self.enter(torch.cat([x_BCS, *images], dim=1))
        kept = []
        for blocks, halve in zip(self.down, self.halve, strict=True):
            x_BCS = _through(blocks, x_BCS, embedded_BE)  # type: ignore[arg-type] # lists of modules
            kept.append(x_BCS)
            x_BCS = halve(x_BCS)
        first, last = self.middle
        x_BCS = last(self.attention(first(x_BCS, embedded_BE)), embedded_BE)
        for blocks, enlarge in zip(self.up, self.enlarge, strict=True):
            x_BCS = _through(blocks, torch.cat([enlarge(x_BCS), kept.pop()], dim=1), embedded_BE)  # type: ignore[arg-type]
        velocity: Tensor = self.leave(x_BCS)
        return velocity


class _Block(nn.Module):
    """A residual block (B, C, *S) to (B, C', *S), scaled and shifted by what embeds time and labels."""

    def __init__(self, rank: int, inputs: int, outputs: int, embedding: int):
        super().__init__()
        self.first = nn.Sequential(_norm(inputs), nn.SiLU(), convolution(inputs, outputs, rank))
        self.norm = _norm(outputs)
        self.modulate = nn.Linear(embedding, 2 * outputs)
        self.last = _silent(convolution(outputs, outputs, rank))
        self.skip = nn.Identity() if inputs == outputs else convolution(inputs, outputs, rank, taps=1)

    def forward(self, x_BCS: Tensor, embedded_BE: Tensor) -> Tensor:
        change_BCS = self.norm(self.first(x_BCS))
        factors = self.modulate(embedded_BE)
        scale, shift = factors.reshape(*factors.shape, *[1] * (x_BCS.ndim - 2)).chunk(2, dim=1)
        changed: Tensor = self.skip(x_BCS) + self.last(silu(change_BCS * (1 + scale) + shift))
        return changed


def _through(blocks: Iterable[nn.Module], x_BCS: Tensor, embedded_BE: Tensor) -> Tensor:
    for block in blocks:
        x_BCS = block(x_BCS, embedded_BE)
    return x_BCS


def _doubling(rank: int, inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), convolution(inputs, outputs, rank))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(_GROUPS, channels), channels)


def _silent(layer: nn.Module) -> nn.Module:
    """A layer that gives zero at the start, so that its branch changes nothing."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _waves(time_B: Tensor) -> Tensor:
    """Sines and cosines at frequencies in a geometric series (Vaswani et al. 2017, arXiv:1706.03762, Sec. 3.5),
    (B, 2 x frequencies)."""
    exponents_F = torch.linspace(0, 1, _FREQUENCIES, dtype=time_B.dtype, device=time_B.device)
    angles_BF = time_B[:, None] * (_SLOWEST * (_FASTEST / _SLOWEST) ** exponents_F)
    return torch.cat([angles_BF.sin(), angles_BF.cos()], dim=1)
