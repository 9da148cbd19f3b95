"""Checks that plugin authors run on their own components; gankit's own components pass the same.

    from gankit.testing import check_adversarial_loss, check_network

    def test_my_generator():
        check_network(MyGenerator(width=8), {"latent": (16,)}, {"adc": (1, 32, 32)})

    def test_my_loss():
        check_adversarial_loss(MyLoss(on=("adc",), critic="c", against="cs"))

Each check raises AssertionError with one line that names the component and the promise it breaks.
"""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from gankit._shapes import Shape, Shapes, joined, shape_text
from gankit.plugin.components import (
    AbstractAdversarialLoss,
    AbstractDiscriminator,
    AbstractEncoder,
    AbstractNetwork,
    AbstractPairedLoss,
    AdversarialLoss,
    Component,
)

__all__ = ["check_adversarial_loss", "check_network", "check_paired_loss"]

BATCH = 4


def check_network(spec: AbstractNetwork, source: Shapes, target: Shapes) -> None:
    """Check that a network keeps what ``AbstractNetwork`` promises at one pair of shapes.

    It imports no torch until it is built; its weights follow from torch's seed; its output has the shape of the
    target, and is in [-1, 1] where it is an image; running it draws no random numbers; every trainable parameter and
    the input get a gradient; it works in float64; its weights survive a safetensors file; samples do not meet unless
    ``mixes_samples``; and a discriminator whose samples do not meet may be differentiated twice.

    Args:
        spec: the component with the options to check; small widths make it quick.
        source, target: shapes without batch by place, such as ``{"latent": (8,)}`` and ``{"adc": (1, 16, 16)}``.

    Raises:
        AssertionError: a promise is broken.
    """
    _check_imports(spec)
    who = type(spec).__name__
    problems = [str(problem) for problem in spec.check(source, target)]
    _require(not problems, who, f"refuses these shapes: {'; '.join(problems)}")
    network = _built(spec, source, target, seed=0)
    x = _normal(BATCH, *joined(source))
    _check_weights(spec, source, target, network)
    _check_output(spec, network, x, joined(target))
    _check_round_trip(who, network, _built(spec, source, target, seed=1), x)
    _check_gradients(who, network, x)
    _check_float64(who, network, x)
    if not spec.mixes_samples:
        _check_independence(who, network, x)
        if isinstance(spec, AbstractDiscriminator):
            _check_second_derivatives(who, network, x)


def check_paired_loss(spec: AbstractPairedLoss, shape: Shape = (1, 16, 16)) -> None:
    """Check that a paired loss gives one finite number per sample, from that sample alone, with a gradient.

    Args:
        spec: the component.
        shape: shape of the images without batch.

    Raises:
        AssertionError: a promise is broken.
    """
    _check_imports(spec)
    who = type(spec).__name__
    loss = spec.build()
    candidate, reference = _normal(BATCH, *shape).tanh(), _normal(BATCH, *shape, seed=1).tanh()
    for dtype in (torch.float32, torch.float64):
        with _promise(who, f"works in {dtype}"), _no_global_draws(who):
            each_B = loss(candidate.to(dtype), reference.to(dtype))
        _require(each_B.shape == (BATCH,), who, f"returns {tuple(each_B.shape)}, not one number per sample ({BATCH},)")
        _require(each_B.dtype == dtype, who, f"returns {each_B.dtype} for {dtype}")
        _require(bool(each_B.isfinite().all()), who, "is not finite for images in [-1, 1]")
    _require(torch.equal(loss(candidate.double(), reference.double()), each_B), who, "differs when computed again")
    alone_B = loss(candidate[:2].double(), reference[:2].double())
    _require(torch.allclose(alone_B, each_B[:2]), who, "depends on the other samples of the batch")
    _check_reaches(who, "the candidate", candidate, lambda image: loss(image, reference).sum())


def check_adversarial_loss(spec: AbstractAdversarialLoss, shape: Shape = (1, 16, 16)) -> None:
    """Check that both answers of an adversarial loss are finite scalars whose gradients reach whom they must.

    The critic's objective must reach the critic's weights, and may differentiate the critic by its input only with
    ``penalises_gradient``; the player's must reach the candidate through a critic whose weights are frozen. Neither
    may draw random numbers other than ``mixing_B``. With ``accepts_alongside`` more candidates than references work.

    Args:
        spec: the component.
        shape: shape of a sample without batch.

    Raises:
        AssertionError: a promise is broken.
    """
    _check_imports(spec)
    who = type(spec).__name__
    loss = spec.build()
    for dtype in (torch.float32, torch.float64):
        critic = _small_critic(shape).to(dtype)
        reference, candidate = _normal(BATCH, *shape).to(dtype), _normal(2 * BATCH, *shape, seed=1).to(dtype)
        mixing_B = torch.linspace(0.1, 0.9, BATCH, dtype=dtype)
        with _promise(who, f"answers for the critic in {dtype}"), _no_global_draws(who):
            _check_critic_answer(spec, loss, critic, reference, candidate[:BATCH], mixing_B)
        if spec.accepts_alongside:
            with _promise(who, "takes more candidates than references, since accepts_alongside is True"):
                _check_scalar(f"{who}.critic", loss.critic(critic, reference, candidate, mixing_B))
        with _promise(who, f"answers for the player in {dtype}"), _no_global_draws(who):
            _check_player_answer(who, loss, critic.requires_grad_(False), candidate[:BATCH])


