"""A trained synthesizer: its file, and the images that it makes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._errors import CheckpointError, CohortError, InputError, shown
from gankit._shapes import LATENT
from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.dataset import SliceDataset, chosen_modalities
from gankit.cohort.pictures import aspects
from gankit.cohort.source import cohort_of
from gankit.files.header import header as header_of
from gankit.files.tensor_file import read_tensors, write_tensors
from gankit.networks.stored_weights import declared_weights, halved, unfit, widened
from gankit.networks.synthesizer import Networks, build_networks
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.device import choose_device, machine_memory
from gankit.recipe.recipe import Edge, Recipe
from gankit.run.critics import Critics, load_critics
from gankit.run.directory import RunDirectory, run_of
from gankit.run.given import Counts, fitted, given_places, in_short, labels_seen, place_values, random_places
from gankit.run.model_header import ModelHeader
from gankit.run.targets import model_file

FORMAT = "gankit-model-2"
CHUNK = 64
"""Latents, or slices, that go through the networks at a time."""
FLOAT32 = 4
"""Bytes of a number of an image."""


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

    seen: Counts = attrs.field(factory=list)
    """How often training saw each combination of the labels that are places of the graph; see ``labels_seen``."""
    run: Path | None = None
    """The run directory that the model was loaded from; None where its file alone was."""
    slice_spacing_mm: Mapping[str, float] = attrs.field(factory=dict)
    """Modality to the distance of its planes in mm; of volumes, where it is known."""
    real: Cohort | None = None
    """The cohort that given modalities are drawn from; None: that of the recipe, which is loaded when it is needed."""

    @property
    def aspects(self) -> dict[str, float]:
        """Modality to the distance of its planes over that of its rows; of volumes, where both are known."""
        return aspects(self.spacing_mm, self.slice_spacing_mm)

    def latents(self, count: int, seed: int) -> Tensor:
        """``count`` draws from the prior, (N, Z) float32. A draw depends on seed and index alone, not on ``count``."""
        return random_places(self.recipe, count, seed)[LATENT]

    @torch.inference_mode()
    def synthesize(
        self, places: Mapping[str, Tensor], advance: Callable[[int], None] = lambda done: None
    ) -> dict[str, Tensor]:
        """Run the graph on latents or encodings.

        Args:
            places: place to tensor: ``"latent"`` to latents, (N, Z); a given label or modality as ``sample`` takes it,
                for each of the N slices; a random place to its noise, (N, *shape), which is zero by default.
            advance: called with the number of slices that are done.

        Returns: modality to (N, C, *S) float32 on the CPU, in the modality's unit.

        Raises:
            InputError: a place is missing, or something does not fit.
        """
        if not isinstance(places, Mapping) or not places:
            raise InputError(f"`places` must map place to tensor, as in {{'latent': latents}}, got {type(places)}")
        count = max(len(torch.atleast_1d(torch.as_tensor(value))) for value in places.values())
        fixed = given_places(self.recipe, places, count, 0, [], self._no_cohort)
        try:
            return self._in_units(self._network_values(fixed, advance))
        except LookupError as error:
            raise InputError(f"`places`: {error}") from error

    def _no_cohort(self) -> Cohort:
        raise InputError(f"`places` must have {' and '.join(self.recipe.given())}, which the graph reads")

    def _cohort(self) -> Cohort:
        if self.real is not None:
            return self.real
        try:
            return cohort_of(self.recipe.cohort)
        except CohortError as error:
            given = " and ".join(self.recipe.given())
            raise CohortError(f"{error}; or give {given} by `given`, which else come from that cohort") from error

    def _places(self, n: int, seed: int, given: Mapping[str, Any]) -> dict[str, Tensor]:
        """Everything that the graph starts from, for ``n`` samples."""
        seen = labels_seen(self.recipe, self.real) if self.real is not None else self.seen
        return random_places(self.recipe, n, seed) | given_places(self.recipe, given, n, seed, seen, self._cohort)

    def _network_values(self, places: Mapping[str, Tensor], advance: Callable[[int], None]) -> dict[str, Tensor]:
        """Modality to (N, C, *S) in [-1, 1], float32 on the CPU."""
        device = next(self.networks.parameters()).device
        count, chunks = len(next(iter(places.values()))), []
        for first in range(0, count, CHUNK):
            part = {place: value[first : first + CHUNK].to(device) for place, value in places.items()}
            chunks.append(self.networks.synthesize(part))
            advance(min(first + CHUNK, count))
        return {name: torch.cat([chunk[name] for chunk in chunks]).float().cpu() for name in self.recipe.modalities}

    def _in_units(self, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: spec.to_units(made[name]) for name, spec in self.recipe.modalities.items()}

    @torch.inference_mode()
    def encode(self, images: Mapping[str, Tensor]) -> Tensor:
        """Turn images into latents.

        Args:
            images: modality to (N, C, *S) in the modality's unit, and label to classes (N,); at least those that the
                encoder reads.

        Returns: latents, (N, Z) float32 on the CPU.

        Raises:
            InputError: the recipe has no encoder.
        """
        edge = self._encoder()
        count = len(images[edge.from_[0]])
        return self._encoded({place: fitted(self.recipe, place, images[place], count) for place in edge.from_})

    @torch.inference_mode()
    def reconstruct(self, slices: Cohort) -> dict[str, Tensor]:
        """Encode real slices and synthesize them again. What the graph is given is that of the slices, noise is zero.

        Args:
            slices: have every modality and label that the encoder reads or the graph is given.

        Returns: modality to (N, C, *S) float32 on the CPU, in the modality's unit.

        Raises:
            InputError: the recipe has no encoder.
            CohortError: the slices lack a modality, or have another size.
        """
        read = {*self._encoder().from_, *self.recipe.given()}
        values = {place: torch.from_numpy(place_values(self.recipe, slices, place)) for place in read}
        given = {place: values[place] for place in self.recipe.given()}
        made = self._network_values({LATENT: self._encoded(values), **given}, lambda done: None)
        return self._in_units(made)

    def _encoder(self) -> Edge:
        if (edge := self.recipe.encoder()) is None:
            raise InputError(f"recipe {self.recipe.name!r} has no encoder, so real slices have no latents")
        return edge

    def _encoded(self, values: Mapping[str, Tensor]) -> Tensor:
        """Latents (N, Z) on the CPU of what the encoder reads, place to network values (N, ...)."""
        edge, device = self._encoder(), next(self.networks.parameters()).device
        parts = [values[place].split(CHUNK) for place in edge.from_]
        chunks = [
            self.networks.apply_edge(
                edge, {place: part.to(device) for place, part in zip(edge.from_, chunk, strict=True)}
            )
            for chunk in zip(*parts, strict=True)
        ]
        return torch.cat(chunks).float().cpu()

    def critics(self) -> Critics:
        """The critics that the model was trained against, from the checkpoint of its step.

        Raises:
            InputError: the model is a file alone, its recipe has no critics, or its run has no checkpoint of its step.
            CheckpointError: the checkpoint does not verify, is of another run, or holds other networks.
        """
        if self.run is None:
            raise InputError("a model file has no critics, which are in the checkpoints of its run; name the run")
        return load_critics(self.run, self.recipe, self.step)

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        seed: int = 0,
        advance: Callable[[int], None] = lambda done: None,
        *,
        given: Mapping[str, Any] = {},
    ) -> dict[str, Tensor]:
        """Draw synthetic slices.

        A slice depends on seed and index alone, not on ``n``, except for rounding, since networks run on batches.

        Args:
            n: number of slices, at least 1.
            seed: seed of the latents and of everything else that is drawn, >= 0.
            advance: called with the number of slices that are made.
            given: place of the graph to what it has, for each slice or one for all: a label's class, as in
                ``{"cs": 1}``; a modality's images (n, C, *S) in its unit, or (n, *S), at the recipe's size or a whole
                multiple of it; a mask's ground truth (n, *S); a cohort of n slices that have it; a random place's
                noise (n, *shape). Given places that are not named are drawn from what training saw.

        Returns: modality to (n, C, *S) float32 on the CPU, in the modality's unit, given ones too.

        Raises:
            InputError: ``n`` is below 1 or more than memory holds, or something given does not fit.
            CohortError: a given modality is to be drawn, and the recipe's cohort cannot be read.
        """
        _require_some(n, self.recipe)
        return self._in_units(self._network_values(self._places(n, seed, given), advance))

    def dataset(
        self,
        n: int,
        seed: int = 0,
        *,
        units: bool = False,
        modalities: Sequence[str] = (),
        advance: Callable[[int], None] = lambda done: None,
        given: Mapping[str, Any] = {},
    ) -> SliceDataset:
        """``n`` synthetic slices as a ``torch.utils.data.Dataset`` of {modality: (C, *S) float32, "label": int64}.

        The slices are those of ``sample(n, seed)``, made now and kept in memory. Their label is that of the graph where
        it has one label as a place. Otherwise all have that of the pools that training approached. Where these pools
        have no label, or different ones, items have no "label".
        To train on real and synthetic slices together, write
        ``torch.utils.data.ConcatDataset([model.dataset(500), cohort.dataset("train", model.recipe)])``.

        Args:
            n: number of slices, at least 1.
            seed: seed of the latents, >= 0.
            units: give values in the modality's unit; default: in [-1, 1], as networks see them.
            modalities: which ones; default: all.
            advance: called with the number of slices that are made.
            given: as for ``sample``.

        Raises:
            InputError: ``n`` is below 1 or more than memory holds, there is no such modality, or something given does
                not fit.
        """
        names = chosen_modalities(modalities, self.recipe.modalities)
        _require_some(n, self.recipe)
        places = self._places(n, seed, given)
        with torch.no_grad():  # tensors made in inference mode may not be used in training
            made = self._network_values(places, advance)
        images = self._in_units(made) if units else made
        labels = self._labels(places, n)
        label_N = torch.from_numpy(next(iter(labels.values())).astype(np.int64)) if len(labels) == 1 else None
        return SliceDataset({name: images[name] for name in names}, label_N)

    def cohort(
        self,
        n: int,
        seed: int = 0,
        advance: Callable[[int], None] = lambda done: None,
        *,
        given: Mapping[str, Any] = {},
    ) -> Cohort:
        """The slices of ``sample(n, seed, given=given)`` as a cohort marked synthetic; each slice is a patient of its
        own. Masks are ground truth: 1 where the mask's value is at least one half. Where the graph is given images, the
        cohort says which ones it made (``Modality.made``)."""
        _require_some(n, self.recipe)
        places = self._places(n, seed, given)
        with torch.inference_mode():
            images = self._in_units(self._network_values(places, advance))
        specs = self.recipe.modalities
        given_images = [name for name in self.recipe.given() if name in self.recipe.images()]
        made_N = np.ones(n, bool) if given_images else None
        asked = "".join(f", given {place} = {what}" for place, what in in_short(given).items())
        sizes = {size for spacing in self.spacing_mm.values() for size in spacing}
        apart = set(self.slice_spacing_mm.values())
        return Cohort(
            modalities={
                name: Modality(
                    values=image.numpy(),
                    unit=specs[name].unit,
                    present=np.ones(n, bool),
                    made=None if name in given_images else made_N,
                )
                for name, image in images.items()
                if specs[name].mask is None
            },
            labels=self._labels(places, n),
            patient=np.array([f"synthetic-{index:06d}" for index in range(n)]),
            split=np.full(n, "train"),
            spacing_mm=np.full(n, sizes.pop(), dtype=np.float32) if len(sizes) == 1 else None,
            slice_spacing_mm=np.full(n, apart.pop(), dtype=np.float32) if len(apart) == 1 else None,
            truth={str(spec.mask): _truth(images[name]) for name, spec in specs.items() if spec.mask is not None},
            synthetic=True,
            source=f"synthetic: recipe {self.recipe.name!r}, {self.step} steps, seed {seed}{asked}",
        )

    def _labels(self, places: Mapping[str, Tensor], n: int) -> dict[str, np.ndarray]:
        """Label to (n,) int8: those of the graph, and the one that training approached."""
        own = {
            label.label: places[name].argmax(dim=1).numpy().astype(np.int8)
            for name, label in self.recipe.labels().items()
        }
        return own | {name: np.full(n, value, dtype=np.int8) for name, value in self.recipe.approached_label().items()}


def _truth(mask_NCS: Tensor) -> np.ndarray:
    """Ground truth (N, *S) uint8 of a mask: 1 from one half on; with several channels, the number of the largest."""
    single = mask_NCS.shape[1] == 1
    return (mask_NCS[:, 0] >= 0.5 if single else mask_NCS.argmax(dim=1)).numpy().astype(np.uint8)


def _require_some(n: int, recipe: Recipe) -> None:
    """Raise InputError: ``n`` is no number of samples, or this machine has no memory for so many."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise InputError(f"the number of samples must be a whole number of at least 1, got {n!r}")
    needed = n * sum(math.prod(spec.shape) for spec in recipe.modalities.values()) * FLOAT32
    if (there := machine_memory()) is not None and needed > there:
        raise InputError(
            f"the number of samples is {n}, which need {needed / 1e9:,.0f} GB, and this machine has"
            f" {there / 1e9:,.0f} GB of memory; make fewer at a time, each time from another seed"
        )


