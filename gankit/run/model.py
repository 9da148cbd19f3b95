"""A trained synthesizer: one file, or a run, to images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._draws import Draws
from gankit._errors import CheckpointError, InputError
from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.dataset import SliceDataset, chosen_modalities
from gankit.files.tensor_file import read_tensors, write_tensors
from gankit.networks.synthesizer import Networks, build_networks
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.device import choose_device
from gankit.recipe.file import Layers, check_document
from gankit.recipe.recipe import Recipe
from gankit.run.targets import header as header_of
from gankit.run.targets import model_file

FORMAT = "gankit-model-2"
CHUNK = 64
"""Latents that go through the graph at a time."""


@attrs.frozen(eq=False)
class Model:
    """A synthesizer ready to sample."""

    recipe: Recipe
    networks: Networks
    step: int
    """Training steps behind it."""
    digest: str = ""
    """Of the file that it was loaded from."""
    spacing_mm: Mapping[str, tuple[float, float]] = attrs.field(factory=dict)
    """Modality to the size of its pixels along the last two axes, from the slices it was trained on, where known."""

    def latents(self, count: int, seed: int) -> Tensor:
        """``count`` draws from the prior, (N, Z); the first of them do not depend on how many follow."""
        drawn = [Draws(seed, index).normal("sample", self.recipe.latent.dim) for index in range(count)]
        return torch.from_numpy(np.stack(drawn))

    @torch.inference_mode()
    def synthesize(self, latent_NZ: Tensor, advance: Callable[[int], None] = lambda done: None) -> dict[str, Tensor]:
        """Latents (N, Z) to each modality (N, C, *S) in the modality's unit; ``advance`` is told how many are done."""
        made = self._network_values(latent_NZ, advance)
        return {name: spec.to_units(made[name]) for name, spec in self.recipe.modalities.items()}

    def _network_values(self, latent_NZ: Tensor, advance: Callable[[int], None]) -> dict[str, Tensor]:
        """The same in [-1, 1], as networks make them."""
        device = next(self.networks.parameters()).device
        chunks = []
        for number, chunk in enumerate(latent_NZ.split(CHUNK)):
            chunks.append(self.networks.synthesize(chunk.to(device)))
            advance(number * CHUNK + len(chunk))
        return {name: torch.cat([chunk[name] for chunk in chunks]).float().cpu() for name in self.recipe.modalities}

    @torch.inference_mode()
    def encode(self, images: Mapping[str, Tensor]) -> Tensor:
        """Slices (N, C, *S) by modality, in the modality's unit, to their latents (N, Z).

        Raises:
            InputError: the recipe has no encoder.
        """
        if (edge := self.recipe.encoder()) is None:
            raise InputError(f"recipe {self.recipe.name!r} has no encoder, so real slices have no latents")
        device = next(self.networks.parameters()).device
        seen = [self.recipe.modalities[name].to_network(images[name]).split(CHUNK) for name in edge.from_]
        chunks = [
            self.networks.run(edge.network, torch.cat(parts, dim=1).to(device), edge.from_)
            for parts in zip(*seen, strict=True)
        ]
        return torch.cat(chunks).float().cpu()

    def sample(self, n: int, seed: int = 0, advance: Callable[[int], None] = lambda done: None) -> dict[str, Tensor]:
        """``n`` synthetic slices: modality to (n, C, *S) in the modality's unit, from (seed, index) alone.

        Raises:
            InputError: ``n`` is below 1.
        """
        _require_some(n)
        return self.synthesize(self.latents(n, seed), advance)

    def dataset(
        self,
        n: int,
        seed: int = 0,
        *,
        units: bool = False,
        modalities: Sequence[str] = (),
        advance: Callable[[int], None] = lambda done: None,
    ) -> SliceDataset:
        """``n`` synthetic slices as a ``torch.utils.data.Dataset`` of {modality: (C, *S) float32, "label": 0 or 1}.

        They are those of ``sample(n, seed)``, made at once and kept in memory. A slice does not depend on how many
        there are, but for rounding, since networks run on batches. The label is the one that training approached, of
        which all slices have the value; where pools have none, or differ, items are without. Joined to real slices,
        ``torch.utils.data.ConcatDataset([model.dataset(500), cohort.dataset("train", model.recipe)])``.

        Args:
            units: values in the modality's unit; default: in [-1, 1], as networks see them.
            modalities: those wanted; default: all.
            advance: is told how many slices are made.

        Raises:
            InputError: ``n`` is below 1, or there is no such modality.
        """
        names = chosen_modalities(modalities, self.recipe.modalities)
        _require_some(n)
        with torch.no_grad():  # tensors made in inference mode may not be used in training
            made = self._network_values(self.latents(n, seed), advance)
        images = {name: self.recipe.modalities[name].to_units(made[name]) if units else made[name] for name in names}
        value = next(iter(self.recipe.approached_label().values()), None)
        return SliceDataset(images, None if value is None else torch.full((n,), value))

    def cohort(self, n: int, seed: int = 0, advance: Callable[[int], None] = lambda done: None) -> Cohort:
        """``n`` synthetic slices as a cohort marked synthetic, each its own patient."""
        images = self.sample(n, seed, advance)
        sizes = {size for spacing in self.spacing_mm.values() for size in spacing}
        return Cohort(
            modalities={
                name: Modality(values=image.numpy(), unit=self.recipe.modalities[name].unit, present=np.ones(n, bool))
                for name, image in images.items()
            },
            labels={label: np.full(n, value, dtype=np.int8) for label, value in self.recipe.approached_label().items()},
            patient=np.array([f"synthetic-{index:06d}" for index in range(n)]),
            split=np.full(n, "train"),
            spacing_mm=np.full(n, sizes.pop(), dtype=np.float32) if len(sizes) == 1 else None,
            synthetic=True,
            source=f"synthetic: recipe {self.recipe.name!r}, {self.step} steps, seed {seed}",
        )


