"""``training.recompute``: gradients without what a network computed on its way, which are the same bit for bit."""

import pytest
import torch
from torch import nn

from gankit import BatchNorm, LeakyReLU, RecipeError, slopes, spectral_norm
from gankit.networks.recompute import recomputed


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def network(*more):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), *more, LeakyReLU(0.2), spectral_norm(nn.Linear(16, 1)), nn.Flatten(0))


def again(module):
    return lambda x: recomputed(module, module, x)


def gradients(module, objective):
    module.zero_grad(set_to_none=True)
    objective.backward()
    return [parameter.grad for parameter in module.parameters() if parameter.grad is not None]


X = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))


def test_gradients_by_weights_and_input_are_the_same():
    module, x = network(), X.clone().requires_grad_()
    expected = [*torch.autograd.grad(module(x).square().sum(), [x, *module.parameters()])]
    found = torch.autograd.grad(again(module)(x).square().sum(), [x, *module.parameters()])
    assert all(map(torch.equal, expected, found))


def test_second_derivatives_are_the_same():
    """Those of a gradient penalty."""
    module = network()
    expected, found = (
        gradients(module, (slopes(critic, X).norm(dim=1) - 1).square().mean()) for critic in (module, again(module))
    )
    assert all(map(torch.equal, expected, found))


def test_a_graph_may_be_differentiated_several_times():
    module = network(BatchNorm(16))
    score = again(module)(X).sum()
    first, second = (torch.autograd.grad(score, [*module.parameters()], retain_graph=True) for _ in range(2))
    assert all(map(torch.equal, first, second))


class Growing(nn.Module):
    """Multiplies by the number of its calls, which it counts when all else is done."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.ones(()))

    def forward(self, x):
        y = x * self.calls.clone()
        self.calls += 1
        return y


def test_buffers_change_once_and_are_as_before_while_a_gradient_is_computed():
    """Running statistics of batch normalisation, and what the result depends on."""
    plain, other = (nn.Sequential(network(BatchNorm(16)), Growing()) for _ in range(2))
    expected, found = gradients(plain, plain(X).sum()), gradients(other, again(other)(X).sum())
    assert all(map(torch.equal, expected, found))
    assert all(map(torch.equal, plain.buffers(), other.buffers()))


def test_nothing_but_the_input_is_kept():
    module, kept = network(), []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        again(module)(X)
    assert [each.data_ptr() for each in kept] == [X.data_ptr()]


def test_a_network_that_is_not_there_is_refused_by_name(tiny_recipe):
    with pytest.raises(RecipeError, match=r"training\.recompute: no network 'decoder'; did .*; known: encoder, adc_d"):
        tiny_recipe(**{"training.recompute": ["decoder"]})
