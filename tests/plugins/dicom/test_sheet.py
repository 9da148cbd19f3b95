"""Contact sheets of an import show each slice of each modality, with outlines of gland and lesion."""

from __future__ import annotations

import io

import attrs
import numpy as np
import pytest
from PIL import Image

from gankit_dicom._part import Part
from gankit_dicom._sheet import sheet_png

YELLOW, RED, ABSENT = (232, 197, 71), (255, 77, 77), (217, 217, 217)
SIDE, TILE, TOP = 128, 132, 18 + 4
"""Pixels of a slice, of a slice with its gap, and above the first row of slices."""


def square(size, *, of):
    mask = np.zeros((of, 64, 64), np.uint8)
    mask[:, 32 - size : 32 + size, 32 - size : 32 + size] = 1
    return mask


@pytest.fixture
def part():
    """Two slices of two modalities: T2w half of its range, ADC all of it and not measured in the second slice."""
    return Part(
        record={},
        modalities={"t2w": np.full((2, 64, 64), 350.0), "adc": np.full((2, 64, 64), 3000.0)},
        present={"t2w": np.array([True, True]), "adc": np.array([True, False])},
        cs=np.array([1, 0], np.int8),
        tissue=square(20, of=2),
        lesion=square(5, of=2),
        spacing_mm=0.5,
    )


def shown(part, row, column):
    """The picture (128, 128, 3) of a slice of a modality."""
    sheet = np.asarray(Image.open(io.BytesIO(sheet_png(part, 6))).convert("RGB"))
    top, left = TOP + row * TILE, 2 + column * TILE
    return sheet[top : top + SIDE, left : left + SIDE]


def where(picture, colour):
    return np.argwhere((picture == colour).all(axis=-1))


@pytest.mark.parametrize(("row", "grey"), [(0, 127), (1, 255)], ids=["half of the range", "its end"])
def test_a_modality_is_grey_over_its_range(part, row, grey):
    """0 is black and the end of the range is white."""
    assert shown(part, row, 0)[2, 2] == pytest.approx([grey] * 3, abs=1)


@pytest.mark.parametrize(("colour", "half"), [(YELLOW, 20), (RED, 5)], ids=["gland", "lesion"])
def test_a_mask_is_outlined(part, colour, half):
    """The line is one pixel wide and lies on the mask's own border; slices have twice their size here."""
    line = where(shown(part, 0, 0), colour)
    assert line.min() == 64 - 2 * half
    assert line.max() == 64 + 2 * half - 1
    assert len(line) == 4 * (4 * half - 1)


def test_without_a_mask_there_is_no_line(part):
    """Nothing is coloured where nothing was outlined."""
    bare = shown(attrs.evolve(part, tissue=None, lesion=None), 0, 0)
    assert (bare == bare[0, 0]).all()


def test_a_slice_that_a_modality_lacks_is_light_grey(part):
    """The outline stays, so that one sees what is missing where."""
    picture = shown(part, 1, 1)
    assert tuple(picture[2, 2]) == ABSENT
    assert len(where(picture, YELLOW))
