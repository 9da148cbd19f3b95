"""The U-Net translator (paper Sec. II-A: G)."""

import subprocess
import sys

import pytest
import torch

from gankit import SelfAttention
from gankit.testing import check_network
from gankit_unet._dropout import NoiseDropout
from gankit_unet.translator import UNet

ADC = {"adc": (1, 32, 32)}
T2W = {"t2w": (1, 32, 32)}
NOISY = ADC | {"texture": (2, 32, 32)}


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
        (
            "depth",
            "axis 1 (columns) has 40, must be divisible by 2^4 = 16;"
            " accepted depths: 1 to 3, or one for each axis, as in [4, 3]",
        )
    ]
    ((_, message),) = problems({"a": (1, 33, 32)}, {"b": (1, 33, 32)})
    assert message.endswith("no depth fits an odd side, or one for each axis, as in [0, 4]")


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


@pytest.mark.parametrize("options", [{"attention": 4}, {"attention": 2}, {"dropout": 0.5, "noise": "texture"}])
@pytest.mark.parametrize("size", [(8,), (8, 16), (8, 8, 4)])
def test_attention_and_dropout_keep_the_promises_of_a_network(options, size):
    """One to three dimensions; a gain that starts at zero and noise without a gradient break nothing."""
    source = {"adc": (1, *size), "texture": (2, *size)}
    check_network(UNet(width=4, depth=2, **options), source, {"t2w": (1, *size)})


# Attention ------------------------------------------------------------------------------------------------


