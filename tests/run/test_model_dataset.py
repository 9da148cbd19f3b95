"""Synthetic slices as a dataset of torch."""

import attrs
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from gankit import InputError, load_model


@pytest.fixture(scope="module")
def model(trained, plugins):
    return load_model(trained, plugins=plugins)


def test_the_slices_are_those_of_sample(model):
    """In units to the bit; in network range what the networks made of the same latents."""
    sampled = model.sample(5, seed=3)
    in_units, as_made = model.dataset(5, seed=3, units=True), model.dataset(5, seed=3)
    for name, spec in model.recipe.modalities.items():
        assert torch.equal(in_units[:][name], sampled[name])
        assert as_made[:][name].abs().max() <= 1
        torch.testing.assert_close(spec.to_units(as_made[:][name]), sampled[name])


def test_a_slice_does_not_depend_on_how_many_there_are(model):
    """It follows from seed and index; batches of another size round differently."""
    few, many = model.dataset(3, seed=1), model.dataset(70, seed=1)
    torch.testing.assert_close(few[2]["adc"], many[2]["adc"], rtol=1e-5, atol=1e-5)
    assert not torch.equal(few[2]["adc"], model.dataset(3, seed=2)[2]["adc"])


def test_every_slice_has_the_label_that_training_approached(model):
    """An int64 scalar, as classifiers take it."""
    labels = model.dataset(4)[:]["label"]
    assert (labels.dtype, labels.tolist()) == (torch.int64, [1, 1, 1, 1])


def test_a_model_of_unlabelled_slices_gives_none(model):
    """Nothing is known of them, so nothing is said."""
    pools = {name: attrs.evolve(pool, label=None) for name, pool in model.recipe.pools.items()}
    unlabelled = attrs.evolve(model, recipe=attrs.evolve(model.recipe, pools=pools))
    assert list(unlabelled.dataset(2)[0]) == ["adc", "t2w"]


def test_a_network_trains_on_it(model):
    """Slices carry no graph and may be saved for a backward pass."""
    adc = model.dataset(2)[:]["adc"]
    weight = torch.ones(1, requires_grad=True)
    (weight * adc).square().sum().backward()
    assert weight.grad is not None


def test_synthetic_joins_real_in_one_loader(model, tiny_cohort):
    """The same keys, types and sizes on both sides, in worker processes as well."""
    both = ConcatDataset([model.dataset(6, seed=1), tiny_cohort.dataset("train", model.recipe)])
    batches = list(DataLoader(both, batch_size=8, shuffle=True, num_workers=2))
    assert [len(batch["label"]) for batch in batches] == [8, 8, 8]
    assert sum(batch["label"].sum().item() for batch in batches) == 6 + 9
    assert all(batch["adc"].dtype == torch.float32 for batch in batches)


def test_modalities_are_chosen_and_errors_say_so(model):
    """By the name of the parameter."""
    assert list(model.dataset(1, modalities=["t2w"])[0]) == ["t2w", "label"]
    with pytest.raises(InputError, match="`modalities`: no modality 't2'; did you mean 't2w'"):
        model.dataset(1, modalities=["t2"])
    with pytest.raises(InputError, match="at least 1, got 0"):
        model.dataset(0)


def test_progress_is_told(model):
    """After every batch of latents."""
    told = []
    model.dataset(70, advance=told.append)
    assert told == [64, 70]


@pytest.mark.parametrize("count", [0, 2.5, "5", True])
def test_the_number_of_slices_is_a_whole_one(model, count):
    """Anything else is refused in a line."""
    with pytest.raises(InputError, match="must be a whole number of at least 1, got"):
        model.dataset(count)
