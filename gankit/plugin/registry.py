"""The registry: (kind, name) to component class, imported when first asked for."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import attrs

from gankit._errors import InputError, PluginError, nearest
from gankit.plugin.failures import Failure, perhaps
from gankit.plugin.kinds import KIND_NAMES, NETWORK_KINDS
from gankit.plugin.targets import imported

if TYPE_CHECKING:
    from gankit.plugin.components import Component


@attrs.frozen
class RegisteredComponent:
    """A component as a plugin registered it."""

    kind: str
    """One of ``KIND_NAMES``."""
    name: str
    """What recipes write after ``use``."""
    plugin: str
    """Name of the plugin that registered it."""
    target: str | type[Component]
    """The class, or ``"module:Class"`` to import it from."""

    @property
    def namespace(self) -> str:
        """Within a namespace every name is of one component: the kind, or ``"network"`` for all kinds of network."""
        return "network" if self.kind in NETWORK_KINDS else self.kind


class Registry:
    """Components by kind and name. Network kinds share one namespace, since a recipe's ``use`` names no kind."""

    def __init__(self, entries: Iterable[RegisteredComponent] = (), failures: Iterable[Failure] = ()) -> None:
        """
        Args:
            entries: components, each name once in its namespace.
            failures: what of the plugins was left out, for messages about unknown names.
        """
        self._entries = {(entry.kind, entry.name): entry for entry in entries}
        self._failures = tuple(failures)
        self._used: dict[type[Component], str] = {}
        self._plugin = "unnamed plugin"

    def registering(self, plugin: str) -> None:
        """Say which plugin makes the following ``add`` calls."""
        self._plugin = plugin

    def add(self, kind: str, name: str, target: str | type[Component]) -> None:
        """Register a component.

        Args:
            kind: one of ``KIND_NAMES``.
            name: what recipes write after ``use``.
            target: the class, or ``"module:Class"`` to import it only when a recipe uses it.

        Raises:
            PluginError: unknown kind, or the name is taken.
        """
        if kind not in KIND_NAMES:
            known = ", ".join(KIND_NAMES)
            raise PluginError(
                f"plugin {self._plugin!r} registers {name!r} under unknown kind {kind!r}{nearest(kind, KIND_NAMES)};"
                f" known: {known}"
            )
        for taken in NETWORK_KINDS if kind in NETWORK_KINDS else (kind,):
            if (taken, name) in self._entries:
                other = self._entries[taken, name].plugin
                raise PluginError(
                    f"plugin {self._plugin!r} registers {kind} {name!r}, but plugin {other!r} has a {taken} of that"
                    " name already; rename one or uninstall one of the two"
                )
        self._entries[kind, name] = RegisteredComponent(kind, name, self._plugin, target)

    def entries(self, *kinds: str) -> Iterator[RegisteredComponent]:
        """Entries of these kinds, or of all, sorted by kind and name."""
        for entry in sorted(self._entries.values(), key=lambda entry: (KIND_NAMES.index(entry.kind), entry.name)):
            if not kinds or entry.kind in kinds:
                yield entry

    def find(self, name: str, *kinds: str) -> type[Component]:
        """The component class of this name among these kinds.

        Raises:
            InputError: there is no such name; the message lists the known ones.
            PluginError: the class cannot be imported or does not keep the contract.
        """
        for kind in kinds:
            if (kind, name) in self._entries:
                component = _load(self._entries[kind, name])
                self._used.setdefault(component, name)
                return component
        names = [entry.name for entry in self.entries(*kinds)]
        word = "network" if set(kinds) == set(NETWORK_KINDS) else " or ".join(kinds)
        known = ", ".join(names) or f"none; is the plugin that has it installed? No plugin registers a {word}"
        cause = perhaps(name, self._failures)
        raise InputError(f"no {word} named {name!r}{nearest(name, names)}; known: {known}{cause}")

    def name_of(self, component: type[Component]) -> str:
        """The name that a component class is registered under. Raises PluginError: it is registered under none."""
        if component in self._used:  # first, since the search below imports components that no recipe uses
            return self._used[component]
        for entry in self._entries.values():
            if entry.kind == component.kind and _load(entry) is component:
                return entry.name
        raise PluginError(f"{component.__module__}.{component.__qualname__} is not registered")


def _load(entry: RegisteredComponent) -> type[Component]:
    """Import a component class and check it. Raises PluginError: it cannot be imported or breaks the contract."""
    from gankit.plugin.components import KINDS  # here, since help texts and lists of commands do not need the classes

    component = entry.target
    if isinstance(component, str):
        component = imported(component, f"plugin {entry.plugin!r}: {entry.kind} {entry.name!r}")
    base = KINDS[entry.kind]
    if not (inspect.isclass(component) and issubclass(component, base) and "__attrs_attrs__" in vars(component)):
        raise PluginError(
            f"plugin {entry.plugin!r}: {entry.kind} {entry.name!r} must be a frozen attrs class derived from"
            f" gankit.{base.__name__}, got {component!r}"
        )
    if missing := sorted(getattr(component, "__abstractmethods__", ())):
        raise PluginError(
            f"plugin {entry.plugin!r}: {entry.kind} {entry.name!r} does not implement {', '.join(missing)}"
        )
    try:
        attrs.resolve_types(component)
    except Exception as error:
        raise PluginError(
            f"plugin {entry.plugin!r}: {entry.kind} {entry.name!r} has an option of a type that cannot be read:"
            f" {type(error).__name__}: {error}; import it outside of TYPE_CHECKING"
        ) from error
    _LOADED[component] = entry
    return component


_LOADED: WeakKeyDictionary[type[Component], RegisteredComponent] = WeakKeyDictionary()
"""Component class to the entry that it was last loaded for. Only messages read it."""


def origin_of(spec: Component) -> str:
    """A component in words, as in ``"loss 'hinge' of plugin 'theirs'"``; its class where no registry has loaded it."""
    if entry := _LOADED.get(type(spec)):
        return f"{entry.kind} {entry.name!r} of plugin {entry.plugin!r}"
    return f"{spec.kind} {type(spec).__module__}.{type(spec).__qualname__}"
