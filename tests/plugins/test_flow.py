"""Rectified flow: velocities from noise to slices, the samplers that follow them and the phase that fits them."""

import math

import attrs
import numpy as np
import pytest
import torch

from gankit import Draws, RecipeError, load_model, train
from gankit.networks.synthesizer import build_networks
from gankit.processes.ranks import ALONE
from gankit.testing import check_network, check_phase, check_sampler
from gankit.training.batch import BatchSource
from gankit.training.resident import resident_cohort
from gankit_flow._samplers import euler, heun
from gankit_flow.samplers import Euler, Heun
from gankit_flow.translator import FlowUNet

NOISE = {"noise": (2, 8, 8)}
PAIR = {"adc": (1, 8, 8), "t2w": (1, 8, 8)}
LEARNING = {
    "training.steps": 400,
    "training.batch": 16,
    "training.ema": 0.98,
    "training.checkpoint_every": 400,
    "training.log_every": 100,
    "networks.flow.sampler.steps": 8,
    "phases.matching.learning_rate": 4e-3,
}
STILL = {"augmentation.mirror": False, "augmentation.shift": 0}
UNET = {"use": "unet", "width": 4, "depth": 2}
TRANSLATED = {
    "synthesizer.adc": {"given": True},
    "synthesizer.noise.random": [1, 16, 16],
    "synthesizer.t2w.from": ["noise", "adc"],
}
LABELLED = {
    "synthesizer.cs": {"label": "cs"},
    "synthesizer.adc.from": ["noise", "cs"],
    "synthesizer.t2w.from": ["noise", "cs"],
    "pools.all": {},
    "phases.matching.pool": "all",
}


def flow(source=NOISE, target=PAIR, **options):
    torch.manual_seed(0)
    return FlowUNet(**({"width": 8, "depth": 2, "sampler": Euler(steps=2)} | options)).build(source, target)


def drawn(recipe, cohort, step=0):
    """One set of inputs of the recipe's only phase."""
    resident = resident_cohort(recipe, cohort, torch.device("cpu"))
    (phase,) = recipe.phases
    return phase.inputs(BatchSource(recipe, resident, Draws(0, step), "phase/0/inputs", ALONE))


# Samplers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [Euler(steps=1), Euler(steps=7), Heun(steps=1), Heun(steps=5)])
def test_samplers_keep_their_promises(spec):
    """They solve dx/dt = v(x, t) from 0 to 1."""
    check_sampler(spec)


@pytest.mark.parametrize(("sampler", "order"), [(euler, 1), (heun, 2)])
def test_errors_fall_with_the_order_of_the_method(sampler, order):
    """Twice as many steps make the error of dx/dt = x about 2 and 4 times smaller."""
    start = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    errors = [abs(sampler(lambda x, time: x, start, steps).item() - math.e) for steps in (64, 128)]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.05)


def test_euler_on_straight_ways_needs_one_step():
    """From x_0 the velocity x_1 - x_0 leads to x_1 in one step (Liu et al. 2022, Sec. 2.2)."""
    noise, images = torch.randn(2, 1, 4, 4), torch.randn(2, 1, 4, 4)
    assert torch.allclose(euler(lambda x, time: images - noise, noise, 1), images, atol=1e-6)


# The network ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "options"),
    [
        (NOISE, PAIR, {}),
        (NOISE, PAIR, {"attention": False, "blocks": 2}),
        (NOISE | {"cs": (2,)}, PAIR, {}),
        ({"noise": (1, 8, 8), "adc": (1, 8, 8), "cs": (2,)}, {"t2w": (1, 8, 8)}, {}),
        ({"noise": (1, 4, 8, 8)}, {"adc": (1, 4, 8, 8)}, {}),
        ({"noise": (3, 16)}, {"trace": (3, 16)}, {}),
    ],
)
def test_the_network_keeps_its_promises(source, target, options):
    """With labels and images beside the noise, in one to three dimensions."""
    check_network(FlowUNet(sampler=Heun(steps=2), width=8, depth=2, **options), source, target)


