"""Recipes: TOML to a checked recipe, and every problem at once with its place."""

import tomllib

import pytest
import tomli_w

from gankit import (
    InputError,
    ModalitySpec,
    RecipeError,
    load_recipe,
)
from gankit.plugin.kinds import NETWORK_KINDS
from gankit.recipe.check import check_recipe
from gankit.recipe.structure import structure_recipe, to_document
from tests.recipe.texts import ADC_ONLY, SHIPPED

# Shipped recipes ------------------------------------------------------------------------------------------


def test_the_shipped_recipes_are_these(plugins):
    """The list above is what the tests below go through."""
    assert sorted(plugins.recipes) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_checks(plugins, name):
    """What ships is fine as it stands and goes by the name of its file."""
    recipe = load_recipe(name, (), plugins)
    assert check_recipe(recipe) == []
    assert recipe.name == name
    assert recipe.summary


@pytest.mark.parametrize("name", SHIPPED)
def test_a_completed_recipe_is_the_same_recipe(plugins, name):
    """To a document and back, through TOML as in recipe.lock.toml, nothing is lost or added."""
    recipe = load_recipe(name, (), plugins)
    document = to_document(recipe, plugins.registry)
    again, problems = structure_recipe(tomllib.loads(tomli_w.dumps(document)), plugins.registry)
    assert problems == []
    assert again == recipe
    assert to_document(again, plugins.registry) == document


@pytest.mark.parametrize("name", SHIPPED)
def test_a_completed_recipe_loads_from_its_file(plugins, written, name):
    """``gankit recipe show`` prints a recipe that can be trained."""
    recipe = load_recipe(name, (), plugins)
    shown = written("shown.toml", tomli_w.dumps(to_document(recipe, plugins.registry)))
    assert load_recipe(shown, (), plugins) == recipe


# Problems -------------------------------------------------------------------------------------------------


def test_every_problem_is_reported_at_once_with_its_place(faults, plugins):
    """One run of the check lists all there is to mend."""
    known = ", ".join(entry.name for entry in plugins.registry.entries(*NETWORK_KINDS))
    text = ADC_ONLY.replace("steps = 10", "steps = 10\ntraining.step = 3\ntraining.batch = 0").replace(
        'networks.critic = { use = "conv-critic"', 'networks.critic = { use = "conv-critc"'
    )
    text = text.replace("latent.dim = 8", 'latent.dim = "many"').replace(
        'against = "cs"', 'against = "cs", penalty = -1'
    )
    assert faults(text) == {
        "training.step": "unknown key; did you mean 'steps'?; accepted: steps, batch, seed, precision, engine, cohort,"
        " recompute, ema, log_every, checkpoint_every, keep_checkpoints, sample_every, track",
        "training.batch": "must be >= 1, got 0",
        "latent.dim": "must be a whole number, got 'many'",
        "networks.critic.use": f"no network named 'conv-critc'; did you mean 'conv-critic'?; known: {known}",
        "phases.synthesize.terms.wgan-gp-adc.penalty": "must be >= 0, got -1.0",
    }


