"""The Triton kernels: on a GPU where there is one, else interpreted on the CPU, and compiled for a GPU anyway.

The tests of values need ``TRITON_INTERPRET=1`` before Triton is imported, so without a GPU one test runs
them, and those of the operators, in a process of its own.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gankit_stitch import path_for
from gankit_stitch._ops import stitch, stitch_bias_tanh, unstitch
from gankit_stitch._paths import INTERPRETED

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed: pip install gankit[kernels]", allow_module_level=True)

DEVICE = "cpu" if INTERPRETED else "cuda"
needs_kernels = pytest.mark.skipif(
    not (INTERPRETED or torch.cuda.is_available()), reason="run interpreted by test_kernels_under_the_interpreter"
)

SHAPES = [
    ((2, 12, 5, 7), 2),
    ((1, 27, 3, 5), 3),
    ((1, 16, 4, 3), 4),
    ((3, 25, 1, 2), 5),
    ((2, 2, 600), 2),
    ((2, 16, 3, 2, 5), 2),
    ((2, 3, 4, 4), 1),
]
LAYOUTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.movedim(1, -1).contiguous().movedim(-1, 1),
    "reversed": lambda x: x.permute(*reversed(range(x.ndim))).contiguous().permute(*reversed(range(x.ndim))),
    "strided": lambda x: x.repeat_interleave(3, dim=-1)[..., ::3],
    "expanded": lambda x: x[:1].expand(x.shape),
}


def by_hand(x, factor):
    """Equation 7, for any rank, by indexing."""
    rank = x.ndim - 2
    image = x.new_empty(x.shape[0], x.shape[1] // factor**rank, *[factor * side for side in x.shape[2:]])
    for n in range(factor**rank):
        places = [n // factor**i % factor for i in reversed(range(rank))]
        image[:, :, *[slice(place, None, factor) for place in places]] = x[:, n :: factor**rank]
    return image


@needs_kernels
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("shape", "factor"), SHAPES)
def test_kernels_place_every_value(shape, factor, layout):
    """Every size of value, rank and stride, forward and back, exactly."""
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.bool):
        x = LAYOUTS[layout](torch.randn(shape, device=DEVICE).mul(50).to(dtype))
        assert path_for(x) == "triton"
        expected = by_hand(x, factor)
        assert torch.equal(stitch(x, factor), expected)
        assert torch.equal(unstitch(LAYOUTS[layout](expected), factor), by_hand_back(LAYOUTS[layout](expected), factor))


def by_hand_back(image, factor):
    """The inverse of ``by_hand``."""
    rank = image.ndim - 2
    parts = [
        image[:, :, *[slice(n // factor**i % factor, None, factor) for i in reversed(range(rank))]]
        for n in range(factor**rank)
    ]
    return torch.stack(parts, dim=2).flatten(1, 2)


@needs_kernels
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "expanded"])
@pytest.mark.parametrize(("shape", "factor"), SHAPES)
def test_fused_kernels_equal_their_parts(shape, factor, layout):
    """Values and gradients of tanh(stitch(x + bias)) in float64, with gradients of any stride."""
    x = LAYOUTS[layout](torch.randn(shape, device=DEVICE, dtype=torch.float64)).requires_grad_()
    bias = torch.randn(shape[1], device=DEVICE, dtype=torch.float64, requires_grad=True)
    fused = stitch_bias_tanh(x, bias, factor)
    parts = torch.tanh(by_hand(x + bias.view(-1, *[1] * (x.ndim - 2)), factor))
    torch.testing.assert_close(fused, parts)
    weights = LAYOUTS[layout](torch.randn_like(parts))
    ours = torch.autograd.grad(fused, (x, bias), weights)
    torch.testing.assert_close(ours, torch.autograd.grad(parts, (x, bias), weights))


@needs_kernels
@pytest.mark.parametrize(
    ("dtype", "units"), [(torch.float32, 4), (torch.float64, 4), (torch.float16, 1), (torch.bfloat16, 1)]
)
def test_tanh_is_accurate_near_zero_and_far_from_it(dtype, units):
    """A few units of the last place, relative, from 1e-6 to 30; infinities and NaN as tanh has them."""
    size = torch.logspace(-6 if dtype != torch.float16 else -4, 1.5, 500, dtype=torch.float64, device=DEVICE)
    x = torch.cat([size, -size]).to(dtype).view(1, 4, 25, 10)
    zero = torch.zeros(4, device=DEVICE)
    exact = unstitch(stitch(x.double(), 2).tanh(), 2)
    ours = unstitch(stitch_bias_tanh(x, zero, 2), 2).double()
    assert ((ours - exact).abs() / exact.abs()).max() <= units * torch.finfo(dtype).eps
    odd = torch.tensor([torch.inf, -torch.inf, torch.nan, 0.0], device=DEVICE, dtype=dtype).view(1, 4, 1, 1)
    torch.testing.assert_close(stitch_bias_tanh(odd, zero, 2), stitch(odd, 2).tanh(), equal_nan=True)


@needs_kernels
def test_offsets_beyond_32_bits_are_64_bits():
    """The kernels that serve tensors of 2^31 values and more place small ones the same."""
    from gankit_stitch import _triton

    x = torch.arange(96, device=DEVICE).view(2, 8, 2, 3)
    image = torch.empty(2, 2, 4, 6, device=DEVICE, dtype=x.dtype)
    strides = ((*image.stride()[:2], 0, *image.stride()[2:]), (*x.stride()[:2], 0, *x.stride()[2:]))
    _triton._stitch_kernel[1,](
        image, x, (16, 2, 1, 4, 6), *strides,
        F0=1, F1=2, F2=2, CHANNELS_LAST=False, WIDE=True, ROWS=16, COLUMNS=8,
    )  # fmt: skip
    assert torch.equal(image, by_hand(x, 2))


# The processes --------------------------------------------------------------------------------------------


@pytest.mark.skipif(INTERPRETED, reason="this is the process it starts")
def test_kernels_under_the_interpreter():
    """The tests above, and torch's check and both derivatives of the operators, with kernels interpreted on the CPU."""
    here = Path(__file__)
    chosen = "test_stitch_kernels or (own_check and (last or 3d)) or promise or nan"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            here,
            here.with_name("test_stitch_op.py"),
            "-k",
            chosen,
        ],
        env={**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout


COMPILE = """
import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

class Described:
    get_current_target = staticmethod(lambda: GPUTarget("cuda", 90, 32))
    get_current_device = staticmethod(lambda: 0)
    get_current_stream = staticmethod(lambda device: 0)

driver.set_active(Described())
from gankit_stitch import _triton

class Compiled:
    def __init__(self, kernel):
        self.kernel = kernel
    def __getitem__(self, grid):
        return self.compile
    def compile(self, *tensors, **constants):
        ptx = self.kernel.warmup(*tensors, grid=(1,), **constants).asm["ptx"]
        print(self.kernel.__name__, "wide" if ".global.v4.b32" in ptx else "narrow")

for name in ("stitch", "unstitch", "stitch_bias_tanh", "stitch_bias_tanh_backward"):
    setattr(_triton, f"_{name}_kernel", Compiled(getattr(_triton, f"_{name}_kernel")))
planes = torch.zeros(8, 16, 32, 32)
last = torch.zeros(8, 4, 32, 32, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
volume = torch.zeros(2, 8, 3, 3, 3, dtype=torch.float64)
for x in (planes, last, volume):
    _triton.unstitch(_triton.stitch(x, 2), 2)
    image = _triton.stitch_bias_tanh(x, torch.zeros(x.shape[1]), 2)
    _triton.stitch_bias_tanh_backward(image, image, 2)
"""


@pytest.mark.skipif(INTERPRETED, reason="an interpreted kernel is not compiled")
def test_kernels_compile_for_a_gpu_that_is_not_here(tmp_path):
    """For compute capability 9.0, down to its machine code; the image's side moves 16 bytes a thread."""
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 12
    assert all(line.endswith("wide") for line in lines[:8])
