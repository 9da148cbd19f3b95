"""The component and the recipe, checked with what gankit gives to plugin authors."""

import pytest
import torch
from gankit_dce.translator import Tofts

from gankit import load_plugins, load_recipe
from gankit.testing import check_network

ADC_T2W, DCE = {"adc": (1, 16, 16), "t2w": (1, 16, 16)}, {"dce": (1, 16, 16)}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Tofts(width=4).build(ADC_T2W, DCE)


def test_it_keeps_what_gankit_asks_of_networks():
    """Shapes, range, gradients, float64, safetensors, no draws of its own."""
    check_network(Tofts(width=4), ADC_T2W, DCE)


@pytest.mark.parametrize("gain", [0.1, 10, 1000])
def test_whatever_the_weights_tissue_enhances_like_that(network, gain):
    """Enhancement is from 0 to ``highest``, and it is that of the Ktrans and ve that the network names."""
    spec = Tofts()
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(gain)
    images = torch.randn(8, 2, 16, 16, generator=torch.Generator().manual_seed(1)).tanh()
    ktrans, ve = network.kinetics(images)
    assert ktrans.min() >= 0
    assert ktrans.max() <= spec.ktrans_per_min
    assert ve.min() >= 0.02
    assert ve.max() <= spec.ve + 1e-6
    enhancement = (network(images) + 1) * spec.highest / 2
    assert enhancement.min() >= -1e-5
    assert enhancement.max() <= spec.highest


def test_it_is_differentiable_twice(network):
    """A critic with a gradient penalty may stand behind it, and so may a penalty on the translator itself."""
    network = network.double()
    images = torch.randn(1, 2, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).tanh()
    images.requires_grad_()
    (slope,) = torch.autograd.grad(network(images).square().sum(), images, create_graph=True)
    (bend,) = torch.autograd.grad(slope.square().sum(), images)
    assert bend.isfinite().all()
    assert bend.abs().max() > 0


def test_impossible_bounds_are_a_problem_of_the_recipe():
    """The message says what tissue reaches; nothing is clipped in silence."""
    (problem,) = Tofts(highest=2.0).check(ADC_T2W, DCE)
    assert str(problem).startswith("highest: must be >= 3.07, which tissue reaches 30 s after injection, got 2;")


def test_only_planes_are_translated():
    """One channel of the same size."""
    (problem,) = Tofts().check(ADC_T2W, {"dce": (2, 16, 16)})
    assert "makes one channel of the plane that it reads, but here it is 2 x 16 x 16 to 2 x 16 x 16" in str(problem)


def test_the_recipe_is_found_by_name():
    """And its DCE has the range that the translator fills."""
    recipe = load_recipe("tofts-quick", plugins=load_plugins())
    assert isinstance(recipe.networks["dce_translator"], Tofts)
    assert recipe.modalities["dce"].range == (0, recipe.networks["dce_translator"].highest)