# Networks ---------------------------------------------------------------------------------------------------


def _check_weights(spec: AbstractNetwork, source: Shapes, target: Shapes, network: nn.Module) -> None:
    who = type(spec).__name__
    with _no_global_draws(who, "is built with a generator other than torch's"):  # torch's is put back by _built
        again = _built(spec, source, target, seed=0).state_dict()
    for name, tensor in network.state_dict().items():
        _require(torch.equal(tensor, again[name]), who, f"{name} does not follow from torch's seed")
        low = tensor.is_floating_point() and tensor.dtype != torch.float32
        _require(not low, who, f"{name} is {tensor.dtype}, not float32")


def _check_output(spec: AbstractNetwork, network: nn.Module, x: Tensor, shape: Shape) -> None:
    who, kept = type(spec).__name__, x.clone()
    with _promise(who, f"maps ({shape_text(tuple(x.shape))})"), _no_global_draws(who):
        y = network(x)
    wanted = (BATCH, *shape)
    _require(y.shape == wanted, who, f"returns {tuple(y.shape)} where its target says {wanted}")
    _require(bool(y.isfinite().all()), who, "returns numbers that are not finite")
    _require(torch.equal(x, kept), who, "writes into its input")
    if not isinstance(spec, AbstractDiscriminator | AbstractEncoder):
        _require(bool(y.abs().max() <= 1), who, "makes images beyond [-1, 1]")
    network.eval()
    _require(torch.equal(network(x), network(x)), who, "gives two answers to one input")
    network.train()


def _check_gradients(who: str, network: nn.Module, x: Tensor) -> None:
    weights = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    x = x.clone().requires_grad_()
    y = network(x)
    gradients = torch.autograd.grad((y * _normal(*y.shape, seed=2)).sum(), [x, *weights.values()], allow_unused=True)
    for name, gradient in zip(("the input", *weights), gradients, strict=True):
        _require(gradient is not None and bool(gradient.any()), who, f"{name} gets no gradient")
        _require(bool(gradient.isfinite().all()), who, f"{name} gets a gradient that is not finite")


def _check_float64(who: str, network: nn.Module, x: Tensor) -> None:
    y = network(x)
    with _promise(who, "works in float64"):
        exact = network.double()(x.double())
    network.float()
    _require(exact.dtype == torch.float64, who, f"returns {exact.dtype} in float64")
    _require(torch.allclose(exact.float(), y, rtol=1e-2, atol=1e-3), who, "differs between float32 and float64")


def _check_round_trip(who: str, network: nn.Module, other: nn.Module, x: Tensor) -> None:
    with _promise(who, "has weights that a safetensors file can hold"):
        other.load_state_dict(load(save({name: each.contiguous() for name, each in network.state_dict().items()})))
    same = torch.equal(other.eval()(x), network.eval()(x))
    network.train()
    _require(same, who, "its state_dict does not hold all that it computes with")


def _check_independence(who: str, network: nn.Module, x: Tensor) -> None:
    network.double()
    alone = torch.allclose(network(x.double())[:2], network(x[:2].double()))
    network.float()
    _require(alone, who, "one sample's output depends on the others, though mixes_samples is False")


def _check_second_derivatives(who: str, network: nn.Module, x: Tensor) -> None:
    """The derivative of a gradient penalty along its own gradient, against a difference of penalties."""
    network.double()
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]

    def penalty() -> Tensor:
        leaf = x.double().requires_grad_()
        (slope,) = torch.autograd.grad(network(leaf).sum(), leaf, create_graph=True)
        return (torch.linalg.vector_norm(slope.flatten(1), dim=1) - 1).square().mean()

    with _promise(who, "may be differentiated twice, as a gradient penalty needs"):
        gradients = torch.autograd.grad(penalty(), weights, allow_unused=True)
    along = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, gradients, strict=True)]
    norm = torch.stack([each.square().sum() for each in along]).sum().sqrt()
    _require(bool(norm > 0), who, "a gradient penalty does not reach its weights")
    reach, ends = 1e-6, []
    for sign in (1, -2):
        for weight, each in zip(weights, along, strict=True):
            weight.data.add_(each / norm, alpha=sign * reach)
        ends.append(penalty().item())
    for weight, each in zip(weights, along, strict=True):
        weight.data.add_(each / norm, alpha=reach)
    network.float()
    difference = (ends[0] - ends[1]) / (2 * reach)
    _require(abs(difference - norm.item()) <= 1e-2 * norm.item(), who, "its second derivatives are wrong")


