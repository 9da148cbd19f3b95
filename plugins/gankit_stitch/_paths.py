"""Which code serves a tensor: the Triton kernels or plain torch."""

import functools
import importlib.util
import os
import warnings
from typing import Any, Literal

import torch
from torch import Tensor

from gankit_stitch import _torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1" and importlib.util.find_spec("triton") is not None
"""Triton's interpreter runs the kernels on CPU tensors, slowly: for tests."""


def path_for(x: Tensor) -> Literal["torch", "triton"]:
    """Which path serves ``stitch`` and its kin for this tensor.

    ``"triton"`` on CUDA where Triton (``pip install gankit[kernels]``) works, and on a CPU under
    ``TRITON_INTERPRET=1``; else ``"torch"``. Values of more than 8 bytes (complex128) always take torch's.
    """
    return "torch" if kernels_for(x) is _torch else "triton"


def kernels_for(x: Tensor) -> Any:
    """The module whose functions serve this tensor."""
    if x.itemsize <= 8 and (x.is_cuda or (INTERPRETED and x.is_cpu)):
        return _triton_or_torch(x.device)
    return _torch


@functools.cache
def _triton_or_torch(device: torch.device) -> Any:
    """The Triton kernels if they are installed and one runs on this device, else plain torch."""
    if importlib.util.find_spec("triton") is None:
        return _torch
    try:
        from gankit_stitch import _triton

        _triton.probe(device)
    except Exception as error:  # a missing compiler, an old driver, an unsupported device: all take the other path
        warnings.warn(f"the stitch kernels do not run here, plain torch serves instead: {error}", stacklevel=2)
        return _torch
    return _triton