def test_the_message_names_file_and_count(load):
    """The first line tells which file and how much is wrong with it."""
    with pytest.raises(RecipeError, match=r"(?s)small\.toml: 2 problems\n  latent\.dim: .*\n  training\.steps: "):
        load(ADC_ONLY, "latent.dim=0", "training.steps=0")


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("name", "3", "must be text, got 3"),
        ("training.steps", "2.0", "must be a whole number, got 2.0"),
        ("training.steps", "true", "must be a whole number, got True"),
        ("training.ema", "'slow'", "must be a number, got 'slow'"),
        ("training.ema", "false", "must be a number, got False"),
        ("training.ema", "1", "must be < 1, got 1.0"),
        ("augmentation.mirror", "1", "must be true or false, got 1"),
        ("cohort.path", "7", "must be a path, got 7"),
        ("pools.cs.label", "1", "must be text, got 1"),
        ("modalities.adc.shape", "64", "must be a list"),
        ("modalities.adc.shape", "[1, 16, 16.5]", "must be a whole number, got 16.5"),
        ("modalities.adc.shape", "[1, 16, 0]", "must be >= 1, got 0"),
        ("modalities.adc.range", "[0]", "must be a list of 2, got [0]"),
        ("modalities.adc.range", "[0, 'high']", "must be a number, got 'high'"),
        ("modalities.adc.range", "[0, inf]", "must be a finite number, got inf"),
        ("modalities.adc.window", "0", "must be a list, got 0"),
        ("networks.critic.norm", "'bach'", "must be one of 'none', 'batch', 'layer', got 'bach'; did you mean 'batch'"),
        ("networks.critic", "'conv-critic'", "must be a table with 'use', got 'conv-critic'"),
        ("networks", "[]", "must be a table"),
        ("latent", "8", "must be a table, got 8"),
        ("synthesizer.adc.from", "[]", "must be a name or a list of names, got []"),
        ("synthesizer.adc.from", "[1]", "must be a name or a list of names, got [1]"),
        ("phases.synthesize.betas", "[0.5]", "must be a list of 2, got [0.5]"),
        ("phases.synthesize.betas", "[0.5, 1.0]", "must be < 1, got 1.0"),
        ("phases.synthesize.learning_rate", "nan", "must be a finite number, got nan"),
        ("phases.synthesize.stop", "'late'", "must be a whole number, got 'late'"),
        ("phases.synthesize.learning_rate", "1e300", "must be <= 1e+30, got 1e+300"),
        ("phases.synthesize.critic_steps", "1000000000", "must be <= 1000, got 1000000000"),
        ("training.steps", "1000000000000000000", "must be <= 1000000000000000, got 1000000000000000000"),
        ("augmentation.shift", "1e21", "must be a whole number, got 1e+21"),
        ("name", f"'{'a' * 300}'", "a name has at most 100 bytes, since files are named by it, got 300"),
        ("phases.synthesize.terms.wgan-gp-adc.against", "['cs']", "must be text, got ['cs']"),
    ],
)
def test_a_wrong_type_or_bound_tells_what_is_accepted(faults, key, value, accepted):
    """Each kind of value answers at its own place: what was found and what is accepted."""
    found = faults(ADC_ONLY, f"{key}={value}")
    assert list(found) == [key]
    assert accepted in found[key]


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "cohort",
        "cohort.path",
        "pools",
        "modalities",
        "modalities.adc.range",
        "networks",
        "networks.critic.use",
        "synthesizer",
        "synthesizer.adc.from",
        "training.steps",
        "phases",
        "phases.synthesize.terms.wgan-gp-adc.critic",
    ],
)
def test_a_missing_key_is_named(faults, key):
    """A key without a default is required, wherever it is."""
    found = faults(f'remove = ["{key}"]\n{ADC_ONLY}')
    assert found.keys() == {key}
    assert found[key].startswith("required")


def test_a_misspelt_section_is_named(faults):
    """Keys at the top are checked like all others."""
    found = faults(ADC_ONLY.replace("latent.dim", "latnt.dim"))
    assert found["latnt"].startswith("unknown key; did you mean 'latent'?; accepted: name, summary, cohort, pools")


def test_a_key_of_another_component_is_unknown(faults):
    """Each component owns its options, nothing else sees them."""
    found = faults(ADC_ONLY.replace('critic = { use = "conv-critic"', 'critic = { use = "conv-critic", factor = 2'))
    assert found == {"networks.critic.factor": "unknown key; accepted: width, kernel, norm, spectral_norm"}


@pytest.mark.parametrize("text", ["name = ", "[phases", "\x01", "name = 'a'\nname = 'b'"])
def test_a_file_that_is_not_toml_says_where(load, text):
    """The parser's line and column reach the user."""
    with pytest.raises(RecipeError, match=r"small\.toml: 1 problem\n  not TOML: .*at (line|end)"):
        load(text)


