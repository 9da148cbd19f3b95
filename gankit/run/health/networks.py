"""Alarms of networks: weights that stay or run away, and encodings that do not follow the prior."""

from __future__ import annotations

from collections.abc import Iterator

from gankit._shapes import LATENT
from gankit.plugin.components import AbstractPhase
from gankit.recipe.recipe import Recipe, critics
from gankit.run.health.alarm import Alarm, Curves, adversarial_terms, measured, settled, term_path
from gankit.run.health.measures import LATENT_DEVIATION, LATENT_MEAN, MOVED
from gankit.run.health.thresholds import DEVIATION, MEAN, RUNAWAY, STILL


def still_network(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """The weights of a network have hardly moved from the first ones."""
    for name, newest in measured(curves, MOVED, lambda _, share: share < STILL):
        phases = _trainers(recipe, name)
        for step, share in settled(newest, phases.values()):
            yield Alarm(
                name="still network",
                where=f"networks.{name}",
                step=step,
                seen=f"its weights have moved by {share:.1g} of their norm, so it learns nothing",
                remedy=f"raise {' and '.join(phases)}, and look whether a loss reaches it",
            )


def runaway_network(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """The weights of a network move by a large part of themselves in every step."""
    for name, newest in measured(curves, MOVED, lambda step, share: share > RUNAWAY * step**0.5):
        phases = _trainers(recipe, name)
        for step, share in settled(newest, phases.values()):
            yield Alarm(
                name="runaway network",
                where=f"networks.{name}",
                step=step,
                seen=f"its weights have moved by {share:.3g} times their norm",
                remedy=f"lower {' and '.join(phases)} and train anew in another place (`out`)",
            )


def _trainers(recipe: Recipe, name: str) -> dict[str, AbstractPhase]:
    """The phases that train a network, each by the key path of the learning rate."""
    trainers: dict[str, AbstractPhase] = {}
    for phase in recipe.phases:
        for names, role in ((phase.players(recipe), ""), (critics(phase), "critic_")):
            optimizer = getattr(phase, f"{role}optimizer")
            owner = f"phases.{phase.name}.{role}" if optimizer is None else f"optimizers.{optimizer}."
            if name in names:
                trainers.setdefault(f"{owner}learning_rate", phase)
    return trainers


def latent_off_the_prior(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """Encodings of real slices have another mean or deviation than the prior."""
    found = (curves.get(key, ())[-1:] for key in (LATENT_MEAN, LATENT_DEVIATION))
    for (step, mean), (_, deviation) in zip(*found, strict=False):
        if mean <= MEAN and DEVIATION[0] <= deviation <= DEVIATION[1]:
            continue
        shaping = [(phase, term) for phase, term in adversarial_terms(recipe) if LATENT in term.on]
        phases, edge = [phase for phase, _ in shaping] or recipe.phases, recipe.encoder()
        if edge is None or not settled([(step, mean)], phases):
            continue
        terms = " and ".join(f"{term_path(phase, term)}.weight" for phase, term in shaping)
        yield Alarm(
            name="latent off the prior",
            where=f"networks.{edge.network}",
            step=step,
            seen=f"encodings of real slices have mean {mean:.3g} and deviation {deviation:.3g}, where the prior that"
            " samples are drawn from has 0 and 1",
            remedy=f"raise {terms}, or normalise what the encoder makes"
            if terms
            else "add an adversarial term on 'latent'",
        )
