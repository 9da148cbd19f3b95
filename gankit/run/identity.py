"""By what a run is told from others: recipe, seed and cohort. Its checkpoints carry all three."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import CheckpointError, InputError
from gankit.files.digest import content_digest, warn_of_file
from gankit.files.header import header
from gankit.recipe.structure import Document
from gankit.run.directory import RunDirectory, differences, lasting, step_of

SEED = "training.seed"
AGAIN = "train the run again, which makes the model of its newest checkpoint"
MOVE_AWAY = f"restore the run's own, or move this one away and {AGAIN}"
SHOWN = 3
"""Number of differing keys that a message names."""


class OfAnotherRun(CheckpointError):
    """A sound checkpoint that does not belong where it is."""


@attrs.frozen
class Identity:
    """What a run began with, and may not change."""

    recipe: str
    """Digest of the completed recipe, without its seed and without what may change when a run goes on."""
    seed: int
    cohort: str
    """Digest of the cohort."""

    @classmethod
    def of(cls, document: Document, cohort: str) -> Identity:
        """The identity of a run of a completed recipe on a cohort of this digest."""
        flat = lasting(document)
        return cls(content_digest({key: value for key, value in flat.items() if key != SEED}), flat[SEED], cohort)

    def refuse_other(self, checkpoint: Path, header: Mapping[str, Any]) -> None:
        """Make sure that a checkpoint, which was verified, is one of this run and of the step that its name says.

        Warns with ``FileWarning`` of a checkpoint of an earlier version, which does not say whose it is.

        Raises:
            OfAnotherRun: it is of another run, or was renamed.
        """
        if (found := header.get("run")) is None:
            warn_of_file(
                checkpoint, "does not say whose it is, as those of earlier versions; it is taken for the run's"
            )
        elif other := ", ".join(self._unlike(found)):
            raise OfAnotherRun(f"{checkpoint}: is a checkpoint of another run ({other})")
        if step_of(checkpoint) != header["step"]:
            raise OfAnotherRun(f"{checkpoint}: was renamed, it is the checkpoint of step {header['step']}")

    def _unlike(self, found: Mapping[str, Any]) -> Iterator[str]:
        for name, own in attrs.asdict(self).items():
            if (other := found.get(name) if isinstance(found, Mapping) else None) != own:
                yield f"seed {other}, here {own}" if name == "seed" else f"of another {name}"


def refuse_other_model(run: RunDirectory, document: Document, *, resuming: bool = False) -> None:
    """Make sure that a run's model is of the run's recipe, seed and cohort, and of the step of its newest checkpoint.

    A damaged model passes; it is refused where it is read.

    Args:
        run: the run directory.
        document: the run's completed recipe.
        resuming: whether training goes on here. Then a model of another step passes, since the next one replaces it: a
            process that was killed leaves a new checkpoint beside the old model, and a checkpoint may be removed.

    Raises:
        InputError: the model is of another run or step.
    """
    model = header(run.model)
    if not isinstance(model.get("recipe"), Mapping) or not isinstance(model.get("step"), int):
        return
    step, newest = model["step"], next(map(step_of, run.checkpoints()), model["step"])
    found, cohort = differences(model["recipe"], document), run.provenance().get("cohort")
    if None not in (cohort, model.get("cohort")) and model["cohort"] != cohort:
        found.append("trained on a cohort of other content")
    if found:
        listed = "; ".join(found[:SHOWN]) + (f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
        what = f"is a model of another run than {run.recipe.name} ({listed}); {MOVE_AWAY}"
    elif step != newest and not resuming and not run.being_written():
        what = f"is a model after {step} steps, but the newest checkpoint is after {newest}; {AGAIN}"
    else:
        return
    if model_verifies(run.model):
        raise InputError(f"{run.model}: {what}")


def model_verifies(model: Path) -> bool:
    """Whether a model file is what was written."""
    from gankit.run.model import read_model

    try:
        read_model(model)
    except CheckpointError:
        return False
    return True
