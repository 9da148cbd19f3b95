"""The typed recipe: what a run is made of, and the modality graph.

The graph has places and edges. An edge is a network that reads places and makes one modality or several. Every place is
random (``"latent"`` and images of noise), given (labels and modalities of real slices) or made by an edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import attrs

from gankit._shapes import LATENT, SCORE, Shape, Shapes, joined
from gankit.plugin.components import (
    AbstractAdversarialLoss,
    AbstractCohortSource,
    AbstractFeatureLoss,
    AbstractNetwork,
    AbstractOptimizer,
    AbstractPhase,
    NetworkUse,
)
from gankit.plugin.options import option


@attrs.frozen(kw_only=True)
class Pool:
    """A named selection of the cohort that training draws from."""

    label: str | None = option(None, help="cohort label that selects; default: every slice")
    equals: int = option(1, ge=0, help="value of the label, as 1 yes, 0 no, or the number of a class")
    split: Literal["train", "test", "validation", "all"] = option("train", help="split that selects")

    def within(self, other: Pool) -> bool:
        """Whether the other pool has every slice of this one, whatever the cohort."""
        labelled = other.label is None or (self.label, self.equals) == (other.label, other.equals)
        return labelled and other.split in ("all", self.split)


@attrs.frozen(kw_only=True)
class Latent:
    """The latent space; its prior is a standard normal distribution."""

    dim: int = option(128, ge=1, le=1_000_000, help="number of latent dimensions")


@attrs.frozen(kw_only=True)
class ModalitySpec:
    """A modality as the networks see it."""

    shape: Shape = option(help="channels, then the spatial size, as in [1, 64, 64]", ge=1, le=100_000)
    unit: str = option("1", help="unit of stored values; '1' for arbitrary units")
    range: tuple[float, float] = option(help="stored values that become -1 and 1")
    mask: str | None = option(
        None,
        help="ground truth of the cohort that gives the values: 1 where it is not 0; with several channels, 1 in"
        " channel k where it is k. Default: the cohort's modality of this name",
    )
    window: tuple[float, float] | None = option(None, help="stored values shown black and white; default: range")

    def to_network(self, values):  # type: ignore[no-untyped-def]
        """Values in stored units to network values, ``2 (values - low) / (high - low) - 1``; not clipped.

        The range [low, high] becomes [-1, 1]. Takes and returns a numpy array or a tensor of any shape.
        """
        low, high = self.range
        return (values - low) * (2 / (high - low)) - 1

    def to_units(self, values):  # type: ignore[no-untyped-def]
        """Network values to values in stored units; the inverse of ``to_network``."""
        low, high = self.range
        return (values + 1) * ((high - low) / 2) + low


@attrs.frozen(kw_only=True)
class Edge:
    """A network of the graph and the places it reads."""

    network: str = option(help="name of the network")
    from_: tuple[str, ...] = option(help="place or places that it reads")


@attrs.frozen(kw_only=True)
class RandomPlace:
    """A place of standard normal noise beside the latent. A phase draws it, or keeps it quiet: zero."""

    random: Shape = option(help="channels, then the spatial size, as in [2, 64, 64]", ge=1, le=100_000)


@attrs.frozen(kw_only=True)
class GivenLabel:
    """A label of the cohort as a place: a vector (classes,), 1 at the slice's class and 0 elsewhere."""

    label: str = option(help="label of the cohort")
    classes: int = option(2, ge=2, le=128, help="number of classes; the label's values are 0 to classes - 1")


@attrs.frozen(kw_only=True)
class GivenModality:
    """A modality that no network makes: it comes from the cohort in training, and from the user in sampling."""

    given: Literal[True] = option(help="true: the cohort's slices give this modality")


GraphPlace = Edge | RandomPlace | GivenLabel | GivenModality
"""How a place of the graph comes to be. The keys of a table tell which."""


@attrs.frozen(kw_only=True)
class Augmentation:
    """Changes of real slices in training, drawn for each slice anew and the same for all its modalities."""

    mirror: bool = option(False, help="mirror left and right, half of the time")
    shift: int = option(0, ge=0, le=100_000, help="move by up to so many pixels along each axis, edge repeated")


