"""The checks of optimizers and schedules pass on every one we ship, and find what is planted."""

import pytest

from gankit import load_plugins
from gankit.testing import check_optimizer, check_schedule
from tests.testing.planted_optimizers import Momentum, Wave

REGISTRY = load_plugins().registry
OPTIONS = {
    "adam": [{}, {"weight_decay": 0.1}],
    "adamw": [{}, {"weight_decay": 0.0}],
    "rmsprop": [{}, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}],
    "sgd": [{}, {"momentum": 0.9, "nesterov": True}],
    "constant": [{}, {"warm_up": 3}],
    "cosine": [{}, {"warm_up": 3, "final": 0.1}],
    "linear": [{}, {"start": 3, "warm_up": 5}, {"share": 0.999}],
}


def shipped(kind):
    return [(entry.name, each) for entry in REGISTRY.entries(kind) for each in OPTIONS.get(entry.name, [{}])]


@pytest.mark.parametrize(("name", "options"), shipped("optimizer"))
def test_every_optimizer_keeps_its_promises(name, options):
    """Each registered optimizer passes, with and without what it may leave out."""
    check_optimizer(REGISTRY.find(name, "optimizer")(**options))


@pytest.mark.parametrize(("name", "options"), shipped("schedule"))
def test_every_schedule_keeps_its_promises(name, options):
    """Each registered schedule passes, in a training of many steps and of few."""
    for steps in (1000, 6):
        check_schedule(REGISTRY.find(name, "schedule")(**options), steps)


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("refuses", "refuses its options: plant: may not be this"),
        ("no optimizer", r"must build a torch.optim.Optimizer, got list"),
        ("half", "must build an optimizer of the 4 given parameters, got 1"),
        ("own rate", "must use learning_rate as the rate lr of every group, got float 0.5"),
        ("halved rate", "must use learning_rate as the rate lr of every group"),
        ("raises", "raised ValueError: no step today"),
        ("global", r"must keep its state by parameter, in optimizer.state\[parameter\], got str 'count' as key"),
        ("python state", "must keep its state in tensors, which a checkpoint can hold, got int 1 as 'count'"),
        ("shared state", "must give each parameter a state of its own, but they share 'count'"),
        ("late state", "has other names in its state after a step than before"),
        ("fixed rate", "moves weights at rate 0; is the rate read at each step"),
        ("first only", "leaves weights with a gradient where they are"),
        ("moves all", "moves a weight without gradient, or its state"),
        ("uphill", "does not go down: the sum of squares was"),
        ("hidden state", "goes on otherwise from a copy of its weights and state; does it keep more"),
        ("draws", "draws from a global random generator|goes on otherwise"),
    ],
)
def test_planted_defects_of_optimizers_are_found(plant, found):
    """Each defect is named, and the optimizer without it passes."""
    with pytest.raises(AssertionError, match=f"^Momentum: .*{found}"):
        check_optimizer(Momentum(plant=plant))


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("refuses", "refuses 1000 steps: plant: not for 1000 steps"),
        ("raises", "breaks the promise that it has a factor in every step: ValueError: no factor today"),
        ("negative", "must give a finite factor of at least 0, got -0.1 at step 0"),
        ("infinite", "must give a finite factor of at least 0, got inf at step 0"),
        ("text", "must give a finite factor of at least 0, got '1' at step 0"),
        ("truth", "must give a finite factor of at least 0, got True at step 0"),
        ("remembers", "gives another factor at step 0 when it is asked in another order"),
        ("draws", "draws from a global random generator"),
    ],
)
def test_planted_defects_of_schedules_are_found(plant, found):
    """Each defect is named, and the schedule without it passes."""
    with pytest.raises(AssertionError, match=f"^Wave: {found}"):
        check_schedule(Wave(plant=plant))


def test_without_a_plant_both_pass():
    """What the tests above change is the only thing that is wrong."""
    check_optimizer(Momentum())
    check_schedule(Wave())
