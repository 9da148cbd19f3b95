"""Siemens mosaics: the slices tiled in one image are images in space, or the mosaic is refused by its name."""

import numpy as np
import pydicom
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._refused import Refused
from tests.plugins.dicom.scans import (
    DIFFUSION,
    NORMAL,
    adc_values,
    csa_header,
    write_diffusion,
    write_series,
    write_t2w,
)

SIDE = 4
"""Tiles along a side, for ten slices."""
TYPES = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "MOSAIC"]


def csa_of_image(up=1):
    normal = [f"{value:.8f}" for value in up * NORMAL]
    return csa_header(2, NumberOfImagesInMosaic=["10"], SliceNormalVector=normal)


def protocol(up=1):
    """The series' protocol with the centre of each slice, which leaves out what is 0."""
    centres = DIFFUSION.places()[::up].mean(axis=(1, 2))
    lines = [
        f"sSliceArray.asSlice[{index}].sPosition.d{axis} = {value}"
        for index, centre in enumerate(centres)
        for axis, value in zip(("Sag", "Cor", "Tra"), centre.round(6), strict=True)
        if value
    ]
    text = "\n".join(["### ASCCONV BEGIN object=MrProt ###", "sSliceArray.lSize = 10", *lines, "### ASCCONV END ###"])
    return csa_header(2, MrPhoenixProtocol=[text])


def write_mosaic(folder, values, up=1, image=csa_of_image, series=None, **tags):
    """All slices in one image, the first at the bottom (``up`` 1) or at the top (-1)."""
    ordered = values[::up]
    tiled = np.zeros((SIDE * DIFFUSION.size, SIDE * DIFFUSION.size))
    for index, tile in enumerate(ordered):
        down, across = (DIFFUSION.size * place for place in divmod(index, SIDE))
        tiled[down : down + DIFFUSION.size, across : across + DIFFUSION.size] = tile
    (file, *others) = write_series(folder, 3, np.stack([tiled] * 10), DIFFUSION, **{"ImageType": TYPES, **tags})
    for other in others:
        other.unlink()
    dataset = pydicom.dcmread(file)
    dataset.Rows = dataset.Columns = len(tiled)
    middle = DIFFUSION.places()[::up][0].mean(axis=(0, 1))
    half = (len(tiled) - 1) / 2 * DIFFUSION.pixel_mm
    corner = middle - half * (DIFFUSION.row + DIFFUSION.column)
    dataset.ImagePositionPatient = [round(float(value), 6) for value in corner]
    dataset.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    if image:
        dataset.add_new(0x00291010, "OB", image(up))
    if series:
        dataset.add_new(0x00291020, "OB", series(up))
    dataset.save_as(file)
    return file


SAID_BY = {"the image": {"image": csa_of_image}, "the protocol alone": {"image": None, "series": protocol}}


@pytest.mark.parametrize("said_by", SAID_BY)
@pytest.mark.parametrize("up", [1, -1])
def test_each_tile_is_the_image_that_lies_there(tmp_path, up, said_by):
    """Slices go up or down, as the vector of their normal says; the empty tiles are no images."""
    values = np.rint(adc_values(DIFFUSION.places()))
    headers = read_headers(write_mosaic(tmp_path, values, up, **SAID_BY[said_by]))
    assert [header.frame_number for header in headers] == list(range(10))
    for header, image, place, expected in zip(
        headers, read_images(headers), DIFFUSION.places()[::up, 0, 0], values[::up], strict=True
    ):
        np.testing.assert_allclose(header.position_mm, place, atol=1e-3)
        np.testing.assert_array_equal(image, expected)


def test_an_adc_is_computed_from_mosaics_as_from_single_images(parts, tmp_path):
    """One mosaic a b-value."""
    adc = adc_values(DIFFUSION.places())
    for b in (50, 400, 800):
        write_mosaic(tmp_path / "scans", 3000 * np.exp(-b * 1e-6 * adc), DiffusionBValue=float(b), EchoTime=63)
    write_t2w(tmp_path / "scans")
    write_diffusion(tmp_path / "classic")
    write_t2w(tmp_path / "classic")
    (part,), (expected,) = parts(tmp_path / "scans"), parts(tmp_path / "classic")
    np.testing.assert_allclose(part.modalities["adc"], expected.modalities["adc"], atol=1.0)


@pytest.mark.parametrize("vr", ["US", "UN"])
def test_the_count_of_slices_may_be_a_private_element_of_its_own(tmp_path, vr):
    """In binary, as its VR says; a tool may have written UN."""
    image = lambda up: csa_header(2, SliceNormalVector=[f"{value:.8f}" for value in up * NORMAL])  # noqa: E731
    file = write_mosaic(tmp_path, adc_values(DIFFUSION.places()), image=image)
    dataset = pydicom.dcmread(file)
    dataset.add_new(0x00190011, "LO", "SIEMENS MR HEADER")
    dataset.add_new(0x0019110A, vr, 10 if vr == "US" else b"\x0a\0")
    dataset.save_as(file)
    assert len(read_headers(file)) == 10


def test_the_texts_of_a_tile_are_read_in_the_files_character_set(tmp_path):
    """As those of any image."""
    values = adc_values(DIFFUSION.places())
    headers = read_headers(write_mosaic(tmp_path, values, SpecificCharacterSet="ISO_IR 192", PatientID="Nr/Ü 7"))
    assert {header.patient for header in headers} == {"Nr/Ü 7"}


NOT_SAID = {
    "does not say how many": {"image": None},
    "does not say where": {"image": lambda up: csa_header(2, NumberOfImagesInMosaic=["10"])},
    "no multiple of its 3 tiles": {"image": lambda up: csa_header(2, NumberOfImagesInMosaic=["9"])},
}


@pytest.mark.parametrize("reason", NOT_SAID)
def test_a_mosaic_without_its_geometry_is_refused_by_its_name(tmp_path, reason):
    """As anonymisers leave it, which remove private elements."""
    file = write_mosaic(tmp_path, adc_values(DIFFUSION.places()), **NOT_SAID[reason])
    with pytest.raises(Refused, match=f"a mosaic.*{reason}"):
        read_headers(file)
