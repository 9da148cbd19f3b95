"""The losses of a phase's terms, built and held to their contract, and the critic that an adversarial loss is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import Module

from gankit._shapes import Shapes
from gankit.networks.synthesizer import Networks, found
from gankit.plugin.components import (
    AbstractAdversarialLoss,
    AbstractFeatureLoss,
    AbstractLoss,
    AbstractPairedLoss,
    AdversarialLoss,
    FeatureLoss,
)
from gankit.plugin.contract import blaming, broken, require_call

Comparison = Callable[[Any, Any], Tensor]
"""A ``PairedLoss``, of candidates and references, or a ``FeatureLoss``, of the features of both."""

QUESTION = ("critic", "reference", "candidate", "draws")
"""Arguments of both functions of an adversarial loss."""


@attrs.frozen
class TermCritic:
    """The critic of a term: one of the networks, at the places that the term is on.

    No gradient leads from its scores to labels, which say what a sample should be and are no part of it. So the slope
    of a conditional critic is ``∇_x D(x, y)``, and no penalty flattens what it makes of the label y.
    """

    networks: Networks
    name: str
    shapes: Shapes
    """The places that the term is on, with their shapes, in the order in which they are taken together."""
    draws: Mapping[str, Tensor]
    """What the critic has drawn for this question."""

    def __call__(self, x: Tensor) -> Tensor:
        return self.networks.run(self.name, self._with_labels_held(x), tuple(self.shapes), self.draws)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.networks.features(self.name, self._with_labels_held(x), tuple(self.shapes), self.draws)

    def _with_labels_held(self, x: Tensor) -> Tensor:
        labels = self.networks.recipe.labels()
        if labels.keys().isdisjoint(self.shapes):
            return x
        parts = zip(self.shapes, x.split([shape[0] for shape in self.shapes.values()], dim=1), strict=True)
        return torch.cat([part.detach() if place in labels else part for place, part in parts], dim=1)


@attrs.frozen
class FeatureComparison:
    """The loss of a term that compares features, as a function of candidates and references (B, ...)."""

    networks: Networks
    term: AbstractFeatureLoss
    loss: FeatureLoss

    def __call__(self, candidate: Tensor, reference: Tensor) -> Tensor:
        name, places = self.term.network, self.term.on
        with torch.no_grad():
            wanted = self.networks.features(name, reference, places)
        return self.loss(self.networks.features(name, candidate, places), wanted)


def built_paired(where: str, term: AbstractPairedLoss | AbstractFeatureLoss) -> Comparison:
    """The function of a paired term, or of one that compares features. Raises PluginError: it breaks its contract."""
    loss: Comparison = _built(where, term)
    if not callable(loss):
        raise broken(where, term, f"must build a function of candidate and reference, got {found(loss)}")
    called = loss.forward if isinstance(loss, Module) else loss
    require_call(where, term, "the function that it builds", called, "candidate", "reference")
    return loss


def built_adversarial(where: str, term: AbstractAdversarialLoss) -> AdversarialLoss:
    """The object of an adversarial term, with a function for each question that the loss answers.

    Raises PluginError: it breaks its contract.
    """
    loss = _built(where, term)
    for name, asked in {"critic": term.trains_critic, "player": term.moves_players}.items():
        if not asked:
            continue
        if not callable(method := getattr(loss, name, None)):
            message = f"must build an object with the methods critic and player, got {found(loss)} without {name}"
            raise broken(where, term, message)
        if _is_of_old(name, method):
            message = (
                "is written for gankit 0.1.0; both questions are now asked alike: write"
                " critic(self, critic, reference, candidate, draws) and player(self, critic, reference, candidate,"
                ' draws), and where mixing_B was used, draws["mixing"] with a property draws of the component that'
                ' returns {"mixing": gankit.Draw()}'
            )
            raise broken(where, term, message)
        require_call(where, term, name, method, *QUESTION)
    return loss


def _is_of_old(name: str, method: Any) -> bool:
    """Whether a function has the arguments of gankit 0.1.0."""
    try:
        taken = tuple(inspect.signature(method).parameters)
    except (TypeError, ValueError):  # no function, or one that is not written in Python
        return False
    return "mixing_B" in taken if name == "critic" else taken == ("critic", "candidate")


def _built(where: str, term: AbstractLoss) -> Any:
    build: Callable[[], Any] = term.build  # type: ignore[attr-defined] # every kind of loss has it
    require_call(where, term, "build", build)
    with blaming(where, term):
        loss = build()
    weights = list(dict(loss.named_parameters())) if isinstance(loss, Module) else []
    if weights:
        message = f"must build a loss without parameters, since nothing trains them, got {weights[0]!r}; keep a state"
        raise broken(where, term, f"{message} in buffers")
    return loss
