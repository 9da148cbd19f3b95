"""The generators that end in a StitchLayer: what all promise, and the equations of residual and of style blocks.

What holds for ``stitch-decoder`` alone is in ``test_stitch.py``.
"""

import itertools

import pytest
import torch

from gankit import load_model, train
from gankit.networks.synthesizer import build_networks
from gankit.testing import check_network
from gankit_stitch import ResidualGenerator, StitchDecoder, StitchLayer, StyleGenerator, stitch, unstitch
from gankit_stitch._residual import ResidualBlock
from gankit_stitch._style import ModulatedConvolution

LATENT = {"latent": (128,)}
IMAGE = {"adc": (1, 32, 32)}
GENERATORS = [StitchDecoder, ResidualGenerator, StyleGenerator]
FACTORS = [1, 2, 4]

every_generator = pytest.mark.parametrize("kind", GENERATORS)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def generator(kind, source=LATENT, target=IMAGE, **options):
    torch.manual_seed(0)
    return kind(**({"width": 4} | options)).build(source, target)


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def problems(kind, source, target=IMAGE, **options):
    return [(problem.place, problem.message) for problem in kind(**options).check(source, target)]


# What every generator promises ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"latent": (8,)}, {"adc": (1, 16, 16)}),
        ({"latent": (8,), "cs": (3,)}, {"adc": (1, 16, 24), "t2w": (2, 16, 24)}),
        ({"latent": (8,), "lesion": (1, 16, 16)}, {"adc": (1, 16, 16)}),
        ({"texture": (2, 32), "latent": (8,), "cs": (2,), "lesion": (1, 32)}, {"signal": (2, 32)}),
        ({"latent": (8,), "texture": (2, 8, 16, 8)}, {"volume": (1, 8, 16, 8)}),
    ],
)
@pytest.mark.parametrize("factor", [1, 2])
@every_generator
def test_a_generator_reads_a_latent_with_labels_and_images_beside_it(kind, factor, source, target):
    """Whatever it reads and makes, a generator keeps what networks promise."""
    check_network(kind(factor=factor, width=2), source, target)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *[(kind, options) for kind in GENERATORS for options in ({"start": 4}, {"gain": 0.01}, {"factor": 8})],
        *[(StyleGenerator, {"mapping": layers}) for layers in (0, 5)],
    ],
)
def test_every_option_keeps_what_networks_promise(kind, options):
    """First maps, scales, factors, and depths of the mapping network."""
    check_network(kind(**({"width": 2} | options)), {"latent": (8,)}, IMAGE)


@pytest.mark.parametrize("factor", FACTORS)
@every_generator
def test_no_grid_shows_before_training(kind, factor):
    """The F^2 sub-images of each channel that are stitched are equal, whatever is read; those of channels differ."""
    places = {"latent": (8,), "texture": (2, 32, 32)}
    network = generator(kind, places, {"adc": (1, 32, 32), "t2w": (2, 32, 32)}, factor=factor)
    stitched = []
    layer = next(module for module in network.modules() if isinstance(module, StitchLayer))
    layer.register_forward_hook(lambda layer, given, made: stitched.append(given[0].unflatten(1, (3, factor**2))))
    network(*[normal(3, *shape) for shape in places.values()])
    (sub_images,) = stitched
    torch.testing.assert_close(sub_images, sub_images[:, :, :1].expand_as(sub_images))
    assert not torch.allclose(sub_images[:, 0], sub_images[:, 1])


@every_generator
def test_sub_images_part_after_one_step(kind):
    """Equal kernels get different gradients, so training tells the sub-images apart."""
    network = generator(kind)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    (network(normal(2, 128)) - normal(2, 1, 32, 32)).square().mean().backward()
    optimizer.step()
    sub_images = unstitch(network(normal(2, 128)), 2)
    for one, other in itertools.combinations(range(4), 2):
        assert not torch.allclose(sub_images[:, one], sub_images[:, other])


@pytest.mark.parametrize("factor", FACTORS)
@every_generator
def test_images_start_far_from_saturation(kind, factor):
    """At the default width and gain, values start in the middle of tanh's range and differ from latent to latent."""
    images = generator(kind, target={"adc": (1, 64, 64)}, width=32, factor=factor)(normal(16, 128))
    assert images.abs().max() < 0.95
    assert 0.1 < images.std(dim=0).mean() < 0.4


