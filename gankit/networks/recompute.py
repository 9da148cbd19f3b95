"""Activation checkpointing: what a network computes on its way is forgotten, and computed again for the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(module: nn.Module, method: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """What a method of a module returns, where autograd keeps nothing of the way to it (Chen et al. 2016,
    arXiv:1604.06174).

    The method runs again each time that a gradient is asked for. It must find the same weights then, and draw nothing.
    Buffers that it changes are as before while it runs again, and changed once in all. The gradient is the one that is
    computed without, bit for bit, and may be differentiated again.
    """
    again = _Again(module)
    return checkpoint(
        method,
        *given,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), again),
        **more,
    )


class _Again(AbstractContextManager[None]):
    """A context in which the buffers of a module are as they were when this object was made."""

    def __init__(self, module: nn.Module):
        self._module = module
        self._before = self._now()
        self._after: list[Tensor] = []

    def __enter__(self) -> None:
        self._after = self._now()
        self._fill(self._before)

    def __exit__(self, *_: object) -> None:
        self._fill(self._after)

    def _now(self) -> list[Tensor]:
        return [buffer.clone() for buffer in self._module.buffers()]

    @torch.no_grad()
    def _fill(self, values: Iterable[Tensor]) -> None:
        for buffer, value in zip(self._module.buffers(), values, strict=True):
            buffer.copy_(value)
