"""The fence around observers: what a hook draws and sets for the whole process is put back."""

import os
import random
import signal

import numpy as np
import pytest
import torch

from gankit.training.fence import unchanged


def _deaf(number, frame):
    """A handler that no process has to begin with, as those in the background ignore SIGINT."""


SETTINGS = {
    "random": (random.getstate, lambda: random.seed(1)),
    "numpy": (lambda: np.random.get_state()[1].tolist(), lambda: np.random.seed(1)),
    "torch": (lambda: torch.get_rng_state().tolist(), lambda: torch.manual_seed(1)),
    "gradients": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
    "threads": (torch.get_num_threads, lambda: torch.set_num_threads(torch.get_num_threads() + 1)),
    "dtype": (torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
    "device": (torch.get_default_device, lambda: torch.set_default_device("meta")),
    "products": (torch.get_float32_matmul_precision, lambda: torch.set_float32_matmul_precision("medium")),
    "deterministic": (torch.get_deterministic_debug_mode, lambda: torch.use_deterministic_algorithms(True)),
    "autocast": (lambda: torch.is_autocast_enabled("cpu"), lambda: torch.set_autocast_enabled("cpu", True)),
    "cuda autocast": (lambda: torch.is_autocast_enabled("cuda"), lambda: torch.set_autocast_enabled("cuda", True)),
    "cudnn": (lambda: torch.backends.cudnn.enabled, lambda: setattr(torch.backends.cudnn, "enabled", False)),
    "tuning": (lambda: torch.backends.cudnn.benchmark, lambda: setattr(torch.backends.cudnn, "benchmark", True)),
    "kernels": (
        lambda: torch.backends.cudnn.deterministic,
        lambda: setattr(torch.backends.cudnn, "deterministic", not torch.backends.cudnn.deterministic),
    ),
    "numpy errors": (np.geterr, lambda: np.seterr(all="raise")),
    "folder": (os.getcwd, lambda: os.chdir("/")),
    "interrupt": (lambda: signal.getsignal(signal.SIGINT), lambda: signal.signal(signal.SIGINT, _deaf)),
    "terminate": (lambda: signal.getsignal(signal.SIGTERM), lambda: signal.signal(signal.SIGTERM, _deaf)),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_a_hook_sets_for_the_process_is_put_back(name):
    """Also when the hook raises."""
    read, change = SETTINGS[name]
    before = read()

    def hook():
        change()
        assert read() != before
        raise ZeroDivisionError

    settable = torch.backends.__allow_nonbracketed_mutation()  # parts of torch.testing that are loaded forbid it
    with settable, pytest.raises(ZeroDivisionError), unchanged():
        hook()
    assert read() == before


def test_the_device_that_nobody_set_is_not_set():
    """A default device that is set costs at each call, even where it is the CPU."""
    with unchanged():
        torch.set_default_device("meta")
    assert torch.utils._device.CURRENT_DEVICE is None