@attrs.frozen(kw_only=True)
class Training:
    """How long, how much at a time, and what is kept."""

    steps: int = option(help="training steps", ge=1)
    batch: int = option(16, ge=1, le=1_000_000, help="slices, or latents, drawn at a time, over all processes")
    seed: int = option(0, ge=0, le=2**63 - 1, help="every random number of the run follows from it")
    precision: Literal["float32", "bf16"] = option(
        "float32", help="of networks; with 'bf16' penalties, losses, weights and optimizers stay in float32"
    )
    engine: Literal["auto", "eager", "graph"] = option(
        "auto", help="'graph' replays recorded steps on a GPU, 'eager' runs them as they come; 'auto': graph if it can"
    )
    cohort: Literal["auto", "resident", "mapped"] = option(
        "auto",
        help="'resident' keeps all slices on the device, 'mapped' reads each batch from the cohort's files; 'auto':"
        " resident up to a quarter of the memory",
    )
    recompute: tuple[str, ...] | None = option(
        None,
        help="networks of which nothing but input and output is kept for the gradient (activation checkpointing), as in"
        " ['t2w_translator']: less memory, more time, the same result; default: none",
    )
    ema: float = option(0.999, ge=0, lt=1, help="decay of the averaged weights that sampling uses; 0 for none")
    log_every: int = option(50, ge=1, help="training steps between lines of metrics.jsonl")
    checkpoint_every: int = option(500, ge=1, help="training steps between checkpoints")
    keep_checkpoints: int = option(2, ge=1, help="newest checkpoints kept")
    sample_every: int = option(500, ge=1, help="training steps between sample sheets")
    track: tuple[str, ...] | None = option(
        None, help="trackers that get curves and sheets, as in ['tensorboard']; default: none"
    )


class UnknownPlaceError(KeyError):
    """A place that the recipe does not have."""


