"""Alarms of samples: they repeat each other, or the training set."""

from __future__ import annotations

from collections.abc import Iterator

from gankit.plugin.components import AbstractPhase
from gankit.recipe.recipe import Recipe
from gankit.run.health.alarm import Alarm, Curves, measured, settled
from gankit.run.health.measures import NEW, VARIED
from gankit.run.health.thresholds import COPIED, DRAWING, REPEATED


def repeated_samples(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """Samples are nearly the same."""
    for name, newest in measured(curves, VARIED, lambda _, share: share < REPEATED):
        for step, share in settled(newest, _makers(recipe, name), DRAWING):
            yield Alarm(
                name="repeated samples",
                where=f"modalities.{name}",
                step=step,
                seen=f"a sample differs from the nearest other one by {share:.2g} of what real slices do",
                remedy="look at the newest sheet; lower the learning_rate of players, or give more weight to terms"
                " that compare with real slices",
            )


def copied_samples(recipe: Recipe, curves: Curves) -> Iterator[Alarm]:
    """Samples are nearly slices of the training set."""
    for name, newest in measured(curves, NEW, lambda _, share: share < COPIED):
        for step, share in settled(newest, _makers(recipe, name), DRAWING):
            yield Alarm(
                name="copied samples",
                where=f"modalities.{name}",
                step=step,
                seen=f"a sample differs from the nearest slice of the training set by {share:.2g} of what slices of"
                " different patients do, so it may show a patient",
                remedy="do not share the model; train on more patients, for fewer steps, or with augmentation",
            )


def _makers(recipe: Recipe, modality: str) -> list[AbstractPhase]:
    """The phases that train what makes a modality."""
    networks = set(recipe.upstream((modality,)))
    return [phase for phase in recipe.phases if networks & set(phase.players(recipe))]
