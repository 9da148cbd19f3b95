"""The layers that networks of several plugins share."""

import pytest
import torch
from torch import nn

from gankit import PixelNorm, doubling, doublings, halving, halvings, he_weights, norm_layers


def test_pixel_norm_gives_each_pixel_mean_square_one():
    """Over channels, pixel by pixel; zero stays zero."""
    x_BCS = torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(0))
    x_BCS[0, :, 0, 0] = 0
    normed = PixelNorm()(x_BCS)
    square = normed.square().mean(dim=1)
    assert square[0, 0, 0] == 0
    torch.testing.assert_close(square[1], torch.ones(3, 4), rtol=0, atol=1e-4)
    torch.testing.assert_close(normed * x_BCS.square().mean(dim=1, keepdim=True).sqrt(), x_BCS, rtol=0, atol=1e-4)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_he_weights_keep_the_scale_through_a_leaky_relu(slope):
    """Variance 2 / ((1 + slope^2) fan-in) (He et al. 2015, Eq. 15); biases are not touched."""
    torch.manual_seed(0)
    layer = nn.Linear(400, 500)
    bias = layer.bias.detach().clone()
    assert he_weights(layer, slope) is layer
    assert layer.weight.var().item() == pytest.approx(2 / ((1 + slope**2) * 400), rel=0.02)
    assert torch.equal(layer.bias, bias)


@pytest.mark.parametrize(("norm", "over"), [("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3))])
def test_norm_layers_give_mean_0_and_variance_1_over_what_shares_them(norm, over):
    """A channel over the batch, all of a sample, or a channel of a sample; scale and shift begin at 1 and 0."""
    x_BCHW = 3 + 2 * torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    (layer,) = norm_layers(norm, 3)
    normed = layer(x_BCHW * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1))
    assert normed.mean(over).abs().max() < 1e-4
    assert (normed.var(over, correction=0) - 1).abs().max() < 1e-2
    assert sorted(weight.numel() for weight in layer.parameters()) == [3, 3]


def test_no_norm_is_no_layer():
    """So that a list of layers stays as it is."""
    assert norm_layers("none", 3) == []


@pytest.mark.parametrize(("sides", "halved"), [([32], [16]), ([9, 64], [4, 32]), ([7, 8, 4], [7, 4, 4])])
def test_halving_halves_what_is_large_and_keeps_the_rest(sides, halved):
    """Sides of 8 or more; what it says of the sides is what comes out."""
    layer, after = halving(2, 3, sides)
    assert after == halved
    assert layer(torch.randn(1, 2, *sides)).shape == (1, 3, *halved)


@pytest.mark.parametrize("side", [1, 7, 8, 15, 16, 17, 31, 32, 63, 64, 300])
def test_halvings_bring_a_side_under_8(side):
    """As many as it takes, and one at least."""
    count, sides = 0, [side]
    while sides[0] >= 8 or count == 0:
        _, sides = halving(1, 1, sides)
        count += 1
    assert count == halvings(side)


@pytest.mark.parametrize("sides", [[4], [2, 3], [1, 2, 3]])
def test_doubling_doubles_every_side(sides):
    """With one to three spatial dimensions."""
    doubled = doubling(5, 4, len(sides))(torch.randn(2, 5, *sides))
    assert doubled.shape == (2, 4, *[2 * side for side in sides])


@pytest.mark.parametrize(
    ("size", "start", "factor", "count"),
    [
        ((32, 32), 2, 1, 4),
        ((64, 64), 2, 4, 3),
        ((32, 48), 2, 2, 3),
        ((32,), 1, 16, 1),
        ((32, 32), 32, 1, None),
        ((32, 32), 3, 1, None),
        ((32, 40), 2, 1, None),
        ((16, 16), 2, 8, None),
    ],
)
def test_doublings_lead_from_the_first_map_to_the_sub_images(size, start, factor, count):
    """At least one; every side a multiple of that of the first map; None where none fits."""
    assert doublings(size, start, factor) == count
