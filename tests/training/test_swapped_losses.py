"""Losses of the field in recipes: one line swaps one for another, and features of any network can be compared."""

import pytest
import torch

from gankit import Draws, RecipeError

TERM = "phases.unsupervised.terms.wgan-gp-adc"
MORE = "phases.unsupervised.terms.more"
EVERY = {"phases.supervised.start": 0, "phases.unsupervised.start": 0}
UNTRAINED = {"untrained": {"use": "conv-critic", "width": 4}}


def term_of(recipe):
    return next(term for phase in recipe.phases for term in phase.terms if term.name == "wgan-gp-adc")


@pytest.mark.parametrize("use", ["hinge", "least-squares", "relativistic", "gan"])
def test_one_line_swaps_a_loss(tiny_recipe, trainer, use):
    """Critic, pool and weight of the term stay, and it trains."""
    recipe = tiny_recipe(**EVERY, **{f"{TERM}.use": use})
    before, after = term_of(tiny_recipe()), term_of(recipe)
    assert (after.critic, after.against, after.weight) == (before.critic, before.against, before.weight)
    trained = trainer(recipe)
    trained.step()
    assert trained.state.not_finite() is None


# Features of pairs ----------------------------------------------------------------------------------------


def perceptual(network, **networks):
    term = "phases.supervised.terms.likeness"
    return {
        **EVERY,
        f"{term}.use": "perceptual",
        f"{term}.on": "adc",
        f"{term}.network": network,
        **{f"networks.{name}": spec for name, spec in networks.items()},
    }


@pytest.mark.parametrize(
    ("network", "networks"),
    [("untrained", UNTRAINED), ("adc_critic", {}), ("untrained", {"untrained": {"use": "conv-encoder", "width": 4}})],
    ids=["an untrained critic", "a critic of another phase", "an untrained encoder"],
)
def test_perceptual_takes_any_network_with_features(tiny_recipe, trainer, network, networks):
    """It stays as it is while the players of its phase move; one that nothing trains stays as it was built."""
    trained = trainer(tiny_recipe(**perceptual(network, **networks)))
    phase = next(phase for phase in trained.phases if phase.spec.name == "supervised")
    before = {name: value.clone() for name, value in trained.state.networks[network].named_parameters()}
    scalars = phase(trained.state.networks, trained.state.optimizers, phase.batch(trained.cohort, Draws(0, 0)))
    assert scalars["likeness"] > 0
    for name, value in trained.state.networks[network].named_parameters():
        assert torch.equal(value, before[name])
        assert value.requires_grad
        assert value.grad is None


def test_perceptual_moves_the_players(tiny_recipe, trainer):
    """Its gradient reaches what made the candidates."""
    recipe = perceptual("untrained", **UNTRAINED)
    one, other = (
        trainer(tiny_recipe(**recipe, **{"phases.supervised.terms.likeness.weight": weight})) for weight in (0.0, 10.0)
    )
    for trained in (one, other):
        trained.step()
    parameters = [list(trained.state.networks["adc_decoder"].parameters()) for trained in (one, other)]
    assert any(not torch.equal(a, b) for a, b in zip(*parameters, strict=True))


CONDITIONAL = {
    "synthesizer.cs": {"label": "cs", "classes": 2},
    "synthesizer.adc.from": ["latent", "cs"],
    "phases.unsupervised.pool": "cs",
    f"{TERM}.on": ["adc", "cs"],
}


@pytest.mark.parametrize(
    "overrides",
    [
        perceptual("untrained", **UNTRAINED),
        {**perceptual("adc_critic"), **CONDITIONAL, "phases.supervised.terms.likeness.on": ["adc", "cs"]},
    ],
    ids=["untrained", "a critic that reads a label too"],
)
def test_a_phase_that_compares_features_keeps_its_promises(tiny_recipe, overrides):
    """A network that nothing trains is part of what ``check_phase`` builds, and does not move. One that reads an image
    beside the label of its slice sees the same label beside the reference."""
    from gankit.testing import check_phase

    recipe = tiny_recipe(**overrides)
    check_phase(next(phase for phase in recipe.phases if phase.name == "supervised"), recipe)


# What cannot be -------------------------------------------------------------------------------------------


def more(use, critic="adc_critic", **options):
    given = {"use": use, "on": "adc", "critic": critic, "against": "cs", **options}
    return {f"{MORE}.{key}": value for key, value in given.items()}


CONSISTENT = {
    "use": "consistency",
    "on": "latent",
    "critic": "latent_critic",
    "augmentations": [{"use": "mirror"}],
}
PROBLEMS = {
    "a misspelt network": (
        perceptual("adc_crtic"),
        "likeness.network",
        "no network 'adc_crtic'; did you mean 'adc_critic'?",
    ),
    "a network without features": (
        perceptual("adc_decoder"),
        "likeness.network",
        "this loss compares features, and 'adc_decoder' gives none; networks that do: encoder, t2w_translator, latent",
    ),
    "a player": (
        perceptual("encoder"),
        "likeness.network",
        "'encoder' is a player of this phase, and cannot judge while it moves",
    ),
    "a critic of another place": (
        perceptual("latent_critic"),
        "networks.latent_critic",
        "is used at places of different shapes",
    ),
    "no pairs": (
        {f"{MORE}.use": "perceptual", f"{MORE}.on": "adc", f"{MORE}.network": "adc_critic"},
        "more.on",
        "a paired loss needs a reference for each candidate",
    ),
    "a critic that matching alone names": (
        {"networks.lonely": {"use": "conv-critic"}, **more("feature-matching", "lonely")},
        "networks.lonely",
        "no term trains it",
    ),
    "a critic that is only regularised": (
        {f"{TERM}.use": "lecam"},
        "networks.adc_critic",
        "moves no player: the losses of phase 'unsupervised' on this critic only regularise it",
    ),
    "consistency of nothing": (
        more("consistency", augmentations=[]),
        "more.augmentations",
        "needs at least one augmentation",
    ),
    "consistency of a latent": (
        {f"phases.supervised.terms.more.{key}": value for key, value in CONSISTENT.items()},
        "more.augmentations.0",
        "changes images, and this term is on latent alone; remove it",
    ),
    "adaptive where the sign of a score says nothing": (
        {f"{TERM}.use": "relativistic", f"{TERM}.augment": [{"use": "mirror"}], f"{TERM}.adapt": {}},
        "wgan-gp-adc.adapt",
        "needs a critic that tells real from synthetic",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("overrides", "place", "message"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_loss_that_cannot_be_is_a_problem(tiny_recipe, overrides, place, message):
    """Before training, at its key."""
    with pytest.raises(RecipeError) as raised:
        tiny_recipe(**overrides)
    found = [problem.message for problem in raised.value.problems if problem.place.endswith(place)]
    assert found, [str(problem) for problem in raised.value.problems]
    assert found[0].startswith(message)