def _built(spec: AbstractNetwork, source: Shapes, target: Shapes, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = spec.build(source, target)
    _require(isinstance(network, nn.Module), type(spec).__name__, f"builds {network!r}, not a torch.nn.Module")
    return _EachPlace(network, source) if spec.couples_places else network


class _EachPlace(nn.Module):
    """A network that couples places as one of all of them, along channels: the sum of what it makes of each."""

    def __init__(self, network: nn.Module, source: Shapes):
        super().__init__()
        self.network = network
        self.channels = {place: shape[0] for place, shape in source.items()}

    def forward(self, x: Tensor) -> Tensor:
        parts = x.split(list(self.channels.values()), dim=1)
        return torch.stack([self.network(part, place) for place, part in zip(self.channels, parts, strict=True)]).sum(0)


# Losses -----------------------------------------------------------------------------------------------------


def _check_critic_answer(
    spec: AbstractAdversarialLoss,
    loss: AdversarialLoss,
    critic: nn.Module,
    reference: Tensor,
    candidate: Tensor,
    mixing_B: Tensor,
) -> None:
    who, differentiated = type(spec).__name__, []

    def watched(samples: Tensor) -> Tensor:
        differentiated.append(samples.requires_grad)
        return critic(samples)

    value = loss.critic(watched, reference, candidate, mixing_B)
    _check_scalar(f"{who}.critic", value)
    gradients = torch.autograd.grad(value, list(critic.parameters()), allow_unused=True)
    reached = any(gradient is not None and bool(gradient.any()) for gradient in gradients)
    _require(reached, f"{who}.critic", "its gradient does not reach the critic's weights")
    _require(
        spec.penalises_gradient or not any(differentiated),
        f"{who}.critic",
        "differentiates the critic by its input, though penalises_gradient is False",
    )
    again = loss.critic(critic, reference, candidate, mixing_B)
    _require(torch.equal(value, again), f"{who}.critic", "differs when computed again")


def _check_player_answer(who: str, loss: AdversarialLoss, critic: nn.Module, candidate: Tensor) -> None:
    _check_scalar(f"{who}.player", loss.player(critic, candidate))
    _check_reaches(f"{who}.player", "the candidate", candidate, lambda each: loss.player(critic, each))
    again = [loss.player(critic, candidate) for _ in range(2)]
    _require(torch.equal(*again), f"{who}.player", "differs when computed again")


def _check_scalar(who: str, value: Tensor) -> None:
    _require(value.shape == (), who, f"returns {tuple(value.shape)}, not a scalar")
    _require(bool(value.isfinite()), who, "is not finite")


def _check_reaches(who: str, name: str, x: Tensor, value: Callable[[Tensor], Tensor]) -> None:
    x = x.clone().requires_grad_()
    with _promise(who, f"has a gradient for {name}"):
        (gradient,) = torch.autograd.grad(value(x), x)
    _require(bool(gradient.isfinite().all()), who, f"{name} gets a gradient that is not finite")
    _require(bool(gradient.flatten(1).any(dim=1).all()), who, f"its gradient does not reach every sample of {name}")


def _small_critic(shape: Shape) -> nn.Module:
    inputs = int(np.prod(shape))
    critic = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    for parameter in critic.parameters():
        parameter.data = _normal(*parameter.shape, seed=3) / inputs**0.5
    return critic


# Both -------------------------------------------------------------------------------------------------------


def _require(kept: Any, who: str, broken: str) -> None:
    if not kept:
        raise AssertionError(f"{who}: {broken}")


@contextmanager
def _promise(who: str, what: str) -> Iterator[None]:
    """Whatever is raised inside breaks the promise."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise AssertionError(f"{who}: breaks the promise that it {what}: {type(error).__name__}: {first}") from error


@contextmanager
def _no_global_draws(who: str, broken: str = "draws from a global random generator") -> Iterator[None]:
    before = torch.get_rng_state(), np.random.get_state()[1].tobytes(), random.getstate()  # type: ignore[index]
    yield
    after = torch.get_rng_state(), np.random.get_state()[1].tobytes(), random.getstate()  # type: ignore[index]
    _require(torch.equal(before[0], after[0]) and before[1:] == after[1:], who, broken)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _check_imports(spec: Component) -> None:
    """A recipe is checked without torch, so the module of a spec must not import it."""
    module = type(spec).__module__
    _require(
        module == "__main__" or _imports_no_torch(module),
        type(spec).__name__,
        f"importing {module} imports torch; import it inside build",
    )


@functools.cache
def _imports_no_torch(module: str) -> bool:
    code = f"import sys, importlib; importlib.import_module({module!r}); sys.exit('torch' in sys.modules)"
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}).returncode == 0
