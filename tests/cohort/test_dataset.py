"""Real slices as a dataset of torch."""

import os
import subprocess
import sys

import attrs
import numpy as np
import pytest
import torch

from gankit import CohortError, InputError, Modality, Pool
from gankit.cohort.dataset import SliceDataset


def test_the_slices_of_a_pool_are_in_network_range_as_in_training(tiny_cohort, tiny_recipe):
    """Pool, size and range are the recipe's; the label is the one that its training approaches."""
    recipe = tiny_recipe()
    dataset = tiny_cohort.dataset("noncs", recipe)
    chosen = np.flatnonzero((tiny_cohort.split == "train") & (tiny_cohort.labels["cs"] == 0))
    assert len(dataset) == len(chosen)
    for index, slice_ in zip(chosen, dataset, strict=True):
        assert list(slice_) == ["adc", "t2w", "label"]
        adc = tiny_cohort.modalities["adc"].values[index] / 1500 - 1  # the range is 0 to 3000
        np.testing.assert_allclose(slice_["adc"].numpy(), adc, atol=1e-6)
        assert slice_["label"].dtype == torch.int64
        assert slice_["label"] == 0


def test_a_pool_may_be_the_validation_split(tiny_cohort, tiny_recipe):
    """By the name of the split, or in a recipe."""
    cohort = attrs.evolve(tiny_cohort, split=np.where(tiny_cohort.patient == "p4", "validation", tiny_cohort.split))
    recipe = tiny_recipe(**{"pools.judges.split": "validation", "pools.judges.label": "cs"})
    adc = cohort.modalities["adc"].values[cohort.patient == "p4"]
    np.testing.assert_array_equal(cohort.dataset("validation", units=True)[:]["adc"].numpy(), adc)
    np.testing.assert_array_equal(cohort.dataset("judges", recipe, units=True)[:]["adc"].numpy(), adc)


def test_units_are_kept_on_demand(tiny_cohort, tiny_recipe):
    """In units slices are the cohort's own, averaged down where a recipe is smaller."""
    adc = tiny_cohort.modalities["adc"].values
    own = tiny_cohort.dataset("all", units=True)
    np.testing.assert_array_equal(own[:]["adc"].numpy(), adc)
    half = {"modalities.adc.shape": [1, 8, 8], "modalities.t2w.shape": [1, 8, 8], "networks.adc_decoder.factor": 1}
    small = tiny_cohort.dataset("all", tiny_recipe(**half), units=True)[3]["adc"]
    assert small.shape == (1, 8, 8)
    assert small[0, 2, 5].item() == pytest.approx(adc[3, 0, 4:6, 10:12].mean())


@pytest.mark.parametrize(
    ("pool", "patients"),
    [("train", {0, 1, 2, 3, 4, 5}), ("test", {6, 7}), ("cs", {0, 2, 4}), (Pool(label="cs", split="test"), {6})],
    ids=["train", "test", "cs", "a Pool"],
)
def test_a_pool_is_a_name_of_the_recipe_or_a_split_or_a_pool(tiny_cohort, tiny_recipe, pool, patients):
    """Every way to name a selection gives its slices."""
    numbered = np.broadcast_to(np.repeat(np.arange(8.0), 3)[:, None, None], (24, 16, 16))
    cohort = attrs.evolve(tiny_cohort, modalities=tiny_cohort.modalities | {"t2w": Modality.of(numbered)})
    values = cohort.dataset(pool, tiny_recipe(), units=True)[:]["t2w"]
    assert set(values.unique().tolist()) == patients


def test_a_pool_of_the_recipe_goes_before_a_split_of_its_name(tiny_cohort, tiny_recipe):
    """What the recipe calls ``test`` is what it says."""
    recipe = tiny_recipe()
    recipe = attrs.evolve(recipe, pools={**recipe.pools, "test": Pool(label="cs")})
    assert len(tiny_cohort.dataset("test", recipe)) == 9
    assert len(tiny_cohort.dataset("test", units=True)) == 6


def test_what_lacks_a_modality_or_its_label_is_left_out(tiny_cohort, tiny_recipe):
    """Every item is whole; a slice without T2w serves where T2w is not wanted."""
    t2w = attrs.evolve(tiny_cohort.modalities["t2w"], present=np.arange(24) != 0)
    labels = {"cs": np.where(np.arange(24) == 1, -1, tiny_cohort.labels["cs"]).astype(np.int8)}
    cohort = attrs.evolve(tiny_cohort, modalities=tiny_cohort.modalities | {"t2w": t2w}, labels=labels)
    assert len(cohort.dataset("all", tiny_recipe())) == 22
    assert set(cohort.dataset("all", tiny_recipe())[:]["label"].tolist()) == {0, 1}
    alone = cohort.dataset("all", tiny_recipe(), modalities=["adc"])
    assert (len(alone), list(alone[0])) == (23, ["adc", "label"])


