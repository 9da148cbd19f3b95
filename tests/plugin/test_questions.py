"""What a component says of itself while a recipe is checked is held to the contract: one line, never a traceback."""

import sys
from importlib.metadata import EntryPoint, entry_points

import pytest

from gankit import Draw, NetworkUse, PluginError, Problem, RecipeError, load_plugins, load_recipe
from tests import faulty

RECIPE = """
name = "faulty"
cohort = { use = "file", path = "none.safetensors" }
pools.cs = { label = "cs" }
latent.dim = 8
modalities.adc = { shape = [1, 16, 16], range = [0, 3000] }
networks.generator = { use = "faulty-generator" }
networks.critic = { use = "faulty-critic" }
synthesizer.adc = { network = "generator", from = "latent" }
training = { steps = 1 }

[[phases]]
use = "faulty-phase"
terms = [
  { use = "faulty-paired", on = "adc" },
  { use = "faulty-adversarial", on = "adc", critic = "critic", against = "cs" },
]
"""

COMPONENTS = {
    "phase": (faulty.Phase, "phases.faulty-phase: phase 'faulty-phase' of plugin 'faulty'"),
    "generator": (faulty.Generator, "networks.generator: generator 'faulty-generator' of plugin 'faulty'"),
    "critic": (faulty.Critic, "networks.critic: discriminator 'faulty-critic' of plugin 'faulty'"),
    "loss": (
        faulty.Adversarial,
        "phases.faulty-phase.terms.faulty-adversarial-adc: loss 'faulty-adversarial' of plugin 'faulty'",
    ),
}

METHODS = [
    *(("phase", name, 1) for name in ("players", "places", "counterparts", "references", "uses", "check")),
    ("phase", "pools", 0),
    ("generator", "check", 2),
]

PROPERTIES = [
    ("generator", "couples_places"),
    ("critic", "mixes_samples"),
    ("loss", "penalises_gradient"),
    ("loss", "draws"),
]

ONE = NetworkUse(network="generator", from_=("latent",), to=("adc",))

WRONG = [
    (
        "phase",
        "players",
        ["generator"],
        "must return a tuple of names of networks from players, got list ['gen",
    ),
    ("phase", "players", "generator", "must return a tuple of names of networks from players, got str 'generator'"),
    ("phase", "players", None, "must return a tuple of names of networks from players, got NoneType None"),
    ("phase", "places", {"adc": 16}, "must return a mapping of place to shape, a tuple of whole numbers above 0, from"),
    ("phase", "places", {"adc": (1, -1)}, "must return a mapping of place to shape"),
    ("phase", "places", ["adc"], "must return a mapping of place to shape"),
    (
        "phase",
        "counterparts",
        {"adc": None},
        "must return a mapping of place to modality or 'latent' from",
    ),
    ("phase", "references", "adc", "must return a tuple of places from references, got str 'adc'"),
    ("phase", "references", iter(["adc"]), "must return a tuple of places from references, got list_iterator <"),
    ("phase", "uses", {"back": ONE}, "must return a mapping of option key to a tuple of gankit.NetworkUse"),
    ("phase", "uses", [ONE], "must return a mapping of option key to a tuple of gankit.NetworkUse"),
    (
        "phase",
        "uses",
        {"back": (NetworkUse(network="generator", from_="latent", to="adc"),)},
        "must return a mapping",
    ),
    ("phase", "uses", {"back": (NetworkUse(network="generator", from_=(), to=("adc",)),)}, "must return a mapping"),
    (
        "phase",
        "pools",
        {"pool": None},
        "must return a mapping of option key to name of a pool from pools, got dict",
    ),
    ("phase", "check", None, "must return an iterable of gankit.Problem from check, got NoneType None"),
    ("phase", "check", ["no"], "must give each problem as a gankit.Problem from check, got str 'no'"),
    ("generator", "check", 5, "must return an iterable of gankit.Problem from check, got int 5"),
]


@pytest.fixture(scope="module")
def strange():
    """Everything installed, with the plugin ``faulty``."""
    return load_plugins([*entry_points(group="gankit"), EntryPoint("faulty", "tests.faulty", "gankit")])


