"""The check of augmentations passes on every one that we ship, and finds what is planted."""

import pytest

from gankit import load_plugins
from gankit.testing import check_augmentation
from tests.relative import Speckle

REGISTRY = load_plugins().registry


@pytest.mark.parametrize("shape", [(2, 12), (2, 12, 10), (1, 6, 6, 6)], ids=["1-D", "2-D", "3-D"])
@pytest.mark.parametrize("name", [entry.name for entry in REGISTRY.entries("augmentation")])
def test_every_augmentation_keeps_its_promises(name, shape):
    """Each registered augmentation passes in every number of dimensions that it accepts."""
    spec = REGISTRY.find(name, "augmentation")()
    if problems := list(spec.check({"adc": shape})):
        assert name == "rotation"
        assert len(shape) == 2, problems
        return
    check_augmentation(spec, shape)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (
            "once",
            "must be differentiable twice, as a critic with a gradient penalty may need, but its gradient gets none",
        ),
        ("detached", "must be differentiable twice"),
        ("shape", "must return images of the shape and type that it is given"),
        ("float64", "must return images of the shape and type that it is given"),
        ("raises", "raised ValueError: no noise"),
        ("signature", "is called as the function that it builds"),
        ("in place", "writes into its images"),
        ("nothing", "changes nothing"),
        ("others", "depends on the other samples of the batch"),
        ("one channel", "does not do the same to every channel"),
        ("own draws", "draws from a global random generator|differs when computed again"),
    ],
)
def test_a_planted_defect_of_an_augmentation_is_found(fault, found):
    """The message is one line that says what is wrong."""
    with pytest.raises(AssertionError, match=f"^Speckle: [^\n]*({found})"):
        check_augmentation(Speckle(fault=fault))


def test_a_strangers_augmentation_passes():
    """What the check finds is the plant, not what it is planted in."""
    check_augmentation(Speckle())
