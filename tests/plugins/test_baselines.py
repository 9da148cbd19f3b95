"""CoGAN, Costa et al. and the supervised ablation: their networks, their loss, their recipes."""

import math
import random

import pytest
import torch
from pytest import approx

from gankit import Draws, RecipeError, load_recipe
from gankit.networks.synthesizer import build_networks
from gankit.testing import check_adversarial_loss, check_network
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer
from gankit_baselines.critic import CoupledCritic
from gankit_baselines.generator import CoupledGenerator
from gankit_baselines.losses import NonSaturating

LATENT = {"latent": (8,)}
PAIR = {"adc": (1, 16, 16), "t2w": (2, 16, 16)}
SCORE = {"score": ()}
RECIPES = ["cogan", "cogan-wgan-gp", "costa", "supervised"]
METHODS = ["cogan", "costa", "supervised"]
QUICK = ["adc-only-quick", "cogan-quick", "costa-quick", "mpmri-no-auxiliary-quick", "supervised-quick"]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def trainer(tiny_cohort):
    """``trainer(recipe)``: a trainer at step 0 on the tiny cohort."""
    cpu = torch.device("cpu")
    return lambda recipe: Trainer(recipe, resident_cohort(recipe, tiny_cohort, cpu, torch.float32), cpu, torch.float32)


def generator(target=PAIR, **options):
    torch.manual_seed(0)
    return CoupledGenerator(**({"width": 2} | options)).build(LATENT, target)


def critic(source=PAIR, **options):
    torch.manual_seed(0)
    return CoupledCritic(**({"width": 4} | options)).build(source, SCORE)


def gan(**options):
    return NonSaturating(on=("adc",), critic="c", against="cs", **options).build()


def nudged(part):
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))


# The coupled generators -----------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [0, 1, 3])
def test_shared_layers_move_both_modalities_and_a_head_only_its_own(own):
    """The first layers decide for all modalities, the last ones for one."""
    latent_BZ = torch.randn(3, 8)
    channels = [shape[0] for shape in PAIR.values()]

    def moved(part):
        network = generator(own=own)
        before = network(latent_BZ).split(channels, dim=1)
        nudged(part(network))
        after = network(latent_BZ).split(channels, dim=1)
        return [not torch.equal(*each) for each in zip(before, after, strict=True)]

    assert moved(lambda network: network.shared) == [True, True]
    assert moved(lambda network: network.heads[0]) == [True, False]
    assert moved(lambda network: network.heads[1]) == [False, True]


@pytest.mark.parametrize("size", [(64, 64), (16, 24), (8, 16, 8), (32,)])
def test_generates_every_modality_of_any_rank_and_proportion(size):
    """(B, Z) gives (B, C1 + C2, *S)."""
    target = {"adc": (1, *size), "t2w": (3, *size)}
    assert not list(CoupledGenerator().check(LATENT, target))
    assert generator(target)(torch.randn(2, 8)).shape == (2, 4, *size)


@pytest.mark.parametrize(
    ("options", "size", "place", "message"),
    [
        ({"start": 3}, (16, 16), "start", "3 does not fit 16 x 16: the smallest side must be start x 2^k, k >= 1"),
        ({"start": 3}, (16, 16), "start", "accepted: 1, 2, 4, 8"),
        ({}, (17, 17), "start", "accepted: nothing; change the size"),
        ({"own": 4}, (16, 16), "own", "must be at most 3, the blocks from 2 pixels, got 4"),
    ],
)
def test_a_generator_that_does_not_fit_says_what_would(options, size, place, message):
    """The problem names the option, and what is accepted."""
    (problem,) = CoupledGenerator(**options).check(LATENT, {"adc": (1, *size)})
    assert problem.place == place
    assert message in problem.message


# The coupled discriminators -------------------------------------------------------------------------------


def test_shared_layers_score_both_modalities_and_first_layers_one():
    """The last layers judge what is shown; each modality's first layers read how it looks."""
    images = {place: torch.randn(3, *shape) for place, shape in PAIR.items()}

    def moved(part):
        network = critic()
        before = {place: network(image, place) for place, image in images.items()}
        nudged(part(network))
        return [place for place, image in images.items() if not torch.equal(before[place], network(image, place))]

    assert moved(lambda network: network.shared) == ["adc", "t2w"]
    assert moved(lambda network: network.first[0]) == ["adc"]
    assert moved(lambda network: network.first[1]) == ["t2w"]


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 16, 40), (2, 8, 16, 16), (1, 33), (1, 4, 4)])
def test_one_score_per_image_of_any_rank(shape):
    """Images give (B,), at each place that the critic couples."""
    source = {"adc": shape, "dce": (5, *shape[1:])}
    assert not list(CoupledCritic().check(source, SCORE))
    assert critic(source)(torch.randn(3, *shape), "adc").shape == (3,)
    assert critic(source)(torch.randn(3, *source["dce"]), "dce").shape == (3,)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ({"latent": (8,)}, {}, "scores images (C, *S) of 1 to 3 dimensions, not 8"),
        ({"adc": (1, 16, 16), "t2w": (1, 32, 32)}, {}, "its shared layers need one spatial size, not "),
        (PAIR, {"own": 3}, "must be at most 2, its convolutions at this size, got 3"),
    ],
)
def test_a_critic_that_does_not_fit_says_why(source, options, message):
    """One problem, in words."""
    (problem,) = CoupledCritic(**options).check(source, SCORE)
    assert message in problem.message


