"""How a cohort fits a recipe: modalities, units and ranges, pools, sizes."""

import re
import shlex
import subprocess
import sys

import attrs
import numpy as np
import pytest

from gankit import CohortError, Modality
from gankit.cohort.fit import area_average, network_values, pixel_sizes, pool_indices, range_warnings, require_fit
from gankit.recipe.file import parse_override


def fitted(recipe, cohort):
    """All that training asks of a cohort: modality to (N, C, *S), pool to indices."""
    require_fit(recipe, cohort)
    images = {name: network_values(name, spec, cohort.modalities[name]) for name, spec in recipe.modalities.items()}
    return images, {name: pool_indices(name, pool, cohort) for name, pool in recipe.pools.items()}


def test_it_is_numpy_alone():
    """Cohorts are read, checked and counted without torch."""
    code = "import sys, gankit.cohort.cohort, gankit.cohort.fit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_larger_images_are_averaged_by_area():
    """A whole factor along each axis, each block its mean."""
    values = np.arange(2 * 1 * 6 * 4, dtype=np.float32).reshape(2, 1, 6, 4)
    small = area_average(values, (1, 2, 2), "adc")
    assert small.shape == (2, 1, 2, 2)
    assert small[1, 0, 1, 0] == values[1, 0, 3:6, 0:2].mean()
    assert small.mean() == values.mean()
    assert area_average(values, (1, 6, 4), "adc") is values


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 12, 8), (1, 6), (1, 1, 6, 4)])
def test_a_size_that_is_no_whole_multiple_is_refused(shape):
    """Neither resampled nor padded; the message has both sizes."""
    with pytest.raises(CohortError, match="the cohort's slices are 1 x 6 x 4, wanted are 1 x"):
        area_average(np.zeros((2, 1, 6, 4), dtype=np.float32), shape, "adc")


def test_other_channels_are_refused():
    """Channels are never averaged."""
    with pytest.raises(CohortError, match=r"slices are 1 x 6 x 4, wanted are 2 x 6 x 4.*with equal channels"):
        area_average(np.zeros((2, 1, 6, 4), dtype=np.float32), (2, 6, 4), "adc")


def test_slices_that_lack_a_modality_are_the_lower_end_of_its_range(tiny_recipe, tiny_cohort):
    """Whatever their values: of 24 slices 13 are absent and far outside, and the others fit."""
    absent_N = np.arange(24) < 13
    values = np.where(absent_N[:, None, None, None], np.float32(9000), np.float32(1500))
    values = np.broadcast_to(values, (24, 1, 16, 16)).copy()
    adc = attrs.evolve(tiny_cohort.modalities["adc"], values=values, present=~absent_N)
    made = network_values("adc", tiny_recipe().modalities["adc"], adc)
    assert set(made[absent_N].flat) == {-1}
    assert set(made[~absent_N].flat) == {0}


