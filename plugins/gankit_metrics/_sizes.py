"""Sizes of slices that the small networks of metrics can take."""

from __future__ import annotations

from gankit import Evaluation


def unfit(evaluation: Evaluation, *, least: int = 1, multiple: int = 1) -> str:
    """Why a network that needs such sides cannot see the slices; empty where it can."""
    sides = next(iter(evaluation.modalities.values())).shape[1:]
    if all(side >= least and side % multiple == 0 for side in sides):
        return ""
    wanted = f"a multiple of {multiple} pixels" if multiple > 1 else f"of {least} pixels or more"
    return f"needs sides that are {wanted}; slices are {' x '.join(map(str, sides))}"
