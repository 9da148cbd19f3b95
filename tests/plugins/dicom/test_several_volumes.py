"""Files of several volumes: diffusion images with their b-values beside them, and dynamic images with their times."""

import json

import nibabel
import numpy as np
import pytest

from tests.plugins.dicom.scans import (
    DIFFUSION,
    DYNAMIC,
    T2W,
    adc_values,
    body,
    dynamic_values,
    t2w_values,
    write_volume,
)

TIMES_S = (0, 10, 20, 30, 45, 60, 200)


def write_several(file, volumes, grid, step_s=1.0):
    """Volumes (slices, rows, columns) in one NIfTI file of four axes."""
    flip = np.diag([-1.0, -1.0, 1.0])
    axes = np.stack([grid.row, grid.column, np.cross(grid.row, grid.column)], axis=1)
    affine = np.eye(4)
    affine[:3, :3] = flip @ axes * [grid.pixel_mm, grid.pixel_mm, grid.gap_mm]
    affine[:3, 3] = flip @ grid.places()[0, 0, 0]
    image = nibabel.Nifti1Image(np.stack([each.T for each in volumes], axis=-1).astype(np.float32), affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = step_s
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, file)


def write_dwi(folder, b_values, name="P_1_dwi", factors=None):
    places = DIFFUSION.places()
    factors = factors or [1.0] * len(b_values)
    volumes = [
        (1500 + 1500 * body(places)) * np.exp(-b * 1e-6 * factor * adc_values(places))
        for b, factor in zip(b_values, factors, strict=True)
    ]
    write_several(folder / f"{name}.nii.gz", volumes, DIFFUSION)
    return folder / f"{name}.bval"


@pytest.fixture
def scans(tmp_path):
    write_volume(tmp_path / "scans" / "P_1_t2w.mha", t2w_values(T2W.places()))
    return tmp_path / "scans"


def in_the_middle(part):
    return np.median(part.modalities["adc"][:, 28:36, 28:36])


@pytest.mark.parametrize(
    "text", ["0 400 800\n", "0\n400\n800\n", "\ufeff0.0, 400.0, 8e2", "0  400\t800", "[0; 400; 800]"]
)
def test_b_values_beside_the_file_are_those_of_its_volumes(parts, scans, text):
    """In a row or a column, as converters write them; the directions beside them are not asked."""
    write_dwi(scans, (0, 400, 800)).write_text(text)
    (scans / "P_1_dwi.bvec").write_text("0 0 0\n0 0 0\n0 0 0\n")
    (part,) = parts(scans, "volumes")
    assert part.record["adc"]["made"] == "computed from b 400, 800"
    assert in_the_middle(part) == pytest.approx(1520, abs=60)


@pytest.mark.parametrize("called", ["bvals", "bval", "bvals.txt"])
def test_b_values_may_be_called_as_fsl_calls_them(parts, scans, called):
    """One file of several volumes in a folder; another with a b-value in its name keeps that."""
    write_dwi(scans, (0, 400, 800)).with_name(called).write_text("0 400 800")
    write_dwi(scans, (50,), "P_1_dwi_b50")
    (part,) = parts(scans, "volumes")
    assert part.record["adc"]["made"] == "computed from b 50, 400, 800"


def test_directions_of_a_file_are_averaged_geometrically(parts, scans):
    """Several of one b-value, which differs a little by the imaging gradients."""
    write_dwi(scans, (0, 0, 795, 800, 805), factors=(1, 1, 0.8, 1.0, 1.2)).write_text("0 0 795 800 805")
    (part,) = parts(scans, "volumes")
    assert part.record["adc"]["made"] == "computed from b 0, 800"
    assert in_the_middle(part) == pytest.approx(1520, abs=60)
    assert "b 800: geometric mean of 3 volumes" in part.record["series"][0]["reasons"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "3 volumes without a .bval file beside them"),
        ("0 400", "3 volumes, but 2 b-values in its .bval file"),
        ("0 400 b800", "cannot be read as numbers"),
        ("\x00\xff", "cannot be read as numbers"),
        ("0 -400 800", "negative or not finite"),
        ("0 nan 800", "negative or not finite"),
    ],
)
def test_volumes_without_a_b_value_each_are_refused(parts, scans, text, reason):
    """With what is missing."""
    beside = write_dwi(scans, (0, 400, 800))
    if text is not None:
        beside.write_text(text, encoding="latin-1")
    (part,) = parts(scans, "volumes")
    assert len(part) == 0
    assert reason in " ".join(part.record["series"][0]["reasons"])


