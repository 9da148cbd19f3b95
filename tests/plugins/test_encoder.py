"""The encoder and the latent critic of adversarial latent shaping (paper Sec. II-A, Eq. 2)."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.autograd import gradgradcheck

from gankit_aae.encoder import ConvEncoder
from gankit_aae.latent_critic import MlpCritic

ADC = {"adc": (1, 32, 32)}
LATENT = {"latent": (16,)}
SCORE = {"score": ()}


def encoder(source=ADC, **options):
    torch.manual_seed(0)
    return ConvEncoder(**({"width": 4} | options)).build(source, LATENT)


@pytest.mark.parametrize("shape", [(1, 64, 64), (2, 16, 40), (1, 8, 16, 16), (3, 50), (1, 2, 2)])
def test_encodes_any_rank_and_size(shape):
    """Images of any rank, size and number of channels give (B, Z)."""
    assert not list(ConvEncoder().check({"a": shape}, LATENT))
    assert encoder({"a": shape})(torch.randn(3, *shape)).shape == (3, 16)


def test_batch_norm_gives_each_latent_number_mean_0_and_variance_1():
    """The default keeps latents from shrinking together: the prior's mean and variance, number by number."""
    latents = encoder()(torch.rand(64, 1, 32, 32))
    torch.testing.assert_close(latents.mean(dim=0), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.var(dim=0, correction=0), torch.ones(16), atol=1e-2, rtol=0)


def test_layer_norm_gives_each_latent_mean_0_and_variance_1():
    """Within each latent, so that samples do not mix."""
    latents = encoder(latent_norm="layer")(torch.rand(5, 1, 32, 32))
    torch.testing.assert_close(latents.var(dim=1, correction=0), torch.ones(5), atol=1e-2, rtol=0)


@pytest.mark.parametrize(("norm", "mixes"), [("batch", True), ("layer", False), ("none", False)])
def test_only_the_batch_norm_mixes_samples(norm, mixes):
    """The spec tells the truth about whether an encoding depends on its batch."""
    network, x = encoder(latent_norm=norm), torch.rand(6, 1, 32, 32)
    alone = torch.allclose(network(x)[:3], network(x[:3]), atol=1e-5)
    assert ConvEncoder(latent_norm=norm).mixes_samples is mixes is not alone


def test_latent_norm_learns_no_scale():
    """No learned scale, so the encoder cannot undo the normalisation."""
    for norm in ("batch", "layer", "none"):
        assert not list(encoder(latent_norm=norm).norm.parameters())


def test_brightness_reaches_the_latent():
    """Images that differ in absolute intensity alone have different encodings."""
    network, x = encoder(latent_norm="none"), torch.rand(4, 1, 32, 32)
    assert (network(x) - network(0.5 * x)).abs().mean() > 0.01


def test_depth_overrides_what_the_size_implies():
    """32 x 32 takes three layers to 4 x 4; more layers keep that size, fewer leave a larger map."""
    depths = {depth: [m for m in encoder(depth=depth).layers if isinstance(m, nn.Conv2d)] for depth in (None, 1, 5)}
    assert [len(layers) for layers in depths.values()] == [3, 1, 5]
    assert encoder(depth=5)(torch.rand(2, 1, 32, 32)).shape == (2, 16)


def test_works_in_float64_channels_last_and_under_autocast():
    """Nothing in the network has a fixed dtype or layout."""
    network, x = encoder(latent_norm="layer"), torch.rand(3, 1, 32, 32)
    expected = network(x)
    network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(x).isfinite().all()
    torch.testing.assert_close(network.double()(x.double()).float(), expected, atol=1e-4, rtol=1e-4)


def test_constant_image_gives_no_nan():
    """Normalising a map of zeros has a finite value and gradient."""
    network = encoder(latent_norm="none")
    network(torch.zeros(2, 1, 32, 32)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_encoder_reads_an_image_and_makes_a_latent():
    """Other ends of the edge are problems, not crashes."""
    found = [str(problem) for problem in ConvEncoder().check({"latent": (128,)}, ADC)]
    assert found == [
        "use: encodes images (C, *S) of 1 to 3 dimensions, not 128",
        "use: returns a latent (Z), not 1 x 32 x 32",
    ]


def test_latent_critic_scores_each_latent_alone():
    """(B, Z) to (B,), with no normalisation over the batch."""
    network, z = MlpCritic(width=8, layers=3).build(LATENT, SCORE), torch.randn(5, 16)
    assert network(z).shape == (5,)
    torch.testing.assert_close(network(z)[:1], network(z[:1]))
    assert sum(isinstance(module, nn.Linear) for module in network.modules()) == 4
    assert MlpCritic().mixes_samples is False


def test_latent_critic_may_be_differentiated_twice():
    """A Wasserstein loss with a gradient penalty may be put on latents too."""
    network = MlpCritic(width=8).build(LATENT, SCORE).double()
    assert gradgradcheck(network, torch.randn(3, 16, dtype=torch.float64, requires_grad=True))


def test_latent_critic_refuses_images():
    """Only latents (Z) are scored."""
    assert not list(MlpCritic().check(LATENT, SCORE))
    (problem,) = MlpCritic().check(ADC, SCORE)
    assert str(problem) == "use: scores latents (Z), not 1 x 32 x 32; images need another critic"


def test_specs_import_no_torch():
    """Checking a recipe must not load torch."""
    code = "import sys, gankit_aae.encoder, gankit_aae.latent_critic; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
