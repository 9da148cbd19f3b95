"""Augmentation of what critics see: in recipes, in both questions of the step, and with adaptive probability."""

import json
import tomllib
from importlib.metadata import EntryPoint, entry_points

import jsonschema
import pytest
import torch

from gankit import Draws, PluginError, RecipeError, load_plugins, load_recipe
from gankit.files.toml_text import toml_text
from gankit.networks.synthesizer import together
from gankit.recipe.graph_text import graph_text
from gankit.recipe.recipe import Recipe
from gankit.recipe.schema import recipe_schema
from gankit.recipe.structure import to_document
from gankit.training.augmentation import TermAugmentation
from gankit.training.trial import try_phases
from gankit_augmentation.values import Cutout
from gankit_jsd.losses import AuxiliaryJensenShannon

TERM = "phases.unsupervised.terms.jsd-auxiliary-adc"
SERIES = [{"use": "mirror"}, {"use": "translation", "share": 0.25, "probability": 1.0}]
AUGMENTED = {
    **{f"networks.{name}.width": 4 for name in ("adc_critic", "t2w_critic", "adc_auxiliary", "t2w_auxiliary")},
    f"{TERM}.augment": SERIES,
}


@pytest.fixture(scope="module")
def strange():
    """Everything installed, with the plugin ``relative``."""
    return load_plugins([*entry_points(group="gankit"), EntryPoint("relative", "tests.relative", "gankit")])


def phase_of(trained, name="unsupervised"):
    return next(phase for phase in trained.phases if phase.spec.name == name)


def term_of(recipe: Recipe, name="jsd-auxiliary-adc"):
    return next(term for phase in recipe.phases for term in phase.terms if term.name == name)


# Recipes --------------------------------------------------------------------------------------------------


def test_a_recipe_with_augmentations_is_itself_after_a_round_trip(tiny_recipe, plugins):
    """As plain tables, as the text of a lock, and for an editor's schema."""
    recipe = tiny_recipe(**{f"{TERM}.augment": SERIES, f"{TERM}.adapt": {"target": 0.5}})
    document = to_document(recipe, plugins.registry)
    terms = document["phases"]["unsupervised"]["terms"]
    assert terms["jsd-auxiliary-adc"]["augment"][1] == {"use": "translation", "probability": 1.0, "share": 0.25}
    again = tomllib.loads(toml_text(document))
    assert load_recipe_of(again, plugins) == recipe
    schema = jsonschema.Draft202012Validator(json.loads(json.dumps(recipe_schema(plugins.registry))))
    schema.validate(again)
    terms["jsd-auxiliary-adc"]["augment"][0]["prob"] = 1
    assert not schema.is_valid(document)


def load_recipe_of(document, plugins):
    from gankit.recipe.structure import structure_recipe

    recipe, problems = structure_recipe(document, plugins.registry)
    assert not problems
    return recipe


def test_an_empty_list_switches_augmentation_off(tiny_recipe, plugins):
    """The completed recipe is then the one without, so that its models stay as they are."""
    assert tiny_recipe(**{f"{TERM}.augment": []}) == tiny_recipe()
    assert "augment" not in json.dumps(to_document(tiny_recipe(), plugins.registry)["phases"])


def test_an_override_reads_a_list_of_tables(plugins):
    """As ``--set`` gives it."""
    recipe = load_recipe("mpmri-quick", [f'{TERM}.augment=[{{use="mirror", probability=0.25}}]'], plugins)
    assert [each.probability for each in term_of(recipe).augment] == [0.25]


def test_another_loss_keeps_the_augmentations(tiny_recipe):
    """They belong to the term, not to the loss."""
    recipe = tiny_recipe(**{f"{TERM}.augment": SERIES, f"{TERM}.use": "gan"})
    assert len(term_of(recipe).augment) == 2