def test_other_b_values_make_another_part(parts, scans, tmp_path):
    """An import that goes on where it was cut off reads a study again whose b-values changed."""
    from gankit_dicom._inputs import Request, find
    from gankit_dicom._options import Options

    def key():
        request = Request(kind="volumes", folder=scans, out=tmp_path / "c.safetensors", protocol="prostatex",
                          options=Options())  # fmt: skip
        return find(request, map).tasks[0].key()

    beside = write_dwi(scans, (0, 800))
    beside.write_text("0 800")
    before = key()
    beside.write_text("0 900")
    assert key() != before


def test_what_is_beside_a_volume_is_no_file_that_was_not_used(scans):
    """Other texts are."""
    from gankit_dicom._protocol import load_protocol
    from gankit_dicom._volumes.named import find_volumes

    write_dwi(scans, (0, 800)).write_text("0 800")
    for name in ("P_1_dwi.bvec", "P_1_dwi.json", "P_1_t2w.JSON", "notes.json"):
        (scans / name).write_text("{}")
    files = sorted(scans.iterdir())
    refused = find_volumes(files, scans, None, load_protocol("prostatex")).refused
    assert [files[number - 1].name for number, _ in refused] == ["notes.json"]


def write_dce(scans, step_s=1.0, times_s=TIMES_S):
    write_volume(scans / "P_1_adc.mha", adc_values(DIFFUSION.places()), DIFFUSION)
    places = DYNAMIC.places()
    write_several(scans / "P_1_dce.nii.gz", [dynamic_values(places, time) for time in times_s], DYNAMIC, step_s)


def test_the_step_of_a_file_says_the_times_of_its_volumes(parts, scans):
    """The fourth of NIfTI's distances."""
    write_dce(scans, 12.0, tuple(range(0, 216, 12)))
    (part,) = parts(scans, "volumes")
    assert part.record["dce"] == {"written": "early", "arrival_s": 12.0, "pre": 2, "early": 3, "late": 4}


@pytest.mark.parametrize("key", ["VolumeTiming", "FrameTimesStart"])
def test_a_json_beside_the_file_says_uneven_times(parts, scans, key):
    """BIDS's keys."""
    write_dce(scans)
    (scans / "P_1_dce.json").write_text(json.dumps({key: TIMES_S}))
    (part,) = parts(scans, "volumes")
    assert part.record["dce"] == {"written": "early", "arrival_s": 20.0, "pre": 3, "early": 3, "late": 1}


@pytest.mark.parametrize(
    ("step_s", "content", "reason"),
    [
        (0.0, None, "7 volumes without their times"),
        (0.004, "{}", "7 volumes without their times"),
        (0.0, "no json", "7 volumes without their times"),
        (10.0, '{"VolumeTiming": [0, 1]}', "7 volumes, but not as many times"),
        (10.0, '{"VolumeTiming": [0, 1, 2, 3, 4, 5, "6"]}', "is no number"),
    ],
)
def test_volumes_without_a_time_each_are_no_dynamic_series(parts, scans, step_s, content, reason):
    """A repetition time in the place of the step is none."""
    write_dce(scans, step_s)
    if content is not None:
        (scans / "P_1_dce.json").write_text(content)
    (part,) = parts(scans, "volumes")
    assert "dce" not in part.modalities
    assert reason in " ".join(reason for row in part.record["series"] for reason in row["reasons"])
