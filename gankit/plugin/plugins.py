"""Load the installed plugins and gather what they offer. A broken plugin is left out with a warning."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import pluggy

from gankit._errors import InputError, PluginError, PluginWarning, nearest
from gankit.plugin import hooks
from gankit.plugin.failures import Failure, described, perhaps
from gankit.plugin.installed import chosen_plugins, origin
from gankit.plugin.registry import RegisteredComponent, Registry
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
"""The hooks that return names and are called when plugins are loaded: hook to what a name must stand for, in words and
as a test."""


@attrs.frozen(eq=False, repr=False)
class Plugins:
    """What all installed plugins offer."""

    registry: Registry
    recipes: dict[str, Path]
    models: dict[str, Path]
    commands: dict[str, str]
    """Words of the command to ``"module:click_command"``."""
    summaries: dict[str, str]
    """Words of the command to the sentence that lists of commands show; empty where its plugin gives none."""
    export_formats: dict[str, str]
    importers: dict[str, str]
    trackers: dict[str, str]
    failures: tuple[Failure, ...]
    """What was left out, and why."""
    _manager: pluggy.PluginManager
    _offers: tuple[_Offer, ...]

    @property
    def distributions(self) -> dict[str, str]:
        """Plugin name to ``"distribution version"``, for the locked recipe."""
        return {offer.plugin: origin(offer.entry_point) for offer in self._offers}

    @property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """The entry point of each plugin that loaded, in the order of their names."""
        return tuple(offer.entry_point for offer in self._offers)

    def perhaps(self, name: str) -> str:
        """The end of a message about an unknown name: plugins that were left out and may have offered it."""
        return perhaps(name, self.failures)

    def owner_of(self, hook: str, name: str) -> str:
        """Name of the plugin that offers ``name`` through ``hook``, one of ``NAMED``."""
        owners = (offer.plugin for offer in self._offers if name in offer.named[hook])
        return next(owners, "unnamed plugin")

    def origin_of(self, recipe: Path) -> str:
        """A recipe file in words, for messages: a shipped one by its name and plugin, any other by its path."""
        for name, path in self.recipes.items():
            if path == recipe:
                return f"recipe {name} (shipped by {self.owner_of('recipes', name)})"
        return str(recipe)

    def op_paths(self) -> dict[str, str]:
        """``"operator on device"`` to a sentence that says which code computes it. Loads torch."""
        return self._asked("op_paths")

    def kernels(self, device: torch.device) -> dict[str, Callable[[], Mapping[str, Callable[[], object]]]]:
        """Title to a function that prepares the calls to time side by side on this device; see hook ``kernels``."""
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
        """Call a hook of this plugin alone, if the plugin implements it.

        Raises:
            PluginError: the hook raised; the message gives file and line.
        """
        _call(self._manager, plugin, hook, **arguments)

    def _asked(self, hook: str, **arguments: Any) -> dict[str, Any]:
        """What all plugins together return for a hook that is not called when they are loaded.

        A plugin whose hook fails, or that offers a name which another plugin has, is left out with a warning.
        """
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
    entry_point: EntryPoint
    components: tuple[RegisteredComponent, ...]
    named: Mapping[str, Mapping[str, Any]]
    """Hook to what the plugin returns for it, for the hooks of ``NAMED``."""


def load_plugins(found: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every plugin of entry point group ``gankit``, in the order of their names.

    A plugin is left out as a whole if its import fails, if it implements no hook, a hook that does not exist or a hook
    with arguments that this hook does not have, or if one of its hooks fails. Two plugins of the same name are both
    left out. A name that two plugins offer is left out of both. For each of these there is a PluginWarning and an item
    of ``Plugins.failures``. A message about an unknown name tells of them.

    Args:
        found: the entry points to load; default: those of every installed distribution, without those that the
            environment's ``GANKIT_PLUGINS`` leaves out, see ``chosen_plugins``.
    """
    # Load each plugin by itself, so that one that is broken does not stop the others.
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    chosen, failures = chosen_plugins() if found is None else (list(found), [])
    offers = list[_Offer]()
    for name, same in groupby(sorted(chosen, key=_name), key=_name):
        first, *others = same
        if others:
            listed = " and ".join(map(origin, (first, *others)))
            failures.append(Failure(f"plugin {name!r}", f"{listed} have each a plugin of that name; uninstall one"))
            continue
        try:
            offers.append(_offer(manager, first))
        except PluginError as error:
            failures.append(
                Failure(
                    f"plugin {name!r} ({first.value}, from {origin(first)})",
                    f"{error}; mend it or uninstall the distribution",
                )
            )

    # Put together what they offer, and tell of what was left out.
    plugins = _together(manager, offers, failures)
    for failure in plugins.failures:
        if not failure.wanted:
            warnings.warn(str(failure), PluginWarning, stacklevel=2)
    return plugins


def _name(entry_point: EntryPoint) -> str:
    return entry_point.name


# One plugin -----------------------------------------------------------------------------------------------


def _offer(manager: pluggy.PluginManager, entry_point: EntryPoint) -> _Offer:
    """Everything that one plugin offers. Raises PluginError, whose message does not repeat the plugin's name."""
    try:
        module = entry_point.load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"cannot be imported: {described(error)}") from error
    try:
        _register(manager, module, entry_point.name)
        registry = Registry()
        registry.registering(entry_point.name)
        _call(manager, entry_point.name, "register_components", registry=registry)
        return _Offer(
            plugin=entry_point.name,
            entry_point=entry_point,
            components=tuple(registry.entries()),
            named={hook: _checked(hook, _named(manager, entry_point.name, hook)) for hook in NAMED},
        )
    except PluginError:
        if manager.has_plugin(entry_point.name):
            manager.unregister(name=entry_point.name)
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
    """File and line of the function that pluggy complains of, as in ``" (theirs.py:7)"``; empty where none is found."""
    for name, function in vars(module).items():
        if repr(name) in message and manager.parse_hookimpl_opts(module, name) is not None:
            return f" ({function.__code__.co_filename}:{function.__code__.co_firstlineno})"
    return ""


def _named(manager: pluggy.PluginManager, plugin: str, hook: str, **arguments: Any) -> dict[str, Any]:
    """What one plugin returns for a hook that returns names. Raises PluginError: it is no mapping."""
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
    """Target and summary of a command; the summary is empty where the plugin gives none."""
    return command if isinstance(command, tuple) and len(command) == 2 else (command, "")


def _call(manager: pluggy.PluginManager, plugin: str, hook: str, **arguments: Any) -> list[Any]:
    """Call a hook of one plugin alone. Raises PluginError where it fails."""
    own = [each for each in getattr(manager.hook, hook).get_hookimpls() if each.plugin_name == plugin]
    try:
        return [each.function(*(arguments[name] for name in each.argnames)) for each in own]
    except (Exception, SystemExit) as error:
        raise PluginError(f"hook {hook} failed: {described(error)}") from error


# All plugins ----------------------------------------------------------------------------------------------


def _together(manager: pluggy.PluginManager, offers: list[_Offer], failures: list[Failure]) -> Plugins:
    """What all plugins offer, without the names that more than one of them offers."""
    # Which names do several plugins claim?
    contested = dict(_contested(offers))
    failures = [*failures, *contested.values()]

    # Keep the others.
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
    """The names that more than one plugin offers, as (hook or namespace, name), each with its failure."""
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