@attrs.frozen(kw_only=True)
class Recipe:
    """Everything a run needs, named and checked. ``load_recipe`` makes one from a file."""

    name: str = option(help="name of the recipe, and of its run directory")
    summary: str = option("", help="one sentence for 'gankit recipe list'")
    cohort: AbstractCohortSource = option(help="where the slices come from")
    pools: Mapping[str, Pool] = option(help="named selections of the cohort")
    latent: Latent = option(Latent(), help="the latent space")
    modalities: Mapping[str, ModalitySpec] = option(help="what is synthesized")
    networks: Mapping[str, AbstractNetwork] = option(help="every network, by name")
    synthesizer: Mapping[str, GraphPlace] = option(
        help="the graph: place to the network that makes it, or to how it is random or given"
    )
    augmentation: Augmentation = option(Augmentation(), help="changes drawn anew for each real slice")
    training: Training = option(help="how long, how much at a time, and what is kept")
    optimizers: Mapping[str, AbstractOptimizer] = option({}, help="optimizers that phases name, by name; default: none")
    weights: Mapping[str, Path] = option(
        {},
        help="network to the file that its first weights are read from: a checkpoint, a model, or the state_dict of the"
        " network, .safetensors, relative to the working directory; default: weights are drawn",
    )
    phases: tuple[AbstractPhase, ...] = option(help="what a training step does, in order")

    def labels(self) -> dict[str, GivenLabel]:
        """The labels that are places of the graph, by place."""
        return {name: place for name, place in self.synthesizer.items() if isinstance(place, GivenLabel)}

    def given(self) -> tuple[str, ...]:
        """Places that are given: labels, and modalities that no network makes."""
        given = GivenLabel | GivenModality
        return tuple(name for name, place in self.synthesizer.items() if isinstance(place, given))

    def noise(self) -> dict[str, Shape]:
        """The random places beside the latent: place to shape without batch."""
        return {name: place.random for name, place in self.synthesizer.items() if isinstance(place, RandomPlace)}

    def images(self) -> dict[str, ModalitySpec]:
        """The modalities that are images of the cohort, and not masks of its ground truth."""
        return {name: spec for name, spec in self.modalities.items() if spec.mask is None}

    def truth(self) -> tuple[str, ...]:
        """Names of the cohort's ground truth that the recipe's masks show."""
        return tuple(dict.fromkeys(spec.mask for spec in self.modalities.values() if spec.mask is not None))

    def observed(self) -> tuple[str, ...]:
        """Places of which a cohort has real values: modalities and labels."""
        return (*self.modalities, *self.labels())

    def places(self) -> Shapes:
        """Every place of the graph with its shape without batch."""
        return {
            LATENT: (self.latent.dim,),
            **{name: spec.shape for name, spec in self.modalities.items()},
            **{name: (label.classes,) for name, label in self.labels().items()},
            **self.noise(),
        }

    def shape(self, *places: str) -> Shape:
        """Shape without batch at a place, or of several places taken together, as by ``joined``.

        Raises:
            UnknownPlaceError: a place does not exist; a KeyError.
            ValueError: images differ in spatial size.
        """
        return joined(self.shapes(places))

    def shapes(self, places: tuple[str, ...]) -> Shapes:
        """Place to shape without batch, for places of the graph.

        Raises:
            UnknownPlaceError: a place does not exist; a KeyError.
        """
        known = self.places()
        for place in places:
            if place not in known:
                raise UnknownPlaceError(place)
        return {place: known[place] for place in places}

    def shapes_in(self, phase: AbstractPhase, places: tuple[str, ...]) -> Shapes:
        """Place to shape without batch, for all places that a phase makes or reads, its own places included.

        Raises:
            UnknownPlaceError: a place does not exist.
        """
        own = phase.places(self)
        return {place: own[place] if place in own else self.shape(place) for place in places}

    def edges(self) -> list[tuple[Edge, tuple[str, ...]]]:
        """The graph in the order in which it runs: each edge with the modalities that it makes.

        Modalities for which the recipe names the same network and the same places are made together, in one call.

        Raises:
            ValueError: the graph has a cycle or reads a place that nothing makes.
        """
        # 1. Group modalities that one call makes.
        waiting: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for name, place in self.synthesizer.items():
            if isinstance(place, Edge):
                waiting.setdefault((place.network, place.from_), []).append(name)

        # 2. Again and again, take the edges whose places are there.
        there = {LATENT, *self.given(), *self.noise()}
        order = []
        while waiting:
            ready = [key for key in waiting if set(key[1]) <= there]
            if not ready:
                stuck = ", ".join(sorted(name for names in waiting.values() for name in names))
                raise ValueError(
                    f"{stuck} cannot be reached from what is random or given; look for a circle or a missing edge"
                )
            for key in ready:
                modalities = tuple(waiting.pop(key))
                order.append((Edge(network=key[0], from_=key[1]), modalities))
                there |= set(modalities)
        return order

    def upstream(self, places: Iterable[str]) -> tuple[str, ...]:
        """Names of the graph's networks that these places depend on, in the order in which the graph runs them."""
        wanted = set(places)
        networks: list[str] = []
        for edge, made in reversed(self.edges()):
            if wanted & set(made):
                wanted |= set(edge.from_)
                networks.append(edge.network)
        return tuple(dict.fromkeys(reversed(networks)))

    def synthesizer_networks(self) -> tuple[str, ...]:
        """Names of the networks of the graph, in the order in which they run."""
        return tuple(dict.fromkeys(edge.network for edge, _ in self.edges()))

    def approached_pools(self) -> tuple[str, ...]:
        """Names of the pools that training makes synthetic slices approach.

        These are the pools that phases draw from, and those of adversarial terms whose players approach the references.
        """
        drawn = [pool for phase in self.phases for pool in phase.pools().values()]
        approached = [
            term.against
            for phase in self.phases
            for term in phase.terms
            if isinstance(term, AbstractAdversarialLoss) and term.moves_players and term.approaches and term.against
        ]
        return tuple(dict.fromkeys((*drawn, *approached)))

    def approached_label(self) -> dict[str, int]:
        """The label that all synthetic slices have, with its value; an empty mapping where the recipe gives none.

        It is the label of the pools that training approaches, if those of them that have a label agree on it. A label
        that is a place of the graph is that of each slice instead.
        """
        pools = [self.pools[name] for name in self.approached_pools()]
        values = {(pool.label, pool.equals) for pool in pools if pool.label is not None}
        own = {place.label for place in self.labels().values()}
        return {label: value for label, value in values if label not in own} if len(values) == 1 else {}

    def encoder(self) -> Edge | None:
        """The first network by which a phase makes latents from modalities and labels; None where there is none."""
        for phase in self.phases:
            for use in network_uses(phase, self):
                if use.to == (LATENT,) and set(use.from_) <= set(self.observed()):
                    return Edge(network=use.network, from_=use.from_)
        return None

    def ends(self) -> dict[str, list[tuple[Shapes, Shapes]]]:
        """Network name to the shapes (source, target) of each use of the network in the recipe."""
        ends: dict[str, list[tuple[Shapes, Shapes]]] = {name: [] for name in self.networks}
        for edge, made in self.edges():
            ends[edge.network].append((self.shapes(edge.from_), self.shapes(made)))
        for phase in self.phases:
            for use in network_uses(phase, self):
                ends[use.network].append((self.shapes_in(phase, use.from_), self.shapes_in(phase, use.to)))
            for term in phase.terms:
                if isinstance(term, AbstractAdversarialLoss):
                    ends[term.critic].append((self.shapes_in(phase, term.on), {SCORE: ()}))

        # Last, since features do not say what a network makes: as elsewhere, or what networks of its kind make.
        for phase in self.phases:
            for term in phase.terms:
                if isinstance(term, AbstractFeatureLoss):
                    source, others = self.shapes_in(phase, term.on), ends[term.network]
                    usual: dict[str, Shapes] = {"discriminator": {SCORE: ()}, "encoder": self.shapes((LATENT,))}
                    target = others[0][1] if others else usual.get(self.networks[term.network].kind, source)
                    others.append((source, target))
        return ends

    def built_for(self, network: str) -> tuple[Shapes, Shapes]:
        """Shapes (source, target) that a network is built for.

        In a checked recipe all uses of a network have the same shapes, so the first one gives them. A network that
        couples places is built for all its sources together.
        """
        ends = self.ends()[network]
        return coupled(ends) if self.networks[network].couples_places else ends[0]