def test_the_graph_as_text_names_them(tiny_recipe, plugins):
    """With the options that are not as by default."""
    text = graph_text(tiny_recipe(**{f"{TERM}.augment": SERIES, f"{TERM}.adapt": {}}), plugins.registry)
    assert "augmented by mirror, translation (probability 1.0, share 0.25), adaptive to 0.6" in text


@pytest.mark.parametrize(
    ("overrides", "place", "message"),
    [
        ({f"{TERM}.augment": [{"use": "miror"}]}, "augment.0.use", "no augmentation named 'miror'; did you mean 'mirr"),
        ({f"{TERM}.augment": [{"use": "mirror", "probability": 2}]}, "augment.0.probability", "must be <= 1, got 2"),
        ({f"{TERM}.augment": [{"use": "translation", "share": 0.01}]}, "augment.0.share", "moves images of 16 x 16 by"),
        ({f"{TERM}.augment": "mirror"}, "augment", "must be a list, got 'mirror'"),
        ({f"{TERM}.adapt": {}}, "adapt", "adapts the probability of augmentations; add some in 'augment'"),
        (
            {
                "phases.unsupervised.terms.wgan-gp-adc.augment": SERIES,
                "phases.unsupervised.terms.wgan-gp-adc.adapt": {},
            },
            "wgan-gp-adc.adapt",
            "needs a critic that tells real from synthetic by the sign of its scores",
        ),
        (
            {"phases.supervised.terms.aae-latent.augment": SERIES},
            "aae-latent.augment.0",
            "changes images, and this term is on latent alone; remove it",
        ),
    ],
)
def test_an_augmentation_that_cannot_be_is_a_problem(tiny_recipe, overrides, place, message):
    """Before training, at its key."""
    with pytest.raises(RecipeError) as raised:
        tiny_recipe(**overrides)
    first = raised.value.problems[0]
    assert first.place.endswith(place)
    assert first.message.startswith(message)


# The step -------------------------------------------------------------------------------------------------


def seen(trained, monkeypatch, name="jsd-auxiliary-adc"):
    """What the loss of a term is given in one step: (question, references, candidates) of each question."""
    phase, given = phase_of(trained), []

    class Watching:
        def __init__(self, loss):
            self.loss = loss

        def critic(self, critic, reference, candidate, draws):
            given.append(("critic", reference, candidate.detach(), draws))
            return self.loss.critic(critic, reference, candidate, draws)

        def player(self, critic, reference, candidate, draws):
            given.append(("player", reference, candidate.detach(), draws))
            return self.loss.player(critic, reference, candidate, draws)

    watched = [(term, Watching(loss) if term.name == name else loss) for term, loss in phase.adversarial]
    monkeypatch.setattr(phase, "adversarial", watched)
    phase(trained.state.networks, trained.state.optimizers, phase.batch(trained.cohort, Draws(0, 1)))
    return given


def test_both_sides_are_augmented_in_both_questions(tiny_recipe, trainer, monkeypatch):
    """Brightness by one for all: each loss sees references and candidates, in each question, brighter or darker by
    draws of its own; those of other terms stay."""
    bright = [{"use": "intensity", "probability": 1.0, "brightness": 1.0, "contrast": 0.0}]
    steps = {"phases.unsupervised.critic_steps": 1, "training.batch": 4}
    plain = seen(trainer(tiny_recipe(**steps)), monkeypatch)
    changed = seen(trainer(tiny_recipe(**steps, **{f"{TERM}.augment": bright})), monkeypatch)
    shifts = set()
    for (question, *before, _), (_, *after, draws) in zip(plain[:1], changed[:1], strict=True):
        assert question == "critic"
        assert draws == {}
        for one, other in zip(before, after, strict=True):
            difference = (other - one).flatten(1)
            assert torch.allclose(difference, difference[:, :1].expand_as(difference), atol=1e-5)
            shifts |= {round(each, 4) for each in difference[:, 0].tolist()}
    assert len(shifts) == 8
    reference = changed[1][1] - plain[1][1]  # the player's: the same references, by other draws
    assert len(shifts | {round(each, 4) for each in reference.flatten(1)[:, 0].tolist()}) == 12


