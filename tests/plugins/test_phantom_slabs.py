"""Slabs of the phantom: slices of its volumes with their neighbours as channels."""

import attrs
import numpy as np
import pytest

from gankit import CohortError
from gankit_phantom._slabs import GLAND, LEAST_SECTION
from gankit_phantom.source import Phantom

NEIGHBOURS = 2
VOLUMES = Phantom(
    size=32, depth=16, patients_cs=4, patients_noncs=4, train_cs=2, train_noncs=2, test_cs=2, test_noncs=2
)
"""A volume a patient."""


@pytest.fixture(scope="module")
def volumes():
    return VOLUMES.load()


@pytest.fixture(scope="module")
def slabs():
    return attrs.evolve(VOLUMES, neighbours=NEIGHBOURS).load()


def planes_of(volume):
    """The planes of a volume that become slabs: those with enough of the gland and all neighbours."""
    section_D = np.isin(volume, GLAND).sum(axis=(1, 2))
    wide_D = section_D >= LEAST_SECTION * section_D.max()
    return [plane for plane in np.flatnonzero(wide_D) if NEIGHBOURS <= plane < len(volume) - NEIGHBOURS]


def test_a_slab_is_a_slice_of_a_volume_between_its_neighbours(volumes, slabs):
    """From feet to head, in the order of volumes and planes; a slice at an end is left out."""
    wanted = [(number, plane) for number, tissue in enumerate(volumes.truth["tissue"]) for plane in planes_of(tissue)]
    assert len(slabs) == len(wanted) > 3 * len(volumes)
    for name, modality in slabs.modalities.items():
        for slab, (number, plane) in zip(modality.values, wanted, strict=True):
            around = volumes.modalities[name].values[number, 0, plane - NEIGHBOURS : plane + NEIGHBOURS + 1]
            np.testing.assert_array_equal(slab, around)
    assert slabs.slice_spacing_mm is None
    assert slabs.patient.tolist() == [volumes.patient[number] for number, _ in wanted]
    assert slabs.split.tolist() == [volumes.split[number] for number, _ in wanted]


def test_label_and_truth_are_those_of_the_slice_in_the_middle(volumes, slabs):
    """A slice of a patient with cancer that shows none of it is not CS."""
    assert slabs.labels["cs"].tolist() == slabs.truth["lesion"].any(axis=(1, 2)).astype(int).tolist()
    of_cs = np.isin(slabs.patient, volumes.patient[volumes.labels["cs"] == 1])
    assert 0 < slabs.labels["cs"].sum() < of_cs.sum()
    assert slabs.truth["tissue"].shape == (len(slabs), 32, 32)


@pytest.mark.parametrize("depth", [None, 4])
def test_slabs_need_volumes_of_enough_planes(depth):
    """Said before anything is drawn."""
    with pytest.raises(CohortError, match="phantom: slabs are cut out of volumes; give a depth of 5 planes or more"):
        Phantom(depth=depth, neighbours=2).load()