@every_generator
def test_generators_that_differ_in_factor_start_from_equal_shared_weights(kind):
    """All but the layer that makes sub-images is equal by value, as far as a generator has blocks."""
    one, *others = [generator(kind, factor=factor) for factor in FACTORS]
    for other in others:
        own = ("last.", f"blocks.{len(other.blocks) - 1}.show.")
        shared = {name: weight for name, weight in other.state_dict().items() if not name.startswith(own)}
        assert all(torch.equal(one.state_dict()[name], weight) for name, weight in shared.items())
        assert sum(weight.numel() for weight in shared.values()) > 0.9 * parameters(other)


@every_generator
def test_generators_that_differ_in_factor_have_comparable_totals(kind):
    """Sec. IV-B: almost identical model complexity, here within 7% at 64 x 64."""
    totals = [parameters(generator(kind, target={"adc": (1, 64, 64)}, width=32, factor=f)) for f in FACTORS]
    assert max(totals) / min(totals) < 1.07
    assert 1.0e6 < min(totals) < max(totals) < 1.6e6


# Images beside the latent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", FACTORS)
@every_generator
def test_quiet_noise_gives_the_image_of_a_generator_without_noise(kind, factor):
    """Zeros change no bit, and reading images changes no other weight."""
    plain = generator(kind, factor=factor)
    noisy = generator(kind, LATENT | {"texture": (2, 32, 32)}, factor=factor)
    assert noisy.state_dict().keys() > plain.state_dict().keys()
    for name, weight in plain.state_dict().items():
        assert torch.equal(noisy.state_dict()[name], weight)
    latent = normal(3, 128)
    assert torch.equal(noisy(latent, torch.zeros(3, 2, 32, 32)), plain(latent))


@pytest.mark.parametrize("factor", FACTORS)
@every_generator
def test_noise_changes_every_pixel_before_training(kind, factor):
    """Two draws of noise give images of one latent that differ everywhere, by less than two latents do."""
    network = generator(kind, LATENT | {"texture": (2, 32, 32)}, factor=factor, width=16)
    one, other = network(normal(8, 128), normal(8, 2, 32, 32)), network(normal(8, 128), normal(8, 2, 32, 32, seed=2))
    assert ((one - other).abs() > 1e-6).float().mean() > 0.99
    latents = network(normal(8, 128, seed=3), normal(8, 2, 32, 32))
    assert 0.02 < (one - other).std() / (one - latents).std() < 0.8


@pytest.mark.parametrize("factor", [1, 2])
@every_generator
def test_a_mask_reaches_near_pixels_at_once_and_the_whole_image_after_training_began(kind, factor):
    """At the start one pixel of a mask changes pixels around it; after one update it changes them all."""
    network = generator(kind, LATENT | {"lesion": (1, 32, 32)}, factor=factor, width=8).double()
    latent = normal(2, 128).double()
    mask = -torch.ones(2, 1, 32, 32, dtype=torch.float64)
    other = mask.clone()
    other[:, :, 15, 15] = 1

    def reached():
        with torch.no_grad():
            return (network(latent, mask) != network(latent, other)).double().mean()

    assert 0 < reached() < 0.25
    network(latent, other).square().mean().backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    assert reached() > 0.95


@every_generator
def test_the_order_of_places_is_that_of_the_source(kind):
    """Images and vectors may come in any order; those of one kind are taken as they come."""
    network = generator(kind, {"latent": (4,), "texture": (1, 32, 32), "cs": (2,)})
    latent, texture, cs = normal(2, 4), normal(2, 1, 32, 32), normal(2, 2, seed=4)
    assert torch.equal(network(latent, texture, cs), network(latent, cs, texture))
    assert not torch.allclose(network(latent, texture, cs), network(latent, texture, -cs))


@every_generator
def test_noise_reaches_the_decoder_as_in_its_equation(kind):
    """The last block activates ``convolution(map) + A u``, u the F^2 sub-images of the noise."""
    network = generator(kind, LATENT | {"texture": (2, 32, 32)}, factor=2)
    texture = normal(3, 2, 32, 32)
    _, (*coarse, last) = network.read(normal(3, 128), texture)
    sub_images = torch.stack([texture[:, :, p::2, q::2] for p in range(2) for q in range(2)], dim=2).flatten(1, 2)
    expected = torch.nn.functional.conv2d(sub_images, network.read.images[-1].weight, padding=1)
    torch.testing.assert_close(last, expected)
    assert not any(added.any() for added in coarse)


