"""What ``gankit bench`` asks of this plugin: which code serves its operators, and calls to time against others."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch._paths import path_for
from gankit_stitch._stitch import stitch, unstitch

FACTOR = 2
SHAPES = ((64, 4, 32, 32), (64, 64, 32, 32), (64, 64, 64, 64))
"""(N, K, *A): the last layer of the decoder at 64 x 64, and tensors of 16 and 64 MiB."""


def op_paths() -> dict[str, str]:
    """``"operator on device"`` to the code that serves it."""
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    served: dict[str, str] = {}
    for device in devices:
        triton = path_for(torch.zeros(1, 4, 1, 1, device=device)) == "triton"
        if device == "cuda":
            used = "Triton kernels, which the functions of these names use for large tensors where they are the faster"
            sentence = used if triton else "plain torch; install gankit[kernels] for Triton kernels"
        else:
            sentence = "Triton kernels, interpreted and slow (TRITON_INTERPRET=1)" if triton else "plain torch"
        served |= {f"gankit::{op} on {device}": sentence for op in ("stitch", "unstitch")}
    return served


def kernels(device: torch.device) -> dict[str, Callable[[], Mapping[str, Callable[[], object]]]]:
    """Both functions on float32 tensors, beside a copy of the same bytes and torch's own operators."""
    offered: dict[str, Callable[[], Mapping[str, Callable[[], object]]]] = {}
    for shape in SHAPES:
        for layout in (torch.contiguous_format, torch.channels_last):
            words = "channels last" if layout is torch.channels_last else "contiguous"
            offered[f"{shape}, F = {FACTOR}, {words}"] = partial(_calls, shape, layout, device)
    return offered


def _calls(
    shape: tuple[int, ...], layout: torch.memory_format, device: torch.device
) -> dict[str, Callable[[], object]]:
    size = torch.Size(shape).numel()
    x_NKA = torch.linspace(-1, 1, size, device=device).view(shape).contiguous(memory_format=layout)
    image_NCS = stitch(x_NKA, FACTOR)
    return {
        "clone": x_NKA.clone,
        "pixel_shuffle": partial(pixel_shuffle, x_NKA, FACTOR),
        "stitch": partial(stitch, x_NKA, FACTOR),
        "pixel_unshuffle": partial(pixel_unshuffle, image_NCS, FACTOR),
        "unstitch": partial(unstitch, image_NCS, FACTOR),
    }
