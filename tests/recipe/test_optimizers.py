"""The section ``optimizers`` of a recipe, and the keys by which phases name what is in it."""

import json
import tomllib

import jsonschema
import pytest

from gankit import load_recipe
from gankit.files.toml_text import toml_text
from gankit.recipe.graph_text import graph_text
from gankit.recipe.schema import recipe_schema
from gankit.recipe.structure import to_document
from tests.recipe.texts import ADC_ONLY

NAMED = ADC_ONLY.replace(
    "[[phases]]",
    """
[optimizers]
critics = { use = "adamw", learning_rate = 1e-3, schedule = { use = "cosine", warm_up = 5 }, clip_norm = 1.0 }

[[phases]]
critic_optimizer = "critics"
""",
)
HALF = NAMED.replace('critic_optimizer = "critics"\n', 'critic_optimizer = "critics"\noptimizer = "critics"\n')


def test_a_phase_without_names_has_an_adam_of_its_own(load):
    """Its keys are completed, and there is no empty section."""
    recipe = load()
    (phase,) = recipe.phases
    assert (phase.optimizer, phase.critic_optimizer) == (None, None)
    assert (phase.learning_rate, phase.betas) == (phase.critic_learning_rate, phase.critic_betas) == (2e-4, (0.5, 0.99))


def test_a_phase_that_names_an_optimizer_has_no_rate_of_its_own_on_that_side(load, plugins):
    """The completed recipe shows what is used, and nothing else."""
    document = to_document(load(NAMED), plugins.registry)
    phase = document["phases"]["synthesize"]
    assert phase["critic_optimizer"] == "critics"
    assert {"learning_rate", "betas"} <= set(phase)
    assert not {"optimizer", "critic_learning_rate", "critic_betas"} & set(phase)
    assert document["optimizers"]["critics"] == {
        "use": "adamw", "learning_rate": 1e-3, "schedule": {"use": "cosine", "warm_up": 5, "final": 0.0},
        "clip_norm": 1.0, "betas": [0.5, 0.99], "eps": 1e-8, "weight_decay": 0.01,
    }  # fmt: skip


@pytest.mark.parametrize("text", [ADC_ONLY, NAMED, HALF])
def test_a_completed_recipe_reads_back_as_it_was(load, plugins, written, text):
    """As the lock of a run does."""
    document = to_document(load(text), plugins.registry)
    again = load_recipe(written("lock.toml", toml_text(document)), (), plugins)
    assert to_document(again, plugins.registry) == document
    assert ("optimizers" in document) == (text is not ADC_ONLY)


def test_the_schema_accepts_optimizers_and_rejects_misspelt_ones(load, plugins):
    """With their schedules."""
    schema = json.loads(json.dumps(recipe_schema(plugins.registry)))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(tomllib.loads(NAMED))
    validator.validate(to_document(load(NAMED), plugins.registry))
    for old, new in (
        ("cosine", "cosin"),
        ("warm_up", "warmup"),
        ("adamw", "adamx"),
        ("clip_norm = 1.0", "clip_norm = 0"),
    ):
        assert not validator.is_valid(tomllib.loads(NAMED.replace(old, new)))
    phase = next(each for each in _tables(schema) if each.get("title") == "phase synthesize")
    assert phase["properties"]["learning_rate"]["default"] == 2e-4


def _tables(schema):
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _tables(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _tables(value)


def test_the_graph_as_text_says_what_each_optimizer_moves(load, plugins):
    """Options that differ from their defaults; nothing of optimizers where phases name none."""
    text = graph_text(load(NAMED), plugins.registry)
    assert "  critic_optimizer critics" in text.splitlines()
    line = "[adamw learning_rate 0.001, schedule (cosine warm_up 5), clip_norm 1.0]: critics of synthesize"
    assert text.splitlines()[-1] == f"optimizer critics {line}"
    assert "learning_rate" not in text.splitlines()[-5]
    assert "optimizer" not in graph_text(load(), plugins.registry)


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("optimizers.critics.learning_rate=0.5", {"use": "adamw", "learning_rate": 0.5, "warm_up": 5}),
        ("optimizers.critics.schedule.warm_up=2", {"use": "adamw", "learning_rate": 1e-3, "warm_up": 2}),
        ("optimizers.critics.use=sgd", {"use": "sgd", "learning_rate": 1e-3, "warm_up": 5}),
        ("optimizers.critics.schedule.use=linear", {"use": "adamw", "learning_rate": 1e-3, "warm_up": 5}),
    ],
)
def test_overrides_reach_into_optimizers_and_schedules(load, plugins, override, found):
    """Another ``use`` keeps what both have in common: rate, schedule and bound; of schedules of one family, warm-up."""
    table = to_document(load(NAMED, override), plugins.registry)["optimizers"]["critics"]
    seen = {key: table[key] for key in ("use", "learning_rate")} | {"warm_up": table["schedule"]["warm_up"]}
    assert seen == found
    assert table["clip_norm"] == 1.0


