"""Targets: texts ``"module:name"`` by which plugins name what is imported only when it is needed."""

import importlib
from typing import Any

from gankit._errors import PluginError
from gankit.plugin.failures import described


def imported(target: str, what: str) -> Any:
    """Import what a target names.

    Args:
        target: ``"module:name"``.
        what: the begin of the error message: who offers what, as in ``"plugin 'theirs': command 'paint'"``.

    Raises:
        PluginError: it cannot be imported.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what} cannot be imported from {target!r}: {described(error)}") from error
