"""The networks of a recipe and the graph that runs through them."""

import subprocess
import sys

import attrs
import pytest
import torch

from gankit import InputError, Networks, RunError
from gankit._shapes import joined
from gankit.networks.stored_weights import declared_weights
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


def test_networks_that_the_machine_cannot_hold_are_refused_at_once(tiny_recipe, monkeypatch):
    """Before the system ends the process for the memory that it takes."""
    monkeypatch.setattr("gankit.networks.synthesizer.machine_memory", lambda: 10**9)
    wide = tiny_recipe(**{"networks.adc_critic.width": 16_384})
    with pytest.raises(RunError, match=r"networks\.adc_critic: has most of the weights, which need .* GB"):
        build_networks(wide)


def test_what_shipped_networks_declare_loads_no_compiler():
    """Which takes longer than to load a model. Arithmetic on the meta device loads it, except in place."""
    program = """
import sys
from gankit import load_plugins, load_recipe
from gankit.networks.stored_weights import declared_weights
plugins = load_plugins()
for name in plugins.recipes:
    recipe = load_recipe(name, (), plugins)
    assert declared_weights(recipe, recipe.networks), name
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_networks_declare_draws_nothing(tiny_recipe):
    """The weights of networks that are built afterwards are the same."""
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    assert declared_weights(tiny_recipe(), tiny_recipe().networks)
    assert torch.equal(torch.random.get_rng_state(), before)
