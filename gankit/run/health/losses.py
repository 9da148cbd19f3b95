"""Alarms of losses: what critics estimate, and how losses move."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from gankit.plugin.components import AbstractAdversarialLoss
from gankit.recipe.recipe import Recipe
from gankit.run.directory import CRITIC
from gankit.run.health.alarm import Alarm, Curves, Points, adversarial_terms, settled, term_path
from gankit.run.health.measures import SLOPE
from gankit.run.health.thresholds import (
    FEWEST,
    FLAT,
    JUMP,
    JUMPED,
    LAST,
    NEGATIVE,
    STEEP,
    USUAL,
)


def negative_distance(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """The estimate of a distance, which is at least 0, is below 0 in most of the last rows."""
    for phase, term in adversarial_terms(recipe):
        if not (term.estimates_distance and term.trains_critic):
            continue
        last = settled(curves.get(f"{phase.name}.{term.name}{CRITIC}", ())[-LAST:], [phase])
        below = [step for step, objective in last if objective > 0]
        if len(last) >= FEWEST and len(below) >= NEGATIVE * len(last):
            yield Alarm(
                name="negative distance",
                where=term_path(phase, term),
                step=below[0],
                seen=f"its estimate of the distance is below 0 in {len(below)} of {len(last)} rows, last"
                f" {-last[-1][1]:.3g}, though no distance is",
                remedy=f"let its critic keep up: raise critic_steps or critic_learning_rate of phases.{phase.name}, or"
                " lower its learning_rate",
            )


def slope_of_a_critic(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """The gradient of a critic is far from where its loss holds it."""
    for phase, term in adversarial_terms(recipe):
        found, aim = curves.get(f"{SLOPE}{phase.name}.{term.name}", ())[-1:], term.holds_slope
        if aim is None or not settled(found, [phase]):
            continue
        ((step, slope),) = found
        if slope > STEEP * aim:
            remedy = f"raise the term's penalty, or lower critic_learning_rate of phases.{phase.name}"
        elif term.penalises_gradient and slope < aim / STEEP:
            remedy = f"raise critic_steps or critic_learning_rate of phases.{phase.name}"
        else:
            continue
        yield Alarm(
            name="slope of a critic",
            where=term_path(phase, term),
            step=step,
            seen=f"its critic's gradient has norm {slope:.3g} between real slices and samples, far from {aim:g}, so its"
            " estimate does not hold",
            remedy=remedy,
        )


def flat_critic(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """What a critic minimises has not moved since its phase began."""
    for phase, term in adversarial_terms(recipe):
        points = curves.get(f"{phase.name}.{term.name}{CRITIC}", ())
        values = [value for _, value in (*points[:LAST], *points[-LAST:])]
        if len(settled(points[-FEWEST:], [phase])) < FEWEST:
            continue
        if max(values) - min(values) <= FLAT * max(map(abs, values)):
            yield Alarm(
                name="flat critic",
                where=term_path(phase, term),
                step=points[0][0],
                seen=f"what its critic minimises has stayed at {values[-1]:.4g}, so it tells nothing apart",
                remedy=f"raise critic_learning_rate of phases.{phase.name}, or make networks.{term.critic} anew",
            )


def loss_that_jumped(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """A loss is orders of magnitude above what is usual in its run."""
    for phase in recipe.phases:
        for term in phase.terms:
            critic, player = (f"{phase.name}.{term.name}{end}" for end in (CRITIC, ""))
            judged = {critic: "what its critic minimises"}
            if not (isinstance(term, AbstractAdversarialLoss) and term.estimates_distance):
                judged[player] = "it"  # else it is a mean score, whose zero means nothing
            for name, what in judged.items():
                points = curves.get(name, ())
                usual = USUAL if name == critic else _usual(points)
                last = [abs(value) for _, value in points[-JUMPED:]]
                if len(last) == JUMPED and min(last) > JUMP * usual:
                    yield Alarm(
                        name="loss that jumped",
                        where=term_path(phase, term),
                        step=points[-JUMPED][0],
                        seen=f"{what} is {points[-1][1]:.3g}, over {JUMP:g} times the usual {usual:.3g}",
                        remedy=f"lower the learning rates of phases.{phase.name} and train anew in another place"
                        " (`out`), or look at the cohort's values",
                    )


def _usual(points: Points) -> float:
    """The size of a loss before its last ``JUMPED`` points: the lesser of the medians at the begin and just before."""
    if len(points) <= JUMPED:
        return math.inf
    parts = (points[: min(FEWEST, len(points) - JUMPED)], points[-LAST - JUMPED : -JUMPED])
    return max(USUAL, min(median(abs(value) for _, value in part) for part in parts))