def _require_some(n: int) -> None:
    if n < 1:
        raise InputError(f"the number of samples must be at least 1, got {n}")


def save_model(
    path: Path,
    networks: Networks,
    document: dict[str, Any],
    step: int,
    spacing_mm: Mapping[str, tuple[float, float]] = {},
) -> None:
    """Write the synthesizer and the encoder, with the recipe and the pixels' sizes in the metadata; which trackers
    watched the training leaves no trace in it."""
    training = {key: value for key, value in document["training"].items() if key != "track"}
    document = {**document, "training": training}
    names = _stored(networks.recipe)
    tensors = {f"{name}.{key}": value for name in names for key, value in networks[name].state_dict().items()}
    write_tensors(path, tensors, {"format": FORMAT, "step": step, "recipe": document, "spacing_mm": spacing_mm})


def _stored(recipe: Recipe) -> tuple[str, ...]:
    """Names of the networks in a model file."""
    encoder = recipe.encoder()
    return (*recipe.synthesizer_networks(), *([encoder.network] if encoder else []))


def load_model(path: str | Path, device: str | torch.device = "cpu", plugins: Plugins | None = None) -> Model:
    """Load a synthesizer.

    Args:
        path: ``model.safetensors``, a run directory, or the name of a shipped model.

    Raises:
        InputError: neither a model file nor a run that has one; another file of gankit's, or a recipe.
        CheckpointError: the file does not verify.
        RecipeError: the recipe in it does not fit the installed plugins.
    """
    where = choose_device(device) if isinstance(device, str) else device
    plugins = plugins or load_plugins()
    if (file := model_file(Path(path), plugins)) is None:
        file = Path(path)
        _refuse_another_kind(file)  # a damaged file says nothing of its kind: reading it tells
    tensors, header = read_tensors(file, FORMAT)
    recipe = check_document(Layers(header["recipe"], {}), str(file), plugins)
    networks = build_networks(recipe, _stored(recipe))
    try:
        networks.by_name.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{file}: its weights do not fit its recipe: {error}") from error
    spacing_mm = {name: (rows, columns) for name, (rows, columns) in header.get("spacing_mm", {}).items()}
    ready = networks.requires_grad_(False).eval().to(where)
    return Model(recipe, ready, header["step"], header_of(file)["digest"], spacing_mm)


def _refuse_another_kind(file: Path) -> None:
    if file.suffix == ".toml":
        raise InputError(f"{file}: a recipe, not a model; train it with 'gankit train {file}' and name its run here")
    if found := header_of(file).get("format"):
        raise InputError(f"{file}: not a model (format {found!r}); name a run directory or its model.safetensors")
