"""Dynamic series: phases in order of time, and enhancement before, early and late after contrast arrives."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from gankit_dicom._protocol import DceRule
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import Volume, same_grid

ARRIVAL = 0.05
"""Part of the whole rise of the enhancing voxels' mean signal at which contrast has arrived."""


@attrs.frozen(eq=False)
class Enhancement:
    """``early`` and ``late`` are signal over baseline, minus 1."""

    pre: Volume
    early: Volume
    late: Volume | None
    arrival_s: float
    """After the first phase."""
    counts: tuple[int, int, int]
    """Phases averaged for pre, early, late."""


def enhancement(phases: Sequence[tuple[float, Volume]], rule: DceRule) -> Enhancement:
    """Relative enhancement ``S / S_pre - 1`` (unit 1) of phases given with their times in s, in any order.

    Contrast arrives with the last phase before the mean signal of the voxels that rise most has risen by 5% of its
    whole rise. ``S_pre`` is the mean of the phases up to this one. ``early`` and ``late`` are computed from the mean of
    the phases in the rule's windows, which count seconds from the arrival.

    Raises:
        Refused: too few phases, two at one time, several grids, or no enhancement.
    """
    # Phases in order of time, on one grid.
    ordered = sorted(phases, key=lambda phase: phase[0])
    if len(ordered) < rule.phases:
        raise Refused(f"{len(ordered)} phases; a dynamic series needs {rule.phases}")
    time_T = np.array([time for time, _ in ordered])
    if (np.diff(time_T) <= 0).any():
        raise Refused("two phases at one time")
    volumes = [volume for _, volume in ordered]
    if not all(same_grid(volumes[0].image, volume.image) for volume in volumes):
        raise Refused("phases on several grids")

    # When contrast arrives, and which phases are early and late after that.
    signal_TZYX = np.stack([volume.array for volume in volumes])
    arrival = arrival_phase(signal_TZYX)
    after_T = time_T - time_T[arrival]
    early = _window(after_T, rule.early_s)
    late = _window(after_T, rule.late_s)
    if not early.any():
        raise Refused(f"no phase {rule.early_s[0]:g} to {rule.early_s[1]:g} s after the contrast arrives")

    # Enhancement over the mean of the phases without contrast.
    pre = signal_TZYX[: arrival + 1].mean(axis=0)
    like = volumes[0].like
    return Enhancement(
        pre=like(pre),
        early=like(relative(signal_TZYX[early].mean(axis=0), pre)),
        late=like(relative(signal_TZYX[late].mean(axis=0), pre)) if late.any() else None,
        arrival_s=float(time_T[arrival] - time_T[0]),
        counts=(arrival + 1, int(early.sum()), int(late.sum())),
    )


def arrival_phase(signal_TZYX: np.ndarray) -> int:
    """Index of the last phase without contrast.

    Raises:
        Refused: the signal does not rise by a tenth, averaged over the tenth of voxels that rise most.
    """
    # Voxels of the middle half along each axis, and how much each rises.
    _, *size = signal_TZYX.shape
    middle = tuple(slice(length // 4, length - length // 4) for length in size)
    signal_TV = signal_TZYX[(slice(None), *middle)].reshape(len(signal_TZYX), -1)
    rise_V = signal_TV[-max(1, len(signal_TV) // 3) :].mean(axis=0) - signal_TV[0]

    # The mean curve of the tenth that rises most, and where it leaves its baseline.
    mean_T = signal_TV[:, rise_V >= np.quantile(rise_V, 0.9)].mean(axis=1)
    base, rise = mean_T[0], mean_T.max() - mean_T[0]
    if rise < 0.1 * base:
        raise Refused("no enhancement: the signal does not rise")
    return max(int(np.argmax(mean_T >= base + ARRIVAL * rise)) - 1, 0)


def relative(signal: np.ndarray, pre: np.ndarray) -> np.ndarray:
    """``S / S_pre - 1``, not below 0; 0 where the baseline is noise (below a tenth of its middle value)."""
    floor = 0.1 * float(np.median(pre[pre > 0])) if (pre > 0).any() else 1.0
    return np.where(pre > floor, np.clip(signal / np.maximum(pre, floor) - 1, 0, None), 0).astype(np.float32)


def _window(after_T: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    return (after_T >= bounds[0]) & (after_T <= bounds[1])