def test_coupled_critics_share_their_parameters_in_the_optimizer(tiny_recipe):
    """One network under one name: what is shared is there once."""
    networks = build_networks(tiny_recipe("cogan"))
    names = [name for name in networks.parameters_of(["critic"]) if "weight" in name]
    assert names == [
        "critic.first.0.0.weight",
        "critic.first.1.0.weight",
        "critic.shared.0.weight",
        "critic.shared.3.weight",
    ]


def test_a_coupled_critic_cannot_be_shown_pairs(tiny_recipe):
    """A term that gives it both modalities at once is refused."""
    term = {"use": "gan", "on": ["adc", "t2w"], "critic": "critic", "against": "cs"}
    with pytest.raises(RecipeError, match=r"networks\.critic: reads one place at a time, not adc \+ t2w taken togeth"):
        tiny_recipe("cogan", **{"phases.unsupervised.terms.pairs": term})


def test_coupled_critics_meet_unpaired_slices(tiny_recipe, trainer):
    """The references of the two modalities are drawn by themselves: CoGAN learns from marginals."""
    recipe = tiny_recipe("cogan", **{"augmentation.mirror": False, "training.batch": 16})
    trained = trainer(recipe)
    batch = trained.phases[0].batch(trained.cohort, Draws(0, 0))
    assert slices(trained, batch, "gan-adc", "adc") != slices(trained, batch, "gan-t2w", "t2w")


def slices(trained, batch, term, *modalities):
    """Indices in the cohort of a term's references; the modalities are its channels in turn."""
    reference = batch.sets[0].references[term].split(1, dim=1)
    found = []
    for image, name in zip(reference, modalities, strict=True):
        differs_BN = (image[:, None] - trained.cohort.images[name][None]).abs().flatten(2).amax(dim=2)
        assert (differs_BN.amin(dim=1) == 0).all()
        found.append(differs_BN.argmin(dim=1).tolist())
    return found if len(found) > 1 else found[0]


# The pair discriminator -----------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["costa", "supervised"])
def test_the_pair_discriminator_sees_adc_and_t2w_of_one_slice(tiny_recipe, trainer, recipe):
    """Real pairs are pairs, and all of the pool that the synthesizer learns."""
    trained = trainer(tiny_recipe(recipe, **{"augmentation.mirror": False}))
    (phase,) = [phase for phase in trained.phases if phase.spec.name == "supervised"]
    batch = phase.batch(trained.cohort, Draws(0, 0))
    adc_B, t2w_B = slices(trained, batch, "gan-adc-t2w", "adc", "t2w")
    assert adc_B == t2w_B
    assert set(adc_B) <= set(trained.cohort.pools["cs"].tolist())


@pytest.mark.parametrize("recipe", ["costa", "supervised"])
def test_the_pair_discriminator_moves_both_networks_of_the_graph(tiny_recipe, recipe):
    """The decoder, the translator and the encoder are its players."""
    (phase,) = [phase for phase in tiny_recipe(recipe).phases if phase.name == "supervised"]
    assert phase.players(tiny_recipe(recipe)) == ("encoder", "adc_decoder", "t2w_translator")


# The loss -------------------------------------------------------------------------------------------------


def test_the_critic_maximises_the_value_of_the_game():
    """E log D(x) + E log(1 - D(x̂)) in probabilities, in float64; each expectation has its own count."""
    real, fake = (0.9, 0.6), (0.2, 0.5, 0.01)
    logit_B = torch.logit(torch.tensor((*real, *fake), dtype=torch.float64))
    samples = torch.zeros(5, 4, dtype=torch.float64)
    value = gan().critic(lambda x: logit_B[: len(x)], samples[:2], samples[2:], {})
    expected = -sum(map(math.log, real)) / 2 - sum(math.log(1 - p) for p in fake) / 3
    assert value.item() == approx(expected, rel=1e-14)


