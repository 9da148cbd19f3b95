"""Alarms of networks: weights that stay or run away, and encodings that do not follow the prior."""

from __future__ import annotations

from collections.abc import Iterator

from gankit._shapes import LATENT
from gankit.plugin.components import AbstractPhase
from gankit.recipe.recipe import Recipe, critics
from gankit.run.health.alarm import Alarm, Curves, adversarial_terms, newest, term_path
from gankit.run.health.measures import LATENT_DEVIATION, LATENT_MEAN, MOVED
from gankit.run.health.thresholds import DEVIATION, MEAN, RUNAWAY, STILL


def still_network(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """The weights of a network have hardly moved from the first ones."""
    for name, phases in _trainers(recipe).items():
        found = newest(curves, f"{MOVED}{name}", phases.values())
        if found is not None and found[1] < STILL:
            yield Alarm(
                name="still network",
                where=f"networks.{name}",
                step=found[0],
                seen=f"its weights have moved by {found[1]:.1g} of their norm, so it learns nothing",
                remedy=f"raise {' and '.join(phases)}, and look whether a loss reaches it",
            )


def runaway_network(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """The weights of a network move by a large part of themselves in every step."""
    for name, phases in _trainers(recipe).items():
        found = newest(curves, f"{MOVED}{name}", phases.values())
        if found is not None and found[1] > RUNAWAY * found[0] ** 0.5:
            yield Alarm(
                name="runaway network",
                where=f"networks.{name}",
                step=found[0],
                seen=f"its weights have moved by {found[1]:.3g} times their norm",
                remedy=f"lower {' and '.join(phases)} and train anew in another place (`out`)",
            )


def _trainers(recipe: Recipe) -> dict[str, dict[str, AbstractPhase]]:
    """Network to the phases that train it, each by the key path of the learning rate."""
    trainers: dict[str, dict[str, AbstractPhase]] = {}
    for phase in recipe.phases:
        for names, role in ((phase.players(recipe), ""), (critics(phase), "critic_")):
            optimizer = getattr(phase, f"{role}optimizer")
            owner = f"phases.{phase.name}.{role}" if optimizer is None else f"optimizers.{optimizer}."
            for name in names:
                trainers.setdefault(name, {}).setdefault(f"{owner}learning_rate", phase)
    return trainers


def latent_off_the_prior(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """Encodings of real slices have another mean or deviation than the prior."""
    shaping = [(phase, term) for phase, term in adversarial_terms(recipe) if LATENT in term.on]
    phases = [phase for phase, _ in shaping] or list(recipe.phases)
    mean, deviation = (newest(curves, key, phases) for key in (LATENT_MEAN, LATENT_DEVIATION))
    edge = recipe.encoder()
    if edge is None or mean is None or deviation is None:
        return
    if mean[1] > MEAN or not DEVIATION[0] <= deviation[1] <= DEVIATION[1]:
        terms = " and ".join(f"{term_path(phase, term)}.weight" for phase, term in shaping)
        yield Alarm(
            name="latent off the prior",
            where=f"networks.{edge.network}",
            step=mean[0],
            seen=f"encodings of real slices have mean {mean[1]:.3g} and deviation {deviation[1]:.3g}, where the prior"
            " that samples are drawn from has 0 and 1",
            remedy=f"raise {terms}, or normalise what the encoder makes"
            if terms
            else "add an adversarial term on 'latent'",
        )
