"""Factor, start, halvings and kernel of each axis: networks for volumes of few thick slices."""

import itertools

import pytest
import torch

from gankit.testing import check_network
from gankit_aae.encoder import ConvEncoder
from gankit_stitch import ResidualGenerator, StitchDecoder, StitchLayer, StyleGenerator, stitch, unstitch
from gankit_unet.translator import UNet
from gankit_wgan_gp.critic import ConvCritic

LATENT = {"latent": (8,)}
VOLUME = {"adc": (1, 12, 16, 24)}
GENERATORS = [StitchDecoder, ResidualGenerator, StyleGenerator]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def built(spec, source, target, seed=0):
    torch.manual_seed(seed)
    return spec.build(source, target)


def problems(spec, source, target):
    return [(problem.place, problem.message) for problem in spec.check(source, target)]


# The StitchLayer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [(1, 2, 3), (2, 1, 2), (1, 1, 4)])
def test_each_sub_image_supplies_its_voxels(factors):
    """Equation 7 with a factor for each axis: sub-image n, counted with the last axis fastest, supplies the voxel at
    F * place + offset."""
    x = torch.arange(2 * 2 * 12.0 * 2 * 3 * 2).view(2, -1, 2, 3, 2)
    x = x[:, : x.shape[1] // (f := factors[0] * factors[1] * factors[2]) * f]
    image = stitch(x, factors)
    assert image.shape == (2, x.shape[1] // f, *[side * each for side, each in zip((2, 3, 2), factors, strict=True)])
    for n, offset in enumerate(itertools.product(*map(range, factors))):
        supplied = image[:, :, offset[0] :: factors[0], offset[1] :: factors[1], offset[2] :: factors[2]]
        assert torch.equal(supplied, x[:, n::f])


@pytest.mark.parametrize("factor", [2.0, "2", None, (2.0, 2.0), (1, 2.5)])
def test_factors_that_are_no_whole_numbers_are_refused_by_name(factor):
    for function in (stitch, unstitch):
        with pytest.raises(ValueError, match="factor must be a whole number, or one for each axis, got"):
            function(torch.zeros(1, 4, 4, 4), factor)


def test_equal_factors_are_one_factor():
    """(2, 2, 2) is 2, bit for bit, in both ways."""
    x = torch.randn(2, 8, 2, 3, 4)
    assert torch.equal(stitch(x, (2, 2, 2)), stitch(x, 2))
    assert torch.equal(unstitch(stitch(x, 2), (2, 2, 2)), x)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last_3d])
def test_unstitch_is_the_inverse_and_layouts_are_kept(memory):
    """As for one factor."""
    x = torch.randn(2, 12, 2, 3, 4).contiguous(memory_format=memory)
    image = stitch(x, (1, 2, 2))
    assert image.is_contiguous(memory_format=memory)
    assert torch.equal(unstitch(image, (1, 2, 2)), x)


def test_stitch_by_axis_is_differentiable_batches_and_compiles_to_one_graph():
    """Its adjoint is unstitch; vmap adds a batch."""
    x = torch.randn(2, 4, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradgradcheck(lambda x: stitch(x, (1, 2, 2)) ** 3, (x,))
    many = torch.randn(3, 2, 4, 1, 2, 2)
    batched = torch.func.vmap(lambda x: stitch(x, (1, 2, 2)))(many)
    assert torch.equal(batched, torch.stack([stitch(x, (1, 2, 2)) for x in many]))


def test_what_does_not_fit_an_axis_is_named():
    """Which axis, what it has, and what divides it."""
    with pytest.raises(ValueError, match=r"axis 1 \(rows\) has 9, must be divisible by 2"):
        unstitch(torch.zeros(1, 1, 4, 9, 8), (1, 2, 2))
    with pytest.raises(ValueError, match=r"channels divisible by 1 x 2 x 2 = 4, got 6 channels"):
        stitch(torch.zeros(1, 6, 4, 9, 8), (1, 2, 2))
    with pytest.raises(ValueError, match=r"factor \(1, 2\) is of 2 axes, got shape"):
        stitch(torch.zeros(1, 8, 4, 9, 8), (1, 2))
    with pytest.raises(ValueError, match="factor must be at least 1"):
        StitchLayer((1, 0, 2))


# Generators -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize(
    "options",
    [
        {"factor": (1, 2, 2), "start": (3, 2, 3)},
        {"factor": (1, 2, 2), "start": (12, 4, 6)},
        {"factor": (3, 1, 2), "start": (2, 4, 3)},
        {"factor": (1, 1, 2), "start": 3},
    ],
)
def test_a_generator_keeps_its_promises_with_numbers_for_each_axis(kind, options):
    """Shapes, second derivatives, storage, also beside images that it reads."""
    spec = kind(width=2, **options)
    beside = LATENT | {"texture": (2, 12, 16, 24)}
    assert not problems(spec, LATENT, VOLUME)
    check_network(spec, LATENT, VOLUME)
    image = built(spec, beside, VOLUME)(torch.randn(2, 8), torch.randn(2, 2, 12, 16, 24))
    assert image.shape == (2, 1, 12, 16, 24)


