"""No value of any option hangs, takes gigabytes or gives a traceback: it is accepted, or refused on one line."""

import copy
import math
import resource
import signal
import typing
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from gankit import Edge, RecipeError, load_plugins
from gankit.files.toml_types import key_of
from gankit.networks.stored_weights import without_memory
from gankit.plugin.components import KINDS
from gankit.plugin.kinds import NETWORK_KINDS
from gankit.recipe.check import recipe_warnings
from gankit.recipe.file import Layers, check_document, read_layers
from gankit.recipe.structure import structure_named, to_document
from tests.recipe.texts import ADC_ONLY

ABSURD = [
    *(10**18, 10**9, 20_000, 0, -1, 1e300, 1e21, 1e-300, math.nan, -math.inf),
    *("a" * 300, "a\x1b\n", "", [], [10**9] * 2, {}, True, [[[]]], 10**30),
]
"""Values that nobody gives on purpose."""

COMPONENTS = [(entry.kind, entry.name) for entry in load_plugins().registry.entries()]


@contextmanager
def soon(what):
    """A context that fails where it takes five seconds of a processor; each takes milliseconds."""

    def late(*_):
        pytest.fail(f"{what} takes too long")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def required(component):
    """The smallest table of a component: its required keys with values of their types."""
    plausible = {str: "adc", Path: "file", Edge: {"network": "net", "from": "adc"}, tuple[str, ...]: ["adc"]}
    fields = [field for field in attrs.fields(component) if field.default is attrs.NOTHING]
    return {key_of(field): plausible.get(field.type, {}) for field in fields}


def ends_of(kind):
    """Shapes (source, target) that a network of a kind may have."""
    image, latent, score = {"adc": (1, 64, 64)}, {"latent": (32,)}, {"score": ()}
    return {
        "encoder": [(image, latent)],
        "generator": [(latent, image)],
        "translator": [(image, image)],
        "discriminator": [(image, score), (latent, score)],
    }[kind]


def is_one_line(problem):
    return len(str(problem)) < 1000 and str(problem).isprintable()


@pytest.mark.parametrize(("kind", "name"), COMPONENTS, ids=map("-".join, COMPONENTS))
def test_an_option_takes_a_value_or_refuses_it_at_once(plugins, kind, name):
    """Every option of every component. Networks that take it are declared at once, without memory."""
    component = plugins.registry.find(name, kind)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for field in attrs.fields(component):
        for value in ABSURD:
            with soon(f"{key_of(field)} = {str(value)[:30]}"):
                table = {"use": name, **required(component), key_of(field): value}
                named, problems = structure_named({"it": table}, KINDS[kind], plugins.registry)
                assert all(map(is_one_line, problems))
                if named and kind in NETWORK_KINDS:
                    declare(named["it"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def declare(network):
    """Check a network, and build it without memory, between the shapes that it accepts."""
    for source, target in ends_of(network.kind):
        problems = list(network.check(source, target))
        assert all(map(is_one_line, problems))
        if not problems:
            with without_memory():
                network.build(source, target)


@pytest.mark.parametrize(("kind", "name"), COMPONENTS, ids=map("-".join, COMPONENTS))
def test_a_network_of_the_largest_numbers_is_declared_at_once(plugins, kind, name):
    """Each option at its upper bound."""
    component = plugins.registry.find(name, kind)
    for field in attrs.fields(component) if kind in NETWORK_KINDS else ():
        largest = field.metadata.get("bounds", {}).get("le")
        if largest is not None and int in (field.type, *typing.get_args(field.type)):
            with soon(f"{key_of(field)} = {largest}"):
                declare(component(**{field.name: largest}))


def leaves(table, path=()):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def test_a_recipe_with_one_absurd_value_is_checked_at_once(plugins, tmp_path):
    """Every key of a completed recipe."""
    (tmp_path / "small.toml").write_text(ADC_ONLY)
    layers = read_layers(tmp_path / "small.toml", (), plugins)
    document = to_document(check_document(layers, "small", plugins), plugins.registry)
    for path in leaves(document):
        for value in ABSURD:
            changed = copy.deepcopy(document)
            table = changed
            for key in path[:-1]:
                table = table[key]
            table[path[-1]] = value
            with soon(f"{'.'.join(path)} = {str(value)[:30]}"):
                assert all(map(is_one_line, problems_of(changed, plugins)))


def problems_of(document, plugins):
    """What is wrong with a document. Another error than RecipeError is a bug, or the fault of a component."""
    try:
        list(recipe_warnings(check_document(Layers(document, {}), "small", plugins)))
    except RecipeError as refused:
        return refused.problems
    return ()
