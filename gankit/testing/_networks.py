"""Checks of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.func import functional_call

from gankit._shapes import Shape, Shapes, joined, shape_text
from gankit.networks.synthesizer import apart
from gankit.plugin.components import (
    AbstractDiscriminator,
    AbstractEncoder,
    AbstractNetwork,
)
from gankit.testing._promises import BATCH, check_imports, drawn, no_global_draws, normal, promise, require


def check_network(spec: AbstractNetwork, source: Shapes, target: Shapes) -> None:
    """Check that a network keeps what ``AbstractNetwork`` promises at one pair of shapes.

    - Its module imports no torch.
    - Its weights are float32 and follow from torch's seed.
    - Its output has the shape of the target, is finite, and is in [-1, 1] where it is an image.
    - Running it draws no random numbers and does not change its input.
    - The input and every trainable parameter get a gradient. A parameter that starts at zero, such as the gain of a
      branch, is moved off it, so that what lies behind it gets one.
    - It works in float64, with about the same result.
    - A safetensors file can hold its weights, and they are all that it computes with.
    - With ``gives_velocity``, its velocities are finite and have the shape of where samples are.
    - With ``gives_features``, its ``features`` are finite tensors with a gradient by the input.
    - Unless ``mixes_samples``, a sample's output does not depend on the other samples. A discriminator of which this
      holds has correct second derivatives.
    - A discriminator with ``draws`` keeps these promises with them, and without.

    Args:
        spec: the component with the options to check. Small widths make the check quick.
        source, target: shapes without batch by place, such as ``{"latent": (8,)}`` and ``{"adc": (1, 16, 16)}``.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    problems = [str(problem) for problem in spec.check(source, target)]
    require(not problems, who, f"refuses these shapes: {'; '.join(problems)}")
    _check_weights(spec, source, target, _built(spec, source, target, seed=0))
    _check_module(spec, source, target, {})
    if isinstance(spec, AbstractDiscriminator) and spec.draws:
        named = enumerate(spec.draws.items())
        draws = {name: drawn(draw, 1, joined(source), seed)[0] for seed, (name, draw) in named}
        _check_module(spec, source, target, draws)


def _check_module(spec: AbstractNetwork, source: Shapes, target: Shapes, draws: Mapping[str, Tensor]) -> None:
    """Check what the module of a network makes; with ``draws``, of a discriminator that judges by these numbers."""
    who, x = type(spec).__name__, normal(BATCH, *joined(source))
    network, other = (_built(spec, source, target, seed, draws) for seed in (0, 1))
    _check_output(spec, network, x, joined(target))
    _check_round_trip(who, network, other, x)
    _check_gradients(who, network, x)
    _check_float64(who, network, x)
    if spec.gives_features:
        _check_features(who, network, x)
    if spec.gives_velocity:
        _check_velocity(who, spec.build(source, target), apart(x, source))
    if not spec.mixes_samples:
        _check_independence(who, network, x)
        if isinstance(spec, AbstractDiscriminator):
            _check_second_derivatives(who, network, x)


def _check_weights(spec: AbstractNetwork, source: Shapes, target: Shapes, network: nn.Module) -> None:
    who = type(spec).__name__
    with no_global_draws(who, "is built with a generator other than torch's"):  # torch's is put back by _built
        again = _built(spec, source, target, seed=0).state_dict()
    for name, tensor in network.state_dict().items():
        require(torch.equal(tensor, again[name]), who, f"{name} does not follow from torch's seed")
        low = tensor.is_floating_point() and tensor.dtype != torch.float32
        require(not low, who, f"{name} is {tensor.dtype}, not float32")


def _check_output(spec: AbstractNetwork, network: nn.Module, x: Tensor, shape: Shape) -> None:
    who, kept = type(spec).__name__, x.clone()
    with promise(who, f"maps ({shape_text(tuple(x.shape))})"), no_global_draws(who):
        y = network(x)
    wanted = (BATCH, *shape)
    patches = isinstance(spec, AbstractDiscriminator) and y.ndim == 2 and len(y) == BATCH
    require(patches or y.shape == wanted, who, f"returns {tuple(y.shape)} where its target says {wanted}")
    require(bool(y.isfinite().all()), who, "returns numbers that are not finite")
    require(torch.equal(x, kept), who, "writes into its input")
    if not isinstance(spec, AbstractDiscriminator | AbstractEncoder):
        require(bool(y.abs().max() <= 1), who, "makes images beyond [-1, 1]")
    network.eval()
    require(torch.equal(network(x), network(x)), who, "gives two answers to one input")
    network.train()


def _check_gradients(who: str, network: nn.Module, x: Tensor) -> None:
    weights = {name: _moved_off_zero(each) for name, each in network.named_parameters() if each.requires_grad}
    x = x.clone().requires_grad_()
    y = functional_call(network, weights, (x,))
    gradients = torch.autograd.grad((y * normal(*y.shape, seed=2)).sum(), [x, *weights.values()], allow_unused=True)
    for name, gradient in zip(("the input", *weights), gradients, strict=True):
        require(gradient is not None and bool(gradient.any()), who, f"{name} gets no gradient")
        require(bool(gradient.isfinite().all()), who, f"{name} gets a gradient that is not finite")


def _moved_off_zero(parameter: nn.Parameter) -> Tensor:
    """A parameter as it is, or a small one where it is all zero, as a gain that closes a branch at the start."""
    return parameter if bool(parameter.any()) else (parameter.detach() + 0.1).requires_grad_()


def _check_float64(who: str, network: nn.Module, x: Tensor) -> None:
    y = network(x)
    with promise(who, "works in float64"):
        exact = network.double()(x.double())
    network.float()
    require(exact.dtype == torch.float64, who, f"returns {exact.dtype} in float64")
    require(torch.allclose(exact.float(), y, rtol=1e-2, atol=1e-3), who, "differs between float32 and float64")


