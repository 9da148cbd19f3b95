"""The convolutional critic of Eqs. 4, 5, 8 and 9."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from gankit import LeakyReLU
from gankit.testing import check_network
from gankit_wgan_gp.critic import ConvCritic

SCORE = {"score": ()}


def critic(shape=(1, 16, 16), **options):
    torch.manual_seed(0)
    return ConvCritic(**({"width": 2} | options)).build({"a": shape}, SCORE)


def penalty_gradients(network, x):
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return torch.autograd.grad(penalty, list(network.parameters()), allow_unused=True)


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 16, 40), (2, 8, 16, 16), (1, 33), (1, 4, 4), (1, 2, 2)])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_one_score_per_image(shape, norm):
    """Images of any rank, size and number of channels give (B,)."""
    assert not list(ConvCritic().check({"a": shape}, SCORE))
    assert critic(shape, norm=norm)(torch.randn(3, *shape)).shape == (3,)


def test_depth_follows_from_size():
    """64 x 64 is halved to 4 x 4 by four layers of 4 taps that double the width."""
    layers = [layer for layer in critic((1, 64, 64), width=32).layers if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [32, 64, 128, 256]
    assert critic((1, 64, 64), width=32).score.in_features == 256 * 4 * 4


@pytest.mark.parametrize(("norm", "mixes"), [("none", False), ("batch", True), ("layer", False)])
def test_only_batch_norm_mixes_samples(norm, mixes):
    """The spec tells the truth about whether a sample's score depends on its batch."""
    network, x = critic((1, 32, 32), norm=norm), torch.randn(4, 1, 32, 32)
    alone = torch.allclose(network(x)[:2], network(x[:2]), atol=1e-5)
    assert ConvCritic(norm=norm).mixes_samples is mixes is not alone


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_second_derivatives_are_right(norm):
    """The critic may be differentiated twice by its input, as a gradient penalty does."""
    network = critic((1, 16, 4), norm=norm).double()
    x = torch.randn(2, 1, 16, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(network, x)
    assert gradgradcheck(network, x)


def test_penalty_reaches_every_weight_as_with_torchs_leaky_relu():
    """Skipping the zeros of the second derivative changes no gradient of a penalty."""
    network, x = critic().double(), torch.randn(3, 1, 16, 16, dtype=torch.float64)
    ours = penalty_gradients(network, x)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, LeakyReLU):
            network.layers[index] = nn.LeakyReLU(layer.negative_slope)
    for (name, _), got, expected in zip(network.named_parameters(), ours, penalty_gradients(network, x), strict=True):
        if "weight" in name:
            torch.testing.assert_close(got, expected)
        else:
            assert got is None or not got.any()
            assert expected is None or not expected.any()


def test_leaky_relu_works_under_functional_transforms():
    """torch.func can take the penalty's inner derivative, which is how a compiled step would."""
    network, x = critic(), torch.randn(2, 1, 16, 16, requires_grad=True)
    (expected,) = torch.autograd.grad(network(x).sum(), x)
    torch.testing.assert_close(torch.func.grad(lambda image: network(image).sum())(x.detach()), expected)


def test_every_pixel_is_seen_equally_often():
    """With all weights 1 the gradient at inner pixels is flat: no grid of the stride's period."""
    network = critic((1, 32, 32))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0)
    x = torch.ones(1, 1, 32, 32, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x).sum(), x)
    inner = slope[0, 0, 12:20, 12:20]
    torch.testing.assert_close(inner, inner[:1, :1].expand_as(inner))


def test_black_images_have_scores_and_gradients():
    """An all-zero image gives no NaN under any norm."""
    for norm in ("none", "batch", "layer"):
        gradients = penalty_gradients(critic(norm=norm), torch.zeros(2, 1, 16, 16))
        assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)


def test_works_channels_last_and_under_autocast():
    """Layout changes no score and bfloat16 gives finite ones."""
    network, x = critic(), torch.randn(3, 1, 16, 16)
    expected = network(x)
    network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(x).isfinite().all()


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_critic_passes_the_conformance_check(norm, spectral_norm):
    check_network(ConvCritic(width=4, norm=norm, spectral_norm=spectral_norm), {"a": (2, 16, 16)}, SCORE)


def test_spectral_norm_bounds_every_layer():
    """The largest singular value of each layer's matrix (outputs, inputs x taps) is 1 as drawn."""
    network = critic((1, 64, 64), width=8, spectral_norm=True)
    layers = [*network.layers[::2], network.score]
    norms = [torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() for layer in layers]
    assert norms == pytest.approx([1] * 5, rel=0.01)


def test_features_are_the_maps_after_each_leaky_relu():
    """Those of the first layers first; the score is made of the last."""
    network, x = critic((1, 16, 16), norm="layer"), torch.randn(3, 1, 16, 16)
    features = network.features(x)
    assert [tuple(each.shape) for each in features] == [(3, 2, 8, 8), (3, 4, 4, 4)]
    assert torch.equal(network.score(features[-1].flatten(1)).squeeze(1), network(x))


def test_latents_and_other_targets_are_problems():
    """The critic scores images, one number each."""
    found = list(ConvCritic().check({"latent": (128,)}, {"t2w": (1, 64, 64)}))
    assert [str(problem) for problem in found] == [
        "use: scores images (C, *S) of 1 to 3 dimensions, not 128",
        "use: returns one score per sample, not 1 x 64 x 64",
    ]


def test_spec_imports_no_torch():
    """Checking a recipe must not load torch."""
    code = "import sys, gankit_wgan_gp.critic; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
