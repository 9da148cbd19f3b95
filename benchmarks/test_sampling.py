"""Synthetic pairs a second."""

from __future__ import annotations

import pytest
import torch

from gankit import Model, load_recipe
from gankit.networks.synthesizer import build_networks
from gankit.training.train import choose_device


@pytest.fixture(scope="module")
def model():
    """The synthesizer of ``mpmri-paper-quick``, untrained: weights do not change what sampling costs."""
    recipe = load_recipe("mpmri-paper-quick")
    networks = build_networks(recipe, recipe.synthesizer_networks())
    return Model(recipe, networks.requires_grad_(False).eval().to(choose_device("auto")), 0)


def one_by_one(model, count):
    """One latent at a time through networks that keep everything for gradients."""
    model.networks.requires_grad_(True)
    device = next(model.networks.parameters()).device
    made = [
        model.networks.synthesize({"latent": latent_Z[None].to(device)}) for latent_Z in model.latents(count, seed=0)
    ]
    model.networks.requires_grad_(False)
    return {
        name: spec.to_units(torch.cat([images[name].detach() for images in made]).cpu())
        for name, spec in model.recipe.modalities.items()
    }


def all_with_gradients(model, count):
    """All latents at once through networks that keep everything for gradients."""
    model.networks.requires_grad_(True)
    device = next(model.networks.parameters()).device
    images = model.networks.synthesize({"latent": model.latents(count, seed=0).to(device)})
    model.networks.requires_grad_(False)
    return {name: spec.to_units(images[name].detach().cpu()) for name, spec in model.recipe.modalities.items()}


def gankit(model, count):
    """``Model.sample``."""
    return model.sample(count, seed=0)


def test_all_three_make_the_same_pairs(model):
    """The ratio compares like with like: images in stored units, to rounding."""
    expected = gankit(model, 5)
    for other in one_by_one(model, 5), all_with_gradients(model, 5):
        for name, images in expected.items():
            torch.testing.assert_close(other[name], images, rtol=1e-4, atol=0.05)


@pytest.mark.benchmark(group="sampling, mpmri-paper-quick: 256 pairs of 32 x 32")
@pytest.mark.parametrize("how", [one_by_one, all_with_gradients, gankit], ids=lambda how: how.__name__)
def test_sampling(benchmark, model, how):
    """Sampling in chunks without graph, against one latent at a time and against one batch with gradients kept."""
    count = 256 if benchmark.enabled else 4
    made = benchmark.pedantic(how, (model, count), rounds=7, warmup_rounds=1)
    assert [len(images) for images in made.values()] == [count, count]
    if benchmark.enabled:
        benchmark.extra_info["pairs_per_s"] = count / benchmark.stats.stats.median


@pytest.mark.benchmark(group="sampling, by method: 64 pairs of 32 x 32")
@pytest.mark.parametrize("recipe", ["mpmri-quick", "cogan-quick", "flow-quick"])
def test_methods(benchmark, recipe):
    """What a pair costs: a GAN runs its networks once, a flow as often as its sampler asks for velocities."""
    loaded = load_recipe(recipe)
    networks = build_networks(loaded, loaded.synthesizer_networks())
    model = Model(loaded, networks.requires_grad_(False).eval().to(choose_device("auto")), 0)
    count = 64 if benchmark.enabled else 2
    made = benchmark.pedantic(gankit, (model, count), rounds=7, warmup_rounds=1)
    assert {len(images) for images in made.values()} == {count}
    if benchmark.enabled:
        benchmark.extra_info["pairs_per_s"] = count / benchmark.stats.stats.median
