"""The augmentation of what the critic of one term sees, with fixed or adaptive probability."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gankit._shapes import Shapes
from gankit.networks.augmentations import Augmentations
from gankit.networks.scores import sample_scores
from gankit.plugin.components import AbstractAdversarialLoss, Adapt, Critic, Draw, augmentation_draws
from gankit.processes.ranks import mean_over_ranks

SIDES = ("reference", "candidate", "alongside")
"""What a critic sees; each is augmented by draws of its own."""


class TermAugmentation:
    """The augmentations of an adversarial term, on the images among its places. Vectors, as labels, stay as they are.

    Args:
        where: path of the term in the recipe.
        term: the term.
        shapes: the places that the term is on, with their shapes.
    """

    def __init__(self, where: str, term: AbstractAdversarialLoss, shapes: Shapes):
        specs = term.augment or ()
        self.series = Augmentations(specs, f"{where}.augment")
        self.strength = Strength(term.adapt) if term.adapt else None
        self._channels = [shape[0] for shape in shapes.values()]
        self._is_image = [len(shape) > 1 for shape in shapes.values()]
        sides = SIDES if term.alongside else SIDES[:2]
        self.draws: Mapping[str, Draw] = {
            name: draw for side in sides for name, draw in augmentation_draws(specs, _prefix(side)).items()
        }
        """What is drawn for one question: name to draw."""

    def __call__(self, x: Tensor, side: str, draws: Mapping[str, Tensor]) -> Tensor:
        """What the critic sees of one of the ``SIDES``, (B, ...), which are the places of the term taken together."""
        if not self.series.specs:
            return x
        strength = 1.0 if self.strength is None else self.strength.probability
        changed_BCS = self.series(self._images(x), draws, _prefix(side), strength)
        sizes = [count for count, image in zip(self._channels, self._is_image, strict=True) if image]
        changed = iter(changed_BCS.split(sizes, dim=1))
        return torch.cat([next(changed) if image else part for part, image in self._parts(x)], dim=1)

    def _parts(self, x: Tensor) -> list[tuple[Tensor, bool]]:
        """Each place's channels, and whether they are an image."""
        return list(zip(x.split(self._channels, dim=1), self._is_image, strict=True))

    def _images(self, x: Tensor) -> Tensor:
        return torch.cat([part for part, image in self._parts(x) if image], dim=1)

    def require_twice(self, x: Tensor, draws: Mapping[str, Tensor]) -> None:
        """Require of each augmentation that it can be differentiated twice. Raises PluginError: one cannot."""
        if not self.series.specs:
            return
        images_BCS = self._images(x)
        for augmented, _ in self.series.one_by_one(images_BCS, draws, _prefix("candidate")):
            augmented.require_twice(images_BCS)


def _prefix(side: str) -> str:
    return f"augment/{side}_"


class Strength(nn.Module):
    """The adaptive probability of a term's augmentations: Karras et al. 2020 (arXiv:2006.06676, Sec. 3).

    ``r = E sign(D(real))`` is near 1 where the critic has learnt its real slices by heart, and near 0 where it has not.
    At each update of the critic the probability goes up where r is above the target, and down where it is below. It
    starts at 0 and goes from there to 1 in ``images`` references at the fastest. Its buffer is part of the state of
    training, and is the same in every process.
    """

    probability: Tensor

    def __init__(self, adapt: Adapt):
        super().__init__()
        self._adapt = adapt
        self.register_buffer("probability", torch.zeros(()))

    @torch.no_grad()
    def move(self, critic: Critic, reference: Tensor, batch: int) -> None:
        """Move the probability by the scores of references (B, ...), of a global batch of ``batch``."""
        ahead = mean_over_ranks(sample_scores(critic(reference)).sign().mean()) - self._adapt.target
        self.probability.add_(ahead.sign() * (batch / self._adapt.images)).clamp_(0, 1)
