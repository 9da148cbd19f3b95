"""Entry points to what they offer. A broken plugin is named and left out; commands that do not need it go on."""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import Distribution, EntryPoint, entry_points
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import pluggy

from gankit._errors import InputError, PluginError, PluginWarning, nearest
from gankit.plugin import hooks
from gankit.plugin.failures import Failure, described, perhaps
from gankit.plugin.registry import Entry, Registry
from gankit.plugin.targets import imported

if TYPE_CHECKING:
    import torch

NAMED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "recipes": ("a path", lambda value: isinstance(value, Path)),
    "models": ("a path", lambda value: isinstance(value, Path)),
    "commands": ("'module:command', or that and a sentence", lambda value: all(map(_is_text, _pair(value)))),
    "export_formats": ("'module:function'", lambda value: _is_text(value)),
    "importers": ("'module:function'", lambda value: _is_text(value)),
    "trackers": ("'module:function'", lambda value: _is_text(value)),
}
"""Hooks that are asked when plugins are loaded for names with what they stand for: what that must be."""


@attrs.frozen(eq=False, repr=False)
class Plugins:
    """What all installed plugins offer."""

    registry: Registry
    recipes: dict[str, Path]
    models: dict[str, Path]
    commands: dict[str, str]
    summaries: dict[str, str]
    """What lists of commands say of each, so that it need not be imported; empty where its plugin does not say."""
    export_formats: dict[str, str]
    importers: dict[str, str]
    trackers: dict[str, str]
    failures: tuple[Failure, ...]
    """What is left out, and why."""
    _manager: pluggy.PluginManager
    _offers: tuple[_Offer, ...]

    @property
    def distributions(self) -> dict[str, str]:
        """Plugin name to ``"distribution version"``, for the locked recipe."""
        return {offer.plugin: _origin(offer.entry) for offer in self._offers}

    def perhaps(self, name: str) -> str:
        """The possible cause of a name that nobody offers, to add to a message: a plugin that is left out."""
        return perhaps(name, self.failures)

    def owner_of(self, hook: str, name: str) -> str:
        """The plugin that offers a recipe, model, command, importer, export format or tracker."""
        owners = (offer.plugin for offer in self._offers if name in offer.named[hook])
        return next(owners, "unnamed plugin")

    def origin_of(self, recipe: Path) -> str:
        """Which recipe a file is, for messages: a shipped one by its name and plugin, else the path."""
        for name, path in self.recipes.items():
            if path == recipe:
                return f"recipe {name} (shipped by {self.owner_of('recipes', name)})"
        return str(recipe)

    def op_paths(self) -> dict[str, str]:
        """``"operator on device"`` to a sentence that says which code serves it. Loads torch."""
        return self._asked("op_paths")

    def kernels(self, device: torch.device) -> dict[str, Callable[[], Mapping[str, Callable[[], object]]]]:
        """Title to a function that prepares calls to time side by side on this device."""
        return self._asked("kernels", device=device)

    def tracker(self, name: str) -> Callable[[], object]:
        """The function of a tracker; see hook ``trackers``.

        Raises:
            InputError: no plugin offers the tracker.
            PluginError: it cannot be imported.
        """
        if name not in self.trackers:
            known = (", ".join(sorted(self.trackers)) or "none") + self.perhaps(name)
            raise InputError(f"training.track: no tracker {name!r}{nearest(name, self.trackers)}; known: {known}")
        return imported(self.trackers[name], f"plugin {self.owner_of('trackers', name)!r}: tracker {name!r}")

    def implementing(self, *hooks: str) -> list[str]:
        """Names of the plugins that implement one of these hooks."""
        implementations = (each for hook in hooks for each in getattr(self._manager.hook, hook).get_hookimpls())
        named = {each.plugin_name for each in implementations}
        return [name for name in self.distributions if name in named]

    def call(self, plugin: str, hook: str, **arguments: Any) -> None:
        """Call a hook of one plugin alone, if it implements it. Raises PluginError, with the place, if it fails."""
        _call(self._manager, plugin, hook, **arguments)

    def _asked(self, hook: str, **arguments: Any) -> dict[str, Any]:
        """What all plugins return for a hook that is not asked when they are loaded; one that fails is left out with
        a warning."""
        collected: dict[str, Any] = {}
        for offer in self._offers:
            try:
                offered = _named(self._manager, offer.plugin, hook, **arguments)
                if twice := sorted(offered.keys() & collected.keys()):
                    raise PluginError(f"hook {hook} offers what another plugin has: {', '.join(twice)}")
                collected |= offered
            except PluginError as error:
                warnings.warn(f"plugin {offer.plugin!r} is left out: {error}", PluginWarning, stacklevel=3)
        return collected


