"""The residual translator of Johnson et al. and CycleGAN."""

import pytest
import torch
from torch.nn.functional import conv2d, instance_norm, leaky_relu

from gankit.testing import check_network
from gankit_resnet._resnet import ResidualBlock
from gankit_resnet.translator import ResNet

ADC = {"adc": (1, 32, 32)}
T2W = {"t2w": (1, 32, 32)}


def resnet(source=ADC, target=T2W, **options):
    torch.manual_seed(0)
    return ResNet(**({"width": 4, "depth": 2, "blocks": 2} | options)).build(source, target)


def problems(source, target, **options):
    return [(problem.place, problem.message) for problem in ResNet(**options).check(source, target)]


@pytest.mark.parametrize("size", [(8,), (8, 12), (8, 8, 4)])
@pytest.mark.parametrize("options", [{}, {"norm": "instance"}, {"residual": True}])
def test_keeps_the_promises_of_a_network(options, size):
    """One to three dimensions, with a further place that it reads."""
    source = {"t2w": (1, *size), "texture": (2, *size)}
    check_network(ResNet(width=4, depth=1, blocks=2, **options), source, {"adc": (1, *size)})


def test_default_depth_fits_64_by_64():
    """64 x 64 is halved twice to 16 x 16."""
    assert not problems({"a": (1, 64, 64)}, {"b": (1, 64, 64)})


def test_a_block_adds_two_normalised_convolutions():
    """x + norm(conv(relu(norm(conv(x))))), with the norm of the papers."""
    torch.manual_seed(0)
    block, x = ResidualBlock(2, 3, "instance"), torch.randn(2, 3, 8, 8)
    first, second = block.change[0], block.change[3]
    inner = leaky_relu(instance_norm(conv2d(x, first.weight, first.bias, padding=1)), 0.2)
    expected = x + instance_norm(conv2d(inner, second.weight, second.bias, padding=1))
    torch.testing.assert_close(block(x), expected)


def test_norms_differ_in_what_they_do_with_brightness():
    """Instance norm takes out how bright a channel is, so flat images of two values look alike; PixelNorm does not."""
    dark, bright = torch.full((1, 1, 64, 64), 0.2), torch.full((1, 1, 64, 64), 0.8)
    shape, centre = {"a": (1, 64, 64)}, (..., slice(28, 36), slice(28, 36))
    for norm, alike in (("instance", True), ("pixel", False)):
        network = resnet(shape, shape, norm=norm, depth=1, blocks=1)
        difference = (network(bright)[centre] - network(dark)[centre]).abs().mean()
        assert bool(difference < 0.01) is alike


def test_a_flat_image_gives_no_checkerboard():
    """Doubling treats all pixels of the larger map alike, so far from the edges a flat image stays flat."""
    shape = {"a": (1, 64, 64)}
    made = resnet(shape, shape, depth=1, blocks=1)(torch.full((1, 1, 64, 64), 0.3))
    centre = made[..., 24:40, 24:40]
    torch.testing.assert_close(centre, centre[..., :1, :1].expand_as(centre))


def test_residual_is_the_image_where_the_change_is_zero():
    """y = t + (1 - |t|) x, with t = tanh of the last layer, of the first place that is read."""
    network = resnet(ADC | {"texture": (1, 32, 32)}, residual=True)
    x = torch.rand(2, 2, 32, 32) * 2 - 1
    network.leave.weight.data.zero_()
    for last, expected in ((0.0, x[:, :1]), (40.0, torch.ones(2, 1, 32, 32)), (-40.0, -torch.ones(2, 1, 32, 32))):
        network.leave.bias.data.fill_(last)
        torch.testing.assert_close(network(x), expected)
    network.leave.bias.data.fill_(0.5)
    torch.testing.assert_close(network(x), torch.tensor(0.5).tanh() + (1 - torch.tensor(0.5).tanh()) * x[:, :1])


def test_without_residual_the_image_is_new():
    """With its last layer at zero, the network makes zero, whatever it reads."""
    network = resnet()
    for parameter in network.leave.parameters():
        parameter.data.zero_()
    assert not network(torch.rand(2, 1, 32, 32)).any()


def test_features_are_the_maps_of_every_part():
    """Two halvings, two blocks and two doublings after the first layer."""
    sides = [tuple(each.shape[1:]) for each in resnet().features(torch.rand(1, 1, 32, 32))]
    assert sides == [(4, 32, 32), (8, 16, 16), *[(16, 8, 8)] * 3, (8, 16, 16), (4, 32, 32)]


@pytest.mark.parametrize(
    ("source", "target", "options", "place", "said"),
    [
        ((1, 64, 64), (1, 32, 32), {}, "use", "its source is 64 x 64 and its target 32 x 32"),
        ((8,), (8,), {}, "use", "translates images with 1 to 3 spatial dimensions, not 0"),
        ((1, 20, 22), (1, 20, 22), {}, "depth", "must be divisible by 2^2 = 4; accepted depths: 1 to 1"),
        ((1, 5, 4), (1, 5, 4), {"depth": 1}, "depth", "2^1 = 2; no depth fits an odd side"),
        ((1, 4, 4), (1, 4, 4), {"norm": "instance"}, "norm", "choose a smaller depth, or norm = 'pixel'"),
        ((2, 8, 8), (1, 8, 8), {"residual": True}, "residual", "makes 1 x 8 x 8; set residual = false"),
    ],
)
def test_what_does_not_fit_is_a_problem(source, target, options, place, said):
    """One line each, at the option that is to change."""
    ((where, message),) = problems({"a": source}, {"b": target}, **options)
    assert where == place
    assert message.endswith(said)
