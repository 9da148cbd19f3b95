"""The part of a graph that a translation passes: from what is taken of real slices to what is made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Literal

import attrs

from gankit import LATENT, Problem, Recipe, nearest, option

if TYPE_CHECKING:
    from torch import Tensor

    from gankit import BatchSource

Noise = Literal["drawn", "quiet"]


@attrs.frozen
class Passed:
    """What lies between real slices and what is made of them."""

    networks: tuple[str, ...]
    """Names of the networks, in the order in which the graph runs them."""
    read: frozenset[str]
    """Places that these networks read."""


def passed(recipe: Recipe, wanted: Collection[str], given: Collection[str]) -> Passed:
    """What the graph passes to make the places ``wanted`` where the places ``given`` are there already."""
    needed, read = set(wanted) - set(given), set()
    networks: list[str] = []
    for edge, made in reversed(recipe.edges()):
        if needed & set(made):
            read |= set(edge.from_)
            needed |= set(edge.from_) - set(given)
            networks.append(edge.network)
    return Passed(tuple(dict.fromkeys(reversed(networks))), frozenset(read))


def given_option() -> tuple[str, ...] | None:
    """The option ``given`` of both phases."""
    chosen: tuple[str, ...] | None = option(
        None, help="modalities that are taken from real slices; default: those that the graph is given"
    )
    return chosen


def given_modalities(recipe: Recipe, named: tuple[str, ...] | None) -> tuple[str, ...]:
    """Modalities that are taken from real slices: those that the graph is given, and those that an option names."""
    graph = (place for place in recipe.given() if place in recipe.modalities)
    return tuple(dict.fromkeys((*graph, *(place for place in named or () if place in recipe.modalities))))


def check_given(recipe: Recipe, named: tuple[str, ...] | None) -> Iterator[Problem]:
    """Problems of the option ``given``."""
    known = ", ".join(recipe.modalities)
    for place in named or ():
        if place not in recipe.modalities:
            yield Problem("given", f"no modality {place!r}{nearest(place, recipe.modalities)}; known: {known}")
    if not given_modalities(recipe, named):
        yield Problem("given", f"required, since the graph is given no modality; one or more of {known}")


def random_places(source: BatchSource, read: Collection[str], noise: Noise) -> dict[str, Tensor]:
    """The random places among those that are read, drawn or zero: place to (B, *shape)."""
    drawn = {LATENT: source.latents(), **source.noise()}
    chosen = {place: values for place, values in drawn.items() if place in read}
    return chosen if noise == "drawn" else quiet(chosen)


def quiet(places: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same places, all zero."""
    return {place: values.new_zeros(values.shape) for place, values in places.items()}