REFUSED = {
    "a missing modality": (lambda c: {"modalities": {"adc": c.modalities["adc"], "t2": c.modalities["t2w"]}}, {},
                           r"modalities\.t2w: the cohort has no such modality; did you mean 't2'\?; it has adc, t2"),
    "another unit": (lambda c: {"modalities": c.modalities | {"adc": Modality.of(np.zeros((24, 16, 16)), "mm2/s")}}, {},
                     r"modalities\.adc\.unit: the recipe says '1e-6 mm2/s', the cohort 'mm2/s'; convert"),
    "an unknown label": (lambda c: {"labels": {"cs2": c.labels["cs"]}}, {},
                         r"pools\.cs\.label: the cohort has no label 'cs'; did you mean 'cs2'\?; it has cs2"),
    "no label at all": (lambda c: {"labels": {}}, {}, "the cohort has no label 'cs'; it has none"),
    "an empty pool": (lambda c: {"labels": {"cs": np.ones(24, dtype=np.int8)}}, {},
                      r"pools\.noncs: no slice of the cohort's 24 has label 'cs' = 0 in split 'train'"),
    "smaller images": (lambda c: {}, {"modalities.adc.shape": [1, 32, 32], "modalities.t2w.shape": [1, 32, 32]},
                       r"modalities\.adc\.shape: the cohort's slices are 1 x 16 x 16, wanted are 1 x 32 x 32"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused(tiny_recipe, tiny_cohort, what):
    """What does not fit is named by its place in the recipe, with what the cohort has."""
    changes, overrides, message = REFUSED[what]
    with pytest.raises(CohortError, match=message):
        fitted(tiny_recipe(**overrides), attrs.evolve(tiny_cohort, **changes(tiny_cohort)))


# Pixels ---------------------------------------------------------------------------------------------------


def test_averaged_pixels_are_larger(tiny_recipe, spaced_cohort):
    """At half the size a pixel is twice as large, along each axis by its own blocks."""
    recipe = tiny_recipe()
    shapes = {"adc": (1, 8, 8), "t2w": (1, 16, 4)}
    smaller = {name: attrs.evolve(spec, shape=shapes[name]) for name, spec in recipe.modalities.items()}
    assert pixel_sizes(spaced_cohort, attrs.evolve(recipe, modalities=smaller)) == {
        "adc": (1.0, 1.0),
        "t2w": (0.5, 2.0),
    }


def test_a_cohort_without_spacing_gives_none(tiny_recipe, tiny_cohort, spaced_cohort):
    """Nothing is made up: neither where nothing is known nor where it is known of other slices only."""
    assert pixel_sizes(tiny_cohort, tiny_recipe()) == {}
    others = np.where(spaced_cohort.labels["cs"] == 1, np.nan, spaced_cohort.spacing_mm)
    assert pixel_sizes(attrs.evolve(spaced_cohort, spacing_mm=others), tiny_recipe()) == {}


# Ranges that seem wrong -----------------------------------------------------------------------------------


def test_values_outside_the_range_are_warned_of(tiny_recipe, tiny_cohort):
    """With their share, and what they reach; up to half of them is the user's choice."""
    values = tiny_cohort.modalities["t2w"].values
    (said,) = range_warnings(tiny_recipe(**{"modalities.t2w.range": [50.5, 400]}), tiny_cohort)
    assert said.startswith(
        f"modalities.t2w.range: {(values < 50.5).mean():.1%} of the cohort's values are outside [50.5, 400]"
    )
    assert f"from {values.min():.4g} to {values.max():.4g}" in said


@pytest.mark.parametrize(("count", "warned"), [(61, False), (62, True)])
def test_one_value_in_a_hundred_may_be_outside(tiny_recipe, tiny_cohort, count, warned):
    """Of 24 x 16 x 16 values 61 are less than 1%."""
    values = np.linspace(0, 3000, 24 * 256, dtype=np.float32)
    values[-count:] = 3001
    adc = attrs.evolve(tiny_cohort.modalities["adc"], values=values.reshape(24, 1, 16, 16))
    cohort = attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "adc": adc})
    assert any("modalities.adc.range" in said for said in range_warnings(tiny_recipe(), cohort)) == warned


def test_values_in_a_corner_of_the_range_are_warned_of(tiny_recipe, tiny_cohort):
    """As of ADC in mm2/s where the recipe has 1e-6 mm2/s: networks would have to make all but one shade of black."""
    (said,) = range_warnings(tiny_recipe(**{"modalities.adc.range": [0, 3_000_000]}), tiny_cohort)
    assert said.startswith("modalities.adc.range: 98% of the cohort's values are within [")
    assert "a small part of [0, 3e+06]; are they in 1e-6 mm2/s? scale them, or set the range, as in `overrides`" in said


def test_slices_that_lack_a_modality_say_nothing_of_its_range(tiny_recipe, tiny_cohort):
    """Their values are not values: all that is there may lie in a corner, and one that none has is not judged."""
    bright = np.where(np.arange(24)[:, None, None, None] < 12, np.float32(9000), np.float32(1500))
    values = np.broadcast_to(bright, (24, 1, 16, 16)).copy()
    for present_N, count in ((np.arange(24) >= 12, 1), (np.zeros(24, bool), 0)):
        adc = attrs.evolve(tiny_cohort.modalities["adc"], values=values, present=present_N)
        cohort = attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "adc": adc})
        said = list(range_warnings(tiny_recipe(), cohort))
        assert len(said) == count
        assert not any("outside" in each for each in said)


