"""The registry: components by kind and name, imported when first asked for."""

import attrs
import pytest

from gankit import (
    AbstractCohortSource,
    AbstractEncoder,
    AbstractNetwork,
    AbstractTranslator,
    InputError,
    PluginError,
    Registry,
)
from gankit.plugin.components import KINDS
from gankit.plugin.kinds import KIND_NAMES, NETWORK_KINDS
from gankit.plugin.registry import origin_of


@attrs.frozen(kw_only=True)
class Blank(AbstractTranslator):
    """Translates nothing."""

    def build(self, source, target):
        raise NotImplementedError


@pytest.fixture
def registry():
    registry = Registry()
    registry.registering("ours")
    return registry


def test_every_kind_has_its_name_and_its_class():
    """Names are listed apart, so that help need not import the classes."""
    assert tuple(KINDS) == KIND_NAMES
    assert tuple(kind for kind, base in KINDS.items() if issubclass(base, AbstractNetwork)) == NETWORK_KINDS


def test_finds_a_component_by_name_among_kinds(registry):
    """A recipe's ``use`` names a component; the kind that is wanted tells where to look."""
    registry.add("translator", "blank", Blank)
    assert registry.find("blank", "encoder", "translator") is Blank
    assert registry.name_of(Blank) == "blank"


def test_lists_entries_by_kind_then_name(registry):
    """Listings do not depend on the order in which plugins register."""
    for kind, name in (("loss", "b"), ("translator", "z"), ("loss", "a"), ("encoder", "y")):
        registry.add(kind, name, "nowhere:Nothing")
    assert [entry.name for entry in registry.entries()] == ["y", "z", "a", "b"]
    assert [entry.name for entry in registry.entries("loss")] == ["a", "b"]


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known(registry):
    """A misspelt name costs one look at the message."""
    registry.add("translator", "blank", Blank)
    registry.add("translator", "other", Blank)
    with pytest.raises(InputError, match="no translator named 'blnk'; did you mean 'blank'\\?; known: blank, other"):
        registry.find("blnk", "translator")


def test_a_kind_without_components_says_so(registry):
    """Where nothing is known, the message asks for the plugin."""
    with pytest.raises(InputError, match=r"no cohort named 'file'.*is the plugin that has it installed"):
        registry.find("file", "cohort")


def test_an_unknown_kind_names_the_plugin_and_the_nearest(registry):
    """The author of the plugin learns which plugin and which kind."""
    with pytest.raises(
        PluginError, match=r"plugin 'ours' registers 'blank' under unknown kind 'translatr'.*translator"
    ):
        registry.add("translatr", "blank", Blank)


@pytest.mark.parametrize("kind", ["translator", "encoder"])
def test_a_name_taken_by_another_network_names_both_plugins(registry, kind):
    """Network kinds share one namespace, since ``use`` does not tell them apart."""
    registry.add("translator", "blank", Blank)
    registry.registering("theirs")
    with pytest.raises(PluginError, match=f"plugin 'theirs' registers {kind} 'blank', but plugin 'ours' has a transl"):
        registry.add(kind, "blank", Blank)


def test_kinds_that_are_not_networks_may_share_a_name(registry):
    """A phase and a loss of one name are never confused: their places in a recipe differ."""
    registry.add("loss", "same", "nowhere:Loss")
    registry.add("phase", "same", "nowhere:Phase")
    assert [entry.kind for entry in registry.entries()] == ["loss", "phase"]


def test_a_component_is_imported_when_asked_for_and_not_before(registry):
    """A broken component that no recipe uses disturbs nobody, its owner is named when one does."""
    registry.add("translator", "aaa-broken", "gankit_no_such_module:Gone")
    registry.add("translator", "blank", Blank)
    assert registry.find("blank", "translator") is Blank
    assert registry.name_of(Blank) == "blank"
    with pytest.raises(PluginError, match=r"plugin 'ours': translator 'aaa-broken' cannot be imported.*ModuleNotFound"):
        registry.find("aaa-broken", "translator")


def test_the_name_of_a_component_is_found_without_importing_other_kinds(registry):
    """One that is broken disturbs nobody who does not use its kind."""
    registry.add("encoder", "broken", "gankit_no_such_module:Gone")
    registry.add("translator", "blank", Blank)
    assert registry.name_of(Blank) == "blank"


def test_a_message_names_a_component_by_its_plugin_or_its_class(registry):
    """The plugin once a registry has loaded it."""

    @attrs.frozen(kw_only=True)
    class Fresh(Blank):
        """As blank."""

    assert origin_of(Fresh()) == f"translator {__name__}.{Fresh.__qualname__}"
    registry.add("translator", "fresh", Fresh)
    registry.find("fresh", "translator")
    assert origin_of(Fresh()) == "translator 'fresh' of plugin 'ours'"


def test_a_component_that_misses_a_method_is_refused_by_name(registry):
    """What an abstract kind demands is checked before a recipe builds anything."""

    @attrs.frozen(kw_only=True)
    class Idle(AbstractCohortSource):
        """Loads nothing."""

    registry.add("cohort", "idle", Idle)
    with pytest.raises(PluginError, match="plugin 'ours': cohort 'idle' does not implement load"):
        registry.find("idle", "cohort")


class Undecorated(AbstractEncoder):
    """An encoder without ``@attrs.frozen``, whose options attrs would not see."""

    width: int = 3

    def build(self, source, target):
        raise NotImplementedError


@pytest.mark.parametrize("target", [Undecorated, Blank, int, lambda: None])
def test_a_component_that_is_no_attrs_class_of_its_kind_is_refused(registry, target):
    """Recipe keys are attrs fields, so a component must be a frozen attrs class derived from its kind."""
    registry.add("encoder", "odd", target)
    with pytest.raises(PluginError, match=r"encoder 'odd' must be a frozen attrs class.*gankit\.AbstractEncoder"):
        registry.find("odd", "encoder")


def test_a_class_that_nobody_registered_has_no_name(registry):
    """A locked recipe can only name what a plugin registered."""
    with pytest.raises(PluginError, match="Blank is not registered"):
        registry.name_of(Blank)
