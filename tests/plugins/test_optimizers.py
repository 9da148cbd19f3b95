"""The shipped optimizers and schedules follow their equations."""

import math

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Parameter

from gankit import load_plugins
from gankit.training.optimizers import built, set_rate

REGISTRY = load_plugins().registry
STEPS, RATE = 6, 0.02


def schedule(use, **options):
    return REGISTRY.find(use, "schedule")(**options)


def optimizer(use, **options):
    return REGISTRY.find(use, "optimizer")(**{"learning_rate": RATE, **options})


def factors(schedule, steps):
    return [schedule.factor(step, steps) for step in range(steps)]


# Schedules ------------------------------------------------------------------------------------------------


def test_a_linear_schedule_is_that_of_cyclegan():
    """100 epochs at the same rate, then 100 over which it falls evenly to 0 (Zhu et al. 2017, 4)."""
    assert factors(schedule("linear"), 200) == pytest.approx([1.0] * 100 + [1 - k / 100 for k in range(100)])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": 6}, [1, 1, 1, 1, 1, 1, 1, 0.5]),
        ({"start": 0, "final": 0.5}, [1 - k / 16 for k in range(8)]),
        ({"share": 0.25, "final": 1.0}, [1] * 8),
        ({"share": 0.75}, [1, 1, 1, 1, 1, 1, 1, 0.5]),
        ({"share": 0.0}, [1 - k / 8 for k in range(8)]),
        ({"start": 4, "warm_up": 2}, [0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25]),
    ],
)
def test_a_linear_schedule_falls_from_a_step_or_a_share_to_its_final_factor(options, expected):
    """8 training steps, written out by hand; the final factor is that of the step after the last."""
    assert factors(schedule("linear", **options), 8) == pytest.approx(expected)


def test_a_cosine_schedule_falls_along_half_a_cosine_after_its_warm_up():
    """Eq. 5 of Loshchilov and Hutter 2017 with one cycle: high, half way at its middle, slow at both ends."""
    found = factors(schedule("cosine", warm_up=4), 12)
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[4:] == pytest.approx([math.cos(math.pi * k / 16) ** 2 for k in range(8)])  # (1 + cos 2x) / 2 = cos^2 x
    assert factors(schedule("cosine", final=0.2), 2) == pytest.approx([1.0, 0.6])


def test_a_constant_schedule_warms_up_and_stays():
    """Goyal et al. 2017, 2.2: the same increment in every step of the warm-up."""
    assert factors(schedule("constant", warm_up=4), 6) == [0.25, 0.5, 0.75, 1, 1, 1]
    assert factors(schedule("constant"), 3) == [1, 1, 1]


@pytest.mark.parametrize(
    ("use", "options", "place", "message"),
    [
        ("constant", {"warm_up": 8}, "warm_up", "must be < training.steps, 8, got 8"),
        ("cosine", {"warm_up": 9}, "warm_up", "must be < training.steps, 8, got 9"),
        ("linear", {"start": 8}, "start", "must be < training.steps, 8, or the rate never falls; got 8"),
    ],
)
def test_a_schedule_longer_than_training_is_a_problem(use, options, place, message):
    """At the option that is too large, and none for one less."""
    (problem,) = schedule(use, **options).check(8)
    assert (problem.place, problem.message) == (place, message)
    assert not list(schedule(use, **options).check(10))


# Optimizers -----------------------------------------------------------------------------------------------


def stepped(spec, gradients):
    """A weight after steps with these gradients, from 1 to 4."""
    weight = Parameter(torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64))
    optimizer = built("optimizers.one", spec, [weight])
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


@pytest.fixture(scope="module")
def gradients():
    return torch.randn(STEPS, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def adam_by_hand(gradients, decoupled, decay, betas=(0.5, 0.99), eps=1e-8):
    weight, m, v = torch.arange(1, 5, dtype=torch.float64), 0, 0
    for t, gradient in enumerate(gradients, start=1):
        g = gradient + (0 if decoupled else decay * weight)
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g**2
        step = (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)).sqrt() + eps)
        weight = weight * (1 - RATE * decay if decoupled else 1) - RATE * step
    return weight


