"""Each loss against its equation in plain numbers, and who gets a gradient from whom."""

import math

import numpy as np
import pytest
import torch
from pytest import approx
from torch import nn

from gankit._draws import Draws
from gankit_aae.losses import L1, L2, AdversarialLatent, BandL2
from gankit_jsd.losses import AuxiliaryJensenShannon
from gankit_wgan_gp.losses import WassersteinGradientPenalty


def logits_of(*probabilities):
    """A critic that has given samples with these probabilities, whatever the samples are."""
    logit_B = torch.logit(torch.tensor(probabilities, dtype=torch.float64))
    return lambda samples: logit_B[: len(samples)]


def linear_critic(slope, pixels=64):
    """A critic whose gradient has norm ``slope`` everywhere."""
    return lambda image: slope * image.flatten(1).sum(dim=1) / math.sqrt(pixels)


def images(count=3, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def wasserstein(**options):
    return WassersteinGradientPenalty(on=("adc",), critic="c", against="cs", **options).build()


def auxiliary():
    return AuxiliaryJensenShannon(on=("adc",), critic="c", against="noncs").build()


MIXING = {"mixing": torch.tensor([0.0, 0.25, 0.99], dtype=torch.float64)}


# Eq. 1 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "expected"), [(L2, [0.25, 4.0]), (L1, [0.5, 2.0])])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 64, 64), (3, 16), (2, 4, 4, 4)])
def test_paired_losses_are_means_over_pixels(loss, expected, shape):
    """Eq. 1's norm is a mean over pixels, so equal differences cost the same at every size, each sample its own."""
    difference = torch.tensor([0.5, -2.0]).view(2, *[1] * len(shape))
    reference = torch.rand(2, *shape)
    each_B = loss(on=("adc",)).build()(reference + difference, reference)
    assert each_B.tolist() == approx(expected, rel=1e-5)


def test_band_l2_does_not_see_brightness():
    """A constant is equal to its local mean, so a reconstruction that is brighter throughout loses no detail."""
    each_B = BandL2(on=("adc",)).build()(images() + 0.3, images())
    assert each_B.tolist() == approx([0, 0, 0], abs=1e-12)


@pytest.mark.parametrize("shape", [(6,), (5, 7), (6, 4, 5)])
@pytest.mark.parametrize("reach", [1, 9])
def test_a_local_mean_is_of_the_pixels_there_are_in_every_dimension(shape, reach):
    """Within a box that the image cuts off, which may be larger than the image."""
    candidate = torch.rand(1, 2, *shape, dtype=torch.float64)
    each_B = BandL2(on=("adc",), inner=0, beyond=reach).build()(candidate, torch.zeros_like(candidate))
    x_CS, expected = candidate[0].numpy(), []
    for place in np.ndindex(*shape):
        box = tuple(slice(max(0, at - reach), at + reach + 1) for at in place)
        expected += [(x[place] - x[box].mean()) ** 2 for x in x_CS]
    assert each_B.item() == approx(np.mean(expected))


@pytest.mark.parametrize(("inner", "beyond"), [(0, 1), (0, 3), (1, 2)])
def test_band_l2_is_the_squared_band_of_one_pixel(inner, beyond):
    """Of one pixel of height h, B is h (1/a - 1/b) within the smaller square of area a and -h/b in the rest of the
    larger, of area b."""
    h, size = 2.0, 32
    reference = torch.zeros(1, 1, size, size, dtype=torch.float64)
    candidate = reference.clone()
    candidate[0, 0, 16, 16] = h
    a, b = (2 * inner + 1) ** 2, (2 * (inner + beyond) + 1) ** 2
    expected = h**2 * (a * (1 / a - 1 / b) ** 2 + (b - a) / b**2) / size**2
    each_B = BandL2(on=("adc",), inner=inner, beyond=beyond).build()(candidate, reference)
    assert each_B.tolist() == approx([expected])


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_band_l2_takes_one_to_three_dimensions(rank):
    """Each sample has a loss of its own in every number of spatial dimensions."""
    x = torch.rand(2, 1, *[12] * rank)
    each_B = BandL2(on=("adc",)).build()(x, torch.zeros_like(x))
    assert each_B.shape == (2,)
    assert (each_B > 0).all()


# Eq. 2 ----------------------------------------------------------------------------------------------------


def test_aae_critic_maximises_eq_2():
    """From logits, the critic's objective is minus E log D(z) + E log(1 - D(F_enc(a))) of its probabilities."""
    loss = AdversarialLatent(critic="c").build()
    prior, encodings = (0.9, 0.6), (0.2, 0.5)
    value = loss.critic(logits_of(*prior, *encodings), torch.zeros(2, 4), torch.zeros(2, 4), {})
    eq_2 = sum(math.log(p) for p in prior) / 2 + sum(math.log(1 - p) for p in encodings) / 2
    assert value.item() == approx(-eq_2)


@pytest.mark.parametrize(
    ("player", "expected"),
    [("saturating", (math.log(0.8) + math.log(0.5)) / 2), ("non-saturating", -(math.log(0.2) + math.log(0.5)) / 2)],
)
def test_aae_player_minimises_what_it_says(player, expected):
    """The encoder minimises E log(1 - D), or -E log D, of the critic's probabilities."""
    loss = AdversarialLatent(critic="c", player=player).build()
    assert loss.player(logits_of(0.2, 0.5), torch.zeros(2, 4), torch.zeros(2, 4), {}).item() == approx(expected)


@pytest.mark.parametrize("player", ["saturating", "non-saturating"])
def test_aae_player_approaches_the_prior(player):
    """Either way the encoder's loss falls as the critic takes its encodings for the prior."""
    logit = torch.zeros(3, requires_grad=True)
    (slope,) = torch.autograd.grad(
        AdversarialLatent(critic="c", player=player).build().player(lambda _: logit, None, torch.zeros(3, 4), {}), logit
    )
    assert (slope < 0).all()


# Eqs. 4 and 5 ---------------------------------------------------------------------------------------------


def test_wasserstein_without_penalty_is_the_difference_of_means():
    """With λ = 0 the critic minimises E D(â) - E D(a) and the player -E D(â)."""
    critic, real, fake = linear_critic(3.0), images(seed=1), images(seed=2)
    difference = critic(fake).mean() - critic(real).mean()
    assert wasserstein(penalty=0.0).critic(critic, real, fake, MIXING).item() == approx(difference.item())
    assert wasserstein().player(critic, real, fake, MIXING).item() == approx(-critic(fake).mean().item())


@pytest.mark.parametrize(("slope", "expected"), [(1.0, 0.0), (0.0, 10.0), (3.0, 40.0)])
def test_penalty_is_the_squared_distance_of_the_slope_from_one(slope, expected):
    """λ E (|∇D| - 1)²: nothing at slope one, the whole weight for a flat critic, 4 λ at slope three."""
    critic, real, fake = linear_critic(slope), images(seed=1), images(seed=2)
    without = wasserstein(penalty=0.0).critic(critic, real, fake, MIXING)
    penalty = wasserstein(penalty=10.0).critic(critic, real, fake, MIXING) - without
    assert penalty.item() == approx(expected, abs=1e-12)


def test_penalty_is_taken_between_each_pair():
    """``mix`` is ε real + (1 - ε) fake: a critic D = |x|²/2 has slope |x|, so its penalty tells where it was taken."""
    real, fake = images(seed=1), images(seed=2)
    critic = lambda image: image.flatten(1).square().sum(dim=1) / 2  # noqa: E731
    without = wasserstein(penalty=0.0).critic(critic, real, fake, MIXING)
    penalty = wasserstein(penalty=1.0).critic(critic, real, fake, MIXING) - without
    mixes = [e * x + (1 - e) * y for e, x, y in zip(MIXING["mixing"], real, fake, strict=True)]
    assert penalty.item() == approx(sum((mix.norm().item() - 1) ** 2 for mix in mixes) / 3)


def test_the_penalty_of_a_critic_of_patches_is_that_of_the_mean_of_its_patches():
    """Patches of slopes 1 and 5 in one direction score a sample with slope 3."""
    real, fake = images(seed=1), images(seed=2)
    critic = lambda image: torch.stack([linear_critic(slope)(image) for slope in (1.0, 5.0)], dim=1)  # noqa: E731
    without = wasserstein(penalty=0.0).critic(critic, real, fake, MIXING)
    penalty = wasserstein(penalty=10.0).critic(critic, real, fake, MIXING) - without
    assert penalty.item() == approx(40.0)


def test_penalty_has_no_nan_where_the_gradient_is_zero():
    """A critic that is flat at the images still gets a finite gradient."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)).double()
    nn.init.zeros_(network[1].weight)
    value = wasserstein().critic(network, images(seed=1), images(seed=2), MIXING)
    gradients = torch.autograd.grad(value, list(network.parameters()), allow_unused=True)
    assert value.item() == approx(10.0)
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


def test_critic_objective_has_right_derivatives():
    """First and second derivatives of the whole critic objective by the critic's weights are those of its values."""
    real, fake = images(seed=1)[:, :, :2, :2], images(seed=2)[:, :, :2, :2]

    def objective(weight, out):
        critic = lambda image: torch.tanh(image.flatten(1) @ weight) @ out  # noqa: E731
        return wasserstein(drift=0.1).critic(critic, real, fake, MIXING)

    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    out = torch.randn(3, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(objective, (weight, out))
    assert torch.autograd.gradgradcheck(objective, (weight, out))


def test_drift_is_the_mean_square_of_real_scores():
    """The drift term keeps the scores of real images near zero."""
    critic, real, fake = linear_critic(1.0), images(seed=1), images(seed=2)
    drift = wasserstein(drift=0.5).critic(critic, real, fake, MIXING) - wasserstein().critic(critic, real, fake, MIXING)
    assert drift.item() == approx(0.5 * critic(real).square().mean().item())


# Eqs. 8 to 10 ---------------------------------------------------------------------------------------------


def test_auxiliary_critic_maximises_eq_8():
    """From logits, the critic's objective is minus E log C(a) + E log(1 - C(â)) of its probabilities."""
    other, fakes = (0.7, 0.9, 0.4), (0.1, 0.5, 0.3)
    value = auxiliary().critic(logits_of(*other, *fakes), images(seed=1), images(seed=2), MIXING)
    eq_8 = sum(math.log(p) for p in other) / 3 + sum(math.log(1 - p) for p in fakes) / 3
    assert value.item() == approx(-eq_8)


def test_auxiliary_critic_takes_means_on_each_side():
    """With slices alongside there are more candidates than references; each expectation has its own count."""
    value = auxiliary().critic(logits_of(0.7, 0.1, 0.5, 0.3), images(1), images(3), {})
    eq_8 = math.log(0.7) + (math.log(0.9) + math.log(0.5) + math.log(0.7)) / 3
    assert value.item() == approx(-eq_8)


def test_auxiliary_critic_and_player_both_raise_j():
    """Eq. 10: what the player minimises is -J up to what it cannot change, so both are moved the same way."""
    fakes = (0.1, 0.5, 0.3)
    player = auxiliary().player(logits_of(*fakes), images(), images(), {})
    assert player.item() == approx(-sum(math.log(1 - p) for p in fakes) / 3)
    logit = torch.zeros(3, requires_grad=True)
    (slope,) = torch.autograd.grad(auxiliary().player(lambda _: logit, None, images(), {}), logit)
    assert (slope > 0).all()  # down the gradient: C(â) falls, log(1 - C(â)) and J rise


def test_auxiliary_gradient_vanishes_when_the_classes_separate():
    """II-C: as C(â) goes to 0 the pull on the player, C(â) per logit, goes to 0 too, without NaN."""
    logit = torch.tensor([0.0, -5.0, -20.0, -1000.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(auxiliary().player(lambda _: logit, None, images(4), {}) * 4, logit)
    assert slope.tolist() == approx(torch.sigmoid(logit).tolist(), rel=1e-12)
    assert slope[-1] < 1e-300


@pytest.mark.parametrize("loss", [AdversarialLatent(critic="c").build(), auxiliary()], ids=["aae", "jsd-auxiliary"])
def test_extreme_logits_stay_finite(loss):
    """Losses come from logits, so certainty costs a finite number and has a finite gradient."""
    logit = torch.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    value = loss.critic(lambda samples: logit[: len(samples)], images(2), images(2), {})
    (slope,) = torch.autograd.grad(value, logit)
    assert value.isfinite()
    assert slope.isfinite().all()


# Who moves ------------------------------------------------------------------------------------------------


@pytest.fixture
def trained_once(tiny_recipe, trainer):
    """``trained_once(phase, which)``: names of networks changed by one update of a phase's critics or players."""

    def changed(phase_name, which):
        trained = trainer(tiny_recipe())
        phase = next(phase for phase in trained.phases if phase.spec.name == phase_name)
        networks, optimizers = trained.state.networks, trained.state.optimizers
        batch = phase.batch(trained.cohort, Draws(0, 1))
        before = {name: parameter.clone() for name, parameter in networks.by_name.named_parameters()}
        update, skipped = optimizers.update, {"critics": "players", "players": "critics"}[which]
        optimizers.update = lambda name, role, value: None if role == skipped else update(name, role, value)
        phase(networks, optimizers, batch)
        assert all(p.grad is None and p.requires_grad for p in networks.by_name.parameters())
        return {
            name.partition(".")[0]
            for name, parameter in networks.by_name.named_parameters()
            if not torch.equal(parameter, before[name])
        }

    return changed


@pytest.mark.parametrize(
    ("phase", "critics", "players"),
    [
        ("supervised", {"latent_critic"}, {"encoder", "adc_decoder", "t2w_translator"}),
        (
            "unsupervised",
            {"adc_critic", "t2w_critic", "adc_auxiliary", "t2w_auxiliary"},
            {"adc_decoder", "t2w_translator"},
        ),
    ],
)
def test_an_update_leaves_the_other_side_bitwise_as_it_was(trained_once, phase, critics, players):
    """Critics train on candidates without graph, players against frozen critics, and nothing else moves."""
    assert trained_once(phase, "critics") == critics
    assert trained_once(phase, "players") == players


def test_critics_see_no_graph_and_players_meet_frozen_critics(tiny_recipe, trainer, monkeypatch):
    """No gradient is computed that nobody uses: candidates arrive detached, and the critic's weights need none."""
    trained = trainer(tiny_recipe())
    phase = next(phase for phase in trained.phases if phase.spec.name == "unsupervised")
    seen = []

    def weights_need_gradient(critic):
        return [weight.requires_grad for weight in trained.state.networks[critic.name].parameters()]

    class Watching:
        def __init__(self, loss):
            self.loss = loss

        def critic(self, critic, reference, candidate, draws):
            seen.append(("critic", candidate.requires_grad, all(weights_need_gradient(critic))))
            return self.loss.critic(critic, reference, candidate, draws)

        def player(self, critic, reference, candidate, draws):
            seen.append(("player", candidate.requires_grad, any(weights_need_gradient(critic))))
            return self.loss.player(critic, reference, candidate, draws)

    monkeypatch.setattr(phase, "adversarial", [(term, Watching(loss)) for term, loss in phase.adversarial])
    phase(trained.state.networks, trained.state.optimizers, phase.batch(trained.cohort, Draws(0, 1)))
    assert set(seen) == {("critic", False, True), ("player", True, False)}
