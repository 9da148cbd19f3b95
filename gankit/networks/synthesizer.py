"""The built networks and the modality graph that runs through them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from gankit._draws import Draws
from gankit._errors import InputError, RunError
from gankit._shapes import Shapes, joined
from gankit.networks.recompute import recomputed
from gankit.networks.stored_weights import declared_weights
from gankit.plugin.contract import blaming, broken, require_call
from gankit.processes.device import machine_memory
from gankit.recipe.recipe import Edge, Recipe


class Networks(nn.Module):
    """The networks of a recipe by name, and the modality graph that leads through them."""

    def __init__(self, recipe: Recipe, modules: Mapping[str, nn.Module]):
        super().__init__()
        self.recipe = recipe
        if taken := [name for name in modules if hasattr(nn.ModuleDict(), name)]:
            raise InputError(f"networks.{taken[0]}: torch keeps this name for itself; choose another")
        self.by_name = nn.ModuleDict(modules)
        self._edges = recipe.edges()
        self._noise = recipe.noise()
        self._made = {name for _, modalities in self._edges for name in modalities}
        self._ends = {name: recipe.built_for(name) for name in modules}

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

    def run(self, name: str, x: Tensor, places: tuple[str, ...], draws: Mapping[str, Tensor] = {}) -> Tensor:
        """Run one network.

        Args:
            name: name of the network.
            x: what it reads, (B, ...); several places are concatenated along dimension 1, as by ``together``.
            places: the places that ``x`` is of. A network that couples places is told which.
            draws: the random numbers by which a discriminator judges; none outside of training.

        Returns: what the network makes, (B, ...), in the type of ``x`` even where autocast computes in another.

        Raises:
            PluginError: the network fails, or returns something else than a tensor of real numbers, on the device of
                ``x`` and of the shape of the network's target.
        """
        return self._run(name, self._parts(name, x), places, draws)

    def features(
        self, name: str, x: Tensor, places: tuple[str, ...], draws: Mapping[str, Tensor] = {}
    ) -> tuple[Tensor, ...]:
        """Features of one network that gives some: tensors (B, ...) in the type of ``x``, first layers first.

        Arguments are those of ``run``.

        Raises:
            PluginError: the network fails, or returns something else than tensors with B entries.
        """
        where, spec = f"networks.{name}", self.recipe.networks[name]
        with blaming(where, spec, given=found(x)):
            features = self._call(name, "features", *self._parts(name, x), *self._told(name, places), **_asked(draws))
        if not isinstance(features, list | tuple) or not features:
            raise broken(where, spec, f"must return a sequence of tensors from features, got {found(features)}")
        for each in features:
            if not isinstance(each, Tensor) or not each.is_floating_point() or each.ndim < 2 or len(each) != len(x):
                raise broken(where, spec, f"must return features of {len(x)} samples, (B, ...), got {found(each)}")
        return tuple(each.to(x.dtype) for each in features)

    def velocity(self, name: str, x: Tensor, time_B: Tensor, rest: tuple[Tensor, ...]) -> Tensor:
        """Velocities of one network that gives some, (B, C, *S) as ``x``, in its type.

        Args:
            name: name of the network.
            x: where the samples are, (B, C, *S).
            time_B: the time of each sample, 0 at the noise and 1 at the images.
            rest: a tensor for each place that the network reads after the first, in their order.

        Raises:
            PluginError: the network fails, or returns something else than velocities of that shape.
        """
        where, spec = f"networks.{name}", self.recipe.networks[name]
        with blaming(where, spec, given=found(x)):
            velocity = self._call(name, "velocity", x, time_B, *rest)
        if not isinstance(velocity, Tensor) or velocity.shape != x.shape or not velocity.is_floating_point():
            message = f"must return velocities of shape {tuple(x.shape)}, got {found(velocity)}"
            raise broken(where, spec, message)
        return velocity.to(x.dtype)

    def apply_edge(self, edge: Edge, places: Mapping[str, Tensor]) -> Tensor:
        """Run the network of an edge on the places that it reads; ``places`` maps place to tensor (B, ...)."""
        if self.recipe.networks[edge.network].reads_apart:
            return self._run(edge.network, tuple(places[place] for place in edge.from_), edge.from_)
        return self.run(edge.network, together(places, edge.from_), edge.from_)

    def _run(
        self, name: str, parts: tuple[Tensor, ...], places: tuple[str, ...], draws: Mapping[str, Tensor] = {}
    ) -> Tensor:
        where, spec, told = f"networks.{name}", self.recipe.networks[name], self._told(name, places)
        given = " and ".join(map(found, parts))
        with blaming(where, spec, given=given):
            result = self._call(name, "__call__", *parts, *told, **_asked(draws))
        (x, *_), (source, target) = parts, self._ends[name]
        expected = (len(x), *joined(target))
        fits = _has_shape(result, expected, spec.kind)
        if not isinstance(result, Tensor) or (not fits and _are_whole(parts, source, told)):
            shown = " and ".join(str(tuple(part.shape)) for part in parts)
            raise broken(where, spec, f"must return a tensor of shape {expected} for {shown}, got {found(result)}")
        if not result.is_floating_point() or result.device != x.device:
            kind = str(result.dtype).removeprefix("torch.")
            message = f"must return real numbers on {x.device}, as it is given, got {kind} on {result.device}"
            raise broken(where, spec, message)
        return result.to(x.dtype)

    def _call(self, name: str, method: str, *given: Any, **more: Any) -> Any:
        """What a method of a network's module returns; with a gradient, in the way that ``training.recompute`` says."""
        module = self.by_name[name]
        function = getattr(module, method)
        if torch.is_grad_enabled() and name in (self.recipe.training.recompute or ()):
            return recomputed(module, function, *given, **more)
        return function(*given, **more)

    def _parts(self, name: str, x: Tensor) -> tuple[Tensor, ...]:
        """What the module of a network is called with."""
        return apart(x, self._ends[name][0]) if self.recipe.networks[name].reads_apart else (x,)

    def _told(self, name: str, places: tuple[str, ...]) -> tuple[str, ...]:
        """The places that the module of a network is told, after what it reads."""
        return places if self.recipe.networks[name].couples_places else ()

    def synthesize(self, places: Mapping[str, Tensor], wanted: Collection[str] | None = None) -> dict[str, Tensor]:
        """Run the graph from what is random and given to what is made.

        A random place that is not among ``places`` is quiet: zero. A modality that is among them is not made anew, so
        the graph can start in its middle, as when a real slice is translated.

        Args:
            places: place to tensor (B, ...): the latents or encodings, what is given, and noise.
            wanted: modalities to make; default: all. Those that they are made from are made too.

        Returns: modality or label to (B, ...), for all that was given or made; modalities are in [-1, 1].

        Raises:
            LookupError: what is wanted needs a place that is neither here nor made.
        """
        places, there = dict(places), set(places)
        count, like = len(next(iter(places.values()))), next(iter(places.values()))

        # 1. From the end of the graph to its begin: what is needed for what is wanted?
        needed = set(self.recipe.modalities if wanted is None else wanted) - there
        for edge, modalities in reversed(self._edges):
            needed |= set(edge.from_) - there if needed & set(modalities) else set()
        for place in needed & self._noise.keys():
            places[place] = like.new_zeros(count, *self._noise[place])
        if missing := needed - places.keys() - self._made:
            raise LookupError(f"the graph needs {', '.join(sorted(missing))}, which is neither given nor drawn")

        # 2. From its begin to its end: run the edges that make something needed.
        for edge, modalities in self._edges:
            if not needed & set(modalities):
                continue
            made = self.apply_edge(edge, places)
            channels = [self.recipe.modalities[name].shape[0] for name in modalities]
            fresh = zip(modalities, made.split(channels, dim=1), strict=True)
            places |= {name: image for name, image in fresh if name not in there}
        return {name: places[name] for name in self.recipe.observed() if name in places}


