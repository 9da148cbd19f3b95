"""Packages of the extra ``metrics``, imported on use."""

import importlib
from typing import Any

from gankit import InputError


def extra(module: str) -> Any:
    """A module of an optional package.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = {"sklearn": "scikit-learn"}.get(top := module.partition(".")[0], top)
        raise InputError(f"this metric needs {package}; pip install 'gankit[metrics]'") from error
