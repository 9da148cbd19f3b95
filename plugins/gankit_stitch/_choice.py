"""Which code moves a large tensor on a GPU. Both give the same bits, so whichever is faster there serves."""

from typing import Any

import torch
from torch import Tensor

from gankit_stitch import _plain, _torch
from gankit_stitch._paths import kernels_for

FROM_BYTES = 2**24
"""Below this size torch's own copy serves. An H100 clones 16 MB in 13 us and ``pixel_shuffle`` takes 16
(benchmarks/results/h100.json), so even a kernel at memory speed would wait for its launch, which takes more."""

_CALLS, _ROUNDS = 5, 5
_chosen: dict[tuple[object, ...], Any] = {}
"""What serves each call on tensors of one shape, stride, dtype, factor, device and alignment; None where it was seen
once. What is called once is not worth compiling a kernel for."""


def fastest(call: str, x: Tensor, factor: int) -> Any:
    """The module whose ``call`` is the fastest for tensors like this one, ``_plain`` or that of the Triton kernels.

    The first call takes ``_plain``. The second compiles the kernel and times both, five rounds in turns. Nothing is
    timed while a CUDA graph is recorded; what was not timed before is recorded with ``_plain``.

    Args:
        call: "stitch" or "unstitch".
        x: its argument, on a GPU.
        factor: F.
    """
    key = (call, x.shape, x.stride(), x.dtype, x.device, x.data_ptr() % 16, factor)
    way = _chosen.get(key)
    if way is not None:
        return way
    if torch.cuda.is_current_stream_capturing():
        return _plain
    if key in _chosen:
        kernels = kernels_for(x)
        _chosen[key] = _plain if kernels is _torch else _faster(call, x, factor, kernels)
    else:
        _chosen[key] = None
    return _chosen[key] or _plain


def _faster(call: str, x: Tensor, factor: int, kernels: Any) -> Any:
    """``_plain`` or the kernels, by the least time of several calls in a row."""
    ways = (_plain, kernels)
    with torch.no_grad(), torch.cuda.device_of(x):
        for way in ways:
            getattr(way, call)(x, factor)
        rounds = [[_milliseconds(getattr(way, call), x, factor) for way in ways] for _ in range(_ROUNDS)]
    plain, kernel = map(min, zip(*rounds, strict=True))
    return kernels if kernel < plain else _plain


def _milliseconds(move: Any, x: Tensor, factor: int) -> float:
    """Of calls in a row, in which a launch hides behind the call before it."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(_CALLS):
        move(x, factor)
    end.record()
    end.synchronize()
    return start.elapsed_time(end)
