"""The cohort as training sees it: mapped to [-1, 1], at the recipe's size, with its pools."""

import attrs
import numpy as np
import pytest
import torch

from gankit import CohortError, Draws, Modality
from gankit.recipe.recipe import Augmentation
from gankit.training.cohort import augment
from gankit.training.resident import resident_cohort

CPU = torch.device("cpu")


@pytest.fixture
def bound(tiny_recipe, tiny_cohort):
    """``bound(changes, **overrides)``: the tiny cohort with changes, bound to the tiny recipe with overrides."""

    def bind(changes=(), **overrides):
        return resident_cohort(tiny_recipe(**overrides), attrs.evolve(tiny_cohort, **dict(changes)), CPU)

    return bind


def test_images_are_mapped_by_the_declared_range_and_back(bound, tiny_recipe, tiny_cohort):
    """The range goes to [-1, 1] and the inverse gives the stored units again."""
    images, recipe = bound().images, tiny_recipe()
    for name, modality in tiny_cohort.modalities.items():
        assert images[name].dtype == torch.float32
        assert images[name].min() >= -1
        stored = recipe.modalities[name].to_units(images[name]).numpy()
        np.testing.assert_allclose(stored, modality.values, atol=1e-3)


def test_pools_hold_the_slices_of_their_label_and_split(bound, tiny_cohort):
    """Only training slices, by label."""
    pools = bound().pools
    train, cs = tiny_cohort.split == "train", tiny_cohort.labels["cs"]
    np.testing.assert_array_equal(pools["cs"], np.flatnonzero(train & (cs == 1)))
    np.testing.assert_array_equal(pools["noncs"], np.flatnonzero(train & (cs == 0)))


def test_an_unknown_label_is_in_neither_pool(bound, tiny_cohort):
    """-1 is not 0."""
    labels = {"cs": np.where(np.arange(24) < 6, -1, tiny_cohort.labels["cs"])}
    pools = bound({"labels": labels}).pools
    assert min(pools["cs"].min(), pools["noncs"].min()) >= 6


def test_a_recipe_at_half_the_size_takes_the_cohort(bound, tiny_cohort, tiny_recipe):
    """The same cohort serves recipes of several sizes."""
    half = {"modalities.adc.shape": [1, 8, 8], "modalities.t2w.shape": [1, 8, 8]}
    images = bound(**half, **{"networks.adc_decoder.factor": 1}).images
    means = tiny_recipe().modalities["adc"].to_units(images["adc"].mean((1, 2, 3)).numpy())
    np.testing.assert_allclose(means, tiny_cohort.modalities["adc"].values.mean((1, 2, 3)), rtol=1e-4)


def test_an_absent_modality_is_never_drawn_where_it_is_needed(bound, tiny_cohort):
    """Partially paired cohorts train: each draw is from the slices that have what it needs."""
    present = np.arange(24) % 2 == 0
    values = np.where(present[:, None, None, None], tiny_cohort.modalities["t2w"].values, np.nan)
    modalities = tiny_cohort.modalities | {"t2w": Modality.of(values, present=present)}
    resident = bound({"modalities": modalities})
    paired, alone = resident.members("cs", ("adc", "t2w")), resident.members("cs", ("adc",))
    assert present[paired].all()
    assert set(paired) < set(alone)
    assert torch.isfinite(resident.images["t2w"]).all()


def test_a_pool_without_the_modality_is_refused(bound, tiny_cohort):
    """A pool may have slices, but none with what a term needs."""
    modalities = tiny_cohort.modalities | {
        "t2w": attrs.evolve(tiny_cohort.modalities["t2w"], present=np.zeros(24, bool))
    }
    with pytest.raises(CohortError, match=r"pools\.cs: no slice of the pool has adc and t2w"):
        bound({"modalities": modalities}).members("cs", ("adc", "t2w"))


@pytest.mark.parametrize(("bright", "fits"), [(12, True), (13, False)])
def test_values_of_which_most_are_outside_the_range_are_refused(bound, tiny_cohort, bright, fits):
    """Half of the values may be outside, as bright slices are; with more of them the range is of another scale."""
    values = np.where(np.arange(24)[:, None, None, None] < bright, np.float32(9000), np.float32(1000))
    adc = attrs.evolve(tiny_cohort.modalities["adc"], values=np.broadcast_to(values, (24, 1, 16, 16)).copy())
    changes = {"modalities": {**tiny_cohort.modalities, "adc": adc}}
    if fits:
        assert bound(changes).images["adc"].shape == (24, 1, 16, 16)
        return
    with pytest.raises(CohortError, match=r"modalities\.adc\.range: 54% of the values are outside"):
        bound(changes)


# Augmentation ---------------------------------------------------------------------------------------------


@pytest.fixture
def images():
    """64 slices with the same ramp in two modalities, the second negated and with two channels."""
    ramp = torch.arange(64 * 48, dtype=torch.float32).reshape(64, 1, 6, 8)
    return {"adc": ramp, "t2w": torch.cat([-ramp, -2 * ramp], dim=1)}


def test_without_augmentation_images_pass_as_they_are(images):
    """Nothing is drawn and nothing copied."""
    assert augment(images, Augmentation(), Draws(0), "s") is images


@pytest.mark.parametrize("options", [{"mirror": True}, {"shift": 2}, {"mirror": True, "shift": 2}])
def test_modalities_of_a_slice_change_alike(images, options):
    """A pair stays a pair."""
    changed = augment(images, Augmentation(**options), Draws(0), "s")
    assert not torch.equal(changed["adc"], images["adc"])
    assert torch.equal(changed["t2w"][:, :1], -changed["adc"])
    assert torch.equal(changed["t2w"][:, 1:], -2 * changed["adc"])


def test_mirroring_turns_half_of_the_slices(images):
    """Left and right change places, rows stay."""
    changed = augment(images, Augmentation(mirror=True), Draws(0), "s")["adc"]
    same = [torch.equal(after, before) for after, before in zip(changed, images["adc"], strict=True)]
    turned = [torch.equal(after, before.flip(-1)) for after, before in zip(changed, images["adc"], strict=True)]
    assert all(one != other for one, other in zip(same, turned, strict=True))
    assert 16 < sum(turned) < 48


def test_shifting_moves_by_whole_pixels_and_repeats_the_edge(images):
    """Each slice by its own amount along each axis, at most ``shift``, nothing invented."""
    changed = augment(images, Augmentation(shift=1), Draws(0), "s")["adc"]
    moves = set()
    for after, before in zip(changed, images["adc"], strict=True):
        padded = torch.nn.functional.pad(before, (1, 1, 1, 1), mode="replicate")[0]
        (move,) = [(y, x) for y in range(3) for x in range(3) if torch.equal(padded[y : y + 6, x : x + 8], after[0])]
        moves.add(move)
    assert len(moves) == 9


def test_augmentation_follows_from_seed_step_and_stream(images):
    """A replayed step sees the same changes."""
    both = Augmentation(mirror=True, shift=2)
    first = augment(images, both, Draws(0, 1), "s")["adc"]
    assert torch.equal(first, augment(images, both, Draws(0, 1), "s")["adc"])
    assert not torch.equal(first, augment(images, both, Draws(0, 2), "s")["adc"])
    assert not torch.equal(first, augment(images, both, Draws(0, 1), "other")["adc"])
