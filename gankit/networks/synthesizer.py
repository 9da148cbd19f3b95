"""The built networks and the modality graph that runs through them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor, nn

from gankit._draws import Draws
from gankit._errors import InputError
from gankit._shapes import LATENT
from gankit.recipe.recipe import Edge, Recipe


class Networks(nn.Module):
    """The networks of a recipe by name, and the graph that turns latents into modalities."""

    def __init__(self, recipe: Recipe, modules: Mapping[str, nn.Module]):
        super().__init__()
        self.recipe = recipe
        if taken := [name for name in modules if hasattr(nn.ModuleDict(), name)]:
            raise InputError(f"networks.{taken[0]}: torch keeps this name for itself; choose another")
        self.by_name = nn.ModuleDict(modules)
        self._edges = recipe.edges()

    def __getitem__(self, name: str) -> nn.Module:
        return self.by_name[name]

    def parameters_of(self, names: Iterable[str]) -> dict[str, nn.Parameter]:
        """Trainable parameters of these networks as ``{"network.parameter": ...}``, in a fixed order."""
        return {
            f"{name}.{key}": parameter
            for name in names
            for key, parameter in self.by_name[name].named_parameters()
            if parameter.requires_grad
        }

    def run(self, name: str, x: Tensor, places: tuple[str, ...]) -> Tensor:
        """Run one network on what was taken from these places, ``(B, ...)``; a network that couples places is told
        which. The result has the type of ``x``, also where autocast computes in another."""
        told = places if self.recipe.networks[name].couples_places else ()
        result: Tensor = self.by_name[name](x, *told)
        return result.to(x.dtype)

    def apply_edge(self, edge: Edge, places: Mapping[str, Tensor]) -> Tensor:
        """Run one network on the places it reads, taken together along channels."""
        return self.run(edge.network, together(places, edge.from_), edge.from_)

    def synthesize(self, latent_BZ: Tensor, wanted: Collection[str] | None = None) -> dict[str, Tensor]:
        """Latents (B, Z) to modalities (B, C, *S) in [-1, 1], by walking the graph.

        Args:
            latent_BZ: draws of the prior, or encodings.
            wanted: modalities to make, with what they are made from; default: all.
        """
        places = {LATENT: latent_BZ}
        needed = set(self.recipe.modalities if wanted is None else wanted)
        for edge, modalities in reversed(self._edges):
            needed |= set(edge.from_) if needed & set(modalities) else set()
        for edge, modalities in self._edges:
            if not needed & set(modalities):
                continue
            made = self.apply_edge(edge, places)
            channels = [self.recipe.modalities[name].shape[0] for name in modalities]
            places |= zip(modalities, made.split(channels, dim=1), strict=True)
        return {name: places[name] for name in self.recipe.modalities if name in places}


def together(places: Mapping[str, Tensor], names: tuple[str, ...]) -> Tensor:
    """One place as it is, or several concatenated along channels."""
    return places[names[0]] if len(names) == 1 else torch.cat([places[name] for name in names], dim=1)


def build_networks(recipe: Recipe, names: Iterable[str] | None = None) -> Networks:
    """Build networks on the CPU with weights drawn from (training.seed, network name), in whatever order.

    Args:
        recipe: a checked recipe.
        names: which networks; default: all.
    """
    modules = {}
    with torch.random.fork_rng(devices=[]):
        for name in recipe.networks if names is None else names:
            source, target = recipe.built_for(name)
            torch.manual_seed(Draws(recipe.training.seed).torch_seed(f"weights/{name}"))
            modules[name] = recipe.networks[name].build(source, target)
    return Networks(recipe, modules)