def test_one_of_several_labels_is_chosen(tiny_cohort, tiny_recipe):
    """By name, or by the recipe, whose training approaches one; without labels there is none."""
    grade = np.resize(np.array([1, 1, 0], np.int8), 24)
    several = attrs.evolve(tiny_cohort, labels=tiny_cohort.labels | {"grade": grade})
    assert several.dataset("all", units=True, label="grade")[:]["label"].tolist() == grade.tolist()
    with pytest.raises(CohortError, match="`label`: the cohort has labels cs, grade; choose one"):
        several.dataset("all", units=True)
    of_recipe = several.dataset("all", tiny_recipe())[:]["label"]
    assert of_recipe.tolist() == tiny_cohort.labels["cs"].tolist()
    assert list(attrs.evolve(tiny_cohort, labels={}).dataset(units=True)[0]) == ["adc", "t2w"]


def test_indices_are_those_of_a_sequence(tiny_cohort):
    """From either end, several at once, and an IndexError beyond, so that a loop ends."""
    dataset = tiny_cohort.dataset("all", units=True)
    assert torch.equal(dataset[-1]["adc"], dataset[23]["adc"])
    assert torch.equal(dataset[1:3]["adc"], torch.stack([dataset[1]["adc"], dataset[2]["adc"]]))
    assert dataset[[0, 5, 5]]["label"].shape == (3,)
    for beyond in (24, -25):
        with pytest.raises(IndexError):
            dataset[beyond]
    assert len(list(dataset)) == 24


LOADED = """
import multiprocessing, sys

import torch
from torch.utils.data import DataLoader

from gankit import read_cohort

if __name__ == "__main__":
    file, start = sys.argv[1:]
    dataset = read_cohort(file).dataset("train", units=True)
    context = multiprocessing.get_context(start)
    loader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=2, multiprocessing_context=context)
    seen = torch.cat([batch["adc"] for batch in loader])
    brightness = [sorted(adc.sum((1, 2, 3)).tolist()) for adc in (seen, dataset[:]["adc"])]
    print(len(seen), brightness[0] == brightness[1])
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_worker_processes_load_it(tiny_cohort_file, tmp_path, start):
    """Shuffled, in two workers, whichever way they start: every slice comes once."""
    (tmp_path / "load.py").write_text(LOADED)
    call = [sys.executable, tmp_path / "load.py", tiny_cohort_file, start]
    done = subprocess.run(call, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["18", "True"], done.stderr


WRONG = {
    "a misspelt pool": ({"pool": "trian"}, InputError, "`pool`: no pool or split 'trian'; did you mean 'train'"),
    "a label that is not there": ({"label": "csPCa"}, CohortError, "`label`: the cohort has no label 'csPCa'"),
    "a pool of another label": ({"pool": Pool(label="c")}, CohortError, "`pool`: the cohort has no label 'c'; did"),
    "a modality that is not there": ({"modalities": ["t2"]}, InputError, "`modalities`: no modality 't2'; did you"),
    "no range": ({"recipe": None}, InputError, "`units`: a cohort has no ranges to map to.*give `recipe`, or units=T"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_said_in_a_line(tiny_cohort, tiny_recipe, what):
    """With the parameter and what is accepted."""
    arguments, error, message = WRONG[what]
    with pytest.raises(error, match=message):
        tiny_cohort.dataset(**({"recipe": tiny_recipe()} | arguments))


def test_a_cohort_that_does_not_fit_the_recipe_is_refused(tiny_cohort, tiny_recipe):
    """As at the start of training; an empty selection is refused as well."""
    other = tiny_cohort.modalities | {"adc": Modality.of(np.ones((24, 16, 16)), "mm2/s")}
    with pytest.raises(CohortError, match=r"modalities\.adc\.unit: the recipe says"):
        attrs.evolve(tiny_cohort, modalities=other).dataset("train", tiny_recipe())
    unknown = attrs.evolve(tiny_cohort, labels={"cs": np.full(24, -1, np.int8)})
    with pytest.raises(CohortError, match="`pool`: none of the cohort's 24 slices is in it with adc, t2w, and label"):
        unknown.dataset("train", tiny_recipe())


def test_a_cohort_needs_no_more_than_is_asked_of_it(tiny_cohort, tiny_recipe):
    """Neither the recipe's other modalities nor the labels of its pools."""
    only = {"adc": tiny_cohort.modalities["adc"]}
    graded = attrs.evolve(tiny_cohort, modalities=only, labels={"grade": tiny_cohort.labels["cs"]})
    dataset = graded.dataset("train", tiny_recipe(), modalities=["adc"], label="grade")
    assert (len(dataset), list(dataset[0])) == (18, ["adc", "label"])
    with pytest.raises(CohortError, match=r"modalities\.t2w: the cohort has no such modality"):
        graded.dataset("train", tiny_recipe(), label="grade")


def test_no_modality_takes_the_place_of_the_label():
    """Items have one key for each thing."""
    with pytest.raises(InputError, match="a modality is called 'label'"):
        SliceDataset({"label": torch.zeros(2, 1, 4, 4)})


def test_what_is_of_another_type_is_said_in_a_line(tiny_cohort, tiny_recipe):
    """A pool that is none, the name of a recipe; one modality need not stand in a list."""
    with pytest.raises(InputError, match="`pool`: no pool or split 5"):
        tiny_cohort.dataset(5, units=True)
    with pytest.raises(InputError, match="`recipe` must be a gankit.Recipe, as load_recipe returns it, got 'mpmri'"):
        tiny_cohort.dataset("train", "mpmri")
    assert set(tiny_cohort.dataset("all", tiny_recipe(), modalities="adc")[0]) == {"adc", "label"}
