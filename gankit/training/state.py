"""The state of training: networks, their averages, the states of optimizers and losses, and the step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import attrs
import torch
from torch import Tensor
from torch.nn import Module

from gankit._errors import CheckpointError, RunError, shown
from gankit.files.tensor_file import read_tensors, write_tensors
from gankit.networks.first_weights import read_first_weights
from gankit.networks.stored_weights import described, not_finite
from gankit.networks.synthesizer import Networks, build_networks
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.recipe import Recipe
from gankit.run.critics import CHECKPOINT, NETWORK
from gankit.run.identity import Identity, OfAnotherRun
from gankit.training.optimizers import Optimizers


class TrainingState:
    """The state of a run between two steps. A checkpoint has all of it.

    So a resumed training gives the same result as one that was not stopped: to the bit on a CPU, and on a GPU up to the
    order in which numbers are added.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        ranks: Ranks = ALONE,
        losses: Mapping[str, Module] = {},
    ):
        """``losses`` has the losses that have a state, by ``PHASE.TERM``. They are moved to the device."""
        self.recipe = recipe
        self.step = 0
        self.networks = build_networks(recipe).to(device, dtype)
        if all(len(modality.shape) == 3 for modality in recipe.modalities.values()):
            self.networks.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # 2-D convolutions are a few per cent faster so
        self.optimizers = Optimizers(recipe, self.networks, ranks)
        self.averages = average_of(self.networks)
        self.losses = {name: loss.to(device, dtype) for name, loss in losses.items()}

    def read_first_weights(self) -> None:
        """Begin with the weights in the files that the recipe names. Raises InputError: a file does not fit."""
        read_first_weights(self.networks)
        for name, average in self.averages.by_name.items():
            average.load_state_dict(self.networks[name].state_dict())

    @torch.no_grad()
    def average(self) -> None:
        """Move the averaged weights towards the current ones, by an exponential moving average.

        ``average = d average + (1 - d) current`` with the decay ``d = min(training.ema, (1 + step) / (10 + step))``.
        The decay grows from 0.1, so that the first steps are forgotten. Buffers stay: ``gather_statistics`` gives the
        averages those that belong to their weights, before they are used.
        """
        decay = min(self.recipe.training.ema, (1 + self.step) / (10 + self.step))
        current: list[Tensor] = [
            parameter for name in self.averages.by_name for parameter in self.networks[name].parameters()
        ]
        torch._foreach_lerp_(list(self.averages.by_name.parameters()), current, 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """Name to tensor, for everything in the state but the step; the tensors themselves, not copies."""
        return {
            **{f"{NETWORK}{name}": value for name, value in self.networks.by_name.state_dict().items()},
            **{f"average.{name}": value for name, value in self.averages.by_name.state_dict().items()},
            **self.optimizers.tensors(),
            **{
                f"loss.{term}.{name}": value
                for term, loss in self.losses.items()
                for name, value in loss.state_dict().items()
            },
        }

    def not_finite(self) -> str | None:
        """Name of the first tensor that has an infinite value or NaN; None where there is none."""
        return not_finite(self.tensors())

    def save(self, path: Path, identity: Identity | None = None) -> None:
        """Write a checkpoint, of the run of this identity. Raises RunError: it cannot be written."""
        self.snapshot(identity)(path)

    def snapshot(self, identity: Identity | None = None) -> Callable[[Path], None]:
        """A function that writes a checkpoint of the state as it is now, whatever steps are run in the meantime.

        Its tensors are copies on the CPU. For what it raises see ``save``.
        """
        run = {} if identity is None else {"run": attrs.asdict(identity)}
        tensors = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.tensors().items()}
        header = {"format": CHECKPOINT, "step": self.step, **run}
        return lambda path: write_tensors(path, tensors, header)

    @torch.no_grad()
    def load(self, path: Path, identity: Identity | None = None) -> None:
        """Read a checkpoint into the tensors of the state. Where this raises, the state is unchanged.

        Args:
            path: the checkpoint.
            identity: of the run whose checkpoint it must be; None: that of any run.

        Raises:
            CheckpointError: the checkpoint does not verify, is of another run, or has values that are not finite.
            RunError: it has other tensors than the networks that the installed plugins build.
        """
        stored, header = read_tensors(path, CHECKPOINT)
        if not isinstance(step := header.get("step"), int) or isinstance(step, bool) or step < 0:
            raise CheckpointError(f"{path}: its step must be a whole number of at least 0, got {shown(step)}")
        if identity is not None:
            identity.refuse_other(path, header)
        own = self.tensors()
        if stored.keys() != own.keys() or any(described(stored[name]) != described(own[name]) for name in own):
            raise RunError(
                f"{path}: holds other networks than the recipe builds with the installed plugins; install the versions"
                " that recipe.lock.toml names, or train anew in another place (`out`)"
            )
        if (name := not_finite(stored)) is not None:
            raise CheckpointError(f"{path}: {name!r} has NaN or infinite values")
        for name, tensor in own.items():
            tensor.copy_(stored[name])
        self.step = step

    def load_newest(
        self, checkpoints: Iterable[Path], identity: Identity, warn: Callable[[str], None]
    ) -> tuple[Path | None, list[Path]]:
        """Read the first of these checkpoints that verifies and is of the run of this identity. Warn of the others.

        Returns: its path, None where there is none; and those before it that are of another run.
        """
        others = []
        for path in checkpoints:
            try:
                self.load(path, identity)
            except CheckpointError as error:
                warn(f"warning: {error}; skipped for the one before")
                others += [path] if isinstance(error, OfAnotherRun) else []
            else:
                return path, others
        return None, others


def average_of(networks: Networks) -> Networks:
    """Copies of all networks but the discriminators, without gradients and in evaluation mode."""
    kept = [name for name in networks.by_name if networks.recipe.networks[name].kind != "discriminator"]
    copies = {name: copy.deepcopy(networks[name]) for name in kept}
    averages = Networks(networks.recipe, copies).requires_grad_(False)
    return averages.eval()
