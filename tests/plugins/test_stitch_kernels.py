"""The Triton kernels: on a GPU where there is one, else interpreted on the CPU, and compiled for a GPU anyway.

The tests of values need ``TRITON_INTERPRET=1`` before Triton is imported, so without a GPU one test runs
them, and those of the operators, in a process of its own.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gankit_stitch import path_for
from gankit_stitch._ops import stitch, unstitch
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
    ((3, 25, 1, 2), 5),
    ((2, 2, 600), 2),
    ((2, 16, 3, 2, 5), 2),
    ((1, 27, 2, 1, 3), 3),
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
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
@pytest.mark.parametrize("factor", range(1, 17))
def test_kernels_serve_every_factor_up_to_16(factor, layout):
    """With odd sides and channels, and with powers of two, whose lines move whole."""
    for channels, sides in ((3, (1, 3)), (2, (2, 2))):
        x = torch.arange(channels * factor**2 * sides[0] * sides[1], device=DEVICE, dtype=torch.float32)
        x = LAYOUTS[layout](x.view(1, -1, *sides))
        image = stitch(x, factor)
        assert torch.equal(image, by_hand(x, factor))
        assert torch.equal(unstitch(image, factor), x)


@needs_kernels
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_lines_longer_than_a_tile_are_shared_out(layout):
    """Several programs serve one line, and of channels last several serve the channels of one pixel."""
    for shape in ((1, 4, 1, 5000), (1, 4 * 3000, 1, 2)):
        x = LAYOUTS[layout](torch.arange(torch.Size(shape).numel(), device=DEVICE, dtype=torch.int16).view(shape))
        assert torch.equal(stitch(x, 2), by_hand(x, 2))
        assert torch.equal(unstitch(stitch(x, 2), 2), x)


@needs_kernels
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_offsets_beyond_32_bits_are_64_bits(layout):
    """The kernels that serve tensors of 2^30 values and more place small ones the same."""
    from gankit_stitch import _triton

    x = LAYOUTS[layout](torch.arange(96, device=DEVICE).view(2, 8, 2, 3))
    move = _triton._stitching(x.shape, x.stride(), x.dtype, 2)
    image = _triton._made(_triton._stitch_kernel, move._replace(tile=move.tile._replace(wide=True)), x)
    assert torch.equal(image, by_hand(x, 2))


def test_what_a_call_serves_is_worked_out_once():
    """A second call of equal shape, strides, dtype and factor plans nothing; another factor does."""
    from gankit_stitch import _triton

    plan = _triton._stitching
    arguments = ((7, 48, 5, 3), (720, 15, 3, 1), torch.float32)
    first = plan(*arguments, 2)
    asked = plan.cache_info().misses
    assert plan(*arguments, 2) is first
    assert plan.cache_info().misses == asked
    assert plan(*arguments, 4).shape == (7, 3, 20, 12)


def test_large_tensors_take_64_bit_offsets_and_large_factors_the_plain_form():
    """The least that needs them; and a factor beyond 16 has no plan."""
    from gankit_stitch import _triton

    for batch, wide in ((2**14 - 1, False), (2**14, True)):
        move = _triton._stitching((batch, 4, 128, 128), (2**16, 2**14, 128, 1), torch.uint8, 2)
        assert move.tile.wide is wide
    assert _triton._stitching((1, 17**2, 1, 1), (17**2, 1, 1, 1), torch.float32, 17) is None


# The processes --------------------------------------------------------------------------------------------


@pytest.mark.skipif(INTERPRETED, reason="this is the process it starts")
def test_kernels_under_the_interpreter():
    """The tests above, and torch's check and both derivatives of the operators, with kernels interpreted on the CPU."""
    here = Path(__file__)
    chosen = "test_stitch_kernels or (own_check and (last or 3d)) or nan or small_tensors_have"
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


# Compiled for a GPU that is not here ----------------------------------------------------------------------

COMPILE = """
import collections, json, re
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
    def compile(self, *arguments):
        found = collections.Counter()
        for line in self.kernel.warmup(*arguments, grid=(1,)).asm["ptx"].splitlines():
            if access := re.search(r"\\b(ld|st)\\.global(?:\\.\\w+)*\\.b(\\d+)", line):
                lanes = re.search(r"\\.v(\\d)\\.", line)
                found[f"{access[1]} {int(access[2]) * int(lanes[1] if lanes else 1) // 8}"] += 1
            found["divisions"] += bool(re.search(r"\\b(div|rem)\\.", line))
        print(json.dumps(found))

for name in ("_stitch_kernel", "_unstitch_kernel"):
    setattr(_triton, name, Compiled(getattr(_triton, name)))
for shape, factor, dtype, layout in CASES:
    x = torch.empty(shape, dtype=getattr(torch, dtype)).to(memory_format=getattr(torch, layout))
    _triton.unstitch(_triton.stitch(x, factor), factor)
"""
LAST = {4: "channels_last", 5: "channels_last_3d"}
CASES = [
    (shape, factor, dtype, layout)
    for shape, factor, dtype in (
        ((64, 4, 32, 32), 2, "float32"),
        ((64, 64, 32, 32), 2, "bfloat16"),
        ((8, 64, 64, 48), 4, "float32"),
        ((4, 1024, 16, 16), 16, "float32"),
        ((2, 64, 8, 32, 32), 2, "float32"),
    )
    for layout in ("contiguous_format", LAST[len(shape)])
]


@pytest.mark.skipif(INTERPRETED, reason="an interpreted kernel is not compiled")
def test_kernels_load_and_store_lines_and_divide_nothing(tmp_path):
    """For compute capability 9.0, down to its machine code: each of 128 threads loads four times 16 bytes and stores
    four times 16 bytes, and nothing else, for every power of two, both layouts and both directions."""
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    program = COMPILE.replace("CASES", repr(CASES))
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    if "ptxas" in done.stderr:
        pytest.skip("Triton finds no ptxas, which compiles for a GPU; its wheels for Linux hold one")
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found == [{"ld 16": 4, "st 16": 4, "divisions": 0}] * (2 * len(CASES))