def coupled(ends: Iterable[tuple[Shapes, Shapes]]) -> tuple[Shapes, Shapes]:
    """Shapes (source, target) of a network that couples places: all sources of its uses, and their common target."""
    sources, targets = zip(*ends, strict=True)
    return {place: shape for source in sources for place, shape in source.items()}, targets[0]


def network_uses(phase: AbstractPhase, recipe: Recipe) -> tuple[NetworkUse, ...]:
    """Every use of a network that a phase runs beside the graph."""
    return tuple(use for uses in phase.uses(recipe).values() for use in uses)


def real_places(phase: AbstractPhase, recipe: Recipe, places: tuple[str, ...]) -> tuple[str, ...]:
    """For each of these places of a phase, the modality (or ``"latent"``) whose real slices a critic there sees."""
    counterparts = phase.counterparts(recipe)
    return tuple(counterparts.get(place, place) for place in places)


def optimizers_of(phase: AbstractPhase) -> dict[str, str | None]:
    """Role, ``"players"`` and ``"critics"``, to the name of the optimizer in the recipe; None for the phase's own."""
    return {"players": phase.optimizer, "critics": phase.critic_optimizer}


def feature_networks(phase: AbstractPhase) -> tuple[str, ...]:
    """Names of the networks whose features a phase's terms compare."""
    return tuple(dict.fromkeys(term.network for term in phase.terms if isinstance(term, AbstractFeatureLoss)))


def critics(phase: AbstractPhase) -> tuple[str, ...]:
    """Names of the critics that a phase trains."""
    return judges(phase, trained=True)


def judges(phase: AbstractPhase, trained: bool = False, moving: bool = False) -> tuple[str, ...]:
    """Names of the discriminators that a phase's terms name.

    Args:
        phase: the phase.
        trained: only those that one of its terms trains.
        moving: only those by which one of its terms moves the players.
    """
    named = (
        term.critic
        for term in phase.terms
        if isinstance(term, AbstractAdversarialLoss)
        and (term.trains_critic or not trained)
        and (term.moves_players or not moving)
    )
    return tuple(dict.fromkeys(named))
