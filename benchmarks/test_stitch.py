"""The moves against ``pixel_shuffle``, other ways to write them, and a clone of the same bytes.

Each group's first is torch's own; ``clones`` is a time as a multiple of cloning the input, the least any move can take.
A GPU is measured in calls from Python and in calls that a CUDA graph replays, which cost no launch; both go through
enough buffers that none is in its cache when its turn comes.
"""

from __future__ import annotations

import shutil

import pytest
import torch
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch import stitch, unstitch

CUDA = torch.cuda.is_available()
SHAPES = [
    ((64, 4, 16, 16), 2),
    ((64, 4, 32, 32), 2),
    ((64, 64, 32, 32), 2),
    ((256, 16, 16, 16), 4),
    ((16, 4, 256, 256), 2),
    *([((64, 64, 64, 64), 2), ((256, 64, 64, 64), 2), ((64, 64, 64, 64), 4), ((64, 72, 64, 64), 3)] if CUDA else []),
]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
RECORDED = {"calls": False, **({"graph": True} if CUDA else {})}
TURN_BYTES, MOST_BUFFERS = 2**28, 64
"""Bytes of all inputs together on a GPU: five times the cache of an H100. There are 4 buffers at least."""

clone_seconds: dict[str, float] = {}
over_layouts = pytest.mark.parametrize("layout", LAYOUTS)
over_shapes = pytest.mark.parametrize(("shape", "factor"), SHAPES)
over_launches = pytest.mark.parametrize("recorded", RECORDED.values(), ids=RECORDED)


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


def compiled(benchmark, call):
    """``call`` by inductor, where it can run and is timed."""
    if not benchmark.enabled:
        pytest.skip("compiled only where it is timed: compiling takes longer than all the rest")
    if not (CUDA or shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("inductor needs a C++ compiler")
    torch._dynamo.reset()
    return torch.compile(call)


def timed(benchmark, group, call, inputs, recorded=False):
    """Time ``call`` on each of the inputs in turn; note microseconds a call, GB/s read and written, and clones."""
    benchmark.group = group
    made = [None] * len(inputs)

    def calls():
        for turn, x in enumerate(inputs):
            made[turn] = call(x)

    for _ in range(3):
        calls()
    run = replayed(calls) if recorded else calls

    def rounds():
        run()
        if CUDA:
            torch.cuda.synchronize()

    benchmark(rounds)
    if benchmark.enabled:
        seconds = benchmark.stats.stats.median / len(inputs)
        benchmark.extra_info |= {"us": round(1e6 * seconds, 2), "GB/s": round(2e-9 * inputs[0].nbytes / seconds, 1)}
        if call is torch.clone:
            clone_seconds[group] = seconds
        elif group in clone_seconds:
            benchmark.extra_info["clones"] = seconds / clone_seconds[group]


def replayed(calls):
    """``calls`` as a CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        calls()
    return graph.replay


def buffers(shape, layout):
    """One tensor; on a GPU as many as its cache cannot hold."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to("cuda" if CUDA else "cpu")
    x = x.contiguous(memory_format=LAYOUTS[layout])
    return [x.clone() for _ in range(min(MOST_BUFFERS, max(4, TURN_BYTES // x.nbytes)))] if CUDA else [x]


def title(what, shape, factor, layout, recorded=False):
    return f"{what}, {shape}, F = {factor}, {layout}{', in a graph' if recorded else ''}"


@over_launches
@over_layouts
@over_shapes
@pytest.mark.parametrize("how", ["pixel_shuffle", "clone", "permuted", "einops", "compiled", "operator", "stitch"])
def test_stitch(benchmark, how, shape, factor, layout, recorded):
    """Forward: at least as fast as pixel_shuffle anywhere; "operator" is a GPU's kernel alone, from 64 MB on within 1.1
    clones in a graph."""
    inputs, group = buffers(shape, layout), title("stitch", shape, factor, layout, recorded)
    if how == "clone":
        timed(benchmark, group, torch.clone, inputs, recorded)
        return
    calls = {"pixel_shuffle": pixel_shuffle, "permuted": permuted, "einops": by_einops, "stitch": stitch}
    calls["operator"] = torch.ops.gankit.stitch.default
    call = compiled(benchmark, permuted) if how == "compiled" else calls[how]
    assert torch.equal(call(inputs[0], factor), pixel_shuffle(inputs[0], factor))
    timed(benchmark, group, lambda x: call(x, factor), inputs, recorded)


@over_launches
@over_layouts
@over_shapes
@pytest.mark.parametrize("how", ["pixel_unshuffle", "clone", "permuted", "operator", "unstitch"])
def test_unstitch(benchmark, how, shape, factor, layout, recorded):
    """Back, which is also the gradient; promises as for ``stitch``."""
    inputs = [stitch(x, factor) for x in buffers(shape, layout)]
    group = title("unstitch", shape, factor, layout, recorded)
    if how == "clone":
        timed(benchmark, group, torch.clone, inputs, recorded)
        return
    calls = {"pixel_unshuffle": pixel_unshuffle, "permuted": permuted_back, "unstitch": unstitch}
    call = {**calls, "operator": torch.ops.gankit.unstitch.default}[how]
    assert torch.equal(call(inputs[0], factor), pixel_unshuffle(inputs[0], factor))
    timed(benchmark, group, lambda x: call(x, factor), inputs, recorded)


@over_layouts
@over_shapes
@pytest.mark.parametrize("how", ["pixel_shuffle", "operator", "stitch"])
def test_stitch_with_gradients(benchmark, how, shape, factor, layout):
    """Forward and backward, recorded by autograd."""
    inputs = [x.requires_grad_() for x in buffers(shape, layout)]
    call = {"pixel_shuffle": pixel_shuffle, "operator": torch.ops.gankit.stitch.default, "stitch": stitch}[how]
    weights = torch.ones_like(stitch(inputs[0].detach(), factor))

    def both(x):
        return torch.autograd.grad(call(x, factor), x, weights)

    timed(benchmark, title("stitch and its gradient", shape, factor, layout), both, inputs)
