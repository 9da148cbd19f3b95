"""Sheets: pictures of many slices."""

import io

import attrs
import numpy as np
from PIL import Image

from gankit import ModalitySpec
from gankit.cohort.pictures import picture
from gankit.cohort.sheet import real_pairs, sheet_png

SPEC = {"adc": ModalitySpec(shape=(1, 4, 4), range=(0, 1))}


def size(count):
    """Width and height of a sheet of so many slices, in pixels."""
    return Image.open(io.BytesIO(sheet_png({"all": {"adc": np.zeros((count, 1, 4, 4))}}, SPEC))).size


def test_many_slices_make_wide_rows_instead_of_many():
    """Drawing a row costs time, and a picture has a greatest height: 400 slices are 20 rows of 20, not 50 of 8."""
    width, height = size(400)
    assert 0.8 < width / height < 1.25


def test_few_slices_stay_eight_abreast():
    """Up to eight rows of them."""
    assert size(64)[0] == size(16)[0]


def drawn(slices):
    """The pixels of a sheet of these slices, grey from 0 to 255."""
    picture = Image.open(io.BytesIO(sheet_png({"all": {"adc": np.array(slices)}}, SPEC)))
    return np.array(picture.convert("L")).astype(int)


def test_a_slice_that_lacks_a_modality_is_hatched_and_labelled():
    """Absent is not black: the square of an absent slice has no grey of the image, is neither blank nor uniform, and
    the neighbours are drawn as ever."""
    black, absent = np.zeros((1, 4, 4)), np.full((1, 4, 4), np.nan)
    without, with_absent = drawn([black, black, black]), drawn([black, absent, black])
    changed = without != with_absent
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    square = with_absent[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert 40 < square.shape[1] < without.shape[1] / 3 + 5
    assert (without[rows[0] + 2 : rows[-1] - 2, columns[0] + 2 : columns[-1] - 2] == 0).all()
    assert square.mean() > 200
    assert 0.02 < (square < 240).mean() < 0.5
    middle = square[len(square) * 2 // 5 : len(square) * 3 // 5]
    assert middle.min() < 150, "the word in the middle is darker than the hatches"
    assert square[:5].min() > 150


def test_the_real_slices_of_a_sheet_are_those_that_training_approaches(tiny_recipe, tiny_cohort):
    """Not those of the first pool of the recipe: here that is the one that samples are driven away from."""
    recipe = tiny_recipe()
    assert recipe.approached_pools() == ("cs",)
    turned = attrs.evolve(recipe, pools=dict(reversed(recipe.pools.items())))
    assert next(iter(turned.pools)) == "noncs"
    approached = (tiny_cohort.labels["cs"] == 1) & (tiny_cohort.split == "train")
    shown = real_pairs(tiny_cohort, turned, 100)["adc"]
    assert np.array_equal(shown, tiny_cohort.modalities["adc"].values[approached])


def test_real_slices_have_every_modality_or_else_show_what_they_lack(tiny_recipe, tiny_cohort):
    """Complete slices are shown where there are any; where there are none, NaN stands for what is absent."""

    def lacking(present):
        t2w = attrs.evolve(tiny_cohort.modalities["t2w"], present=np.asarray(present))
        return attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "t2w": t2w})

    some = real_pairs(lacking(np.arange(24) % 2 == 0), tiny_recipe(), 100)
    assert np.isfinite(some["t2w"]).all()
    assert len(some["t2w"]) == 6
    none = real_pairs(lacking(np.zeros(24, dtype=bool)), tiny_recipe(), 100)
    assert np.isfinite(none["adc"]).all()
    assert np.isnan(none["t2w"]).all()
    assert len(none["t2w"]) == 9


def test_the_middle_channel_stands_for_all():
    """In a slab it is the slice, between its neighbours."""
    numbers = np.arange(3 * 2 * 2, dtype=np.float32).reshape(3, 2, 2)
    np.testing.assert_array_equal(picture(numbers), numbers[1])
    np.testing.assert_array_equal(picture(numbers[:2]), numbers[0])
