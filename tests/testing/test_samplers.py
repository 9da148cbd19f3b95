"""The check of samplers passes on every one we ship, and finds what is planted."""

import pytest

from gankit import load_plugins
from gankit.testing import check_network, check_sampler
from gankit_flow._flow_unet import FlowUNetNetwork
from gankit_flow.samplers import Euler
from gankit_flow.translator import FlowUNet
from tests.testing.planted_samplers import Ride

REGISTRY = load_plugins().registry


@pytest.mark.parametrize("name", [entry.name for entry in REGISTRY.entries("sampler")])
def test_every_sampler_keeps_its_promises(name):
    """Each registered sampler passes, with few steps and many."""
    for steps in (1, 16):
        check_sampler(REGISTRY.find(name, "sampler")(steps=steps))


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("miscounts", "asks 16 times, where it says 17"),
        ("one time", r"asks at times \(\), not one for each sample"),
        ("late", r"asks at time 1.5, beyond \[0, 1\]"),
        ("timeless", "does not follow velocities that change with time"),
        ("other shape", "asks for velocities at"),
        ("stays", "does not follow velocities that change with x"),
        ("short", "does not add a velocity that is the same everywhere"),
        ("draws", "draws from a global random generator"),
        ("writes", "writes into its start"),
        ("mixes", "does not add a velocity that is the same everywhere"),
        ("float32", "returns torch.float32 in torch.float64"),
        ("no gradient", "breaks the promise that it gives the start a gradient"),
    ],
)
def test_a_planted_defect_of_a_sampler_is_found(plant, found):
    """The message is one line that says what is wrong."""
    with pytest.raises(AssertionError, match=f"^Ride: [^\\n]*{found}"):
        check_sampler(Ride(plant=plant))


def test_without_a_plant_it_passes():
    """What the test above changes is the only thing that is wrong."""
    check_sampler(Ride())


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda velocity: velocity[:, :1], r"gives velocities \(4, 1, 8, 8\) for samples \(4, 2, 8, 8\)"),
        (lambda velocity: velocity / 0, "gives velocities that are not finite"),
    ],
)
def test_velocities_that_are_none_are_found(monkeypatch, spoil, found):
    """A network that gives velocities gives finite ones in the shape of samples, also at times of their own."""
    right = FlowUNetNetwork.velocity

    def wrong(network, x, time, *rest):
        velocity = right(network, x, time, *rest)
        return velocity if time.unique().numel() == 1 else spoil(velocity)

    monkeypatch.setattr(FlowUNetNetwork, "velocity", wrong)
    with pytest.raises(AssertionError, match=found):
        check_network(FlowUNet(width=8, depth=2, sampler=Euler()), {"noise": (2, 8, 8)}, {"adc": (2, 8, 8)})