# What messages propose ------------------------------------------------------------------------------------


def proposed(message):
    """The overrides in a message, as a shell hands them to the command."""
    quoted = re.findall(r"`overrides` ('[^']*')", message)
    assert quoted, message
    return dict(parse_override(word) for text in quoted for word in shlex.split(text))


@pytest.fixture
def with_adc(tiny_cohort):
    """``with_adc(values)``: the tiny cohort with other values, and perhaps another unit, of adc."""

    def changed(values, unit="1e-6 mm2/s"):
        adc = attrs.evolve(tiny_cohort.modalities["adc"], values=values.astype(np.float32), unit=unit)
        return attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "adc": adc})

    return changed


def adc_values(recipe, cohort):
    """The adc of a cohort as networks see it. Raises CohortError where it does not fit."""
    require_fit(recipe, cohort)
    return network_values("adc", recipe.modalities["adc"], cohort.modalities["adc"])


@pytest.mark.parametrize(("factor", "offset"), [(1e6, 0.0), (-1.0, 0.0), (1e9, 0.0), (1e-9, 0.0), (1.0, 1e5)])
def test_the_range_that_is_proposed_for_values_of_another_unit_fits(tiny_recipe, tiny_cohort, with_adc, factor, offset):
    """Training with it is refused no more, and warned of no more."""
    cohort = with_adc(tiny_cohort.modalities["adc"].values * np.float32(factor) + np.float32(offset))
    try:
        adc_values(tiny_recipe(), cohort)
    except CohortError as error:
        message = str(error)
    else:
        (message,) = range_warnings(tiny_recipe(), cohort)
    wide = tiny_recipe(**proposed(message))
    assert np.abs(np.percentile(adc_values(wide, cohort), [1, 99])).max() <= 1
    assert list(range_warnings(wide, cohort)) == []


def test_the_range_that_is_proposed_for_values_outside_fits(tiny_recipe, tiny_cohort):
    """Where 1% and more are outside."""
    (message,) = range_warnings(tiny_recipe(**{"modalities.t2w.range": [50.5, 400]}), tiny_cohort)
    assert list(range_warnings(tiny_recipe(**proposed(message)), tiny_cohort)) == []


@pytest.mark.parametrize("unit", ["mm2/s", "1", "1e-3 mm2/s"])
def test_the_unit_and_range_that_are_proposed_for_another_unit_fit(tiny_recipe, tiny_cohort, with_adc, unit):
    """A unit that looks like a number is text too."""
    cohort = with_adc(tiny_cohort.modalities["adc"].values / 1e6, unit)
    with pytest.raises(CohortError, match="convert the cohort's values, or train in its unit and range") as refused:
        adc_values(tiny_recipe(), cohort)
    changes = proposed(str(refused.value))
    assert changes["modalities.adc.unit"] == unit
    fitting = tiny_recipe(**changes)
    assert np.abs(np.percentile(adc_values(fitting, cohort), [1, 99])).max() <= 1
    assert list(range_warnings(fitting, cohort)) == []


@pytest.mark.parametrize("value", [-7.0, 9000.0, 1e6, 123456.7])
def test_a_constant_outside_of_the_range_is_named_and_its_proposed_range_fits(
    tiny_recipe, tiny_cohort, with_adc, value
):
    """Nothing can be learned from it, and yet what the message says can be trained."""
    cohort = with_adc(np.full_like(tiny_cohort.modalities["adc"].values, value))
    with pytest.raises(
        CohortError, match=r"all are .*, from which nothing can be learned; import them again"
    ) as refused:
        adc_values(tiny_recipe(), cohort)
    fitting = tiny_recipe(**proposed(str(refused.value)))
    assert np.abs(adc_values(fitting, cohort)).max() < 1


def test_a_constant_within_the_range_is_warned_of(tiny_recipe, tiny_cohort, with_adc):
    """With what can be done."""
    cohort = with_adc(np.full_like(tiny_cohort.modalities["adc"].values, 1500))
    (said,) = range_warnings(tiny_recipe(), cohort)
    assert said.startswith("modalities.adc: of the cohort's values all are 1500, from which nothing can be learned;")
    assert "import the modality again, or take it out of the recipe" in said
