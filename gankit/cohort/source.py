"""The cohorts of a component: loaded, and held to the contract."""

from __future__ import annotations

from typing import Any

from gankit.cohort.cohort import Cohort
from gankit.plugin.components import AbstractCohortSource
from gankit.plugin.contract import blaming, broken, in_short, require_call

WHERE = "cohort"
"""Path of the component in a recipe."""


def cohort_of(source: AbstractCohortSource) -> Cohort:
    """The cohort of a source.

    Raises:
        CohortError: it cannot be read.
        PluginError: the source fails, or returns something else.
    """
    cohort = _called(source, "load")
    if not isinstance(cohort, Cohort):
        raise broken(WHERE, source, f"must return a gankit.Cohort from load, got {in_short(cohort)}")
    return cohort


def fresh_of(source: AbstractCohortSource) -> Cohort | None:
    """The cohort of further patients of a source, where it has one. Raises as ``cohort_of`` does."""
    cohort = _called(source, "fresh")
    if not (cohort is None or isinstance(cohort, Cohort)):
        raise broken(WHERE, source, f"must return a gankit.Cohort or None from fresh, got {in_short(cohort)}")
    return cohort


def _called(source: AbstractCohortSource, name: str) -> Any:
    require_call(WHERE, source, name, method := getattr(source, name))
    with blaming(WHERE, source):
        return method()