def test_attention_is_equations_1_to_3():
    """o_j = sum_i softmax_i(q_j . k_i / sqrt(K)) v_i, pixel by pixel, and y = gain o + x."""
    torch.manual_seed(0)
    layer, x = SelfAttention(16), torch.randn(2, 16, 2, 3)
    layer.gain.data.fill_(0.7)
    linear = [(child.weight[..., 0], child.bias) for child in (layer.query, layer.key, layer.value)]
    expected = x.clone()
    for sample, pixels in enumerate(x.flatten(2).mT):
        queries, keys, values = (pixels @ weight.T + bias for weight, bias in linear)
        for j in range(6):
            shares = torch.stack([queries[j] @ keys[i] / 2**0.5 for i in range(6)]).exp()
            seen = sum(share * value for share, value in zip(shares / shares.sum(), values, strict=True))
            expected[sample, :, j // 3, j % 3] += 0.7 * seen
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("side", [32, 16, 8])
def test_a_new_network_computes_what_it_would_without_attention(side):
    """The gain starts at 0, and the other weights are drawn as without attention."""
    x = torch.rand(2, 1, 32, 32)
    assert torch.equal(unet(attention=side)(x), unet()(x))


@pytest.mark.parametrize("side", [64, 32])
def test_attention_makes_far_pixels_see_each_other(side):
    """Convolutions of one halving reach few pixels; with attention at either size, the other corner matters."""
    shape = {"adc": (1, 64, 64)}
    x = torch.rand(1, 1, 64, 64)
    changed = x.clone()
    changed[..., 0, 0] += 0.5
    for network, sees in ((unet(shape, shape, depth=1), False), (unet(shape, shape, depth=1, attention=side), True)):
        if sees:
            network.attention.gain.data.fill_(1.0)
        assert torch.equal(network(x)[..., -1, -1], network(changed)[..., -1, -1]) is not sees


def test_a_size_that_no_map_has_is_a_problem():
    """The message says which there are, by the shortest side."""
    size = (1, 32, 48)
    assert problems({"a": size}, {"b": size}, depth=3, attention=12) == [
        ("attention", "no map has a shortest side of 12 pixels; accepted: 32, 16, 8, 4")
    ]


# Dropout --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_noise_drops_at_the_rate_and_keeps_the_mean(rate):
    """Of standard normal noise, a share of ``rate`` drops; the others are scaled up, so the mean stays."""
    noise = torch.randn(4, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    kept = NoiseDropout(rate)(torch.ones_like(noise), noise)
    assert kept.unique().tolist() == pytest.approx([0, 1 / (1 - rate)])
    assert (kept == 0).float().mean() == pytest.approx(rate, abs=0.01)
    assert kept.mean() == pytest.approx(1, abs=0.03)


def test_each_value_of_noise_decides_about_one_number_while_they_last():
    """2 x 2 values of 3 channels decide about 12 channels of a map of half the size, and about the next 12 again."""
    noise = torch.zeros(1, 3, 4, 4)
    noise[0, 1, 2, 3] = 9  # within the 2 x 2 values of pixel (1, 1)
    dropped = (NoiseDropout(0.5)(torch.ones(1, 24, 2, 2), noise) == 0).nonzero().tolist()
    assert len(dropped) == 2
    assert {(pixel[0], *pixel[2:]) for pixel in dropped} == {(0, 1, 1)}
    assert dropped[1][1] - dropped[0][1] == 12


def test_a_vector_of_noise_drops_whole_channels():
    """Beside images a vector becomes constant maps, so that each of its numbers decides about another channel."""
    noise = torch.randn(1, 8, 1, 1, generator=torch.Generator().manual_seed(0)).expand(1, 8, 4, 4)
    kept = NoiseDropout(0.5)(torch.ones(1, 8, 2, 2), noise)
    assert torch.equal(kept[0, :, 0, 0] == 0, noise[0, :, 0, 0].abs() > 0.6745)
    assert torch.equal(kept, kept[..., :1, :1].expand(1, 8, 2, 2))


def test_quiet_noise_drops_nothing():
    """A supervised phase keeps random places at zero; the U-Net is then the one without dropout, at any rate."""
    x = torch.rand(2, 1, 32, 32)
    quiet = torch.cat([x, torch.zeros(2, 2, 32, 32)], dim=1)
    assert torch.equal(unet(NOISY, dropout=0.8, noise="texture")(quiet), unet()(x))


@pytest.mark.parametrize(("depth", "dropping"), [(1, [True]), (2, [True, False]), (4, [True, True, False, False])])
def test_the_deeper_half_of_the_way_up_drops(depth, dropping):
    """Isola et al. 2017, Sec. 6.1.1: the first blocks of the decoder."""
    network = unet(NOISY, depth=depth, dropout=0.5, noise="texture")
    x = torch.cat([torch.rand(1, 1, 32, 32), torch.randn(1, 2, 32, 32)], dim=1)
    on_the_way_up = network.features(x)[depth + 1 :]
    assert [bool((features == 0).float().mean() > 0.3) for features in on_the_way_up] == dropping


def test_noise_may_stand_at_any_place_of_the_source():
    """The network finds its channels by name."""
    x, texture = torch.rand(1, 1, 32, 32), torch.randn(1, 2, 32, 32)
    options = {"dropout": 0.5, "noise": "texture"}
    first = unet({"texture": (2, 32, 32)} | ADC, **options)(torch.cat([texture, x], dim=1))
    assert torch.equal(first, unet(NOISY, **options)(torch.cat([x, texture], dim=1)))
    assert not torch.equal(first, unet()(x))


@pytest.mark.parametrize(
    ("source", "options", "place", "said"),
    [
        (NOISY, {"dropout": 0.5}, "noise", "name one of adc, texture, or remove 'dropout'"),
        (NOISY, {"dropout": 0.5, "noise": "txture"}, "noise", "did you mean 'texture'?; accepted: adc, texture"),
        (ADC, {"dropout": 0.5, "noise": "adc"}, "noise", "is all that the network reads; it needs an image too"),
        (NOISY, {"noise": "texture"}, "dropout", "serves dropout alone; or remove 'noise'"),
    ],
)
def test_dropout_and_noise_that_do_not_fit_are_a_problem(source, options, place, said):
    """One line each, at the key that is to change."""
    ((where, message),) = problems(source, T2W, depth=2, **options)
    assert where == place
    assert message.endswith(said)


def test_spec_and_plugin_import_no_torch():
    """Checking a recipe must not load torch."""
    code = "import sys, gankit_unet, gankit_unet.translator; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
