"""Whether stored weights are those of the networks that a recipe declares, told before memory is taken for these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gankit._errors import shown
from gankit.recipe.recipe import Recipe


def declared_weights(recipe: Recipe, names: Iterable[str]) -> dict[str, Tensor] | None:
    """The ``state_dict`` of networks of a checked recipe, as ``"network.key"``, on torch's meta device.

    Tensors there have a shape and a type, but take no memory. None where a component cannot be built there.
    """
    weights: dict[str, Tensor] = {}
    with without_memory():
        for name in names:
            try:
                own = recipe.networks[name].build(*recipe.built_for(name)).state_dict()
            except (Exception, SystemExit):  # whatever this device cannot do; it is built, and blamed, elsewhere
                return None
            weights |= {f"{name}.{key}": value for key, value in own.items()}
    return weights


@contextmanager
def without_memory() -> Iterator[None]:
    """A context in which networks are built on the meta device, and draw nothing."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves weights as they are where a network draws them, which on the meta device loads half of torch first."""

    DRAWS = ("normal_", "uniform_", "random_", "bernoulli_", "exponential_", "log_normal_", "cauchy_", "geometric_")

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__module__", "") == "torch.nn.init" or function.__name__ in self.DRAWS:
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights to store in half the space: float32 tensors of two axes and more as float16, which keeps 11 bits.

    Biases and statistics, which are few, stay as they are, and so does a tensor with values beyond float16's.
    """
    largest = torch.finfo(torch.float16).max
    return {
        name: tensor.half()
        if tensor.dtype == torch.float32 and tensor.ndim >= 2 and tensor.abs().max() <= largest
        else tensor
        for name, tensor in weights.items()
    }


def widened(stored: Mapping[str, Tensor], declared: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stored weights, those of ``halved`` in the type that is declared."""
    return {
        name: tensor.float()
        if tensor.dtype == torch.float16 and name in declared and declared[name].dtype == torch.float32
        else tensor
        for name, tensor in stored.items()
    }


def unfit(stored: Mapping[str, Tensor], declared: Mapping[str, Tensor]) -> str:
    """The first of the ways in which stored weights are not those that are declared, as a sentence; empty: none."""
    if lacking := [name for name in declared if name not in stored]:
        return f"{_listed(lacking)} not there"
    if beside := [name for name in stored if name not in declared]:
        return f"{_listed(beside)} of no network"
    for name, tensor in stored.items():
        if described(tensor) != described(declared[name]):
            return f"{name!r} is {described(tensor)}, and {described(declared[name])} in the recipe"
    bad = not_finite(stored)
    return "" if bad is None else f"{bad!r} has NaN or infinite values"


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Name of the first of these tensors that has an infinite value or NaN; None where there is none."""
    return next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)


def described(tensor: Tensor) -> str:
    """Type and shape in words, as in ``"float32 64 x 3"``."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {' x '.join(map(str, tensor.shape)) or 'scalar'}"


def _listed(names: list[str]) -> str:
    return f"{shown(names[0])} is" if len(names) == 1 else f"{shown(names[0])} and {len(names) - 1} more are"
