"""What metrics make once is made once, by however many processes."""

import threading
import time

import attrs
import numpy as np
import pytest
from safetensors.numpy import save_file

from gankit import Candidate, FileWarning
from gankit.evaluation.real_side import RealCohorts, Wanted, prepare
from gankit.recipe.recipe import ModalitySpec
from tests.damage import flipped, spoilt


@pytest.fixture
def evaluation(tiny_cohort, tmp_path):
    specs = {"t2w": ModalitySpec(shape=(1, 16, 16), range=(0, 400))}
    cohorts = RealCohorts(real=tiny_cohort)
    return prepare(cohorts, specs, Wanted(label="cs"), seed=0, replicates=2, cache=tmp_path / "cache")


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


def test_what_is_damaged_is_named_and_made_again(evaluation, tmp_path):
    """Whichever byte it is: a damaged file costs time, not the evaluation."""
    made = evaluation.kept("net", {}, lambda: {"weights": np.arange(3.0), "mean": np.zeros((2, 1), np.float32)})
    (file,) = (tmp_path / "cache").glob("*.safetensors")
    content = file.read_bytes()
    for damaged in (*flipped(content, 40), *spoilt(content).values()):
        file.write_bytes(damaged)
        with pytest.warns(FileWarning, match=f"{file.name}: damaged .*; it is made again"):
            evaluation.kept("net", {}, lambda: made)
        assert file.read_bytes() == content


def test_arrays_of_before_digests_are_read_with_a_warning(evaluation, tmp_path):
    """They had no header at all; what makes them is not called."""
    evaluation.kept("net", {}, lambda: {"weights": np.arange(3.0)})
    (file,) = (tmp_path / "cache").glob("*.safetensors")
    save_file({"weights": np.arange(3.0)}, file)
    with pytest.warns(FileWarning, match="has no digest, as files of earlier versions") as warned:
        assert (evaluation.kept("net", {}, lambda: pytest.fail("is made again"))["weights"] == [0, 1, 2]).all()
    assert len(warned) == 1


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


def test_what_is_found_in_candidates_is_found_once(tiny_cohort):
    """For every key; other slices, and the same in a new set, are looked at anew."""
    one, looked = Candidate(name="one", cohort=tiny_cohort), []

    def find():
        looked.append(1)
        return len(looked)

    found = [one.once(("gland", steps), find) for steps in (5, 5, 6, 5)]
    assert found == [1, 1, 2, 1]
    assert attrs.evolve(one).once(("gland", 5), find) == 3
