"""A trained synthesizer: its file, and the images that it makes."""

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
"""Latents, or slices, that go through the networks at a time."""


@attrs.frozen(eq=False)
class Model:
    """A trained synthesizer, with its encoder where the recipe has one, ready to sample."""

    recipe: Recipe
    networks: Networks
    step: int
    """Training steps of the model."""
    digest: str = ""
    """Digest of the file that the model was loaded from; empty where it was not loaded."""
    spacing_mm: Mapping[str, tuple[float, float]] = attrs.field(factory=dict)
    """Modality to the size of a pixel along the last two axes, (rows, columns) in mm, from the slices that the model
    was trained on; without modalities of unknown size."""

    def latents(self, count: int, seed: int) -> Tensor:
        """``count`` draws from the prior, (N, Z) float32. A draw depends on seed and index alone, not on ``count``."""
        drawn = [Draws(seed, index).normal("sample", self.recipe.latent.dim) for index in range(count)]
        return torch.from_numpy(np.stack(drawn))

    @torch.inference_mode()
    def synthesize(self, latent_NZ: Tensor, advance: Callable[[int], None] = lambda done: None) -> dict[str, Tensor]:
        """Turn latents into images.

        Args:
            latent_NZ: latents, (N, Z).
            advance: called with the number of latents that are done.

        Returns: modality to (N, C, *S) float32 on the CPU, in the modality's unit.
        """
        made = self._network_values(latent_NZ, advance)
        return {name: spec.to_units(made[name]) for name, spec in self.recipe.modalities.items()}

    def _network_values(self, latent_NZ: Tensor, advance: Callable[[int], None]) -> dict[str, Tensor]:
        """The same as ``synthesize``, but in [-1, 1]."""
        device = next(self.networks.parameters()).device
        chunks = []
        for number, chunk in enumerate(latent_NZ.split(CHUNK)):
            chunks.append(self.networks.synthesize(chunk.to(device)))
            advance(number * CHUNK + len(chunk))
        return {name: torch.cat([chunk[name] for chunk in chunks]).float().cpu() for name in self.recipe.modalities}

    @torch.inference_mode()
    def encode(self, images: Mapping[str, Tensor]) -> Tensor:
        """Turn images into latents.

        Args:
            images: modality to (N, C, *S) in the modality's unit, at the recipe's size; at least those that the encoder
                reads.

        Returns: latents, (N, Z) float32 on the CPU.

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
        """Draw synthetic slices.

        A slice depends on seed and index alone, not on ``n``, except for rounding, since networks run on batches.

        Args:
            n: number of slices, at least 1.
            seed: seed of the latents, >= 0.
            advance: called with the number of slices that are made.

        Returns: modality to (n, C, *S) float32 on the CPU, in the modality's unit.

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

        The slices are those of ``sample(n, seed)``, made now and kept in memory. All have the same label: that of the
        pools that training approached. Where these pools have no label, or different ones, items have no "label".
        To train on real and synthetic slices together, write
        ``torch.utils.data.ConcatDataset([model.dataset(500), cohort.dataset("train", model.recipe)])``.

        Args:
            n: number of slices, at least 1.
            seed: seed of the latents, >= 0.
            units: give values in the modality's unit; default: in [-1, 1], as networks see them.
            modalities: which ones; default: all.
            advance: called with the number of slices that are made.

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
        """The slices of ``sample(n, seed)`` as a cohort marked synthetic; each slice is a patient of its own."""
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
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise InputError(f"the number of samples must be a whole number of at least 1, got {n!r}")


def save_model(
    path: Path,
    networks: Networks,
    document: dict[str, Any],
    step: int,
    spacing_mm: Mapping[str, tuple[float, float]] = {},
) -> None:
    """Write the synthesizer, and the encoder where there is one, with the recipe in the metadata.

    ``training.track`` is left out of the recipe, so trackers do not change the file.

    Args:
        path: the file.
        networks: the averaged networks.
        document: the completed recipe as plain tables.
        step: training steps done.
        spacing_mm: see ``Model``.

    Raises:
        RunError: the file cannot be written.
    """
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
    """Load a trained synthesizer.

    Args:
        path: a file ``model.safetensors``, a run directory, or the name of a shipped model.
        device: "auto", "cpu", "cuda", "cuda:N", or a torch device.
        plugins: what is installed; default: load it.

    Raises:
        InputError: there is no such file or run, the run has no model yet, or the file is not a model.
        CheckpointError: the file does not verify, or its weights do not fit its recipe.
        RecipeError: the recipe in it does not fit the installed plugins.
    """
    # Find the file.
    where = choose_device(device) if isinstance(device, str) else device
    plugins = plugins or load_plugins()
    if (file := model_file(Path(path), plugins)) is None:
        file = Path(path)
        _refuse_another_kind(file)  # a damaged file passes here, and is refused when it is read

    # Read it, and build its networks.
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
