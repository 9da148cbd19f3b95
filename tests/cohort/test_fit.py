"""How a cohort fits a recipe: modalities, units and ranges, pools, sizes."""

import subprocess
import sys

import attrs
import numpy as np
import pytest

from gankit import CohortError, Modality
from gankit.cohort.fit import area_average, network_values, pool_indices, require_fit


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