def _asked(draws: Mapping[str, Tensor]) -> dict[str, Mapping[str, Tensor]]:
    """The argument of a network that judges by draws."""
    return {"draws": draws} if draws else {}


def _has_shape(result: object, expected: tuple[int, ...], kind: str) -> bool:
    """Whether a network's result has the expected shape. Discriminators may score each of several patches."""
    if isinstance(result, Tensor) and kind == "discriminator" and result.ndim == 2:
        return len(result) == expected[0] and result.shape[1] > 0
    return isinstance(result, Tensor) and result.shape == expected


def _are_whole(parts: tuple[Tensor, ...], source: Shapes, told: tuple[str, ...]) -> bool:
    """Whether what a network reads has the full shape that it is built for. A crop has not, and then the result has
    not."""
    if len(parts) > 1:
        return all(tuple(part.shape[1:]) == shape for part, shape in zip(parts, source.values(), strict=True))
    return tuple(parts[0].shape[1:]) == joined({place: source[place] for place in told or source})


def found(value: object) -> str:
    """A value in words, for messages, where a tensor was expected: its shape, or its type."""
    if not isinstance(value, Tensor):
        return f"{type(value).__name__} {value!r}" if isinstance(value, int | float) else type(value).__name__
    kind = "" if value.is_floating_point() else f"{str(value.dtype).removeprefix('torch.')} "
    return f"{kind}{tuple(value.shape)}" if value.ndim else f"a {kind}scalar"


