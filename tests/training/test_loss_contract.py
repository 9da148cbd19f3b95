"""What a loss may use: references and draws of its own in both questions, the critic's features, and a state."""

from importlib.metadata import EntryPoint, entry_points

import pytest
import torch

from gankit import Draws, PluginError, RecipeError, load_plugins, load_recipe
from gankit.files.tensor_file import read_tensors
from gankit.recipe.structure import structure_recipe, to_document
from gankit.testing import check_adversarial_loss, check_feature_loss
from gankit.training.trial import try_phases
from tests import relative

RECIPE = """
name = "relative"
cohort = {{ use = "file", path = "{cohort}" }}
pools.cs = {{ label = "cs" }}
pools.noncs = {{ label = "cs", equals = 0 }}
latent.dim = 8
modalities.adc = {{ shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }}
networks.decoder = {{ use = "stitch-decoder", width = 4 }}
networks.critic = {{ use = "conv-critic", width = 4 }}
synthesizer.adc = {{ network = "decoder", from = "latent" }}
training = {{ steps = 4, batch = 4, checkpoint_every = 2, sample_every = 100, log_every = 1 }}

[[phases]]
use = "synthesize"
name = "game"
critic_steps = 2
terms = [
  {{ use = "relative", name = "game", on = "adc", critic = "critic", against = "cs" }},
  {{ use = "steady", name = "steady", on = "adc", critic = "critic", against = "noncs" }},
  {{ use = "closer", name = "closer", on = "adc", critic = "critic", against = "cs" }},
]
"""
PARTS = "phases.game.terms"


@pytest.fixture(scope="module")
def strange():
    """Everything installed, with the plugin ``relative``."""
    return load_plugins([*entry_points(group="gankit"), EntryPoint("relative", "tests.relative", "gankit")])


@pytest.fixture
def recipe(strange, tiny_cohort_file, tmp_path):
    """``recipe(**overrides)``: the recipe of all three losses."""
    file = tmp_path / "relative.toml"
    file.write_text(RECIPE.format(cohort=tiny_cohort_file))
    return lambda **overrides: load_recipe(file, overrides, strange)


@pytest.mark.parametrize("loss", [relative.Relative, relative.Steady, relative.Closer])
def test_a_strangers_losses_pass_their_check(loss):
    """References in both questions, draws, features, a state, one question alone: all of it can be checked."""
    check_adversarial_loss(loss(on=("adc",), critic="c", against="cs"))


# The questions --------------------------------------------------------------------------------------------


def test_each_question_gets_what_the_loss_declares(recipe, trainer):
    """A draw for each reference, of the declared distribution and shape, others for each set and each question."""
    trained = trainer(recipe(**{"training.batch": 16}))
    batch = trained.phases[0].batch(trained.cohort, Draws(0, 1))
    asked = [*(drawn.draws["game"] for drawn in batch.sets), batch.draws["game"]]
    assert len(asked) == 3
    for draws in asked:
        assert {name: tuple(value.shape) for name, value in draws.items()} == {"noise": (16, 1, 16, 16), "share": (16,)}
        assert draws["noise"].min() < -2
        assert 0 <= draws["share"].min() <= draws["share"].max() < 1
    assert len({tuple(draws["share"].tolist()) for draws in asked}) == 3


def test_a_draw_named_mixing_keeps_its_stream(tiny_recipe, trainer):
    """Models of recipes with a gradient penalty stay as they are, to the bit."""
    trained = trainer(tiny_recipe())
    phase = next(phase for phase in trained.phases if phase.spec.name == "unsupervised")
    drawn = phase.batch(trained.cohort, Draws(0, 1)).sets[1].draws["wgan-gp-adc"]["mixing"]
    assert drawn.tolist() == Draws(0, 1).uniform("unsupervised/1/wgan-gp-adc/mixing", 4).tolist()


def test_a_loss_answers_its_questions_only(recipe, trainer):
    """The critics' loss has no player's scalar, and the players' no critic's."""
    assert set(trainer(recipe()).step()["game"]) == {"game", "game.critic", "steady.critic", "closer"}


@pytest.mark.parametrize(("weight", "moves"), [(0.0, False), (1.0, True)])
def test_the_weight_of_a_regulariser_multiplies_what_the_critic_minimises(recipe, trainer, weight, moves):
    """Without weight the critic is as it is without the term."""
    without = trainer(recipe(**{f"{PARTS}.steady.against": "cs", f"{PARTS}.steady.weight": 0.0}))
    with_it = trainer(recipe(**{f"{PARTS}.steady.against": "noncs", f"{PARTS}.steady.weight": weight}))
    for each in (without, with_it):
        each.step()
    one, other = (list(each.state.networks["critic"].parameters()) for each in (without, with_it))
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True)) == moves


def test_a_regulariser_gives_samples_no_label(recipe):
    """Samples approach the pools of what moves the players."""
    assert recipe().approached_label() == {"cs": 1}