def save_model(
    path: Path,
    networks: Networks,
    document: dict[str, Any],
    step: int,
    spacing_mm: Mapping[str, tuple[float, float]] = {},
    seen: Counts | None = None,
    half: bool = False,
    cohort: str = "",
    slice_spacing_mm: Mapping[str, float] = {},
) -> None:
    """Write the synthesizer, and the encoder where there is one, with the recipe in the metadata.

    ``training.track`` is left out of the recipe, so trackers do not change the file.

    Args:
        path: the file.
        networks: the averaged networks.
        document: the completed recipe as plain tables.
        step: training steps done.
        spacing_mm: see ``Model``.
        seen: see ``Model``.
        half: store weights in half precision, for a file of half the size; ``load_model`` makes them float32 again.
        cohort: digest of the cohort, by which a run tells its model from that of another; empty: none.
        slice_spacing_mm: see ``Model``.

    Raises:
        RunError: the file cannot be written.
    """
    training = {key: value for key, value in document["training"].items() if key != "track"}
    document = {**document, "training": training}
    names = _stored(networks.recipe)
    tensors = {f"{name}.{key}": value for name in names for key, value in networks[name].state_dict().items()}
    tensors = halved(tensors) if half else tensors
    header = {"format": FORMAT, "step": step, "recipe": document, "spacing_mm": spacing_mm}
    known = {"seen": seen, "cohort": cohort, "slice_spacing_mm": slice_spacing_mm}
    write_tensors(path, tensors, header | {key: value for key, value in known.items() if value})


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
        CheckpointError: the file does not verify, its weights do not fit its recipe, or some are not finite.
        RecipeError: the recipe in it does not fit the installed plugins.
    """
    # Find the file.
    where = choose_device(device) if isinstance(device, str) else device
    plugins = plugins or load_plugins()
    if (file := model_file(Path(path), plugins)) is None:
        file = Path(path)
        _refuse_another_kind(file)  # a damaged file passes here, and is refused when it is read

    # Read it, and compare what it declares with what it has, before its networks take memory.
    tensors, stored_header = read_model(file)
    header = ModelHeader.of(stored_header, file)
    recipe = header.checked_recipe(file, plugins)
    if declared := declared_weights(recipe, _stored(recipe)):
        tensors = widened(tensors, declared)
        _require_fit(file, tensors, declared)

    # Build its networks.
    networks = build_networks(recipe, _stored(recipe))
    tensors = widened(tensors, networks.by_name.state_dict())
    _require_fit(file, tensors, networks.by_name.state_dict())
    networks.by_name.load_state_dict(tensors)
    ready = networks.requires_grad_(False).eval().to(where)
    seen = [list(row) for row in header.seen]
    return Model(
        recipe,
        ready,
        header.step,
        header_of(file)["digest"],
        header.spacing_mm,
        seen,
        run_of(file),
        slice_spacing_mm=header.slice_spacing_mm,
    )


def _require_fit(file: Path, tensors: Mapping[str, Tensor], declared: Mapping[str, Tensor]) -> None:
    if why := unfit(tensors, declared):
        raise CheckpointError(f"{file}: its weights do not fit its recipe: {why}; copy the file again, or train anew")


def read_model(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a model file by name, and its header.

    Raises:
        CheckpointError: the file does not verify; the message says how a run makes it again.
    """
    try:
        return read_tensors(file, FORMAT)
    except CheckpointError as error:
        run = RunDirectory(file.parent)
        again = file == run.model and run.checkpoints()
        remedy = "train the run again, which makes it from the newest checkpoint" if again else "restore it from a copy"
        raise CheckpointError(f"{error}; {remedy}") from error


def _refuse_another_kind(file: Path) -> None:
    if file.suffix == ".toml":
        raise InputError(f"{file}: a recipe, not a model; train it with 'gankit train {file}' and name its run here")
    if found := header_of(file).get("format"):
        raise InputError(f"{file}: not a model (format {shown(found)}); name a run directory or its model.safetensors")