def test_a_file_that_is_not_text_is_refused(tmp_path, plugins):
    """A binary file by mistake is one clear line."""
    (tmp_path / "small.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="it is UTF-16; save it as UTF-8"):
        load_recipe(tmp_path / "small.toml", (), plugins)


def test_an_unknown_recipe_names_the_nearest(plugins):
    """A shipped name misspelt, and a file that is not there."""
    with pytest.raises(InputError, match="no recipe named 'mprmi'; did you mean 'mpmri'"):
        load_recipe("mprmi", (), plugins)
    with pytest.raises(InputError, match=r"missing\.toml: no such recipe file"):
        load_recipe("missing.toml", (), plugins)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("phases = 3", "phases"),
        ("phases = [3]", "phases"),
        ("phases = { a = 3 }", "phases.a"),
        ("phases = [{ terms = [] }]", "phases[0]"),
        ("phases = [{ use = 'synthesize', terms = 1 }]", "phases.synthesize.terms"),
        ("phases = [{ use = 'synthesize', terms = [{ on = 'adc' }] }]", "phases.synthesize.terms[0]"),
        ("remove = 3", "remove"),
    ],
)
def test_phases_and_terms_must_be_lists_of_tables(faults, text, place):
    """A misshapen list is a problem with a place, never a traceback."""
    base = ADC_ONLY if "phases" not in text else ADC_ONLY.split("[[phases]]")[0]
    assert faults(text + base).keys() == {place}


def test_what_cannot_be_layered_is_reported_with_the_rest(faults):
    """A wrong ``remove`` does not hide a wrong number."""
    found = faults('remove = ["phases.unsupervised"]' + ADC_ONLY, "latent.dim=0")
    assert found.keys() == {"remove", "latent.dim"}
    assert found["remove"] == "nothing at 'phases.unsupervised' to remove"


# Values ---------------------------------------------------------------------------------------------------


def test_every_faulty_number_of_a_list_is_reported(plugins):
    """Both betas, not the first alone."""
    with pytest.raises(RecipeError) as refused:
        load_recipe("mpmri", ["phases.warm-up.betas=[-1, 2]"], plugins)
    assert "must be >= 0, got -1.0; must be < 1, got 2.0" in str(refused.value)


def test_stored_units_map_to_the_network_and_back():
    """The declared range becomes [-1, 1], linearly and without clipping."""
    spec = ModalitySpec(shape=(1, 2), range=(100.0, 300.0))
    assert [spec.to_network(value) for value in (100, 200, 300, 400)] == [-1, 0, 1, 2]
    assert [spec.to_units(spec.to_network(value)) for value in (-50, 123.25, 900)] == [-50, 123.25, 900]


CS, NONCS = 'pools.cs = { label = "cs" }', 'pools.noncs = { label = "cs", equals = 0 }'
BOTH = """
modalities.t2w = { shape = [1, 16, 16], range = [0, 700] }
networks.t2w_critic = { use = "conv-critic", width = 4 }
networks.translator = { use = "unet", width = 4, depth = 2 }
synthesizer.t2w = { network = "translator", from = "adc" }
"""


@pytest.mark.parametrize(("second", "label"), [("cs", {"cs": 1}), ("noncs", {}), ("all", {"cs": 1})])
def test_samples_have_the_label_of_the_pools_that_they_approach(load, second, label):
    """Where those that have one agree; drawn to slices with and to slices without, a sample has neither."""
    text = ADC_ONLY.replace(CS, f"{CS}\n{NONCS}\npools.all = {{}}").replace("\ntraining.steps", f"{BOTH}training.steps")
    term = f'{{ use = "wgan-gp", on = "t2w", critic = "t2w_critic", against = "{second}" }}'
    assert load(text.replace('"cs" }]', f'"cs" }}, {term}]')).approached_label() == label
