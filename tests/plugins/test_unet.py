"""The U-Net translator (paper Sec. II-A: G)."""

import subprocess
import sys

import pytest
import torch

from gankit_unet.translator import UNet

ADC = {"adc": (1, 32, 32)}
T2W = {"t2w": (1, 32, 32)}


def unet(source=ADC, target=T2W, **options):
    torch.manual_seed(0)
    return UNet(**({"width": 4, "depth": 2} | options)).build(source, target)


def problems(source, target, **options):
    return [(problem.place, problem.message) for problem in UNet(**options).check(source, target)]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (ADC, T2W),
        ({"adc": (1, 16, 24), "t2w": (2, 16, 24)}, {"dce": (5, 16, 24)}),
        ({"a": (1, 4, 8, 8)}, {"b": (2, 4, 8, 8)}),
        ({"a": (2, 20)}, {"b": (1, 20)}),
    ],
)
def test_translates_any_channels_and_rank(source, target):
    """Source modalities arrive concatenated along channels; the target's shape comes out, in (-1, 1)."""
    assert not problems(source, target, depth=2)
    (channels, *size) = (sum(shape[0] for shape in source.values()), *next(iter(source.values()))[1:])
    images = unet(source, target)(torch.rand(2, channels, *size) * 2 - 1)
    assert images.shape == (2, *next(iter(target.values())))
    assert images.abs().max() < 0.95


def test_default_depth_fits_64_by_64():
    """64 x 64 is halved 4 times to 4 x 4."""
    assert not problems({"a": (1, 64, 64)}, {"b": (1, 64, 64)})


def test_brightness_of_a_flat_image_reaches_the_output():
    """Intensity is what an ADC map measures, so images that differ in it alone must not look alike."""
    network = unet()
    dark, bright = torch.full((1, 1, 32, 32), 0.2), torch.full((1, 1, 32, 32), 0.8)
    centre = (..., slice(8, 24), slice(8, 24))
    assert (network(bright)[centre] - network(dark)[centre]).abs().mean() > 0.01


def test_samples_do_not_mix():
    """One sample's translation does not depend on its batch, in training and in evaluation."""
    network, x = unet(), torch.rand(3, 1, 32, 32)
    torch.testing.assert_close(network(x)[:1], network(x[:1]))
    assert torch.equal(network.eval()(x), network.train()(x))
    assert not list(network.buffers())
    assert UNet().mixes_samples is False


def test_black_image_gives_no_nan():
    """PixelNorm of zeros is zero, with a finite gradient."""
    network = unet()
    with torch.no_grad():
        for parameter in network.enter.parameters():
            parameter.zero_()
    x = torch.zeros(1, 1, 32, 32, requires_grad=True)
    network(x).sum().backward()
    assert x.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_works_in_float64_channels_last_and_under_autocast():
    """Nothing in the network has a fixed dtype or layout."""
    network, x = unet(), torch.rand(2, 1, 32, 32)
    expected = network(x)
    last = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(x).isfinite().all()
    torch.testing.assert_close(network.double()(x.double()).float(), expected)


def test_sides_that_cannot_be_halved_are_a_problem_at_depth():
    """The message says which depths this size allows."""
    size = (1, 48, 40)
    assert problems({"a": size}, {"b": size}) == [
        ("depth", "the sides of 48 x 40 must be divisible by 2^4 = 16; accepted depths: 1 to 3")
    ]
    ((_, message),) = problems({"a": (1, 33, 32)}, {"b": (1, 33, 32)})
    assert message.endswith("no depth fits an odd side")


def test_size_is_kept():
    """A source and a target of different sizes are a problem."""
    assert problems({"a": (1, 64, 64)}, {"b": (1, 32, 32)}) == [
        ("use", "keeps the spatial size, but its source is 64 x 64 and its target 32 x 32")
    ]


def test_latents_are_a_problem():
    """A U-Net translates images."""
    assert problems({"latent": (128,)}, {"latent": (128,)}) == [
        ("use", "translates images with 1 to 3 spatial dimensions, not 0")
    ]


def test_spec_and_plugin_import_no_torch():
    """Checking a recipe must not load torch."""
    code = "import sys, gankit_unet, gankit_unet.translator; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