def test_a_loss_of_gankit_0_1_0_is_told_what_to_write(recipe, trainer):
    """One sentence, before training."""
    with pytest.raises(PluginError) as raised:
        trainer(recipe(**{f"{PARTS}.game.old": True}))
    assert str(raised.value) == (
        "phases.game.terms.game: loss 'relative' of plugin 'relative' is written for gankit 0.1.0; both questions are"
        " now asked alike: write critic(self, critic, reference, candidate, draws) and"
        ' player(self, critic, reference, candidate, draws), and where mixing_B was used, draws["mixing"] with a'
        ' property draws of the component that returns {"mixing": gankit.Draw()}'
    )


# Recipes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("removed", "place", "message"),
    [
        (
            ["game", "steady"],
            "networks.critic",
            "no term trains it: the losses of phase 'game' on this critic move the",
        ),
        (["game", "closer"], "phases.game.terms", "all of its losses are the critics' alone; add one that moves its"),
    ],
)
def test_terms_that_leave_a_side_still_are_a_problem(strange, tiny_cohort_file, tmp_path, removed, place, message):
    """A critic that no term trains, and players that no term moves."""
    file = tmp_path / "relative.toml"
    lines = RECIPE.format(cohort=tiny_cohort_file).splitlines()
    file.write_text("\n".join(line for line in lines if not any(f'name = "{name}", on' in line for name in removed)))
    with pytest.raises(RecipeError) as raised:
        load_recipe(file, (), strange)
    (problem,) = raised.value.problems
    assert problem.place == place
    assert problem.message.startswith(message)


def test_features_of_a_critic_that_gives_none_are_a_problem(recipe, monkeypatch):
    """The problem names the discriminators that give some."""
    monkeypatch.setattr("gankit_wgan_gp.critic.ConvCritic.gives_features", False)
    with pytest.raises(RecipeError, match=r"closer\.critic: this loss compares features, and 'critic' gives none"):
        recipe()


# Features of pairs ----------------------------------------------------------------------------------------


def test_a_strangers_loss_on_features_passes_its_check():
    """One loss for each sample, of the features of a network of several layers."""
    check_feature_loss(relative.Likeness(on=("adc",), network="c"))


LIKENESS = "phases.supervised.terms.likeness"
FAULTS = {
    "scalar": "must return one loss per sample, of shape (4,), got a scalar",
    "detached": "must return the losses with gradient to its candidates, got none",
    "signature": "is called as the function that it builds(candidate, reference), but is defined as",
    "none": None,
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.items(), ids=FAULTS)
def test_a_strangers_loss_on_features_is_tried_before_training(tiny_recipe, strange, trainer, fault, message):
    """One line with path, loss and plugin; without a fault it trains."""
    document = to_document(tiny_recipe(), strange.registry)
    term = {"use": "likeness", "on": ["t2w"], "network": "t2w_critic", "fault": fault}
    document["phases"]["supervised"]["terms"]["likeness"] = term
    recipe, problems = structure_recipe(document, strange.registry)
    assert not problems

    def tried():
        trained = trainer(recipe)
        try_phases(trained.phases, trained.state, trained.cohort, Draws(0))

    if message is None:
        tried()
    else:
        with pytest.raises(PluginError) as raised:
            tried()
        assert str(raised.value).startswith(f"{LIKENESS}: loss 'likeness' of plugin 'relative' {message}")


# The state ------------------------------------------------------------------------------------------------


def test_the_state_of_a_loss_is_in_the_checkpoint(recipe, trainer, tmp_path):
    """Under the name of phase, term and buffer; read back it is what it was."""
    trained = trainer(recipe())
    trained.step()
    trained.state.save(tmp_path / "checkpoint")
    stored, _ = read_tensors(tmp_path / "checkpoint", "gankit-checkpoint-1")
    assert stored["loss.game.steady.average"] == trained.state.losses["game.steady"].average != 1
    other = trainer(recipe())
    other.state.load(tmp_path / "checkpoint")
    assert torch.equal(other.state.losses["game.steady"].average, trained.state.losses["game.steady"].average)


def test_a_run_with_a_loss_that_has_a_state_goes_on_to_the_bit(recipe, strange, tmp_path):
    """Stopped and gone on, it ends at the same bytes."""
    from gankit import train

    for steps, where in ((2, "run"), (4, "run"), (4, "whole")):
        train(recipe(**{"training.steps": steps}), tmp_path / where, device="cpu", plugins=strange, quiet=True)
    one, other = ((tmp_path / where / "checkpoints/step-000004.safetensors").read_bytes() for where in ("run", "whole"))
    assert one == other


def test_a_loss_with_parameters_is_refused(recipe, trainer):
    """Nothing would train them."""
    with pytest.raises(PluginError, match=r"steady: loss 'steady' of .* must build a loss without parameters.*'slope'"):
        trainer(recipe(**{f"{PARTS}.steady.trainable": True}))
