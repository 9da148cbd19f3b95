"""Spectral normalisation: what it promises of a layer, against the exact norms of matrices."""

import copy

import pytest
import torch
from torch import nn

from gankit import spectral_norm

LAYERS = {
    "wide": lambda: nn.Linear(40, 7),
    "tall": lambda: nn.Linear(3, 30),
    "one row": lambda: nn.Linear(20, 1),
    "large": lambda: nn.Linear(1024, 512),
    "1-D": lambda: nn.Conv1d(3, 8, 4, stride=2, padding=1),
    "2-D": lambda: nn.Conv2d(3, 8, 3, padding=1),
    "3-D": lambda: nn.Conv3d(2, 40, 3, padding=1),
}


def plain(kind="2-D"):
    torch.manual_seed(0)
    return LAYERS[kind]()


def norm_of(weight):
    """The largest singular value of the matrix (outputs, inputs x taps)."""
    return torch.linalg.matrix_norm(weight.flatten(1), 2)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("kind", LAYERS)
def test_weights_as_they_are_drawn_get_norm_one(kind, scale):
    """W / s(W) of equation 8, with the exact s to 1%, whatever the scale of W."""
    layer = plain(kind)
    with torch.no_grad():
        layer.weight *= scale
    expected = layer.weight / norm_of(layer.weight)
    torch.testing.assert_close(spectral_norm(layer).weight, expected, rtol=0.01, atol=0)


@pytest.mark.parametrize("channels", [3, 64, 512])
def test_the_norm_is_never_above_one_nor_far_below(channels):
    """n equal singular values are the worst case: the norm is n^(-1/130). One large value alone is exact."""
    torch.manual_seed(0)
    layer = nn.Linear(channels, channels)
    nn.init.orthogonal_(layer.weight)
    layer = spectral_norm(layer)
    assert norm_of(layer.weight).item() == pytest.approx(channels ** (-1 / 130), rel=1e-5)
    with torch.no_grad():
        layer.parametrizations.weight.original[0] *= 10
    assert norm_of(layer.weight).item() == pytest.approx(1, rel=1e-5)


def test_the_norm_follows_weights_at_once():
    """It is a function of the weights, without a state that lags behind them."""
    layer = spectral_norm(plain("large"))
    with torch.no_grad():
        layer.parametrizations.weight.original += torch.randn(512, 1) @ torch.randn(1, 1024)
    assert norm_of(layer.weight).item() == pytest.approx(1, abs=0.01)
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]


@pytest.mark.parametrize(("layer", "most"), [(nn.Conv2d(1, 3, 4, 2, 1), 2.0), (nn.Conv2d(2, 3, 3, 1, 1), 3.0)])
def test_a_convolution_stretches_images_by_the_root_of_its_overlap(layer, most):
    """Its exact norm as a map of images is at most sqrt(n), where n neighbourhoods overlap."""
    layer = spectral_norm(layer)
    x = torch.zeros(1, layer.in_channels, 8, 8)
    matrix = torch.autograd.functional.jacobian(lambda image: layer(image).flatten(), x).flatten(1)
    assert torch.linalg.matrix_norm(matrix, 2) <= most + 1e-5


@pytest.mark.parametrize("change", [nn.Module.eval, lambda layer: layer.requires_grad_(False), copy.deepcopy])
def test_a_layer_is_one_function(change):
    """In training, in evaluation, frozen and copied, an input has one answer, to the bit."""
    layer, x = spectral_norm(plain()), torch.randn(2, 3, 6, 6)
    expected = layer(x)
    assert torch.equal(layer(x), expected)
    assert torch.equal(change(layer)(x), expected)


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind != "large"])
def test_its_first_derivatives_are_exact(kind):
    """By the weights, of what the layer computes with."""
    layer = spectral_norm(plain(kind).double())
    weight = layer.parametrizations.weight.original
    normed = layer.parametrizations.weight[0]
    assert torch.autograd.gradcheck(
        lambda entry: normed(torch.cat([entry, weight[1:]])), weight[:1].detach().requires_grad_()
    )


def test_the_gradient_is_that_of_the_largest_singular_value():
    """Where the others are smaller, the derivative is that of torch's decomposition."""
    layer = plain("wide").double()
    with torch.no_grad():
        layer.weight[0] *= 3
    exact = layer.weight
    along = torch.randn_like(exact)
    (expected,) = torch.autograd.grad((exact / norm_of(exact) * along).sum(), exact)
    spectral_norm(layer)
    (ours,) = torch.autograd.grad((layer.weight * along).sum(), layer.parametrizations.weight.original)
    torch.testing.assert_close(ours, expected)


def test_bfloat16_takes_no_digits_from_the_norm():
    """Under autocast, and whatever the layout of the weights, the norm stays in float32."""
    layer = spectral_norm(plain())
    expected = layer.weight
    layer.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer.weight, expected, rtol=1e-6, atol=1e-7)


def test_weights_of_zero_stay_zero():
    """A layer without norm to divide by gives no NaN."""
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    assert spectral_norm(layer).weight.tolist() == [[0, 0, 0], [0, 0, 0]]
