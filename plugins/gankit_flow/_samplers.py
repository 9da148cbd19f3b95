"""The arithmetic of ``euler`` and ``heun``. Letters: B batch, C channels, S space."""

from torch import Tensor

from gankit import Velocity


def euler(velocity: Velocity, start_BCS: Tensor, steps: int) -> Tensor:
    """Follow velocities from time 0 to 1 in equal steps, each along the velocity at its begin."""
    x_BCS = start_BCS
    for step in range(steps):
        x_BCS = x_BCS + velocity(x_BCS, _times(x_BCS, step / steps)) / steps
    return x_BCS


def heun(velocity: Velocity, start_BCS: Tensor, steps: int) -> Tensor:
    """Follow velocities from time 0 to 1 in equal steps, each along the mean of the velocities at its two ends."""
    x_BCS = start_BCS
    for step in range(steps):
        begin_BCS = velocity(x_BCS, _times(x_BCS, step / steps))
        end_BCS = velocity(x_BCS + begin_BCS / steps, _times(x_BCS, (step + 1) / steps))
        x_BCS = x_BCS + (begin_BCS + end_BCS) / (2 * steps)
    return x_BCS


def _times(like_BCS: Tensor, time: float) -> Tensor:
    """One time for each sample, (B,)."""
    return like_BCS.new_full((len(like_BCS),), time)