@pytest.mark.parametrize("kind", GENERATORS)
def test_one_number_is_that_of_all_axes(kind):
    """The same weights and the same images, bit for bit."""
    cube = {"adc": (1, 8, 8, 8)}
    one = built(kind(width=2), LATENT, cube)
    each = built(kind(width=2, factor=(2, 2, 2), start=(2, 2, 2)), LATENT, cube)
    assert torch.equal(one(z := torch.randn(2, 8)), each(z))


def test_a_kernel_of_one_tap_keeps_planes_apart():
    """With 1 tap and no doubling along planes, what one plane of the first map says reaches this plane alone."""
    network = built(StitchDecoder(width=2, factor=1, start=(8, 2, 2), kernel=(1, 3, 3)), LATENT, {"adc": (1, 8, 8, 8)})
    maps = torch.randn(1, 32, 8, 2, 2)
    other = maps.clone()
    other[:, :, 3] += 1
    changed = (network.last(network.blocks(maps)) != network.last(network.blocks(other))).flatten(3).any(dim=(0, 1, 3))
    assert changed.tolist() == [plane == 3 for plane in range(8)]


@pytest.mark.parametrize(
    ("options", "target", "place", "said"),
    [
        ({"factor": (4, 2, 2)}, (1, 10, 16, 16), "factor", "axis 0 (planes) has 10, must be divisible by its factor 4"),
        (
            {"factor": (1, 2, 2), "start": (4, 2, 2)},
            (1, 10, 16, 16),
            "start",
            "axis 0 (planes) has 10, must be 4 x 1 x 2^k; accepted starts: 10, 5",
        ),
        (
            {"factor": (1, 2)},
            (1, 8, 16, 16),
            "factor",
            "[1, 2] is of 2 axes, but images here have 3: planes, rows, columns",
        ),
        ({"kernel": (2, 3, 3)}, (1, 16, 16, 16), "kernel", "axis 0 (planes) has 2 taps; accepted: odd numbers"),
        ({"factor": 1, "start": (4, 8, 8)}, (1, 4, 8, 8), "start", "one side must be doubled"),
        ({}, (1, 15, 16, 16), "factor", "accepted for each axis: factor = [1, 2, 2], start = [15, 1, 1]"),
    ],
)
def test_a_misfit_names_the_axis(options, target, place, said):
    """With what it has and what is accepted."""
    ((found, message),) = problems(StitchDecoder(**options), LATENT, {"adc": target})
    assert found == place
    assert said in message


# U-Net, encoder, critic -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"depth": (1, 3, 3)}, {"depth": (0, 2, 3), "kernel": (1, 3, 3)}])
def test_a_unet_halves_each_axis_as_often_as_asked(options):
    """It keeps the size, and its smallest map is as much smaller along each axis."""
    volume = (1, 6, 16, 16)
    spec = UNet(width=2, **options)
    check_network(spec, {"adc": volume}, {"t2w": volume})
    maps = built(spec, {"adc": volume}, {"t2w": volume}).features(torch.randn(1, *volume))
    smallest = min(maps, key=lambda each: each[0, 0].numel())
    depths = options["depth"]
    assert smallest.shape[2:] == tuple(side // 2**depth for side, depth in zip(volume[1:], depths, strict=True))
    assert maps[1].shape[2] == 6  # planes are halved last, where voxels are nearly cubes


def test_a_unet_of_one_depth_is_that_of_all_axes():
    """Bit for bit."""
    volume = (1, 8, 8, 8)
    x = torch.randn(1, *volume)
    one, each = (built(UNet(width=2, depth=d), {"a": volume}, {"b": volume}) for d in (2, (2, 2, 2)))
    assert torch.equal(one(x), each(x))


@pytest.mark.parametrize(
    ("depth", "said"),
    [
        (4, "axis 0 (planes) has 12, must be divisible by 2^4 = 16; accepted depths: 1 to 2, or one for each axis"),
        ((3, 4, 4), "axis 0 (planes) has 12, must be divisible by 2^3 = 8; accepted along this axis: 0 to 2"),
        ((4, 4), "[4, 4] is of 2 axes, but images here have 3: planes, rows, columns"),
        ((0, 0, 0), "must halve an axis at least once, got 0"),
    ],
)  # fmt: skip
def test_a_depth_that_does_not_fit_names_the_axis(depth, said):
    """Volumes too thin for the halvings are found before any work."""
    volume = (1, 12, 32, 32)
    ((place, message),) = problems(UNet(depth=depth), {"a": volume}, {"b": volume})
    assert (place, said in message) == ("depth", True), message


@pytest.mark.parametrize("planes", [10, 12, 20, 24])
def test_encoder_and_critic_take_thick_slices(planes):
    """They halve an axis of 8 or more, so few planes are halved less often; a kernel may spare the planes."""
    volume = {"adc": (1, planes, 32, 32)}
    for kernel in (None, (1, 3, 3)):
        check_network(ConvEncoder(width=2, kernel=kernel), volume, LATENT)
        check_network(ConvCritic(width=2, kernel=kernel), volume, {"score": ()})
    thin = {"adc": (1, 4, 16, 16)}
    weights = dict(built(ConvCritic(width=2, kernel=(1, 3, 3)), thin, {"score": ()}).named_parameters())
    assert weights["layers.0.weight"].shape[2:] == (1, 4, 4)