def rmsprop_by_hand(gradients, alpha=0.99, eps=1e-8, momentum=0.0, centered=False, weight_decay=0.0):
    weight, v, n, b = torch.arange(1, 5, dtype=torch.float64), 0, 0, 0
    for gradient in gradients:
        g = gradient + weight_decay * weight
        v, n = alpha * v + (1 - alpha) * g**2, alpha * n + (1 - alpha) * g
        b = momentum * b + g / ((v - n**2 if centered else v).sqrt() + eps)
        weight = weight - RATE * b
    return weight


def sgd_by_hand(gradients, momentum=0.0, nesterov=False, weight_decay=0.0):
    weight, b = torch.arange(1, 5, dtype=torch.float64), 0
    for gradient in gradients:
        g = gradient + weight_decay * weight
        b = momentum * b + g
        weight = weight - RATE * (g + momentum * b if nesterov else b)
    return weight


@pytest.mark.parametrize(("use", "decoupled"), [("adam", False), ("adamw", True)])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_follows_its_algorithm(gradients, use, decoupled, decay):
    """Decay of the weight goes through the moments in Adam, and beside them in AdamW."""
    found = stepped(optimizer(use, weight_decay=decay), gradients)
    torch.testing.assert_close(found, adam_by_hand(gradients, decoupled, decay))


RMSPROP = [
    {},
    {"momentum": 0.9},
    {"centered": True},
    {"alpha": 0.9, "momentum": 0.5, "centered": True},
    {"weight_decay": 0.3},
]
SGD = [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.5, "weight_decay": 0.3}]


@pytest.mark.parametrize("options", RMSPROP)
def test_rmsprop_follows_its_equations_and_is_that_of_torch(gradients, options):
    """The equations by hand, and ``torch.optim.RMSprop``, whose own cannot be recorded."""
    found = stepped(optimizer("rmsprop", **options), gradients)
    torch.testing.assert_close(found, rmsprop_by_hand(gradients, **options))
    weight = Parameter(torch.arange(1, 5, dtype=torch.float64))
    torchs = torch.optim.RMSprop([weight], RATE, **{"alpha": 0.99, **options})
    for weight.grad in gradients:
        torchs.step()
    torch.testing.assert_close(found, weight.detach())


@pytest.mark.parametrize("options", SGD)
def test_sgd_follows_its_equations(gradients, options):
    """Momentum begins at 0, and Nesterov's looks ahead."""
    torch.testing.assert_close(stepped(optimizer("sgd", **options), gradients), sgd_by_hand(gradients, **options))


def test_nesterov_without_momentum_is_a_problem():
    """torch would raise while it builds."""
    (problem,) = optimizer("sgd", nesterov=True).check()
    assert problem.place == "nesterov"
    assert "needs momentum" in problem.message


@pytest.mark.parametrize("options", RMSPROP)
def test_rmsprop_reads_nothing_back_from_a_gpu(options):
    """On tensors that have no values, any number that the host asks for would raise; torch's own RMSprop asks."""
    with FakeTensorMode():
        weights = [Parameter(torch.empty(size, device="cuda")) for size in ((3, 4), (3,))]
        moved = optimizer("rmsprop", **options).build(weights, torch.empty((), device="cuda"), capturable=True)
        for weight in weights:
            weight.grad = torch.empty_like(weight)
        moved.step()


@pytest.mark.parametrize("use", ["adam", "adamw", "rmsprop", "sgd"])
def test_a_rate_in_a_tensor_is_read_at_each_step(gradients, use, monkeypatch):
    """As recorded steps read it: filled with another rate, it gives the steps of a number that is set to that rate."""
    plain = [Parameter(torch.ones(4)) for _ in range(2)]
    one = built("optimizers.one", optimizer(use), plain[:1])
    monkeypatch.setattr("gankit.training.optimizers._rate", lambda rate, _: torch.tensor(rate))
    other = built("optimizers.other", optimizer(use), plain[1:])
    tensor = other.param_groups[0]["lr"]
    for rate, gradient in zip((0.1, 0.0, 0.01), gradients.float(), strict=False):
        for moved, weight in zip((one, other), plain, strict=True):
            set_rate(moved, rate)
            weight.grad = gradient.clone()
            moved.step()
    assert other.param_groups[0]["lr"] is tensor
    torch.testing.assert_close(*plain)