def test_images_are_averaged_over_areas_for_the_blocks_before_the_last():
    """A block of n pixels along each side sees the mean of each area of 32 / n pixels."""
    network = generator(StitchDecoder, LATENT | {"lesion": (1, 32, 32)}, factor=2)
    for layer in network.read.images:
        torch.nn.init.dirac_(layer.weight)
    mask = normal(2, 1, 32, 32)
    _, (first, second, _) = network.read(normal(2, 128), mask)
    for added, side in ((first, 4), (second, 8)):
        torch.testing.assert_close(added[:, :1], mask.reshape(2, 1, side, 32 // side, side, 32 // side).mean((3, 5)))


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ({"lesion": (1, 32, 32)}, "use", "makes images from a latent (Z), not from 1 x 32 x 32"),
        (
            LATENT | {"lesion": (1, 16, 16)},
            "use",
            "reads images of the size that it makes beside the latent: 'lesion' is 16 x 16, not 32 x 32",
        ),
        (
            LATENT | {"lesion": (32,), "texture": (2, 32)},
            "use",
            "reads images of the size that it makes beside the latent: 'texture' is 32, not 32 x 32",
        ),
    ],
)
@every_generator
def test_places_that_do_not_fit_are_problems(kind, source, place, message):
    """A generator without a latent, and images of another size beside it."""
    assert problems(kind, source) == [(place, message)]


@every_generator
def test_a_factor_that_does_not_fit_says_what_would(kind):
    """The message lists what the size accepts."""
    ((place, message),) = problems(kind, LATENT, factor=3)
    assert place == "factor"
    assert message.endswith("accepted with start = 2: 1, 2, 4, 8")


# The residual blocks --------------------------------------------------------------------------------------


def test_a_residual_block_without_its_residual_is_the_enlarged_shortcut():
    """block(x) = residual + up(U x): where V is zero, each pixel of U x becomes 2 x 2 of the result."""
    block = ResidualBlock(3, 5, (2, 2))
    for parameter in block.second.parameters():
        torch.nn.init.zeros_(parameter)
    x = normal(2, 3, 4, 6)
    shortcut = torch.einsum("oi,bihw->bohw", block.shortcut.weight[:, :, 0, 0], x)
    shortcut = shortcut + block.shortcut.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(block(x, None), shortcut.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


def test_a_residual_block_forgets_the_scale_of_its_map_in_the_residual_alone():
    """norm comes first in the residual, so twice the map gives the same residual and twice the shortcut."""
    block = ResidualBlock(3, 5, (2,)).double()
    torch.nn.init.zeros_(block.shortcut.bias)
    x = 10 * normal(2, 3, 8).double()
    shortcut = block.enlarge(block.shortcut(x))
    torch.testing.assert_close(block(2 * x, None) - block(x, None), shortcut, rtol=1e-5, atol=1e-6)


# The modulated convolution --------------------------------------------------------------------------------


@pytest.mark.parametrize("demodulates", [True, False])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_modulation_is_that_of_equations_1_to_3_for_each_sample(rank, demodulates):
    """Weights made for each sample alone, w' = s_i w and w'' = w' / sqrt(sum w'^2 + 1e-8), give the same maps."""
    convolutions = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}
    torch.manual_seed(0)
    layer = ModulatedConvolution(convolutions[rank](3, 5, 3, padding=1), 4, demodulates).double()
    torch.nn.init.normal_(layer.bias)
    sides = [4, 5, 6][:rank]
    x, w, beside = normal(2, 3, *sides).double(), normal(2, 4).double(), normal(2, 5, *sides, seed=2).double()
    made = layer(x, w, beside)
    for sample in range(2):
        style = layer.style.weight @ w[sample] + layer.style.bias
        weight = layer.convolve.weight.clone()
        for i in range(3):
            weight[:, i] = style[i] * weight[:, i]
        if demodulates:
            for j in range(5):
                weight[j] = weight[j] / (weight[j].square().sum() + 1e-8).sqrt()
        alone = getattr(torch.nn.functional, f"conv{rank}d")(x[sample : sample + 1], weight, layer.bias, padding=1)
        torch.testing.assert_close(made[sample : sample + 1], alone + beside[sample : sample + 1])


