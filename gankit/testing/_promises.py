"""The parts of all checks: promises, and one line that says which component breaks one."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gankit._shapes import Shape
from gankit.plugin.components import Component, Draw

BATCH = 4
"""Samples in a batch."""


def require(kept: Any, who: str, broken: str) -> None:
    """Raise AssertionError, ``"{who}: {broken}"``, unless a promise is kept."""
    if not kept:
        raise AssertionError(f"{who}: {broken}")


@contextmanager
def promise(who: str, what: str) -> Iterator[None]:
    """A context in which any exception breaks the promise that the component ``what``."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise AssertionError(f"{who}: breaks the promise that it {what}: {type(error).__name__}: {first}") from error


@contextmanager
def no_global_draws(who: str, broken: str = "draws from a global random generator") -> Iterator[None]:
    """A context that requires that the global random generators of torch, numpy and Python are not used."""
    before = _global_states()
    yield
    require(_global_states() == before, who, broken)


def _global_states() -> tuple[Any, ...]:
    """The states of torch's, numpy's and Python's generators. numpy's includes its position, which every draw moves."""
    return torch.get_rng_state().tolist(), repr(np.random.get_state(legacy=False)), random.getstate()


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, float32, from a generator of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(draw: Draw, count: int, sample: Shape, seed: int) -> Tensor:
    """Numbers of a draw, (count, *shape), float32, from a generator of their own."""
    shape = (count, *(sample if draw.shape is None else draw.shape))
    return normal(*shape, seed=seed) if draw.distribution == "normal" else torch.special.ndtr(normal(*shape, seed=seed))


def check_imports(spec: Component) -> None:
    """Check that the module of a spec does not import torch, since recipes are checked without torch."""
    module = type(spec).__module__
    require(
        module == "__main__" or _imports_no_torch(module),
        type(spec).__name__,
        f"importing {module} imports torch; import it inside build",
    )


@functools.cache
def _imports_no_torch(module: str) -> bool:
    code = f"import sys, importlib; importlib.import_module({module!r}); sys.exit('torch' in sys.modules)"
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}).returncode == 0
