"""The device to compute on, and the errors of a device whose memory ran out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import torch

from gankit._errors import InputError


def choose_device(device: str) -> torch.device:
    """The device of this process.

    Args:
        device: ``"cpu"``, ``"cuda:N"``, ``"cuda"`` or ``"auto"``. ``cuda`` is the device that torchrun gives this
            process in LOCAL_RANK, or device 0 without torchrun. ``auto`` is ``cuda`` where torch sees a CUDA device,
            else ``cpu``.

    Raises:
        InputError: the text is none of these, or torch does not see the device.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if device == "auto":
        device = "cuda"
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise InputError(f"`device` {device}: unknown; accepted: auto, cpu, cuda, cuda:N")

    # Does torch see the device?
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise InputError(f"`device` {device}: this torch sees no CUDA device; choose cpu or auto")
    if colon and int(number) >= count:
        raise InputError(f"`device` {device}: this torch sees CUDA devices 0 to {count - 1} only; choose one of them")

    # Without a number, take the device of this process.
    own = os.environ.get("LOCAL_RANK", "0")  # torchrun numbers the processes of a machine
    if not colon and (not own.isdecimal() or int(own) >= count):
        raise InputError(
            f"LOCAL_RANK={own}: this torch sees CUDA devices 0 to {count - 1} only; start as many processes as there"
            " are devices (torchrun --nproc-per-node), or choose `device` cpu"
        )
    return torch.device("cuda", int(number if colon else own))


def machine_memory() -> int | None:
    """Bytes of memory of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def device_memory(device: torch.device) -> int | None:
    """Bytes of memory of a device, of the machine for a CPU, and at most what a control group allows this process, as
    in a job of Slurm or a container; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    known = [bytes_ for bytes_ in (machine_memory(), *_allowed()) if bytes_ is not None]
    return min(known, default=None)


def _allowed() -> Iterator[int]:
    """The limits of the control groups of this process (cgroup v2), from the innermost outwards."""
    with suppress(OSError):
        own = next((line for line in CGROUP.read_text().splitlines() if line.startswith("0::")), "0::/")
        group = PurePosixPath(own.removeprefix("0::"))
        for each in (group, *group.parents):
            file = CGROUPS / str(each).strip("/") / "memory.max"
            if file.is_file() and (limit := file.read_text().strip()).isdecimal():
                yield int(limit)


CGROUP, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def ran_out(error: BaseException) -> bool:
    """Whether an error says that no memory is left, on the machine or on the device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