def test_demodulation_restores_unit_deviation():
    """Eq. 3: where inputs are independent with deviation 1, so are outputs, whatever the style's scale."""
    torch.manual_seed(0)
    layer = ModulatedConvolution(torch.nn.Conv2d(16, 8, 3, padding=1), 4)
    made = layer(normal(64, 16, 16, 16), 30 * normal(64, 4))[..., 1:-1, 1:-1]
    torch.testing.assert_close(made.square().mean(dim=(0, 2, 3)), torch.ones(8), rtol=0.1, atol=0)


def test_styles_start_at_mean_and_variance_1():
    """The biases of styles start at 1, their weights at the variance 1 / Z."""
    torch.manual_seed(0)
    layer = ModulatedConvolution(torch.nn.Conv2d(64, 8, 3), 128)
    styles = layer.style(normal(500, 128)).detach()
    assert styles.mean() == pytest.approx(1, abs=0.05)
    assert styles.var() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("factor", FACTORS)
def test_the_image_of_a_style_generator_is_the_enlarged_sum_of_what_its_blocks_show(factor):
    """Fig. 7b: the last block shows sub-images, those before show images that are enlarged to its size."""
    network = generator(StyleGenerator, target={"adc": (1, 32, 32)}, factor=factor).double()
    shown = []
    for block in network.blocks:
        block.register_forward_hook(lambda block, given, made: shown.append(made[1]))
    image = network(normal(2, 128).double())
    *images, sub_images = shown
    total = stitch(sub_images, factor)
    for number, each in enumerate(images):
        assert each.shape == (2, 1, 4 * 2**number, 4 * 2**number)
        for _ in range(number, len(images) - 1):
            each = network.enlarge[0](each)
        total = total + network.enlarge_last(each)
    torch.testing.assert_close(image, total.tanh())


@pytest.mark.parametrize("size", [(32,), (16, 16), (8, 8, 8)])
def test_enlarging_keeps_a_flat_image_flat(size):
    """Linear interpolation neither brightens what the first blocks show nor leaves a grid."""
    network = generator(StyleGenerator, target={"adc": (1, *size)}, factor=2)
    for enlarge in (*network.enlarge, network.enlarge_last):
        enlarged = enlarge(torch.full((1, 1, *size), 0.3))
        torch.testing.assert_close(enlarged, torch.full_like(enlarged, 0.3))


def test_enlarging_filters_as_in_the_paper():
    """A pixel becomes 1, 3, 3, 1 quarters at twice the size, and the triangle of width 4 F at 2 F times the size."""
    network = generator(StyleGenerator, target={"signal": (1, 32)}, factor=2)
    pixel = torch.zeros(1, 1, 5)
    pixel[..., 2] = 1
    assert network.enlarge[0](pixel)[0, 0, 3:7].tolist() == [0.25, 0.75, 0.75, 0.25]
    assert network.enlarge_last(pixel)[0, 0, 6:14].tolist() == [each / 8 for each in (1, 3, 5, 7, 7, 5, 3, 1)]


# Through the engine ---------------------------------------------------------------------------------------


PLACES = {
    "synthesizer.texture": {"random": [2, 16, 16]},
    "synthesizer.cs": {"label": "cs"},
    "synthesizer.adc.from": ["latent", "cs", "texture"],
    "phases.unsupervised.pool": "cs",
}


@pytest.mark.parametrize("places", [{}, PLACES], ids=["latent", "label-and-noise"])
@pytest.mark.parametrize("use", ["stitch-decoder", "residual-generator", "style-generator"])
def test_a_generator_trains_in_the_place_of_the_decoder(tiny_recipe, tiny_cohort, plugins, tmp_path, use, places):
    """One line of a recipe swaps the generator, and a few give it a label and noise: every weight of it moves."""
    recipe = tiny_recipe(**{"networks.adc_decoder.use": use, **places})
    before = build_networks(recipe)["adc_decoder"].state_dict()
    run = train(recipe, tmp_path / "run", device="cpu", cohort=tiny_cohort, plugins=plugins, quiet=True)
    after = load_model(run.path, plugins=plugins).networks["adc_decoder"].state_dict()
    assert before.keys() == after.keys()
    assert not [name for name in before if torch.equal(before[name], after[name])]
