"""``two-scale-critic``: the whole image at lower resolution, and a window of it at full. The spec; the network is in
``_two_scale_critic``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from gankit import (
    AbstractDiscriminator,
    Draw,
    PerAxis,
    Problem,
    Shape,
    Shapes,
    axes_problems,
    axis_name,
    option,
    per_axis,
    shape_text,
)
from gankit_critics.residual import ResidualCritic

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class TwoScaleCritic(AbstractDiscriminator):
    """Two critics of one kind: one sees the whole image at lower resolution, one a window of it at full resolution.

    The idea of HA-GAN (Sun et al. 2022, arXiv:2008.01910), whose critics see volumes of 256^3 so. Modalities (B, C, *S)
    with one to three spatial dimensions to unbounded scores (B,): the mean of the score of the first critic and that of
    the second, as in the authors' code. The first reads means over ``coarse`` voxels along each axis. The second reads
    ``window`` voxels, of all modalities of a term at the same place; as there, it is told the place, here by a constant
    map from -1 to 1 for each axis along which the window can move.

    In training, the place is drawn uniformly, once for all samples of a question of a term: real, synthetic and mixed
    images are compared at one place, so that a gradient penalty holds the slope of one function. Elsewhere the second
    critic sees as many windows as cover the image, evenly spaced, and its score is the mean of theirs.

    May be differentiated twice where its critics may.
    """

    coarse: PerAxis = option(
        2, ge=1, le=64, help="voxels along each axis whose mean the first critic sees as one, as [1, 2, 2]"
    )
    window: PerAxis | None = option(
        None,
        ge=1,
        le=100_000,
        help="size of the window that the second critic sees, in voxels, as [8, 32, 32]; default: that of the coarse"
        " image, so that both cost the same",
    )
    critic: AbstractDiscriminator = option(
        ResidualCritic(), help="both critics, a table with 'use', as { use = 'conv-critic' }; default: residual-critic"
    )

    @property
    def mixes_samples(self) -> bool:
        return self.critic.mixes_samples

    @property
    def reads_apart(self) -> bool:
        return self.critic.reads_apart

    @property
    def gives_features(self) -> bool:
        return self.critic.gives_features

    @property
    def couples_places(self) -> bool:
        return self.critic.couples_places

    @property
    def draws(self) -> Mapping[str, Draw]:
        return {"window": Draw("uniform", (3,))}

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        images = {shape[1:] for shape in source.values() if len(shape) > 1}
        if len(images) != 1 or not 1 <= len(size := images.pop()) <= 3:
            listed = " and ".join(map(shape_text, source.values()))
            yield Problem("use", f"scores images (C, *S) of 1 to 3 dimensions and of one size, not {listed}")
            return
        if self.critic.draws:
            yield Problem("critic.use", "judges by draws of its own, so it cannot be one of two scales; choose another")
        given = {"coarse": self.coarse, **({} if self.window is None else {"window": self.window})}
        problems = [*axes_problems(len(size), **given)] or [*self._axis_problems(size)]
        yield from problems
        if not problems:
            ends = {"the coarse image": self._coarse(source), "the window": self._fine(source)}
            for what, shapes in ends.items():
                for problem in self.critic.check(shapes, target):
                    yield attrs.evolve(problem.under("critic"), message=f"on {what}: {problem.message}")

    def _axis_problems(self, size: Shape) -> Iterator[Problem]:
        for axis, (side, times) in enumerate(zip(size, per_axis(self.coarse, len(size)), strict=True)):
            if side % times:
                yield Problem("coarse", f"{axis_name(axis, len(size))} has {side}, must be divisible by {times}")
                return
        for axis, (side, wide) in enumerate(zip(size, self._window(size), strict=True)):
            if wide > side:
                named = axis_name(axis, len(size))
                yield Problem("window", f"{wide} along {named}, which has {side}; accepted: 1 to {side}")
                return

    def _window(self, size: Shape) -> Shape:
        return self._coarse({"": (1, *size)})[""][1:] if self.window is None else per_axis(self.window, len(size))

    def _coarse(self, source: Shapes) -> dict[str, Shape]:
        """The places as the first critic sees them."""
        smaller = {}
        for place, (channels, *size) in source.items():
            by = per_axis(self.coarse, len(size)) if size else ()
            smaller[place] = (channels, *(side // times for side, times in zip(size, by, strict=True)))
        return smaller

    def _fine(self, source: Shapes) -> dict[str, Shape]:
        """The places as the second critic sees them: an image has a channel for each axis along which the window can
        move. Of images that are read together, the first has."""
        shapes: dict[str, Shape] = {}
        told = False
        for place, (channels, *size) in source.items():
            window = self._window(tuple(size)) if size else ()
            moving = sum(wide < side for wide, side in zip(window, size, strict=True))
            shapes[place] = (channels + (0 if told else moving), *window)
            told = (told or bool(size)) and not self.couples_places
        return shapes

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_critics._two_scale_critic import TwoScaleCriticNetwork

        size = next(shape[1:] for shape in source.values() if len(shape) > 1)
        return TwoScaleCriticNetwork(
            self.critic.build(self._coarse(source), target),
            self.critic.build(self._fine(source), target),
            size,
            per_axis(self.coarse, len(size)),
            self._window(size),
        )
