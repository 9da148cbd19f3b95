"""Functions that make cohorts from other data. They come from the hook ``importers`` of plugins.

    cohort = gankit.imports.arrays("pairs.npz", modality={"adc": "adc"}, patient="patient_id")

``dir(gankit.imports)`` lists them, and ``help(gankit.imports.arrays)`` explains one. Each returns a ``gankit.Cohort``,
and writes the cohort file where it is given ``out``.
"""

from __future__ import annotations

from typing import Any

from gankit._errors import nearest
from gankit.plugin.plugins import load_plugins
from gankit.plugin.targets import imported


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'gankit.imports' has no attribute {name!r}")
    plugins = load_plugins()
    if name not in plugins.importers:
        known = (", ".join(sorted(plugins.importers)) or "none") + plugins.perhaps(name)
        raise AttributeError(f"no plugin imports {name!r}{nearest(name, plugins.importers)}; known: {known}")
    return imported(plugins.importers[name], f"plugin {plugins.owner_of('importers', name)!r}: importer {name!r}")


def __dir__() -> list[str]:
    return sorted(load_plugins().importers)