class _Offer(NamedTuple):
    """What one plugin offers."""

    plugin: str
    entry: EntryPoint
    components: tuple[Entry, ...]
    named: Mapping[str, Mapping[str, Any]]
    """By hook, those of ``NAMED``."""


def load_plugins(found: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every plugin of entry point group ``gankit``, in the order of their names.

    A plugin is left out, as a whole, if it fails to import, implements no hook, one that does not exist or one with
    arguments that it does not take, or if a hook of it fails. A name that two plugins offer is left out, whichever was
    loaded last: neither has it. So are two plugins of one name. Each is a PluginWarning and one of
    ``Plugins.failures``; who asks for a name that is not there hears of them.

    Args:
        found: the entry points to load; default: those of every installed distribution.
    """
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    entries = sorted(entry_points(group="gankit") if found is None else found, key=lambda entry: entry.name)
    offers, failures = list[_Offer](), list[Failure]()
    for name, same in groupby(entries, key=lambda entry: entry.name):
        first, *others = same
        if others:
            listed = " and ".join(map(_origin, (first, *others)))
            failures.append(Failure(f"plugin {name!r}", f"{listed} have each a plugin of that name; uninstall one"))
            continue
        try:
            offers.append(_offer(manager, first))
        except PluginError as error:
            failures.append(
                Failure(
                    f"plugin {name!r} ({first.value}, from {_origin(first)})",
                    f"{error}; mend it or uninstall the distribution",
                )
            )
    plugins = _together(manager, offers, failures)
    for failure in plugins.failures:
        warnings.warn(str(failure), PluginWarning, stacklevel=2)
    return plugins


def _origin(entry: EntryPoint) -> str:
    return _named_version(entry.dist) if entry.dist else entry.value


@functools.cache
def _named_version(distribution: Distribution) -> str:
    """As in ``"gankit 0.1.0"``. Its metadata are parsed once for all of its plugins, and once only."""
    metadata = distribution.metadata
    return f"{metadata['Name']} {metadata['Version']}"


# One plugin -----------------------------------------------------------------------------------------------


def _offer(manager: pluggy.PluginManager, entry: EntryPoint) -> _Offer:
    """Everything that one plugin offers. Raises PluginError, which says what is wrong with it but not its name."""
    try:
        module = entry.load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"cannot be imported: {described(error)}") from error
    try:
        _register(manager, module, entry.name)
        registry = Registry()
        registry.registering(entry.name)
        _call(manager, entry.name, "register_components", registry=registry)
        return _Offer(
            plugin=entry.name,
            entry=entry,
            components=tuple(registry.entries()),
            named={hook: _checked(hook, _named(manager, entry.name, hook)) for hook in NAMED},
        )
    except PluginError:
        if manager.has_plugin(entry.name):
            manager.unregister(name=entry.name)
        raise


def _register(manager: pluggy.PluginManager, module: Any, name: str) -> None:
    known = ", ".join(hook for hook, caller in vars(manager.hook).items() if hook[0] != "_" and caller.has_spec())
    try:
        manager.register(module, name=name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        text = " ".join(str(error).split())
        raise PluginError(f"{text}{_line_of(manager, module, text)}; the hooks are {known}") from error
    if not manager.get_hookcallers(module):
        raise PluginError(f"implements no hook; mark its functions with gankit.hookimpl; the hooks are {known}")


def _line_of(manager: pluggy.PluginManager, module: Any, message: str) -> str:
    """Where the hook that pluggy complains of is written."""
    for name, function in vars(module).items():
        if repr(name) in message and manager.parse_hookimpl_opts(module, name) is not None:
            return f" ({function.__code__.co_filename}:{function.__code__.co_firstlineno})"
    return ""


def _named(manager: pluggy.PluginManager, plugin: str, hook: str, **arguments: Any) -> dict[str, Any]:
    """What one plugin returns for a hook that names things."""
    named: dict[str, Any] = {}
    for offered in _call(manager, plugin, hook, **arguments):
        if not isinstance(offered, Mapping):
            raise PluginError(f"hook {hook} must return a mapping, got {offered!r}")
        named |= offered
    return named


def _checked(hook: str, named: dict[str, Any]) -> dict[str, Any]:
    wanted, fits = NAMED[hook]
    for name, value in named.items():
        if not _is_text(name) or not fits(value):
            raise PluginError(f"hook {hook}: {name!r} must stand for {wanted}, got {value!r}")
    return named


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _pair(command: Any) -> tuple[Any, ...]:
    """Target and summary of a command; empty where it has none."""
    return command if isinstance(command, tuple) and len(command) == 2 else (command, "")


def _call(manager: pluggy.PluginManager, plugin: str, hook: str, **arguments: Any) -> list[Any]:
    """Call one plugin's hook alone, so that what goes wrong is blamed on it."""
    own = [each for each in getattr(manager.hook, hook).get_hookimpls() if each.plugin_name == plugin]
    try:
        return [each.function(*(arguments[name] for name in each.argnames)) for each in own]
    except (Exception, SystemExit) as error:
        raise PluginError(f"hook {hook} failed: {described(error)}") from error


# All plugins ----------------------------------------------------------------------------------------------


def _together(manager: pluggy.PluginManager, offers: list[_Offer], failures: list[Failure]) -> Plugins:
    """What all plugins offer, without the names that two of them do."""
    contested = dict(_contested(offers))
    failures = [*failures, *contested.values()]
    components = (entry for offer in offers for entry in offer.components)
    kept = [entry for entry in components if (entry.namespace, entry.name) not in contested]
    named: dict[str, dict[str, Any]] = {
        hook: {
            name: value
            for offer in offers
            for name, value in offer.named[hook].items()
            if (hook, name) not in contested
        }
        for hook in NAMED
    }
    commands = {words: _pair(command) for words, command in named["commands"].items()}
    return Plugins(
        registry=Registry(kept, failures),
        failures=tuple(failures),
        manager=manager,
        offers=tuple(offers),
        recipes=named["recipes"],
        models=named["models"],
        commands={words: target for words, (target, _) in commands.items()},
        summaries={words: summary for words, (_, summary) in commands.items()},
        export_formats=named["export_formats"],
        importers=named["importers"],
        trackers=named["trackers"],
    )


def _contested(offers: list[_Offer]) -> Iterator[tuple[tuple[str, str], Failure]]:
    """Names that more than one plugin offers, by what they name."""
    claims = [
        *((offer.plugin, entry.namespace, entry.name) for offer in offers for entry in offer.components),
        *((offer.plugin, hook, name) for offer in offers for hook, named in offer.named.items() for name in named),
    ]
    for (what, name), count in Counter((what, name) for _, what, name in claims).items():
        if count > 1:
            owners = " and ".join(repr(owner) for owner, *claim in claims if claim == [what, name])
            word = what.removesuffix("s").replace("_", " ") if what in NAMED else what
            why = f"plugins {owners} each offer one of that name; rename it in one or uninstall one of the plugins"
            yield (what, name), Failure(f"{word} {name!r}", why, name)