def test_probability_is_the_share_of_changed_samples(tiny_recipe, trainer, monkeypatch):
    """A quarter of 64 references are darkened, and the others are as they were."""
    cut = [{"use": "cutout", "probability": 0.25, "share": 0.9}]
    wide = {"training.batch": 64}
    (_, before, *_), *_ = seen(trainer(tiny_recipe(**wide)), monkeypatch)
    (_, after, *_), *_ = seen(trainer(tiny_recipe(**wide, **{f"{TERM}.augment": cut})), monkeypatch)
    changed = (before != after).flatten(1).any(dim=1).float().mean().item()
    assert 0.1 < changed < 0.4


def test_all_images_of_a_term_move_together(tiny_recipe, trainer, monkeypatch):
    """ADC and T2w of a pair stay a pair."""
    pair = {
        "networks.pair.use": "conv-critic",
        "phases.unsupervised.terms.pair.use": "gan",
        "phases.unsupervised.terms.pair.on": ["adc", "t2w"],
        "phases.unsupervised.terms.pair.critic": "pair",
        "phases.unsupervised.terms.pair.against": "cs",
        "phases.unsupervised.terms.pair.augment": [{"use": "cutout", "probability": 1.0}],
    }
    (_, reference, *_), *_ = seen(trainer(tiny_recipe(**pair)), monkeypatch, "pair")
    cut = reference == 0
    assert cut.any()
    assert torch.equal(cut[:, 0], cut[:, 1])


