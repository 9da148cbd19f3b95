"""What a component's own code raises, or takes, against its contract: one line that names plugin and component."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gankit._errors import GankitError, PluginError, shown
from gankit.plugin.components import Component
from gankit.plugin.failures import described, left_gankit
from gankit.plugin.registry import origin_of

Offered = Component | str
"""Who is at fault: a component, or a plugin in words, as in ``"plugin 'theirs'"``."""


def broken(where: str, offered: Offered, message: str) -> PluginError:
    """The error for a component that breaks a promise of its kind.

    Args:
        where: path of the component in the recipe, such as ``phases.supervised.terms.l2-adc``.
        offered: who is at fault.
        message: what was expected and what was found, as the end of a sentence.
    """
    return PluginError(f"{where}: {offered if isinstance(offered, str) else origin_of(offered)} {message}")


@contextmanager
def blaming(where: str, offered: Offered, passing: type[Exception] = GankitError, given: str = "") -> Iterator[None]:
    """A context that turns an exception of a component's own code into a PluginError, with the exception as its cause.

    These exceptions pass as they are: a GankitError, memory that ran out, one of type ``passing``, and an exception
    whose traceback from here on has code of gankit alone. The last one is a bug of gankit and keeps its traceback.

    Args:
        where: path of the component in the recipe.
        offered: who is at fault.
        passing: a further type of exception that passes.
        given: what the component was called with, for the message.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, passing) or passes(error) or not left_gankit(error):
            raise
        raise raised(where, offered, error, given) from error


def passes(error: BaseException) -> bool:
    """Whether an exception needs no further words: a GankitError, or memory that ran out."""
    from gankit.processes.device import ran_out  # here, since it loads torch, and checking a recipe needs none

    return isinstance(error, GankitError) or ran_out(error)


def raised(where: str, offered: Offered, error: BaseException, given: str = "") -> PluginError:
    """The PluginError for an exception of a component's code: its type, its message, file and line, on one line."""
    package = "" if isinstance(offered, str) else type(offered).__module__.partition(".")[0]
    return broken(where, offered, f"raised {described(error, package)}{f', given {given}' if given else ''}")


def require_call(where: str, offered: Offered, name: str, function: Callable[..., Any], *arguments: str) -> None:
    """Make sure that a function of a component can be called with these positional arguments.

    Args:
        where: path of the component in the recipe.
        offered: who is at fault.
        name: name of the function.
        function: the function.
        arguments: names of the arguments, in their order.

    Raises:
        PluginError: its signature takes other arguments, or it is no function.
    """
    if not callable(function):
        raise broken(where, offered, f"must have a method {name}, got {in_short(function)}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function that is not written in Python may have no signature
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise broken(
            where, offered, f"is called as {name}({', '.join(arguments)}), but is defined as {name}{signature}"
        ) from None


def in_short(value: object) -> str:
    """A value in few words, for messages: its type, and at most 60 characters of itself."""
    return f"{type(value).__name__} {shown(value, 60)}"