def test_the_player_does_not_saturate():
    """It minimises -E log D(x̂); its pull, 1 - D per logit, is greatest where the critic is sure of a fake."""
    probabilities = torch.tensor([0.2, 0.5, 1e-6], dtype=torch.float64)
    logit_B = torch.logit(probabilities).requires_grad_()
    value = gan().player(lambda _: logit_B, None, torch.zeros(3, 4), {})
    assert value.item() == approx(-sum(map(math.log, probabilities.tolist())) / 3, rel=1e-14)
    (slope_B,) = torch.autograd.grad(3 * value, logit_B)
    assert slope_B.tolist() == approx((probabilities - 1).tolist(), rel=1e-12)


def test_the_penalty_is_half_gamma_times_the_squared_slope_at_real_samples():
    """R1: of f(x) = |x|²/2 the slope is x, so E |∇f|² is the real samples' mean squared norm, whatever is fake."""
    numbers = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(3, 1, 4, 4, generator=numbers, dtype=torch.float64) for _ in range(2))

    def bowl(image):
        return image.flatten(1).square().sum(dim=1) / 2

    without = gan().critic(bowl, real, fake, {})
    value = gan(penalty=0.3).critic(bowl, real, fake, {})
    assert (value - without).item() == approx(0.15 * real.square().sum().item() / 3, rel=1e-12)


def test_the_critics_objective_has_right_derivatives():
    """First and second derivatives by the critic's weights, the penalty included."""
    numbers = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(3, 4, generator=numbers, dtype=torch.float64) for _ in range(2))
    weight, out = (torch.randn(n, generator=numbers, dtype=torch.float64, requires_grad=True) for n in ((4, 3), (3,)))

    def objective(weight, out):
        return gan(penalty=2.0).critic(lambda x: torch.tanh(x @ weight) @ out, real, fake, {})

    assert torch.autograd.gradcheck(objective, (weight, out))
    assert torch.autograd.gradgradcheck(objective, (weight, out))


# What every component promises ----------------------------------------------------------------------------


def test_only_a_penalty_asks_for_slopes_sample_by_sample():
    """The plain game takes a critic with BatchNorm, as the first GANs had."""
    assert not NonSaturating(on=("adc",), critic="c", against="cs").penalises_gradient
    assert NonSaturating(on=("adc",), critic="c", against="cs", penalty=1.0).penalises_gradient


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_the_loss_passes_the_conformance_check(penalty):
    check_adversarial_loss(NonSaturating(on=("adc",), critic="c", against="cs", penalty=penalty))


def test_the_networks_pass_the_conformance_check():
    check_network(CoupledGenerator(width=4), LATENT, PAIR)
    check_network(CoupledCritic(width=4), PAIR, SCORE)


# The recipes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", [*RECIPES, *QUICK])
def test_the_recipe_is_fine(plugins, recipe):
    """It loads without a problem by the name of its file."""
    assert load_recipe(recipe, (), plugins).name == recipe


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_steps_run_and_are_repeatable(tiny_recipe, trainer, recipe):
    """Every network moves, every number is finite, and a second run ends at the same bytes."""
    ends = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        random.seed(seed)
        trained = trainer(tiny_recipe(recipe))
        start = {name: p.clone() for name, p in trained.state.networks.by_name.named_parameters()}
        assert trained.step().keys() | trained.step().keys() == {phase.name for phase in trained.recipe.phases}
        assert trained.state.not_finite() is None
        moved = {n.split(".")[0] for n, p in trained.state.networks.by_name.named_parameters() if not p.equal(start[n])}
        assert moved == set(trained.recipe.networks)
        ends.append({name: tensor.clone() for name, tensor in trained.state.tensors().items()})
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("recipe", QUICK)
def test_quick_recipes_have_one_budget(plugins, recipe):
    """Steps, batch and image size are those of mpmri-quick, so that methods compare."""
    ours, mpmri = (load_recipe(name, (), plugins) for name in (recipe, "mpmri-quick"))
    assert ours.training == mpmri.training
    assert ours.modalities == {name: mpmri.modalities[name] for name in ours.modalities}
    assert (ours.latent, ours.augmentation) == (mpmri.latent, mpmri.augmentation)


@pytest.mark.parametrize("size", ["", "-quick"])
@pytest.mark.parametrize("method", METHODS)
def test_synthesizers_have_the_size_of_ours(plugins, method, size):
    """Parameters of the networks that sample, within 6% of those that the paper describes."""
    method, paper = (load_recipe(f"{name}{size}", (), plugins) for name in (method, "mpmri-paper"))

    def count(recipe):
        networks = build_networks(recipe, recipe.synthesizer_networks())
        return sum(parameter.numel() for parameter in networks.parameters())

    assert count(method) == approx(count(paper), rel=0.06)
