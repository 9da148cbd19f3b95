"""The example of slices that are stacked to volumes."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from gankit import load_recipe, train, write_cohort
from gankit_phantom.source import Phantom

FOLDER = Path(__file__).parents[2] / "examples/volumes"


@pytest.fixture(scope="module")
def script():
    """The functions of the example."""
    return runpy.run_path(str(FOLDER / "slicewise.py"))


@pytest.fixture(scope="module")
def volumes():
    """Two volumes of a class in each split."""
    counts = dict.fromkeys(("train_cs", "train_noncs", "test_cs", "test_noncs"), 2)
    return Phantom(depth=24, size=32, patients_cs=4, patients_noncs=4, **counts).load()


def test_planes_of_a_volume_follow_each_other_as_slices(script, volumes):
    """From feet to head, each with its level, and with patient, label and ground truth of its volume."""
    planes = script["planes_of"](volumes)
    assert len(planes) == 8 * 24
    volume, plane = 3, 5
    at = volume * 24 + plane
    assert planes.labels["level"][at] == plane
    assert planes.patient[at] == volumes.patient[volume]
    assert planes.labels["cs"][at] == volumes.labels["cs"][volume]
    np.testing.assert_array_equal(
        planes.modalities["adc"].values[at], volumes.modalities["adc"].values[volume, :, plane]
    )
    np.testing.assert_array_equal(planes.truth["lesion"][at], volumes.truth["lesion"][volume, plane])


def test_slices_of_a_model_are_stacked_by_their_level(script, volumes, plugins, tmp_path):
    """After some steps of every phase; a volume has its 24 planes in order."""
    write_cohort(script["planes_of"](volumes), tmp_path / "planes.safetensors")
    few = {"training.steps": 2, "training.batch": 4, "cohort.path": str(tmp_path / "planes.safetensors")}
    now = {f"phases.{phase}.start": 0 for phase in ("supervised", "unsupervised")}
    recipe = load_recipe(FOLDER / "planes.toml", {**few, **now}, plugins=plugins)
    run = train(recipe, tmp_path / "run", device="cpu", quiet=True, plugins=plugins).path
    stacked = script["stacked"](str(run), 2)
    assert stacked.modalities["adc"].values.shape == (2, 1, 24, 32, 32)
    slices = script["load_model"](str(run)).sample(48, given={"level": np.tile(np.arange(24), 2)})
    np.testing.assert_array_equal(stacked.modalities["t2w"].values[1, :, 7], slices["t2w"][24 + 7].numpy())
