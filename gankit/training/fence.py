"""The fence around observers, which puts back the random generators and process settings that a hook changes."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
"""How to read a setting of the process or thread, and how to set it."""


def _attribute(owner: Any, name: str) -> Setting:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def _autocast(device: str) -> Setting:
    return lambda: torch.is_autocast_enabled(device), lambda value: torch.set_autocast_enabled(device, value)


def _default_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # a device that is set slows every call of torch


def _signal(number: signal.Signals) -> Setting:
    return lambda: signal.getsignal(number), lambda handler: signal.signal(number, handler)


_DRAWS: tuple[Setting, ...] = (
    (random.getstate, random.setstate),
    (np.random.get_state, np.random.set_state),
    (torch.get_rng_state, torch.set_rng_state),
)
_SETTINGS: tuple[Setting, ...] = (
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _default_device),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    _autocast("cpu"),
    _autocast("cuda"),
    *(_attribute(torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")),
    (np.geterr, lambda how: np.seterr(**how)),
    (os.getcwd, os.chdir),
    *(_signal(number) for number in (signal.SIGINT, signal.SIGTERM)),
)


@contextmanager
def unchanged() -> Iterator[None]:
    """A context at whose end the global random generators and the settings of the process are as before."""
    draws = [(write, read()) for read, write in _DRAWS]
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    settings = [(read, write, read()) for read, write in _SETTINGS]
    try:
        yield
    finally:
        for write, state in draws:
            write(state)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        for read, write, before in settings:
            if read() != before:  # setting the number of threads takes time, even where it stays the same
                write(before)
