"""The networks of a recipe and the graph that runs through them."""

import attrs
import pytest
import torch

from gankit import InputError, Networks
from gankit._shapes import joined
from gankit.networks.synthesizer import apart, build_networks, together


def test_weights_follow_from_the_seed_and_the_network_name(tiny_recipe):
    """Whatever else is built, and however torch's generator stands."""
    recipe = tiny_recipe()
    torch.manual_seed(5)
    all_networks = build_networks(recipe)
    torch.manual_seed(6)
    alone = build_networks(recipe, ["adc_critic"])
    ours, theirs = alone["adc_critic"].state_dict(), all_networks["adc_critic"].state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert not torch.equal(next(all_networks["adc_critic"].parameters()), next(all_networks["t2w_critic"].parameters()))
    other = build_networks(tiny_recipe(**{"training.seed": 1}), ["adc_critic"])
    assert not torch.equal(next(other.parameters()), next(alone.parameters()))


def test_building_leaves_torchs_generator_alone(tiny_recipe):
    """A notebook's own random numbers stay what they were."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_networks(tiny_recipe())
    assert torch.equal(torch.rand(3), expected)


def test_the_graph_makes_every_modality(tiny_recipe):
    """Latents in, images in [-1, 1] out, in the order of the recipe."""
    images = build_networks(tiny_recipe()).synthesize({"latent": torch.randn(3, 8)})
    assert list(images) == ["adc", "t2w"]
    assert all(image.shape == (3, 1, 16, 16) and image.abs().max() <= 1 for image in images.values())


def test_a_network_named_twice_makes_its_modalities_in_one_call(tiny_recipe):
    """Channels go to the modalities in their order."""
    recipe = tiny_recipe()
    edge = recipe.synthesizer["adc"]
    joint = attrs.evolve(recipe, synthesizer={"adc": edge, "t2w": edge}, phases=())
    networks, latent_BZ = build_networks(joint, ["adc_decoder"]), torch.randn(3, 8)
    made = networks["adc_decoder"](latent_BZ)
    assert made.shape == (3, 2, 16, 16)
    images = networks.synthesize({"latent": latent_BZ})
    assert torch.equal(images["adc"], made[:, :1])
    assert torch.equal(images["t2w"], made[:, 1:])


@pytest.mark.parametrize("name", ["keys", "training"])
def test_a_name_that_torch_keeps_is_refused(tiny_recipe, name):
    """One clear line instead of torch's own complaint."""
    with pytest.raises(InputError, match=rf"networks\.{name}: torch keeps this name for itself; choose another"):
        Networks(tiny_recipe(), {name: torch.nn.Identity()})


def test_a_vector_beside_images_becomes_constant_maps_and_a_vector_again():
    """What is taken together comes apart as it was, so that a critic can read an image beside a label."""
    places = {"adc": torch.randn(3, 2, 4, 5), "grade": torch.eye(3), "t2w": torch.randn(3, 1, 4, 5)}
    joint = together(places, tuple(places))
    shapes = {"adc": (2, 4, 5), "grade": (3,), "t2w": (1, 4, 5)}
    assert joint.shape[1:] == joined(shapes) == (6, 4, 5)
    assert torch.equal(joint[:, 2:5], torch.eye(3)[:, :, None, None].expand(3, 3, 4, 5))
    for part, place in zip(apart(joint, shapes), places.values(), strict=True):
        assert torch.allclose(part, place)


def test_vectors_taken_together_follow_each_other():
    """A decoder of latents and labels reads one longer vector."""
    places = {"latent": torch.randn(3, 8), "grade": torch.eye(3)}
    assert torch.equal(together(places, ("latent", "grade")), torch.cat([places["latent"], torch.eye(3)], dim=1))
    assert joined({"latent": (8,), "grade": (3,)}) == (11,)
