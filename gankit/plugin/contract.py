"""What a component's own code raises, or takes, against its contract: one line that names plugin and component."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gankit._errors import GankitError, PluginError
from gankit.plugin.components import Component
from gankit.plugin.registry import origin_of


def broken(where: str, spec: Component, message: str) -> PluginError:
    """A promise that a component breaks.

    Args:
        where: path of the component in the recipe, such as ``phases.supervised.terms.l2-adc``.
        spec: the component.
        message: what was expected and what was found, as the end of a sentence.
    """
    return PluginError(f"{where}: {origin_of(spec)} {message}")


@contextmanager
def blaming(where: str, spec: Component) -> Iterator[None]:
    """Whatever a component's own code raises inside becomes one PluginError, with the original as its cause.

    What gankit raises on purpose passes, memory that ran out too, and an exception that no code of the component's
    package took part in: that one is a bug of gankit and keeps its traceback.
    """
    try:
        yield
    except Exception as error:
        if passes(error) or (place := _raised_at(error, spec)) is None:
            raise
        raise raised(where, spec, error, place) from error


def passes(error: Exception) -> bool:
    """Whether an exception says enough by itself: gankit's own, and memory that ran out."""
    from gankit.processes.device import ran_out  # it loads torch, which a recipe that is fine does not need

    return isinstance(error, GankitError) or ran_out(error)


def raised(where: str, spec: Component, error: Exception, place: str | None = None) -> PluginError:
    """An exception of a component's code in one line: its type, what it says, and file and line."""
    says = next(iter(str(error).strip().splitlines()), "")
    what = f"{type(error).__name__}: {says}" if says else type(error).__name__
    return broken(where, spec, f"raised {what} ({place or _raised_at(error, spec) or _innermost(error)})")


def _raised_at(error: Exception, spec: Component) -> str | None:
    """``file:line`` of the innermost code of the component's package that an exception passed through."""
    package = type(spec).__module__.partition(".")[0]
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            place = f"{frame.f_code.co_filename}:{line}"
    return place


def _innermost(error: Exception) -> str:
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{frame.f_code.co_filename}:{line}"


def require_call(where: str, spec: Component, name: str, function: Callable[..., Any], *arguments: str) -> None:
    """Require that a function of a component takes these arguments, in this order.

    Raises:
        PluginError: it takes others.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # of functions that are not written in Python nothing is known
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise broken(
            where, spec, f"is called as {name}({', '.join(arguments)}), but is defined as {name}{signature}"
        ) from None
