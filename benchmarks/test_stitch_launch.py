"""What a launch of a stitch kernel costs Python, with a GPU described instead of there: the kernel is compiled for
compute capability 9.0, and its launch does nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from gankit_stitch._paths import INTERPRETED

triton = pytest.importorskip("triton", reason="Triton is not installed: pip install gankit[kernels]")
pytestmark = pytest.mark.skipif(INTERPRETED, reason="an interpreted kernel is not launched")

CALLS_A_ROUND = 200
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


@pytest.fixture
def kernels(monkeypatch):
    """``_triton`` with kernels of its own, for a device that is only described."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver

    from gankit_stitch import _triton

    described = SimpleNamespace(
        get_current_target=lambda: GPUTarget("cuda", 90, 32),
        get_current_device=lambda: 0,
        get_current_stream=lambda device: 0,
        launcher_cls=lambda source, metadata: lambda *arguments: None,
        utils=SimpleNamespace(
            load_binary=lambda *arguments: (1, 1, 0, 0, 1024),
            get_device_properties=lambda device: {"max_shared_mem": 2**17},
        ),
    )
    monkeypatch.setattr(driver, "_active", described)
    monkeypatch.setattr(_triton, "_stitch_kernel", triton.jit(_triton._stitch_kernel.fn))
    return _triton


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("how", ["planned anew", "planned once", "Triton's part"])
def test_launch(benchmark, kernels, how, layout):
    """A call whose plan is kept takes at most half of one that is planned anew; most of it is Triton's."""
    benchmark.group = f"launch of the stitch kernel, {layout}"
    x = torch.zeros(64, 4, 32, 32).contiguous(memory_format=LAYOUTS[layout])
    move, image = kernels._stitching(x.shape, x.stride(), x.dtype, 2), kernels.stitch(x, 2)

    def call():
        if how == "Triton's part":
            kernels._stitch_kernel[move.grid](image, x, move.lines, move.tile)
            return
        if how == "planned anew":
            kernels._stitching.cache_clear()
        kernels.stitch(x, 2)

    def rounds():
        for _ in range(CALLS_A_ROUND if benchmark.enabled else 1):
            call()

    rounds()
    benchmark(rounds)
    if benchmark.enabled:
        benchmark.extra_info["us"] = round(1e6 * benchmark.stats.stats.median / CALLS_A_ROUND, 2)
