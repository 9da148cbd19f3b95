"""Check of augmentations."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gankit._errors import GankitError
from gankit._shapes import Shape
from gankit.networks.augmentations import Augmentations, Augmented
from gankit.plugin.components import AbstractAugmentation, augmentation_draws
from gankit.plugin.questions import ask, problems_of
from gankit.testing._promises import BATCH, check_imports, drawn, no_global_draws, normal, promise, require


def check_augmentation(spec: AbstractAugmentation, shape: Shape = (2, 16, 16)) -> None:
    """Check that an augmentation changes images as its kind promises.

    - It returns finite images of the shape and type that it is given, in float32 and float64.
    - It changes images, by the draws that ``draws`` declares, and by no others; the same draws give the same.
    - What becomes of a sample depends on that sample and its draws alone.
    - It does to every channel what it does to the others.
    - First and second derivatives by the images are right.
    - It does not write into its arguments.

    Args:
        spec: the component.
        shape: shape of the images without batch, (C, *S).

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    try:
        ask(who, spec, "draws")
        problems = problems_of(who, spec, {"source": {"images": shape}})
        require(not problems, who, f"does not take images of shape {shape}: {'; '.join(map(str, problems))}")
        series = Augmentations([spec], who)
    except GankitError as error:
        raise AssertionError(f"{who}: {error}") from error
    for dtype in (torch.float32, torch.float64):
        images = normal(BATCH, *shape).tanh().to(dtype)
        with promise(who, f"works in {dtype}"), no_global_draws(who):
            _check_changes(who, spec, series, images)
    images = normal(2, *shape).tanh().double()
    with promise(who, "can be differentiated twice"):
        function = _function(spec, series, len(images), shape, torch.float64)
        _check_derivatives(who, function, images.requires_grad_())


def _check_changes(who: str, spec: AbstractAugmentation, series: Augmentations, images: Tensor) -> None:
    shape = tuple(images.shape[1:])
    given = images.clone()
    function = _function(spec, series, BATCH, shape, images.dtype)
    changed = function(images)
    require(bool(changed.isfinite().all()), who, "is not finite for images in [-1, 1]")
    require(torch.equal(images, given), who, "writes into its images")
    others = (_function(spec, series, BATCH, shape, images.dtype, seed)(images) for seed in range(8))
    require(any(not torch.equal(each, images) for each in others), who, "changes nothing")
    require(torch.equal(changed, function(images)), who, "differs when computed again")

    # Samples and channels
    alone = _function(spec, series, BATCH, shape, images.dtype, only=slice(1, 3))(images[1:3])
    require(torch.allclose(alone, changed[1:3]), who, "depends on the other samples of the batch")
    turned = function(images.flip(1))
    require(torch.allclose(turned, changed.flip(1)), who, "does not do the same to every channel")


def _function(
    spec: AbstractAugmentation,
    series: Augmentations,
    count: int,
    shape: Shape,
    dtype: torch.dtype,
    seed: int = 0,
    only: slice = slice(None),
) -> Augmented:
    """The augmentation with numbers of its draws for ``count`` samples, or for some of them."""
    draws: Mapping[str, Tensor] = {
        name: drawn(draw, count, shape, 10 * seed + number).to(dtype)[only]
        for number, (name, draw) in enumerate(augmentation_draws([spec]).items())
    }
    ((function, _),) = series.one_by_one(torch.empty(0), draws, "")
    return function


def _check_derivatives(who: str, function: Augmented, images: Tensor) -> None:
    function.require_twice(images)
    right = torch.autograd.gradcheck(function, images, raise_exception=False, fast_mode=True)
    require(right, who, "its first derivatives are wrong")
    right = torch.autograd.gradgradcheck(function, images, raise_exception=False, fast_mode=True)
    require(right, who, "its second derivatives are wrong")