def together(places: Mapping[str, Tensor], names: tuple[str, ...]) -> Tensor:
    """The tensor of one place as it is, or those of several places concatenated along dimension 1.

    Vectors give (B, Z1 + Z2), images (B, C1 + C2, *S). Beside images, a vector (B, Z) becomes Z constant maps.
    """
    if len(names) == 1:
        return places[names[0]]
    tensors = [places[name] for name in names]
    space = max((tensor.shape[2:] for tensor in tensors), key=len)
    return torch.cat([_as_maps(tensor, space) if tensor.ndim == 2 else tensor for tensor in tensors], dim=1)


def _as_maps(vector_BZ: Tensor, space: tuple[int, ...]) -> Tensor:
    """Z constant maps (B, Z, *S); the vector itself where ``space`` has no dimensions."""
    return vector_BZ.view(*vector_BZ.shape, *[1] * len(space)).expand(*vector_BZ.shape, *space)


def apart(x: Tensor, shapes: Shapes) -> tuple[Tensor, ...]:
    """The tensors of several places, from the one that ``together`` makes of them.

    Args:
        x: (B, ...).
        shapes: place to shape without batch, in the order in which the places were concatenated.
    """
    parts = x.split([shape[0] for shape in shapes.values()], dim=1)
    return tuple(
        part.flatten(2).mean(dim=2) if len(shape) == 1 and part.ndim > 2 else part
        for part, shape in zip(parts, shapes.values(), strict=True)
    )


def build_networks(recipe: Recipe, names: Iterable[str] | None = None) -> Networks:
    """Build networks on the CPU.

    The weights of a network are drawn from (training.seed, name of the network), so they do not depend on which other
    networks are built, or in which order. torch's random state is put back.

    Args:
        recipe: a checked recipe.
        names: which networks; default: all.

    Raises:
        PluginError: the ``build`` of a component takes other arguments, fails, or returns no module or one whose
            weights are not float32 on the CPU.
        RunError: the weights alone are larger than the memory of this machine.
    """
    names = tuple(recipe.networks if names is None else names)
    _require_memory(recipe, names)
    modules = {}
    with torch.random.fork_rng(devices=[]):
        for name in names:
            torch.manual_seed(Draws(recipe.training.seed).torch_seed(f"weights/{name}"))
            modules[name] = _built(recipe, name)
    return Networks(recipe, modules)


def _require_memory(recipe: Recipe, names: tuple[str, ...]) -> None:
    """Refuse weights that this machine cannot hold, before the system ends the process for them."""
    sizes = dict.fromkeys(names, 0)
    for key, tensor in (declared_weights(recipe, names) or {}).items():
        sizes[key.partition(".")[0]] += tensor.nbytes
    if (there := machine_memory()) is not None and (needed := sum(sizes.values())) > there:
        largest = max(sizes, key=lambda name: sizes[name])
        raise RunError(
            f"networks.{largest}: has most of the weights, which need {needed / 1e9:,.0f} GB together, and this"
            f" machine has {there / 1e9:,.0f} GB of memory; lower its width, or the modalities' shapes"
        )


def _built(recipe: Recipe, name: str) -> nn.Module:
    where, spec = f"networks.{name}", recipe.networks[name]
    source, target = recipe.built_for(name)
    require_call(where, spec, "build", spec.build, "source", "target")
    with blaming(where, spec):
        module = spec.build(source, target)
    if not isinstance(module, nn.Module):
        raise broken(where, spec, f"must build a torch.nn.Module, got {found(module)}")
    for weights, parameter in module.named_parameters():
        if is_lazy(parameter):
            raise broken(where, spec, f"must build weights whose shapes are known, but {weights!r} waits for an input")
        if (parameter.dtype, parameter.device.type) != (torch.float32, "cpu"):
            kind = f"{str(parameter.dtype).removeprefix('torch.')} on {parameter.device}"
            raise broken(where, spec, f"must build weights in float32 on the CPU, but {weights!r} is {kind}")
    return module
