"""The device that computes: what may be asked for, and which one each process has."""

import pytest
import torch

from gankit import InputError
from gankit.processes.device import choose_device


@pytest.mark.parametrize("device", ["cpu:7", "cuda:x", "tpu", "", "cuda:", "CPU"])
def test_unknown_devices_are_refused(device):
    """Wherever a device is named, the same words are."""
    with pytest.raises(InputError, match="accepted: auto, cpu, cuda, cuda:N"):
        choose_device(device)


def test_a_cuda_device_that_is_not_there_is_refused(monkeypatch):
    """With the numbers of those that are."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match="CUDA devices 0 to 1 only"):
        choose_device("cuda:9")


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_each_process_has_its_own_device(device, monkeypatch):
    """By torchrun's LOCAL_RANK; where there are more processes than devices it is said."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device(device) == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match="LOCAL_RANK=2: this torch sees CUDA devices 0 to 1 only"):
        choose_device(device)
