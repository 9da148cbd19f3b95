"""Three planes of a volume on a sheet."""

import attrs
import numpy as np
from click.testing import CliRunner
from PIL import Image

from gankit import Modality, write_cohort
from gankit.cli import main
from gankit.cohort.pictures import aspects, fullest, lesions, picture
from gankit.recipe.recipe import ModalitySpec

VOLUME = np.arange(4 * 5 * 6, dtype=np.float32).reshape(1, 4, 5, 6)


def test_a_volume_is_shown_by_three_planes_through_a_voxel():
    """Axial, coronal and sagittal; the head, the last plane, is up; NaN is between them."""
    shown = picture(VOLUME, at=(1, 2, 3))
    volume = VOLUME[0]
    assert shown.shape == (5, 6 + 1 + 6 + 1 + 5)
    np.testing.assert_array_equal(shown[:, :6], volume[1])
    np.testing.assert_array_equal(shown[:4, 7:13], volume[::-1, 2])
    np.testing.assert_array_equal(shown[:4, 14:], volume[::-1, :, 3])
    assert np.isnan(shown[:, [6, 13]]).all()


def test_planes_that_lie_apart_are_drawn_as_far_apart():
    """At an aspect of 2.5, 4 planes are 10 pixels tall, each 2 or 3 of them."""
    shown = picture(VOLUME, at=(1, 2, 3), aspect=2.5)
    assert shown.shape == (10, 19)
    repeated = shown[:, 7]
    np.testing.assert_array_equal(np.unique(repeated), VOLUME[0, :, 2, 0])
    assert sorted(np.unique(repeated, return_counts=True)[1]) == [2, 2, 3, 3]
    assert aspects({"adc": (2.0, 2.0), "t2w": (1.0, 1.0)}, {"adc": 5.0}) == {"adc": 2.5}


def test_planes_go_through_the_lesion():
    """The plane, row and column with most of the mask; a blank mask says nothing."""
    mask = np.zeros((2, 4, 5, 6), dtype=np.uint8)
    mask[0, 3, 1:3, 4] = 1
    mask[0, 2, 1, 4] = 1
    assert fullest(mask) == [(3, 1, 4), None]
    plain = ModalitySpec(shape=(1, 4, 5, 6), range=(0, 1))
    specs = {"adc": plain, "lesion": attrs.evolve(plain, mask="lesion")}
    images = {"adc": np.zeros((2, 1, 4, 5, 6)), "lesion": 0.7 * mask[:, None]}
    assert lesions(images, specs) == [(3, 1, 4), None]
    assert lesions({"adc": images["adc"]}, specs) == [None, None]


def test_slices_and_signals_are_shown_as_they_are():
    """A slice is itself; a signal becomes a band."""
    np.testing.assert_array_equal(picture(VOLUME[:, 0]), VOLUME[0, 0])
    assert picture(VOLUME[:, 0, 0]).shape == (1, 6)


def test_the_sheet_of_a_cohort_shows_the_planes_of_a_lesion(tiny_cohort, tmp_path):
    """Moving the lesion's outline moves the planes, so the sheet changes; slices 2.5 times as thick make it taller."""
    volumes = np.random.default_rng(0).random((24, 1, 4, 8, 8)).astype(np.float32)
    truth = np.zeros((24, 4, 8, 8), np.uint8)
    sizes = []
    for name, plane, apart in (("a", 0, 1), ("b", 3, 1), ("c", 3, 5)):
        outlined = truth.copy()
        outlined[:, plane, 2, 2] = 1
        cohort = attrs.evolve(
            tiny_cohort,
            modalities={"adc": Modality.of(volumes)},
            truth={"lesion": outlined},
            spacing_mm=np.ones(24, np.float32),
            slice_spacing_mm=np.full(24, apart, np.float32),
        )
        write_cohort(cohort, tmp_path / f"{name}.safetensors")
        words = ["cohort", "sheet", tmp_path / f"{name}.safetensors", "-o", tmp_path / f"{name}.png", "-n", 2]
        assert CliRunner().invoke(main, list(map(str, words))).exit_code == 0
        sizes.append(np.asarray(Image.open(tmp_path / f"{name}.png")))
    assert not np.array_equal(sizes[0], sizes[1])
    assert sizes[2].shape[0] > sizes[1].shape[0]