@pytest.fixture
def said(strange, tmp_path, monkeypatch):
    """``said(component, name, value)``: the error of a recipe whose component has this in place of a method."""
    recipe = tmp_path / "faulty.toml"
    recipe.write_text(RECIPE)

    def answer(component, name, value):
        monkeypatch.setattr(COMPONENTS[component][0], name, value, raising=False)
        if component == "critic":  # it is asked only where a loss differentiates it
            monkeypatch.setattr(faulty.Adversarial, "penalises_gradient", True)
        with pytest.raises((PluginError, RecipeError)) as raised:
            load_recipe(recipe, (), strange)
        return raised.value

    return answer


def returning(value, count):
    """A method of so many arguments that returns this."""
    return [lambda self: value, lambda self, one: value, lambda self, one, other: value][count]


@pytest.mark.parametrize(("component", "name", "value", "message"), WRONG)
def test_an_answer_of_another_kind_is_one_line(said, component, name, value, message):
    """With place, component and plugin, what was expected and what was found."""
    count = next(count for one, other, count in METHODS if (one, other) == (component, name))
    error = said(component, name, returning(value, count))
    assert isinstance(error, PluginError)
    assert str(error).startswith(f"{COMPONENTS[component][1]} {message}")
    assert "\n" not in str(error)


@pytest.mark.parametrize(("component", "name", "count"), METHODS)
def test_a_method_that_fails_is_one_line(said, component, name, count):
    """With the exception, file and line; the original is the cause."""
    methods = [lambda self: 1 / 0, lambda self, one: 1 / 0, lambda self, one, other: 1 / 0]
    error = said(component, name, methods[count])
    assert str(error).startswith(f"{COMPONENTS[component][1]} raised ZeroDivisionError: division by zero ({__file__}:")
    assert isinstance(error.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("answer", ["no", {"slices": Draw()}, {"two words": Draw()}, {"noise": "normal"}])
def test_draws_of_other_names_or_kinds_are_one_line(said, answer):
    """A name is an identifier, and none of the streams that a term has already."""
    error = said("loss", "draws", property(lambda _: answer))
    assert str(error).startswith(f"{COMPONENTS['loss'][1]} must return a mapping of name, none of slices, latent, mir")


@pytest.mark.parametrize(("component", "name"), PROPERTIES)
def test_a_property_that_fails_or_is_no_truth_value_is_one_line(said, component, name):
    """As a method."""
    assert f"{COMPONENTS[component][1]} raised ZeroDivisionError" in str(
        said(component, name, property(lambda _: 1 / 0))
    )
    error = said(component, name, property(lambda _: "no"))
    expected = "a mapping of name" if name == "draws" else "True or False"
    assert str(error).startswith(f"{COMPONENTS[component][1]} must return {expected}")
    assert str(error).endswith(f" from {name}, got str 'no'")


@pytest.mark.parametrize(("component", "name", "count"), METHODS)
def test_a_method_of_other_arguments_is_one_line(said, component, name, count):
    """And so is what is no method."""
    error = said(component, name, lambda self, one, two, three: None)
    assert f"{COMPONENTS[component][1]} is called as {name}(" in str(error)
    assert f"{COMPONENTS[component][1]} must have a method {name}, got int 5" in str(said(component, name, 5))


def test_a_method_that_ends_the_process_is_one_line(said):
    """Instead of an exit without a word."""
    assert "raised SystemExit: 3 (" in str(said("phase", "uses", lambda self, recipe: sys.exit(3)))


def test_problems_that_fail_on_the_way_are_one_line(said):
    """A generator raises when it is read, not when it is called."""

    def check(self, recipe):
        yield Problem("every", "no")
        raise KeyError("width")

    assert f"{COMPONENTS['phase'][1]} raised KeyError: 'width' (" in str(said("phase", "check", check))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (
            "references",
            ("adcc",),
            "names a reference at 'adcc', where it makes nothing; did you mean 'adc'?",
        ),
        ("counterparts", {"adcc": "adc"}, "names a counterpart of 'adcc', which it does not make; did you mean 'adc'?"),
    ],
)
def test_a_misspelt_place_of_a_phase_is_a_problem(said, name, value, problem):
    """Also where no term is on it."""
    assert f"phases.faulty-phase: {problem}" in str(said("phase", name, returning(value, 1)))
