"""A residual network (He et al. 2016, arXiv:1512.03385) that is made from its weights alone.

Letters: N slices, B batch, C channels, D features.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gankit import InputError, Rows
from gankit_metrics._training import chunks

BATCH = 32
"""Slices that go through the network at a time."""
_NORM = ("weight", "bias", "running_mean", "running_var")
_UNUSED = re.compile(r"fc\..*|.*\.num_batches_tracked")
"""Tensors of the published files that features do not need."""


@attrs.frozen(eq=False)
class ResNet:
    """Its features: what it gives to its last, fully connected layer.

    Depth, width, kind of block and groups (ResNeXt, Xie et al. 2017) are read off the names and shapes of the weights,
    which are those of torchvision: ``conv1``, ``bn1``, ``layer1.0.conv1`` to ``layer4.N.bn3``,
    ``layerN.0.downsample.0`` and ``.1``. Strides are those of torchvision too: 2 at the first convolution of 3 x 3
    pixels in layers 2 to 4.
    """

    weights: Mapping[str, Tensor]
    sha256: str
    """Of the file."""

    def features(self, x_NCHW: Rows, size: int, mean: Sequence[float], deviation: Sequence[float]) -> np.ndarray:
        """Features of pictures.

        Args:
            x_NCHW: uint8, three channels.
            size: to which both sides are resized, bilinear with antialiasing.
            mean, deviation: of each channel in [0, 1], that the network was trained with.

        Returns: (N, D) float64.
        """
        shift, scale = (torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1) for values in (mean, deviation))
        found = []
        with torch.inference_mode():
            for x_BCHW in chunks(x_NCHW, BATCH):
                x_BCHW = x_BCHW.float() / 255
                x_BCHW = functional.interpolate(x_BCHW, (size, size), mode="bilinear", antialias=True)
                found.append(self._of((x_BCHW - shift) / scale))
        return torch.cat(found).double().numpy()

    def _of(self, x_BCHW: Tensor) -> Tensor:
        x = functional.relu(self._convolved(x_BCHW, "conv1", "bn1", stride=2))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        for layer in range(1, 5):
            for number in range(self._blocks(layer)):
                x = self._block(x, f"layer{layer}.{number}.", stride=2 if layer > 1 and number == 0 else 1)
        return x.mean(dim=(2, 3))

    def _block(self, x: Tensor, name: str, stride: int) -> Tensor:
        """A basic block of two convolutions, or a bottleneck of three, of which the one of 3 x 3 pixels strides."""
        bottleneck = f"{name}conv3.weight" in self.weights
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        inner = x
        for number, by in enumerate(strides, start=1):
            inner = self._convolved(inner, f"{name}conv{number}", f"{name}bn{number}", by)
            if number < len(strides):
                inner = functional.relu(inner)
        if f"{name}downsample.0.weight" in self.weights:
            x = self._convolved(x, f"{name}downsample.0", f"{name}downsample.1", stride)
        return functional.relu(inner + x)

    def _convolved(self, x: Tensor, convolution: str, norm: str, stride: int) -> Tensor:
        weight = self.weights[f"{convolution}.weight"]
        x = functional.conv2d(
            x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=x.shape[1] // weight.shape[1]
        )
        scale, bias, mean, variance = (self.weights[f"{norm}.{what}"] for what in _NORM)
        return functional.batch_norm(x, mean, variance, scale, bias)

    def _blocks(self, layer: int) -> int:
        return len({name.split(".")[1] for name in self.weights if name.startswith(f"layer{layer}.")})


def load_resnet(path: Path) -> ResNet:
    """Read a network.

    Args:
        path: a safetensors file with torchvision's names; a prefix that all of them have is left out.

    Raises:
        InputError: there is no such file, it is no safetensors file, or its tensors are not those of such a network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not path.is_file():
        raise InputError(f"{path}: no such file; give a safetensors file with the weights of a ResNet")
    content = path.read_bytes()
    try:
        stored = load(content)
    except SafetensorError as error:
        raise InputError(f"{path}: not a safetensors file ({error}); pickled weights are not read") from error
    weights = {name: tensor.float() for name, tensor in _without_prefix(stored).items() if not _UNUSED.fullmatch(name)}
    network = ResNet(weights, hashlib.sha256(content).hexdigest())
    if problem := next(_problems(weights), "") or _fails(network):
        raise InputError(f"{path}: not the weights of a ResNet by torchvision's names: {problem}")
    return network


def _without_prefix(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by torchvision's names, where all have one prefix, as ``"module."``."""
    first = next((name for name in stored if name.endswith("conv1.weight") and "layer" not in name), "")
    prefix = first.removesuffix("conv1.weight")
    return {name.removeprefix(prefix): tensor for name, tensor in stored.items()}


def _problems(weights: Mapping[str, Tensor]) -> Iterator[str]:
    """A sentence for each tensor that is lacking, of no layer, or not finite."""
    blocks = {name.rsplit(".", 2)[0] for name in weights if re.fullmatch(r"layer[1-4]\.\d+\.conv1\.weight", name)}
    needed = _layer("conv1", "bn1")
    for block in blocks:
        parts = [number for number in (1, 2, 3) if number < 3 or f"{block}.conv3.weight" in weights]
        for number in parts:
            needed |= _layer(f"{block}.conv{number}", f"{block}.bn{number}")
        if f"{block}.downsample.0.weight" in weights:
            needed |= _layer(f"{block}.downsample.0", f"{block}.downsample.1")
    for layer in range(1, 5):
        count = sum(block.startswith(f"layer{layer}.") for block in blocks)
        if not count or {f"layer{layer}.{number}" for number in range(count)} - blocks:
            yield f"layer{layer} has no blocks from 0 on"
    for name in sorted(needed - weights.keys()):
        yield f"{name!r} is not there"
    for name in sorted(weights.keys() - needed):
        yield f"{name!r} is of no layer"
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            yield f"{name!r} has NaN or infinite values"


def _layer(convolution: str, norm: str) -> set[str]:
    return {f"{convolution}.weight", *(f"{norm}.{what}" for what in _NORM)}


def _fails(network: ResNet) -> str:
    """What goes wrong with a small picture; empty: nothing."""
    try:
        network.features(np.zeros((1, 3, 32, 32), np.uint8), 32, (0.5,) * 3, (0.5,) * 3)
    except (RuntimeError, ZeroDivisionError, IndexError) as error:
        return " ".join(str(error).split())[:200]
    return ""
