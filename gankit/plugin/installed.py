"""Which plugins may load: those of installed distributions, and of these the ones that ``GANKIT_PLUGINS`` names."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from gankit._errors import nearest, shown
from gankit.plugin.failures import Failure

GROUP = "gankit"
"""The entry point group of plugins."""
CHOSEN = "GANKIT_PLUGINS"
"""The environment variable that restricts plugins: names of plugins and of distributions, with commas between them.
Where it is not set or empty, all that is installed loads."""


def installed_plugins() -> list[EntryPoint]:
    """The entry points of all installed distributions, in the order of ``sys.path``.

    ``python -m`` puts the current folder on the path. What lies there need not have been installed, only downloaded, so
    it is left out; a distribution that is installed from this folder is found by its own place on the path.
    """
    return _plugins_on(_installed_path())


def chosen_plugins() -> tuple[list[EntryPoint], list[Failure]]:
    """The installed plugins that ``GANKIT_PLUGINS`` names, and what else was found and does not load."""
    installed = installed_plugins()
    failures = list(_of_the_current_folder(installed))
    chosen = dict.fromkeys(_normal(name.strip()) for name in os.environ.get(CHOSEN, "").split(",") if name.strip())
    if not chosen:
        return installed, failures

    # Which of them are named, by the plugin's own name or by that of its distribution?
    kept = [entry for entry in installed if not chosen.keys().isdisjoint(_names(entry))]
    if left := sorted({entry.name for entry in installed} - {entry.name for entry in kept}):
        why = f"{CHOSEN} names {', '.join(chosen)}"
        failures.append(Failure(f"all else ({', '.join(left)})", why, wanted=True))
    known = sorted({name for entry in installed for name in _names(entry)})
    for name in sorted(chosen.keys() - set(known)):
        why = f"nothing that is installed has this name{nearest(name, known)}; known: {', '.join(known)}"
        failures.append(Failure(f"{shown(name)} of {CHOSEN}", why))
    return kept, failures


def origin(entry: EntryPoint) -> str:
    """The distribution that a plugin is from, as in ``"gankit 0.1.0"``; its module where it is from none."""
    return " ".join(_identity(entry.dist)) if entry.dist else entry.value


@functools.cache
def _identity(distribution: Distribution) -> tuple[str, str]:
    """Name and version. Cached, since a distribution may have many plugins and parsing its metadata is slow."""
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]


def _names(entry: EntryPoint) -> tuple[str, ...]:
    named = (entry.name, _identity(entry.dist)[0]) if entry.dist else (entry.name,)
    return tuple(map(_normal, named))


def _installed_path() -> list[str]:
    """``sys.path`` without the current folder where Python put it there, or a relative entry leads there.

    Python makes relative entries of PYTHONPATH absolute. An empty one, as a colon at the end leaves, is the current
    folder.
    """
    first, *rest = sys.path or [""]
    here = Path.cwd() == Path(first)
    named = os.environ.get("PYTHONPATH", "")
    relative = {Path(place).resolve() for place in named.split(os.pathsep) if named and not Path(place).is_absolute()}
    places = [*([] if here else [first]), *rest]
    return [place for place in places if Path(place).is_absolute() and Path(place).resolve() not in relative]


def _plugins_on(path: list[str]) -> list[EntryPoint]:
    """Of two distributions of one name the first counts, as for ``import``."""
    found = list(distributions(path=path))
    first = {_normal(distribution.name): distribution for distribution in reversed(found)}
    return [entry for distribution in first.values() for entry in distribution.entry_points.select(group=GROUP)]


def _normal(name: str) -> str:
    """The name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_the_current_folder(installed: list[EntryPoint]) -> Iterator[Failure]:
    """A failure for each plugin that lies in the current folder and is not installed."""
    known = {(entry.name, entry.value) for entry in installed}
    for entry in _plugins_on([str(Path.cwd())]):
        if (entry.name, entry.value) not in known:
            why = "it lies in the current folder and is not installed; if you trust it, install it by 'pip install'"
            yield Failure(f"plugin {entry.name!r} ({origin(entry)})", why)
