"""The leaky ReLU of critics."""

import pytest
import torch
from torch import nn

from gankit import LeakyReLU, activations


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_leaky_relu_equals_torchs(dtype):
    """Values and first derivatives are torch's, zero included."""
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 3.0], dtype=dtype, requires_grad=True)
    for derivative in (lambda y: y, lambda y: torch.autograd.grad(y.sum(), x)[0]):
        assert torch.equal(derivative(LeakyReLU(0.2)(x)), derivative(nn.LeakyReLU(0.2)(x)))


@pytest.mark.parametrize("kind", [LeakyReLU, nn.LeakyReLU])
def test_activations_are_what_comes_out_of_each_leaky_relu(kind):
    """Ours and torch's, in the order of the layers."""
    torch.manual_seed(0)
    layers, x = nn.Sequential(nn.Linear(4, 3), kind(0.2), nn.Linear(3, 2), kind(0.2), nn.Linear(2, 1)), torch.ones(5, 4)
    first, second = activations(layers, x)
    assert torch.equal(first, layers[:2](x))
    assert torch.equal(second, layers[:4](x))