def test_the_same_seed_and_step_give_the_same_augmentation(tiny_recipe, trainer, monkeypatch):
    """A replayed step sees what the step saw; no random state is drawn from."""
    before = torch.get_rng_state()
    one, other = (seen(trainer(tiny_recipe(**AUGMENTED)), monkeypatch) for _ in range(2))
    for (_, *first, _), (_, *second, _) in zip(one, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_labels_beside_images_stay_as_they_are():
    """A box cut out of ADC is not cut out of the constant maps that a label becomes."""
    shapes = {"cs": (2,), "adc": (1, 8, 8)}
    term = AuxiliaryJensenShannon(
        on=("cs", "adc"), critic="c", against="noncs", augment=(Cutout(share=0.9, probability=1.0),)
    )
    augmentation = TermAugmentation("here", term, shapes)
    places = {"cs": torch.tensor([[0.0, 1.0]] * 3), "adc": torch.ones(3, 1, 8, 8)}
    draws = {name: torch.full((3, *draw.shape), 0.5) for name, draw in augmentation.draws.items()}
    seen = augmentation(together(places, ("cs", "adc")), "candidate", draws)
    assert torch.equal(seen[:, :2], together(places, ("cs", "adc"))[:, :2])
    assert (seen[:, 2] == 0).any()


# Adaptive probability -------------------------------------------------------------------------------------


def adaptive(tiny_recipe, **overrides):
    return tiny_recipe(**AUGMENTED, **{f"{TERM}.adapt": {"target": 0.5, "images": 40}, **overrides})


@pytest.mark.parametrize(("score", "probability"), [(1.0, 0.2), (-1.0, 0.0)])
def test_the_probability_follows_the_sign_of_real_scores(tiny_recipe, trainer, monkeypatch, score, probability):
    """A critic that is sure of every real slice: it rises by batch / images at each of two updates, here 4 / 40. One
    that is not: it stays at 0."""
    trained = trainer(adaptive(tiny_recipe, **{"phases.unsupervised.critic_steps": 2}))
    critic = trained.state.networks["adc_auxiliary"]
    monkeypatch.setattr(critic, "forward", lambda x: score + 0 * x.flatten(1).sum(dim=1) + 0 * critic.score.bias)
    phase = phase_of(trained)
    scalars = phase(trained.state.networks, trained.state.optimizers, phase.batch(trained.cohort, Draws(0, 1)))
    assert scalars["jsd-auxiliary-adc.augment"].item() == pytest.approx(probability)


@pytest.mark.parametrize("use", ["gan", "hinge", "jsd-auxiliary", "aae"])
def test_probabilities_adapt_to_a_critic_whose_scores_have_a_sign(tiny_recipe, use):
    """A critic that learns its objective scores references above zero and candidates below."""
    loss = term_of(adaptive(tiny_recipe, **{f"{TERM}.use": use})).build()
    score = torch.zeros(2, requires_grad=True)
    for _ in range(20):
        objective = loss.critic(lambda x, score=score: score[x], torch.ones(4).long(), torch.zeros(4).long(), {})
        (slope,) = torch.autograd.grad(objective, score)
        score = (score - 0.1 * slope).detach().requires_grad_()
    assert score[1] > 0 > score[0]


def test_the_adaptive_probability_multiplies_that_of_each_augmentation(tiny_recipe, trainer, monkeypatch):
    """At 0, where it starts, nothing is changed."""
    plain = seen(trainer(tiny_recipe()), monkeypatch)
    changed = seen(trainer(adaptive(tiny_recipe)), monkeypatch)
    assert torch.equal(plain[0][1], changed[0][1])


def test_a_run_with_adaptive_probability_goes_on_to_the_bit(tiny_recipe, plugins, tmp_path):
    """The probability is in the checkpoint, and a run that was stopped ends at the bytes of one that was not."""
    from gankit import train
    from gankit.files.tensor_file import read_tensors

    for steps, where in ((2, "run"), (4, "run"), (4, "whole")):
        recipe = adaptive(tiny_recipe, **{"training.steps": steps})
        train(recipe, tmp_path / where, device="cpu", plugins=plugins, quiet=True)
    last = "checkpoints/step-000004.safetensors"
    one, other = (tmp_path / where / last for where in ("run", "whole"))
    assert one.read_bytes() == other.read_bytes()
    stored, _ = read_tensors(one, "gankit-checkpoint-1")
    assert "loss.unsupervised.jsd-auxiliary-adc.augment.probability" in stored


# A stranger's ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            "once",
            "must be differentiable twice, as a critic with a gradient penalty may need, but its gradient gets none",
        ),
        ("detached", "must be differentiable twice"),
        ("shape", "must return images of the shape and type that it is given, (4, 1, 16, 16), got (4, 1, 2, 16)"),
        ("raises", "raised ValueError: no noise ("),
    ],
)
def test_a_faulty_augmentation_is_refused_before_training(trainer, tiny_recipe, strange, fault, message):
    """One line: path, augmentation, plugin, and what is wrong."""
    recipe = with_speckle(tiny_recipe, strange, fault=fault)
    trained = trainer(recipe)
    with pytest.raises(PluginError) as raised:
        try_phases(trained.phases, trained.state, trained.cohort, Draws(0))
    start = f"{TERM}.augment.0: augmentation 'speckle' of plugin 'relative' "
    assert str(raised.value).startswith(start + message)
    assert "\n" not in str(raised.value)


def with_speckle(tiny_recipe, strange, **options):
    document = to_document(tiny_recipe(), strange.registry)
    term = document["phases"]["unsupervised"]["terms"]["jsd-auxiliary-adc"]
    term["augment"] = [{"use": "speckle", **options}]
    return load_recipe_of(document, strange)


def test_a_strangers_augmentation_trains(trainer, tiny_recipe, strange):
    """With a draw of the shape of a sample."""
    trained = trainer(with_speckle(tiny_recipe, strange))
    try_phases(trained.phases, trained.state, trained.cohort, Draws(0))
    trained.step()
    assert trained.state.not_finite() is None
