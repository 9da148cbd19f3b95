"""Where to compute: ``auto``, ``cpu``, ``cuda`` and ``cuda:N`` wherever anything computes; memory that ran out."""

from __future__ import annotations

import os

import torch

from gankit._errors import InputError


def choose_device(device: str) -> torch.device:
    """``auto`` is CUDA where there is one; without a number it is this process's own of the machine's devices. Raises
    InputError for a device that is not there."""
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if device == "auto":
        device = "cuda"
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise InputError(f"`device` {device}: unknown; accepted: auto, cpu, cuda, cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise InputError(f"`device` {device}: this torch sees no CUDA device; choose cpu or auto")
    if colon and int(number) >= count:
        raise InputError(f"`device` {device}: this torch sees CUDA devices 0 to {count - 1} only; choose one of them")
    own = os.environ.get("LOCAL_RANK", "0")  # torchrun gives each process of a machine its own
    if not colon and (not own.isdecimal() or int(own) >= count):
        raise InputError(
            f"LOCAL_RANK={own}: this torch sees CUDA devices 0 to {count - 1} only; start as many processes as there"
            " are devices (torchrun --nproc-per-node), or choose `device` cpu"
        )
    return torch.device("cuda", int(number if colon else own))


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there is no memory left."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
