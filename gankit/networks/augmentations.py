"""Augmentations of what a critic sees, applied one after the other, each to some of the samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from gankit.networks.synthesizer import found
from gankit.plugin.components import AbstractAugmentation, Augmentation
from gankit.plugin.contract import blaming, broken, require_call


class Augmentations:
    """Augmentations, built and ready to be applied.

    Args:
        specs: the components, in the order in which they are applied.
        where: their path in the recipe, for messages.

    Raises:
        PluginError: one of them breaks its contract.
    """

    def __init__(self, specs: Sequence[AbstractAugmentation], where: str = "augmentations"):
        self.specs = tuple(specs)
        self._paths = [f"{where}.{number}" for number in range(len(self.specs))]
        self._functions = [_built(path, spec) for path, spec in zip(self._paths, self.specs, strict=True)]

    def __call__(
        self, x_BCS: Tensor, draws: Mapping[str, Tensor], prefix: str = "", strength: Tensor | float = 1.0
    ) -> Tensor:
        """Images after all augmentations, (B, C, *S), with gradient by the images.

        Args:
            x_BCS: images in [-1, 1].
            draws: name to random numbers, those of ``augmentation_draws`` of the same augmentations and prefix.
            prefix: begin of the names of the draws.
            strength: multiplies the probability of each augmentation, in [0, 1].
        """
        for changed, applied_B in self.one_by_one(x_BCS, draws, prefix, strength):
            x_BCS = torch.where(applied_B.view(-1, *[1] * (x_BCS.ndim - 1)), changed(x_BCS), x_BCS)
        return x_BCS

    def one_by_one(
        self, x_BCS: Tensor, draws: Mapping[str, Tensor], prefix: str, strength: Tensor | float = 1.0
    ) -> Iterator[tuple[Augmented, Tensor]]:
        """Each augmentation as a function of images, and which samples it changes, (B,).

        Arguments are those of a call.
        """
        for number, (spec, function) in enumerate(zip(self.specs, self._functions, strict=True)):
            own = {name: draws[f"{prefix}{number}_{name}"] for name in spec.draws}
            applied_B = draws[f"{prefix}{number}"] < spec.probability * strength
            yield Augmented(self._paths[number], spec, function, own), applied_B


class Augmented:
    """One augmentation with its random numbers: a function of images (B, C, *S).

    Raises:
        PluginError: it fails, or returns something else than images of the same shape and type.
    """

    def __init__(
        self, where: str, spec: AbstractAugmentation, function: Augmentation, draws: Mapping[str, Tensor]
    ) -> None:
        self.where, self.spec = where, spec
        self._function, self._draws = function, draws

    def __call__(self, x_BCS: Tensor) -> Tensor:
        with blaming(self.where, self.spec, given=found(x_BCS)):
            changed = self._function(x_BCS, self._draws)
        alike = isinstance(changed, Tensor) and (changed.shape, changed.dtype) == (x_BCS.shape, x_BCS.dtype)
        if not alike:
            message = f"must return images of the shape and type that it is given, {found(x_BCS)}, got {found(changed)}"
            raise broken(self.where, self.spec, message)
        return changed

    def require_twice(self, x_BCS: Tensor) -> None:
        """Require that gradients pass through to the images, and that such a gradient can be differentiated again.

        Raises:
            PluginError: they do not.
        """
        x_BCS = x_BCS.detach().requires_grad_()
        changed = self(x_BCS)
        slope = torch.ones_like(changed, requires_grad=True)
        fault = "its images get no gradient"
        try:
            gradient = _gradient((changed * slope).sum(), [x_BCS], create_graph=True)[0]
            second = [] if gradient is None else _gradient(gradient.square().sum(), [slope, x_BCS])
            fault = "its gradient gets none" if gradient is not None else fault
        except RuntimeError as error:
            second, fault = [], (str(error).splitlines() or [type(error).__name__])[0]
        if all(each is None for each in second):
            raise broken(
                self.where,
                self.spec,
                f"must be differentiable twice, as a critic with a gradient penalty may need, but {fault}",
            )


def _gradient(value: Tensor, by: Iterable[Tensor], create_graph: bool = False) -> tuple[Tensor | None, ...]:
    if not value.requires_grad:
        return (None,) * len(list(by))
    return torch.autograd.grad(value, list(by), create_graph=create_graph, allow_unused=True)


def _built(where: str, spec: AbstractAugmentation) -> Augmentation:
    require_call(where, spec, "build", spec.build)
    with blaming(where, spec):
        function = spec.build()
    if not callable(function):
        raise broken(where, spec, f"must build a function of images and draws, got {found(function)}")
    require_call(where, spec, "the function that it builds", function, "images", "draws")
    return function