def test_a_sample_is_where_its_velocities_lead():
    """``forward`` is the sampler on ``velocity``, limited to [-1, 1]."""
    network, noise = flow(sampler=Euler(steps=3)), torch.randn(2, 2, 8, 8)
    for parameter in network.leave[-1].parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    assert torch.equal(network(noise), euler(network.velocity, noise, 3).clamp(-1, 1))


def test_a_new_network_has_no_velocity():
    """A sample of it is its noise."""
    x = torch.randn(2, 2, 8, 8)
    assert not flow().velocity(x, torch.rand(2)).any()


def test_velocities_depend_on_time_and_condition():
    """Two times, or two labels, give two velocities of the same sample."""
    network = flow(NOISE | {"cs": (2,)})
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x, no, yes = torch.randn(1, 2, 8, 8), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    at = network.velocity(x, torch.tensor([0.2]), no)
    assert not torch.allclose(at, network.velocity(x, torch.tensor([0.8]), no))
    assert not torch.allclose(at, network.velocity(x, torch.tensor([0.2]), yes))


# The phase ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [{}, {"phases.matching.times": "uniform"}, LABELLED, TRANSLATED])
def test_the_phase_keeps_its_promises(tiny_recipe, overrides):
    """Of pairs, with either distribution of times, of a class that is asked for, and of T2w beside given ADC."""
    recipe = tiny_recipe("flow", **overrides)
    check_phase(recipe.phases[0], recipe)


def test_velocities_are_compared_with_the_straight_way_from_noise_to_slice(tiny_recipe, tiny_cohort):
    """At x_t = t x_1 + (1 - t) x_0 the reference is x_1 - x_0 (Liu et al. 2022, equation 1), for both modalities."""
    recipe = tiny_recipe("flow", **STILL, **{"training.batch": 24})
    inputs = drawn(recipe, tiny_cohort)
    x_t, t, way = inputs.values["noise"], inputs.values["time"][:, None, None, None], inputs.references["velocity"]
    noise, slices = x_t - t * way, x_t + (1 - t) * way
    images = {name: tiny_cohort.modalities[name].values for name in ("adc", "t2w")}
    real = torch.cat([torch.from_numpy(recipe.modalities[name].to_network(images[name])) for name in images], dim=1)
    distances = (slices[:, None] - real[None]).abs().amax(dim=(2, 3, 4)).amin(dim=1)
    assert distances.max() < 1e-4
    assert noise.mean().item() == pytest.approx(0, abs=0.05)
    assert noise.std().item() == pytest.approx(1, abs=0.05)


def test_the_candidate_is_the_network_at_that_place_and_time(tiny_recipe, tiny_cohort):
    """Place ``velocity`` is v(x_t, t)."""
    recipe = tiny_recipe("flow")
    inputs, networks = drawn(recipe, tiny_cohort), build_networks(recipe)
    for parameter in networks["flow"].parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    made = recipe.phases[0].candidates(networks, inputs)["velocity"]
    assert torch.equal(made, networks["flow"].velocity(inputs.values["noise"], inputs.values["time"]))


@pytest.mark.parametrize(("times", "share"), [("uniform", 0.5), ("logit-normal", 0.728)])
def test_times_have_the_distribution_that_is_named(tiny_recipe, tiny_cohort, times, share):
    """Between 0.25 and 0.75: one half of uniform times, and of logit-normal ones the share of |z| < ln 3."""
    recipe = tiny_recipe("flow", **{"phases.matching.times": times, "training.batch": 2000})
    time = drawn(recipe, tiny_cohort).values["time"]
    assert ((time > 0.25) & (time < 0.75)).float().mean().item() == pytest.approx(share, abs=0.04)
    assert time.min() >= 0
    assert time.max() < 1


