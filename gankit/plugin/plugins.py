"""Entry points to a filled registry. One broken plugin is named, never silently skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from gankit._errors import PluginError
from gankit.plugin import hooks
from gankit.plugin.registry import Registry

if TYPE_CHECKING:
    import torch


@attrs.frozen
class Plugins:
    """What all installed plugins offer."""

    registry: Registry
    recipes: dict[str, Path]
    models: dict[str, Path]
    commands: dict[str, str]
    export_formats: dict[str, str]
    distributions: dict[str, str]
    """Plugin name to ``"distribution version"``, for the locked recipe."""
    _manager: pluggy.PluginManager
    _shippers: dict[str, str] = attrs.field(factory=dict)
    """Shipped recipe to the plugin that ships it."""

    def origin_of(self, recipe: Path) -> str:
        """Which recipe a file is, for messages: a shipped one by its name and plugin, else the path."""
        for name, path in self.recipes.items():
            if path == recipe:
                return f"recipe {name} (shipped by {self._shippers[name]})"
        return str(recipe)

    def op_paths(self) -> dict[str, str]:
        """``"operator on device"`` to a sentence that says which code serves it. Loads torch."""
        return self._asked("op_paths")

    def kernels(self, device: torch.device) -> dict[str, Callable[[], Mapping[str, Callable[[], object]]]]:
        """Title to a function that prepares calls to time side by side on this device."""
        return self._asked("kernels", device=device)

    def _asked(self, hook: str, **arguments: Any) -> dict[str, Any]:
        collected: dict[str, Any] = {}
        for name in self.distributions:
            _add(name, hook, _call(self._manager, name, hook, **arguments), collected)
        return collected


def load_plugins(found: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every plugin of entry point group ``gankit``, in the order of their names.

    Args:
        found: the entry points to load; default: those of every installed distribution.

    Raises:
        PluginError: a plugin fails to import, has a name another has, implements no hook, one that does not exist
            or one with arguments it does not take, a hook of it fails, or it offers what another offers.
    """
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    plugins = Plugins(Registry(), {}, {}, {}, {}, {}, manager)
    for entry in sorted(entry_points(group="gankit") if found is None else found, key=lambda entry: entry.name):
        origin = _origin(entry)
        if entry.name in plugins.distributions:
            raise PluginError(
                f"two plugins are named {entry.name!r}: one from {plugins.distributions[entry.name]}, one from"
                f" {origin}; uninstall one of them"
            )
        plugins.distributions[entry.name] = origin
        _register(manager, entry, origin)
        _collect(manager, entry.name, plugins)
    return plugins


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _register(manager: pluggy.PluginManager, entry: EntryPoint, origin: str) -> None:
    where = f"plugin {entry.name!r} ({entry.value}, from {origin})"
    try:
        module = entry.load()
    except Exception as error:
        raise PluginError(
            f"{where} cannot be imported: {type(error).__name__}: {error}; mend it or uninstall the distribution"
        ) from error
    known = ", ".join(name for name in vars(manager.hook) if not name.startswith("_"))
    try:
        manager.register(module, name=entry.name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(f"{where}: {' '.join(str(error).split())}; the hooks are {known}") from error
    if not manager.get_hookcallers(module):
        raise PluginError(f"{where} implements no hook; mark its functions with gankit.hookimpl; the hooks are {known}")


def _collect(manager: pluggy.PluginManager, name: str, plugins: Plugins) -> None:
    plugins.registry.registering(name)
    _call(manager, name, "register_components", registry=plugins.registry)
    for hook in ("recipes", "models", "commands", "export_formats"):
        _add(name, hook, _call(manager, name, hook), getattr(plugins, hook))
    plugins._shippers.update({recipe: name for recipe in plugins.recipes if recipe not in plugins._shippers})


def _call(manager: pluggy.PluginManager, name: str, hook: str, **arguments: Any) -> list[Any]:
    """Call one plugin's hook alone, so that what goes wrong is blamed on it."""
    others = [plugin for plugin in manager.get_plugins() if manager.get_name(plugin) != name]
    try:
        return manager.subset_hook_caller(hook, others)(**arguments)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"plugin {name!r}: hook {hook} failed: {type(error).__name__}: {error}") from error


def _add(name: str, hook: str, results: list[Any], collected: dict[str, Any]) -> None:
    for offered in results:
        if not isinstance(offered, Mapping):
            raise PluginError(f"plugin {name!r}: hook {hook} must return a mapping, got {offered!r}")
        if twice := sorted(set(offered) & set(collected)):
            raise PluginError(f"plugin {name!r} offers {hook} that another plugin has: {', '.join(twice)}")
        collected.update(offered)