PROBLEMS = {
    "an unknown optimizer": (
        ["phases.synthesize.critic_optimizer=critcs"],
        "phases.synthesize.critic_optimizer",
        "no optimizer 'critcs'; did you mean 'critics'?; known: critics",
    ),
    "a component in place of a name": (
        ["phases.synthesize.critic_optimizer=adamw"],
        "phases.synthesize.critic_optimizer",
        "no optimizer 'adamw'; known: critics; add one as [optimizers.adamw], with 'use'",
    ),
    "an optimizer that no phase names": (
        ["optimizers.spare.use=adam"],
        "optimizers.spare",
        "no phase names it; name it as optimizer or critic_optimizer of a phase, or remove it",
    ),
    "a rate beside a named optimizer": (
        ["phases.synthesize.critic_learning_rate=1e-3"],
        "phases.synthesize.critic_learning_rate",
        "is not used beside critic_optimizer = 'critics', which takes its place; remove one of the two, in a variant by"
        " remove = ['phases.synthesize.critic_learning_rate']",
    ),
    "decay rates beside a named optimizer": (
        ["phases.synthesize.optimizer=critics", "phases.synthesize.betas=[0, 0.9]"],
        "phases.synthesize.betas",
        "is not used beside optimizer = 'critics', which takes its place",
    ),
    "a component of that name that is not there": (
        ["optimizers.critics={use='adamx'}"],
        "optimizers.critics.use",
        "no optimizer named 'adamx'; did you mean 'adam'?; known: adam, adamw, rmsprop, sgd",
    ),
    "a network in place of an optimizer": (
        ["optimizers.critics={use='conv-critic'}"],
        "optimizers.critics.use",
        "no optimizer named 'conv-critic'",
    ),
    "an optimizer that is no table": (["optimizers.critics=adam"], "optimizers.critics", "must be a table with 'use'"),
    "a schedule that is no table": (
        ["optimizers.critics.schedule=cosine"],
        "optimizers.critics.schedule",
        "must be a table with 'use', got 'cosine'",
    ),
    "a schedule without use": (
        ["optimizers.spare={use='adam', schedule={warm_up=3}}"],
        "optimizers.spare.schedule.use",
        "required: the component's name; known: constant, cosine, linear",
    ),
    "an unknown schedule": (
        ["optimizers.critics.schedule={use='cosin'}"],
        "optimizers.critics.schedule.use",
        "no schedule named 'cosin'; did you mean 'cosine'?",
    ),
    "a misspelt key of a schedule": (
        ["optimizers.critics.schedule.warmup=3"],
        "optimizers.critics.schedule.warmup",
        "unknown key; did you mean 'warm_up'?",
    ),
    "a warm-up longer than training": (
        ["training.steps=5"],
        "optimizers.critics.schedule.warm_up",
        "must be < training.steps, 5, got 5",
    ),
    "a fall that begins after the end": (
        ["optimizers.critics.schedule={use='linear', start=10}"],
        "optimizers.critics.schedule.start",
        "must be < training.steps, 10, or the rate never falls; got 10",
    ),
    "a share beside a start": (
        ["optimizers.critics.schedule={use='linear', start=2, share=0.2}"],
        "optimizers.critics.schedule.share",
        "is not used beside start = 2",
    ),
    "Nesterov without momentum": (
        ["optimizers.critics={use='sgd', nesterov=true}"],
        "optimizers.critics.nesterov",
        "needs momentum",
    ),
    "a bound of 0": (["optimizers.critics.clip_norm=0"], "optimizers.critics.clip_norm", "must be > 0, got 0.0"),
    "a rate of 0": (["optimizers.critics.learning_rate=0"], "optimizers.critics.learning_rate", "must be > 0, got 0.0"),
    "a name with a dot in it": (
        ['optimizers={"a b"={use="adam"}}', "phases.synthesize.optimizer=a b"],
        "optimizers.a b",
        "a name has letters, digits, '_' and '-' only, got 'a b'",
    ),
}


@pytest.mark.parametrize("fault", PROBLEMS)
def test_each_fault_is_one_problem_at_its_place(faults, fault):
    """Where it is, what was found, what is accepted."""
    overrides, place, message = PROBLEMS[fault]
    found = faults(NAMED, *overrides)
    assert list(found) == [place]
    assert message in found[place]


def test_a_faulty_schedule_hides_no_other_problem(faults):
    """A misspelt option of a schedule, one out of bounds, and what the check of the whole recipe finds."""
    found = faults(NAMED, "optimizers.critics.schedule.final=2", "optimizers.spare.use=adam")
    assert set(found) == {"optimizers.critics.schedule.final", "optimizers.spare"}


def test_a_phase_without_critics_names_no_optimizer_for_them(faults):
    """It would move nothing."""
    text = (
        NAMED
        + """
[[phases]]
name = "pairs"
use = "reconstruct"
encode = { network = "encoder", from = "adc" }
pool = "cs"
critic_optimizer = "critics"
terms = [{ use = "l2", on = "adc" }]
"""
    )
    found = faults(text, "networks.encoder={use='conv-encoder', width=4}")
    assert found == {
        "phases.pairs.critic_optimizer": "the phase has no critics, since no term is adversarial; remove it"
    }


AGAIN = '\n[[phases]]\nname = "again"' + NAMED[NAMED.index("[[phases]]") :].removeprefix("[[phases]]")


def test_phases_share_a_critic_if_they_name_one_optimizer(load, faults):
    """One state updates it; with another optimizer, or an Adam of its own, two would pull at it."""
    load(NAMED + AGAIN)
    expected = (
        "two optimizers would update it, as critic of phase 'synthesize' and of phase 'again'; give each phase its own"
        " critic, or both the same critic_optimizer"
    )
    other = AGAIN.replace('"critics"', '"others"').replace("[[phases]]", "[optimizers.others]\nuse = 'sgd'\n[[phases]]")
    assert faults(NAMED + other) == {"networks.critic": expected}
    assert faults(NAMED + AGAIN.replace('critic_optimizer = "critics"', "")) == {"networks.critic": expected}
