"""``"module:name"``, as plugins name what is imported when it is needed."""

import importlib
from typing import Any

from gankit._errors import PluginError
from gankit.plugin.failures import described


def imported(target: str, what: str) -> Any:
    """What a target names.

    Args:
        what: who offers what, for the message, as in ``"plugin 'theirs': command 'paint'"``.

    Raises:
        PluginError: it cannot be imported.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what} cannot be imported from {target!r}: {described(error)}") from error
