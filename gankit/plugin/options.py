"""``option``: one field of a component, which is one key of a recipe."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from gankit._errors import shown

LARGEST_WHOLE, LARGEST = 10**15, 1e30
"""Largest whole number, and largest number, of an option that says no upper bound. Networks compute in float32."""
_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
}


@attrs.frozen
class Bounds:
    """An attrs validator that compares a number, or each number of a tuple, with bounds. It raises ValueError."""

    bounds: tuple[tuple[str, float], ...]
    """Pairs such as ``("ge", 0)``."""

    def __call__(self, instance: object, attribute: Any, value: Any) -> None:
        wrong = []
        for number in value if isinstance(value, tuple) else (value,):
            for name, bound in self._bounds_of(number):
                symbol, holds = _COMPARISONS[name]
                if not holds(number, bound):
                    wrong.append(f"must be {symbol} {bound}, got {shown(number)}")
        if wrong:
            raise ValueError("; ".join(wrong))

    def _bounds_of(self, value: Any) -> tuple[tuple[str, float], ...]:
        """The bounds of a number, its own and those that every option has; none for what is no number."""
        if not isinstance(value, int | float):
            return ()
        largest, own = LARGEST_WHOLE if isinstance(value, int) else LARGEST, dict(self.bounds)
        above = () if own.keys() & {"lt", "le"} else (("le", largest),)
        below = () if own.keys() & {"gt", "ge"} else (("ge", -largest),)
        return (*self.bounds, *above, *below)


def option(
    default: Any = attrs.NOTHING,
    *,
    help: str,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    unless: str | None = None,
) -> Any:
    """Declare one recipe key of a component.

    Args:
        default: the value where the recipe says nothing; without a default the key is required. A tuple or a mapping
            is safe as a default, since components are frozen.
        help: one sentence with the unit, shown by ``gankit components NAME`` and in the JSON Schema.
        gt, ge, lt, le: bounds (>, >=, <, <=) of a number, or of each number of a tuple. A recipe that breaks one has a
            problem at this key. Without a lower or an upper bound it is 10^15 away from 0 for whole numbers, and 10^30
            for others.
        unless: another option of the component, which takes the place of this one. Where a recipe gives the other, this
            one is None, and a recipe that gives both has a problem at this key.

    Returns: an attrs field, to be written as ``name: type = option(...)`` in a class ``@attrs.frozen(kw_only=True)``.
    """
    given = {"gt": gt, "ge": ge, "lt": lt, "le": le}
    bounds = tuple((name, bound) for name, bound in given.items() if bound is not None)
    metadata: dict[str, Any] = {"help": help, "bounds": dict(bounds)}
    if unless is not None:
        metadata |= {"unless": unless, "default": default}
        default = attrs.Factory(lambda spec: None if _given(spec, unless) else metadata["default"], takes_self=True)
    return attrs.field(default=default, validator=Bounds(bounds), metadata=metadata)


def default_of(field: Any) -> Any:
    """The default of an option as people read it: that of an option with ``unless`` where the other is not given."""
    return field.metadata.get("default", field.default)


def given_beside(spec: Any) -> Iterator[tuple[str, str]]:
    """Each option that a component has beside the one that takes its place, with the name of that one."""
    for field in attrs.fields(type(spec)):
        other = field.metadata.get("unless")
        if other is not None and getattr(spec, field.name) is not None and _given(spec, other):
            yield field.name, other


def _given(spec: Any, option: str) -> bool:
    return getattr(spec, option) is not None
