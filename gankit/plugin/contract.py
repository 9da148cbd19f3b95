"""What a component's own code raises, or takes, against its contract: one line that names plugin and component."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gankit._errors import GankitError, PluginError
from gankit.plugin.components import Component
from gankit.plugin.failures import described, left_gankit
from gankit.plugin.registry import origin_of

Offered = Component | str
"""A component, or in words what else a plugin offers, as in ``"plugin 'theirs'"``."""


def broken(where: str, offered: Offered, message: str) -> PluginError:
    """A promise that a component breaks.

    Args:
        where: path of the component in the recipe, such as ``phases.supervised.terms.l2-adc``.
        offered: the component, or whose it is.
        message: what was expected and what was found, as the end of a sentence.
    """
    return PluginError(f"{where}: {offered if isinstance(offered, str) else origin_of(offered)} {message}")


@contextmanager
def blaming(where: str, offered: Offered, passing: type[Exception] = GankitError, given: str = "") -> Iterator[None]:
    """Whatever a component's own code raises inside becomes one PluginError, with the original as its cause.

    What gankit raises on purpose passes, memory that ran out too, and an exception that was raised by gankit without
    any code of others beneath: that one is a bug of gankit and keeps its traceback.

    Args:
        where: path of the component in the recipe.
        offered: the component, or whose it is.
        passing: what else passes.
        given: what the component was called with, for the message.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, passing) or passes(error) or not left_gankit(error):
            raise
        raise raised(where, offered, error, given) from error


def passes(error: BaseException) -> bool:
    """Whether an exception says enough by itself: gankit's own, and memory that ran out."""
    from gankit.processes.device import ran_out  # it loads torch, which a recipe that is fine does not need

    return isinstance(error, GankitError) or ran_out(error)


def raised(where: str, offered: Offered, error: BaseException, given: str = "") -> PluginError:
    """An exception of a component's code in one line: its type, what it says, and file and line."""
    package = "" if isinstance(offered, str) else type(offered).__module__.partition(".")[0]
    return broken(where, offered, f"raised {described(error, package)}{f', given {given}' if given else ''}")


def require_call(where: str, offered: Offered, name: str, function: Callable[..., Any], *arguments: str) -> None:
    """Require that a function of a component takes these arguments, in this order.

    Raises:
        PluginError: it takes others, or is no function.
    """
    if not callable(function):
        raise broken(where, offered, f"must have a method {name}, got {in_short(function)}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # of functions that are not written in Python nothing is known
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise broken(
            where, offered, f"is called as {name}({', '.join(arguments)}), but is defined as {name}{signature}"
        ) from None


def in_short(value: object) -> str:
    """Type and value in few words, for messages."""
    shown = " ".join(repr(value).split())
    return f"{type(value).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"
