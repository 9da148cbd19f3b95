"""What metrics make once is made once, by however many processes."""

import threading
import time

import attrs
import numpy as np
import pytest

from gankit.evaluation.real_side import Wanted, prepare
from gankit.recipe.recipe import ModalitySpec


@pytest.fixture
def evaluation(tiny_cohort, tmp_path):
    specs = {"t2w": ModalitySpec(shape=(1, 16, 16), range=(0, 400))}
    return prepare(tiny_cohort, None, specs, Wanted(label="cs"), seed=0, replicates=2, cache=tmp_path / "cache")


def test_two_at_once_make_it_once(evaluation):
    """The second waits for the first and reads what it wrote."""
    made, found = [], []

    def make():
        made.append(1)
        time.sleep(0.2)
        return {"weights": np.arange(3.0)}

    threads = [threading.Thread(target=lambda: found.append(evaluation.kept("net", {}, make))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert all((each["weights"] == [0, 1, 2]).all() for each in found)


def test_what_is_cut_short_is_made_again(evaluation, tmp_path):
    """A damaged file costs time, not the evaluation."""
    evaluation.kept("net", {}, lambda: {"weights": np.arange(3.0)})
    (file,) = (tmp_path / "cache").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:20])
    assert (evaluation.kept("net", {}, lambda: {"weights": np.ones(2)})["weights"] == 1).all()


def test_what_it_depends_on_is_its_name(evaluation):
    """Another option, another file."""
    first = evaluation.kept("net", {"width": 1}, lambda: {"weights": np.zeros(1)})
    second = evaluation.kept("net", {"width": 2}, lambda: {"weights": np.ones(1)})
    assert first["weights"] != second["weights"]


def test_readings_and_caches_know_the_ground_truth(evaluation):
    """Corrected masks are another real side, though training, which never sees them, stays what it was."""
    evaluation = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth={"lesion": np.zeros((24, 16, 16))}))
    corrected = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth={"lesion": np.ones((24, 16, 16))}))
    assert corrected.real.digest() == evaluation.real.digest()
    assert corrected.digest != evaluation.digest
