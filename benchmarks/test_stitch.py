"""The stitch operators against ``pixel_shuffle``, other ways to write them, and a clone of the same bytes.

Each group's first is torch's own; ``clones`` is a time as a multiple of cloning the input, the least any move can take.
"""

from __future__ import annotations

import shutil

import pytest
import torch
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch import stitch, stitch_bias_tanh, unstitch

CUDA = torch.cuda.is_available()
SHAPES = [
    ((64, 4, 16, 16), 2),
    ((64, 4, 32, 32), 2),
    ((64, 64, 32, 32), 2),
    ((256, 16, 16, 16), 4),
    ((16, 4, 256, 256), 2),
    *([((64, 64, 64, 64), 2), ((256, 64, 64, 64), 2), ((64, 64, 64, 64), 4)] if CUDA else []),
]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
CALLS_A_ROUND = 20 if CUDA else 1
"""A GPU is waited for once a round: a launch then hides behind the call before it, as in training."""

clone_seconds: dict[str, float] = {}


def permuted(x, factor):
    """One view, one permuted copy."""
    batch, parts, height, width = x.shape
    blocks = x.reshape(batch, parts // factor**2, factor, factor, height, width)
    return blocks.permute(0, 1, 4, 2, 5, 3).reshape(batch, -1, height * factor, width * factor)


def permuted_back(image, factor):
    """The inverse of ``permuted``."""
    batch, channels, height, width = image.shape
    blocks = image.reshape(batch, channels, height // factor, factor, width // factor, factor)
    return blocks.permute(0, 1, 3, 5, 2, 4).reshape(batch, -1, height // factor, width // factor)


def by_einops(x, factor):
    """einops' rearrange."""
    einops = pytest.importorskip("einops", reason="einops is not installed")
    return einops.rearrange(x, "n (c p q) h w -> n c (h p) (w q)", p=factor, q=factor)


def eager(x, bias, factor):
    """What a decoder's last lines usually are."""
    return pixel_shuffle(torch.tanh(x + bias.view(-1, 1, 1)), factor)


def tanh_alone(x, bias, factor):
    """The part of the fused form that computes."""
    return torch.tanh(x)


def compiled(benchmark, call):
    """``call`` by inductor, where it can run and is timed."""
    if not benchmark.enabled:
        pytest.skip("compiled only where it is timed: compiling takes longer than all the rest")
    if not (CUDA or shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("inductor needs a C++ compiler")
    torch._dynamo.reset()
    return torch.compile(call)


def timed(benchmark, group, call, *arguments):
    """Time ``call``; note its time in clones of its first argument."""
    benchmark.group = group

    def rounds():
        for _ in range(CALLS_A_ROUND):
            call(*arguments)
        if CUDA:
            torch.cuda.synchronize()

    call(*arguments)
    benchmark(rounds)
    if benchmark.enabled:
        if call is torch.clone:
            clone_seconds[group] = benchmark.stats.stats.median
        elif group in clone_seconds:
            benchmark.extra_info["clones"] = benchmark.stats.stats.median / clone_seconds[group]


def tensor(shape, layout):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to("cuda" if CUDA else "cpu")
    return x.contiguous(memory_format=LAYOUTS[layout])


def title(what, shape, factor, layout):
    return f"{what}, {shape}, F = {factor}, {layout}"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("shape", "factor"), SHAPES)
@pytest.mark.parametrize("how", ["pixel_shuffle", "clone", "permuted", "einops", "compiled", "operator", "stitch"])
def test_stitch(benchmark, how, shape, factor, layout):
    """Forward: at least 1.5 times pixel_shuffle on a CPU; on a GPU as fast, and faster from 256 MB on, channels last.

    "operator" is what a GPU's Triton kernel takes alone.
    """
    x = tensor(shape, layout)
    if how == "clone":
        timed(benchmark, title("stitch", shape, factor, layout), torch.clone, x)
        return
    calls = {"pixel_shuffle": pixel_shuffle, "permuted": permuted, "einops": by_einops, "stitch": stitch}
    calls["operator"] = torch.ops.gankit.stitch.default
    call = compiled(benchmark, permuted) if how == "compiled" else calls[how]
    assert torch.equal(call(x, factor), pixel_shuffle(x, factor))
    timed(benchmark, title("stitch", shape, factor, layout), call, x, factor)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("shape", "factor"), SHAPES)
@pytest.mark.parametrize("how", ["pixel_unshuffle", "clone", "permuted", "operator", "unstitch"])
def test_unstitch(benchmark, how, shape, factor, layout):
    """Back, which is also the gradient."""
    image = pixel_shuffle(tensor(shape, layout), factor)
    if how == "clone":
        timed(benchmark, title("unstitch", shape, factor, layout), torch.clone, image)
        return
    calls = {"pixel_unshuffle": pixel_unshuffle, "permuted": permuted_back, "unstitch": unstitch}
    call = {**calls, "operator": torch.ops.gankit.unstitch.default}[how]
    assert torch.equal(call(image, factor), pixel_unshuffle(image, factor))
    timed(benchmark, title("unstitch", shape, factor, layout), call, image, factor)


@pytest.mark.parametrize(("shape", "factor"), SHAPES)
@pytest.mark.parametrize("how", ["eager", "clone", "tanh_alone", "compiled", "operator", "stitch_bias_tanh"])
def test_stitch_bias_tanh(benchmark, how, shape, factor):
    """Fused: at least 2 times bias, tanh and shuffle on a CPU; on a GPU as fast, and 1.5 times from 64 MB on."""
    x, bias = tensor(shape, "contiguous"), torch.linspace(-1, 1, shape[1], device="cuda" if CUDA else "cpu")
    group = title("bias, tanh and stitch", shape, factor, "contiguous")
    if how == "clone":
        timed(benchmark, group, torch.clone, x)
        return
    calls = {"eager": eager, "tanh_alone": tanh_alone, "stitch_bias_tanh": stitch_bias_tanh}
    calls["operator"] = torch.ops.gankit.stitch_bias_tanh.default
    call = compiled(benchmark, eager) if how == "compiled" else calls[how]
    if how != "tanh_alone":
        torch.testing.assert_close(call(x, bias, factor), eager(x, bias, factor), rtol=0, atol=4e-7)
    timed(benchmark, group, call, x, bias, factor)


@pytest.mark.parametrize(("shape", "factor"), SHAPES[:3])
@pytest.mark.parametrize("how", ["eager", "operator", "stitch_bias_tanh"])
def test_stitch_bias_tanh_with_gradients(benchmark, how, shape, factor):
    """Forward and backward of the fused form."""
    x, bias = tensor(shape, "contiguous").requires_grad_(), torch.zeros(shape[1], device="cuda" if CUDA else "cpu")
    calls = {"eager": eager, "stitch_bias_tanh": stitch_bias_tanh}
    call = {**calls, "operator": torch.ops.gankit.stitch_bias_tanh.default}[how]
    bias.requires_grad_()
    weights = torch.ones_like(call(x, bias, factor))

    def both():
        torch.autograd.grad(call(x, bias, factor), (x, bias), weights)

    timed(benchmark, title("bias, tanh and stitch with gradients", shape, factor, "contiguous"), both)