def test_slices_without_one_of_the_modalities_are_not_drawn(tiny_recipe, tiny_cohort):
    """They have no way to go."""
    t2w = tiny_cohort.modalities["t2w"]
    lacking = attrs.evolve(t2w, present=np.arange(len(tiny_cohort)) > 2)
    cohort = attrs.evolve(tiny_cohort, modalities=tiny_cohort.modalities | {"t2w": lacking})
    recipe = tiny_recipe("flow", **STILL, **{"training.batch": 64})
    inputs = drawn(recipe, cohort)
    t, way = inputs.values["time"][:, None, None, None], inputs.references["velocity"]
    slices = inputs.values["noise"] + (1 - t) * way
    absent = torch.from_numpy(recipe.modalities["adc"].to_network(tiny_cohort.modalities["adc"].values[:3]))
    assert (slices[:, None, :1] - absent[None]).abs().amax(dim=(2, 3, 4)).min() > 0.01


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        (
            {"phases.matching.network": "flaw"},
            "'flaw' gives no velocities; did you mean 'flow'?",
        ),
        (
            {"networks.other": UNET, "phases.matching.network": "other"},
            "phases.matching.network: 'other' gives no velocities; networks that do: flow",
        ),
        (
            {"synthesizer.adc.from": "latent", "synthesizer.t2w.from": "latent"},
            "needs a generator, but 'flow' is a translator",
        ),
        ({"synthesizer.noise.random": [1, 16, 16]}, "networks.flow.use: starts at 'noise'"),
        (
            {"synthesizer.noise.random": [2, 8, 8]},
            "as in noise = { random = [2, 16, 16] }",
        ),
        ({"networks.flow.depth": 5}, "networks.flow.depth: axis 0 (rows) has 16, must be divisible by 2^5"),
        ({"networks.flow.sampler.steps": 0}, "networks.flow.sampler.steps"),
        ({"networks.flow.sampler.use": "hewn"}, "did you mean 'heun'?"),
        ({"phases.matching.times": "cosine"}, "phases.matching.times"),
        ({"phases.matching.pool": "sc"}, "phases.matching.pool: no pool 'sc'; did you mean 'cs'?"),
        ({"synthesizer.t2w.from": ["noise", "adc"]}, "makes modalities from 2 sets of places"),
        ({"phases.matching.terms.l2-velocity.on": "adc"}, "this phase makes nothing on 'adc'; it makes velocity"),
        ({"modalities.t2w.shape": [1, 8, 8]}, "networks.flow: "),
        ({"synthesizer.velocity.random": [1, 16, 16]}, "phases.matching.use: makes a place 'velocity' of its own"),
    ],
)
def test_what_does_not_fit_is_named(tiny_recipe, overrides, found):
    """With its place, what was found and what to do."""
    with pytest.raises(RecipeError) as failed:
        tiny_recipe("flow", **overrides)
    assert found in str(failed.value)


def test_another_sampler_keeps_the_steps(tiny_recipe):
    """They mean the same to every sampler."""
    recipe = tiny_recipe("flow", **{"networks.flow.sampler.steps": 5, "networks.flow.sampler.use": "euler"})
    assert recipe.networks["flow"].sampler == Euler(steps=5)


# A training -----------------------------------------------------------------------------------------------


def test_it_learns_the_distribution_of_pixels(tiny_recipe, tiny_cohort, tmp_path):
    """After some hundred steps, samples are nearer to real slices in mean and spread than noise is."""
    recipe = tiny_recipe("flow", **LEARNING)
    model = load_model(train(recipe, tmp_path / "run", cohort=tiny_cohort).path)
    real = torch.from_numpy(tiny_cohort.modalities["adc"].values[tiny_cohort.labels["cs"] == 1])
    made = model.sample(32)["adc"]
    assert (made.mean(dim=0) - real.mean(dim=0)).abs().mean() < 150
    assert made.std().item() == pytest.approx(real.std().item(), rel=0.15)


def test_a_class_that_is_asked_for_is_heeded(tiny_recipe, tiny_cohort, tmp_path):
    """Samples without cancer have no spot, those with it have one."""
    model = load_model(train(tiny_recipe("flow", **LEARNING, **LABELLED), tmp_path / "run", cohort=tiny_cohort).path)
    with_spot, without = (model.sample(16, given={"cs": cs})["adc"][:, 0, 9:11, 9:11].mean() for cs in (1, 0))
    assert without - with_spot > 400
