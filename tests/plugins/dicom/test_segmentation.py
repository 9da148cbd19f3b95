"""DICOM segmentations: read by what their segments are called and where their frames lie."""

import contextlib

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from gankit_dicom._labels.segmentation import read_owner, read_segmentation, read_segments
from gankit_dicom._refused import Refused
from tests.plugins.dicom.scans import (
    DIFFUSION,
    ROOT,
    T2W,
    Grid,
    gland,
    lesion,
    write_adc,
    write_t2w,
    write_volume,
)
from tests.plugins.dicom.test_signals import image
from tests.plugins.dicom.test_volumes import write_patient

PATIENT = "Planted-0001"
UNIQUE = f"{ROOT}.1.{sum(PATIENT.encode())}"
SEG, LABELMAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"


def code(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item


def within(name, **values):
    """A functional group of one item."""
    group, item = Dataset(), Dataset()
    for key, value in values.items():
        setattr(item, key, value)
    setattr(group, name, Sequence([item]))
    return group


def write_seg(
    file,
    segments,
    grid=T2W,
    kind="BINARY",
    order=1,
    empty=False,
    by="MANUAL",
    series=2,
    code_value="49755003",
    patient=PATIENT,
    study=f"{UNIQUE}.9",
):
    """Segments, by label, (slices, rows, columns) bool; frames without a voxel are left out unless ``empty``."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = LABELMAP if kind == "LABELMAP" else SEG
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{UNIQUE}.77.{len(file.name)}"
    dataset.Modality, dataset.PatientID, dataset.StudyInstanceUID = "SEG", patient, study
    dataset.SeriesInstanceUID = f"{UNIQUE}.77"
    dataset.SegmentationType, dataset.Rows, dataset.Columns = kind, grid.size, grid.size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    bits = 1 if kind == "BINARY" else 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    if kind == "FRACTIONAL":
        dataset.SegmentationFractionalType, dataset.MaximumFractionalValue = "PROBABILITY", 200
    if series:
        referenced = Dataset()
        referenced.SeriesInstanceUID = f"{UNIQUE}.{series}"
        dataset.ReferencedSeriesSequence = Sequence([referenced])

    # What segments are, and what is the same in all frames.
    dataset.SegmentSequence = Sequence()
    for number, label in enumerate(segments, start=1):
        item = Dataset()
        item.SegmentNumber, item.SegmentLabel, item.SegmentAlgorithmType = number, label, by
        item.SegmentedPropertyTypeCodeSequence = Sequence([code(code_value, "Planted meaning")])
        dataset.SegmentSequence.append(item)
    shared = within("PixelMeasuresSequence", PixelSpacing=[grid.pixel_mm] * 2, SliceThickness=grid.gap_mm)
    shared.update(within("PlaneOrientationSequence", ImageOrientationPatient=[*grid.row, *grid.column]))
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])

    # Frames.
    places, frames, groups = grid.places(), [], []
    stacks = [sum(n * values for n, values in enumerate(segments.values(), start=1))]
    stacks = stacks if kind == "LABELMAP" else list(segments.values())
    for number, values in enumerate(stacks, start=1):
        for slice_ in range(grid.slices)[::order]:
            if not (empty or values[slice_].any()):
                continue
            group = within("PlanePositionSequence", ImagePositionPatient=places[slice_, 0, 0].tolist())
            if kind != "LABELMAP":
                group.update(within("SegmentIdentificationSequence", ReferencedSegmentNumber=number))
            groups.append(group)
            frames.append(values[slice_])
    dataset.PerFrameFunctionalGroupsSequence, dataset.NumberOfFrames = Sequence(groups), len(frames)
    pixels = np.array(frames)
    if kind == "BINARY":
        dataset.PixelData = pack_bits(pixels.astype(np.uint8))
    else:
        scale = {"FRACTIONAL": 200, "LABELMAP": 1}[kind]
        dataset.PixelData = (scale * pixels).astype(np.uint8).tobytes()
    file.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(file, enforce_file_format=True)


PLACES = T2W.places()
GLAND, LESION = gland(PLACES), lesion(PLACES)
BACK = PLACES[..., 1] > PLACES[..., 1].mean()
ZONES = {"Peripheral zone": GLAND & BACK, "TZ": GLAND & ~BACK}


@pytest.fixture
def scans(tmp_path):
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")
    return tmp_path / "scans"


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("where", ["masks", "scans"])
def test_zones_and_lesions_are_read_beside_the_images_and_in_the_folder_of_masks(parts, scans, tmp_path, kind, where):
    """As from NIfTI."""
    write_seg(tmp_path / where / "zones.dcm", ZONES, kind=kind)
    write_seg(tmp_path / where / "other.dcm", {"csPCa": LESION}, kind=kind)
    asked = {"masks": tmp_path / "masks"} if where == "masks" else {}
    (part,) = parts(scans, **asked)
    write_volume(tmp_path / "nifti" / f"{PATIENT}_zones.nii.gz", 1.0 * ZONES["Peripheral zone"] + 2.0 * ZONES["TZ"])
    write_volume(tmp_path / "nifti" / f"{PATIENT}_lesion.nii.gz", 3.0 * LESION)
    (same,) = parts(tmp_path / "scans", masks=tmp_path / "nifti") if where == "masks" else (None,)
    assert part.record["crop"]["by"] == "gland mask"
    assert set(np.unique(part.tissue)) == {0, 2, 3}
    assert part.cs.tolist() == [int(found.any()) for found in part.lesion]
    if same is not None:
        np.testing.assert_array_equal(part.tissue, same.tissue)
        np.testing.assert_array_equal(part.lesion, same.lesion)


@pytest.mark.parametrize("order", [-1, 3])
@pytest.mark.parametrize("empty", [True, False])
def test_frames_may_come_in_any_order_and_may_be_missing(parts, scans, tmp_path, order, empty):
    """A place without a frame is empty, also between frames."""
    some = LESION.copy()
    some[4] = False
    if order == 3:  # every third slice, of which the lesion has two
        some[[n for n in range(10) if n % 3]] = False
    write_seg(tmp_path / "masks" / "x.dcm", {"cspca": some}, order=order, empty=empty)
    write_volume(tmp_path / "masks" / f"{PATIENT}_gland.nii.gz", GLAND)
    (part,) = parts(scans, masks=tmp_path / "masks")
    first, last, _ = part.record["crop"]["slices"]
    assert part.cs.tolist() == some.any(axis=(1, 2)).astype(int)[first - 1 : last].tolist()


@pytest.mark.parametrize(
    ("label", "value", "shows"),
    [
        ("Prostate", "49755003", "gland"),
        ("planted", "41216001", "gland"),
        ("planted", "279706003", "zones"),
        ("planted", "T-D0823", "zones"),
        ("planted", "52988006", "lesion"),
        ("Lesion in the peripheral zone", "279706003", "lesion"),
        ("NormalROI_PZ_1", "279706003", ""),
        ("planted", "49755003", ""),
    ],
)
def test_a_segment_is_what_its_label_or_else_its_code_says(parts, scans, label, value, shows):
    """In the words of the protocol; a segment that it has no word for is not used."""
    write_seg(scans / "seg", {label: GLAND}, code_value=value)
    (part,) = parts(scans)
    (row,) = part.record["masks"]
    assert (row["looks"] if shows else row["reasons"][0]) == (
        shows or "no rule of the protocol has a word for any of its segments"
    )


def test_a_segmentation_by_an_algorithm_is_of_an_ai(parts, scans, tmp_path):
    """Where a human drew lesions, too, it is not used."""
    write_seg(scans / "seg", {"csPCa": LESION}, by="AUTOMATIC")
    write_volume(tmp_path / "masks" / f"{PATIENT}_lesion.nii.gz", 0.0 * LESION)
    assert parts(scans)[0].record["labels"]["by"] == "AI lesion mask"
    (part,) = parts(scans, masks=tmp_path / "masks")
    assert set(part.cs.tolist()) == {0}


def test_of_two_t2w_the_one_that_a_segmentation_refers_to_is_taken(parts, scans):
    """By its reference."""
    later = Grid(size=80, pixel_mm=1.0, slices=12, gap_mm=3.0)
    write_t2w(scans, number=8, grid=later)
    write_seg(scans / "seg", {"Prostate": gland(later.places())}, grid=later, series=8)
    (part,) = parts(scans)
    assert part.record["crop"]["by"] == "gland mask"
    assert [row["number"] for row in part.record["series"] if row["used"] == "T2w"] == [3]


def test_a_segmentation_on_the_adc_s_grid_is_put_on_the_t2w(parts, scans):
    """Nearest voxels."""
    write_seg(scans / "seg", {"Prostate": gland(DIFFUSION.places())}, grid=DIFFUSION, series=4)
    (part,) = parts(scans)
    assert part.record["crop"]["by"] == "gland mask"
    assert part.record["crop"]["width_mm"] == pytest.approx(40 / 0.6, rel=0.08)


def test_a_segmentation_is_of_the_study_that_it_names(parts, scans, tmp_path):
    """Of two studies of a patient; and of none where its patient is not there."""
    write_t2w(scans / "later", study=2)
    write_adc(scans / "later", study=2)
    write_seg(scans / "seg", {"csPCa": LESION}, study=f"{ROOT}.2.{sum(PATIENT.encode())}.9")
    write_seg(scans / "others", {"csPCa": LESION}, patient="other", study="1.2.3")
    first, second = parts(scans)
    assert set(first.cs.tolist()) == {-1}
    assert 1 in second.cs


def test_volumes_take_segmentations_by_their_names(parts, tmp_path):
    """Where the header's ids are not those of the files."""
    write_patient(tmp_path / "scans" / "P7_1_")
    write_seg(tmp_path / "masks" / "P7_1.dcm", {"csPCa": LESION}, patient="other", study="1.2.3")
    (part,) = parts(tmp_path / "scans", "volumes", masks=tmp_path / "masks")
    assert 1 in part.cs


@pytest.mark.parametrize(
    ("sop_class", "reason"),
    [
        ("1.2.840.10008.5.1.4.1.1.481.3", "contours of an RTSTRUCT, which are not read"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "a report or a selection of images"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "a presentation state"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "a document"),
        ("1.2.840.10008.5.1.4.1.1.66.5", "a surface segmentation"),
    ],
)
@pytest.mark.parametrize("where", ["masks", "scans"])
def test_other_kinds_of_dicom_are_named(gankit_command, scans, tmp_path, sop_class, reason, where):
    """On the terminal, and in the report with the path below the folder of masks."""
    import pydicom

    write_volume(tmp_path / "masks" / f"{PATIENT}_gland.nii.gz", GLAND)
    write_seg(tmp_path / where / "deep" / "contours.dcm", {"csPCa": LESION})
    dataset = pydicom.dcmread(tmp_path / where / "deep" / "contours.dcm")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.save_as(tmp_path / where / "deep" / "contours.dcm")
    result = gankit_command("import", "dicom", scans, "--masks", tmp_path / "masks", "-o", tmp_path / "c.safetensors")
    assert "1 file not used: " + reason in result.output
    assert ("deep/contours.dcm" in (tmp_path / "c.report.html").read_text()) is (where == "masks")


@pytest.mark.parametrize("cut", [400, 2000])
def test_a_damaged_segmentation_is_refused(parts, scans, cut):
    """The study is imported."""
    write_seg(scans / "seg", {"csPCa": LESION})
    content = (scans / "seg").read_bytes()
    (scans / "seg").write_bytes(content[:-cut])
    (part,) = parts(scans)
    assert len(part)
    assert 1 not in part.cs


def test_no_damage_of_a_segmentation_is_more_than_a_refusal(tmp_path):
    """Bytes changed anywhere in its header."""
    write_seg(tmp_path / "seg", ZONES)
    content, numbers = (tmp_path / "seg").read_bytes(), np.random.default_rng(3)
    grid = image(GLAND)
    for _ in range(150):
        damaged = bytearray(content)
        for at in numbers.integers(132, len(content), numbers.integers(1, 12)):
            damaged[at] = numbers.integers(256)
        (tmp_path / "damaged").write_bytes(bytes(damaged))
        with contextlib.suppress(Refused):
            read_owner(tmp_path / "damaged")
            read_segments(tmp_path / "damaged")
            read_segmentation(tmp_path / "damaged").image([1, 2], grid)