def _check_features(who: str, network: nn.Module, x: Tensor) -> None:
    x = x.clone().requires_grad_()
    with promise(who, "gives features"), no_global_draws(who):
        features = list(network.features(x))  # type: ignore[operator]
    require(features, who, "gives no features")
    for each in features:
        require(len(each) == BATCH and each.ndim > 1, who, f"gives features {tuple(each.shape)}, not ({BATCH}, ...)")
        require(bool(each.isfinite().all()), who, "gives features that are not finite")
        (gradient,) = torch.autograd.grad(each.square().sum(), x, retain_graph=True)
        require(bool(gradient.any()), who, "gives features without a gradient by the input")


def _check_velocity(who: str, network: nn.Module, parts: tuple[Tensor, ...]) -> None:
    start, *rest = parts
    with promise(who, "gives velocities"), no_global_draws(who):
        velocity = network.velocity(start, torch.linspace(0, 1, BATCH), *rest)  # type: ignore[operator]
    found, wanted = tuple(velocity.shape), tuple(start.shape)
    require(found == wanted, who, f"gives velocities {found} for samples {wanted}")
    require(bool(velocity.isfinite().all()), who, "gives velocities that are not finite")


def _check_round_trip(who: str, network: nn.Module, other: nn.Module, x: Tensor) -> None:
    with promise(who, "has weights that a safetensors file can hold"):
        other.load_state_dict(load(save({name: each.contiguous() for name, each in network.state_dict().items()})))
    same = torch.equal(other.eval()(x), network.eval()(x))
    network.train()
    require(same, who, "its state_dict does not hold all that it computes with")


def _check_independence(who: str, network: nn.Module, x: Tensor) -> None:
    network.double()
    alone = torch.allclose(network(x.double())[:2], network(x[:2].double()))
    network.float()
    require(alone, who, "one sample's output depends on the others, though mixes_samples is False")


def _check_second_derivatives(who: str, network: nn.Module, x: Tensor) -> None:
    """Compare the derivative of a gradient penalty along its own gradient with a difference of two penalties.

    With the penalty P(w) and its gradient g, ``|g| = dP / dr`` along ``w + r g / |g|``, which is about
    ``(P(w + r g / |g|) - P(w - r g / |g|)) / 2 r`` for a small r.
    """
    network.double()
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]

    def penalty() -> Tensor:
        leaf = x.double().requires_grad_()
        (slope,) = torch.autograd.grad(network(leaf).sum(), leaf, create_graph=True)
        return (torch.linalg.vector_norm(slope.flatten(1), dim=1) - 1).square().mean()

    # The gradient of the penalty
    with promise(who, "may be differentiated twice, as a gradient penalty needs"):
        gradients = torch.autograd.grad(penalty(), weights, allow_unused=True)
    along = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, gradients, strict=True)]
    norm = torch.stack([each.square().sum() for each in along]).sum().sqrt()
    require(bool(norm > 0), who, "a gradient penalty does not reach its weights")

    # The penalty a small step to both sides along it; then the weights are put back.
    reach, ends = 1e-6, []
    for sign in (1, -2):
        for weight, each in zip(weights, along, strict=True):
            weight.data.add_(each / norm, alpha=sign * reach)
        ends.append(penalty().item())
    for weight, each in zip(weights, along, strict=True):
        weight.data.add_(each / norm, alpha=reach)
    network.float()

    difference = (ends[0] - ends[1]) / (2 * reach)
    require(abs(difference - norm.item()) <= 1e-2 * norm.item(), who, "its second derivatives are wrong")


def _built(
    spec: AbstractNetwork, source: Shapes, target: Shapes, seed: int, draws: Mapping[str, Tensor] = {}
) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = spec.build(source, target)
    require(isinstance(network, nn.Module), type(spec).__name__, f"builds {network!r}, not a torch.nn.Module")
    network = _Drawing(network, draws) if draws else network
    if spec.couples_places:
        return _EachPlace(network, source)
    return _Apart(network, source) if spec.reads_apart else network


class _Drawing(nn.Module):
    """A discriminator that judges by the same numbers each time."""

    def __init__(self, network: nn.Module, draws: Mapping[str, Tensor]):
        super().__init__()
        self.network = network
        self.draws = draws

    def forward(self, *given: Any) -> Tensor:
        made: Tensor = self.network(*given, draws=self.draws)
        return made

    def features(self, *given: Any) -> Sequence[Tensor]:
        features: Sequence[Tensor] = self.network.features(*given, draws=self.draws)  # type: ignore[operator]
        return features


class _EachPlace(nn.Module):
    """Makes a network that couples places one that reads all of them, concatenated along channels.

    It returns the sum of the network's outputs for each place.
    """

    def __init__(self, network: nn.Module, source: Shapes):
        super().__init__()
        self.network = network
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        parts = zip(self.source, apart(x, self.source), strict=True)
        return torch.stack([self.network(part, place) for place, part in parts]).sum(0)

    def features(self, x: Tensor) -> list[Tensor]:
        parts = zip(self.source, apart(x, self.source), strict=True)
        return [each for place, part in parts for each in self.network.features(part, place)]  # type: ignore[operator]


class _Apart(nn.Module):
    """Makes a network that reads places apart one that reads them concatenated along dimension 1."""

    def __init__(self, network: nn.Module, source: Shapes):
        super().__init__()
        self.network = network
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.network(*apart(x, self.source))
        return made

    def features(self, x: Tensor) -> Sequence[Tensor]:
        features: Sequence[Tensor] = self.network.features(*apart(x, self.source))  # type: ignore[operator]
        return features
