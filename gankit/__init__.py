"""gankit: compose, train and judge synthesizers of paired multi-modality images from a recipe file.

Every name that a plugin or a notebook may import is listed once, in ``__init__.pyi`` beside this file, which type
checkers read as well, and is loaded on first use: ``import gankit`` is cheap and brings in no torch.
"""

import importlib
import re
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_LISTED = re.compile(r"^from (gankit\S*) import (\w+) as \2$", re.MULTILINE)
_HOME_OF = {
    name: home for home, name in _LISTED.findall(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
}

__all__ = sorted([*_HOME_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gankit' has no attribute {name!r}")
    if (home := _HOME_OF[name]) == __name__:  # the name is a module, as imports
        return importlib.import_module(f"{home}.{name}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
