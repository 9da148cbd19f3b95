"""The error of a training whose memory runs out, which says what to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gankit._errors import RunError
from gankit.processes.device import ran_out
from gankit.recipe.recipe import Recipe


@contextmanager
def within_memory(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """A context that raises RunError, which says what to lower, where memory of the device or machine runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise RunError(
            f"out of memory on {device}: lower training.batch, now {recipe.training.batch} (`overrides`"
            f" training.batch={max(1, recipe.training.batch // 2)}), the networks' widths or the modalities' shapes; a"
            " run that has begun keeps these, so train with others in another place (`out`), or go on with its"
            " generators named in training.recompute"
        ) from error
