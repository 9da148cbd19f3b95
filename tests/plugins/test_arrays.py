"""``gankit import arrays`` and ``gankit.imports.arrays``: named arrays of a .npz to a cohort."""

import numpy as np
import pytest
from click.testing import CliRunner

import gankit
from gankit import CohortError, InputError, read_cohort
from gankit.cli import main

COUNT = 40
ARRAYS = {
    "adc_map": np.linspace(0, 3000, COUNT * 64).reshape(COUNT, 8, 8),
    "t2": np.linspace(0, 700, COUNT * 64).reshape(COUNT, 1, 8, 8),
    "is_cs": np.arange(COUNT) // 2 % 2,
    "grade": np.resize([-9, 0, 1], COUNT),
    "patient_id": np.arange(COUNT) // 2,
    "has_t2": np.arange(COUNT) % 4 > 0,
    "fold": np.where(np.arange(COUNT) < 30, "train", "test"),
    "size_mm": np.full(COUNT, 0.5),
}
"""20 patients with two slices each, every second one positive."""


@pytest.fixture
def imported(tmp_path):
    """``imported(*options, **arrays)``: exit code, what was printed and, where it worked, the cohort."""

    def run(*options, modality=("adc=adc_map", "t2w=t2"), patient="patient_id", **arrays):
        np.savez(tmp_path / "pairs.npz", **{**ARRAYS, **arrays})
        named = [part for name in modality for part in ("--modality", name)]
        out = tmp_path / "cohort.safetensors"
        words = ["import", "arrays", tmp_path / "pairs.npz", *named, "--patient", patient, *options, "-o", out]
        result = CliRunner().invoke(main, list(map(str, words)))
        return result.exit_code, result.output, read_cohort(out) if out.exists() else None

    return run


@pytest.fixture
def refused(imported):
    """``refused(...)``: the message of an import that must fail and leave no file."""

    def run(*options, **named):
        code, output, cohort = imported(*options, **named)
        assert (code, cohort) == (2, None)
        assert output.startswith("Error: ")
        return output

    return run


def test_arrays_become_modalities_labels_and_patients(imported):
    """Names on the left are the cohort's, on the right the file's; ADC has its unit, others none."""
    code, output, cohort = imported("--label", "cs=is_cs", "--spacing", "size_mm")
    assert code == 0
    assert "40 slices of 20 patients; see 'gankit cohort info" in output
    assert {name: (m.unit, m.values.shape) for name, m in cohort.modalities.items()} == {
        "adc": ("1e-6 mm2/s", (40, 1, 8, 8)),
        "t2w": ("1", (40, 1, 8, 8)),
    }
    np.testing.assert_allclose(cohort.modalities["adc"].values[:, 0], ARRAYS["adc_map"], rtol=1e-6)
    np.testing.assert_array_equal(cohort.labels["cs"], ARRAYS["is_cs"])
    assert list(cohort.patient[:3]) == ["0", "0", "1"]
    assert cohort.spacing_mm.tolist() == [0.5] * 40
    assert cohort.source == "arrays of pairs.npz"


def test_volumes_have_the_distance_of_their_planes(imported):
    """An array of one number a volume, in mm; for images it is refused."""
    code, _, cohort = imported(
        "--spacing", "size_mm", "--slice-spacing", "apart_mm",
        adc_map=np.zeros((COUNT, 1, 6, 8, 8)), t2=np.zeros((COUNT, 1, 6, 8, 8)), apart_mm=np.full(COUNT, 3.0),
    )  # fmt: skip
    assert code == 0
    assert cohort.slice_spacing_mm.tolist() == [3.0] * COUNT
    code, output, _ = imported("--slice-spacing", "size_mm")
    assert code == 2
    assert "slice_spacing_mm is for volumes (N, C, D, H, W), and no modality has them" in output


def test_a_unit_may_be_given(imported):
    """The unit is written down, values are not converted."""
    _, _, cohort = imported("--unit", "adc=mm2/s", "--unit", "t2w=ms")
    assert {name: m.unit for name, m in cohort.modalities.items()} == {"adc": "mm2/s", "t2w": "ms"}


def test_a_negative_label_is_unknown(imported):
    """Any negative number is -1; booleans are 1 and 0."""
    _, _, cohort = imported("--label", "grade=grade", "--label", "yes=has_t2")
    assert cohort.labels["grade"][:3].tolist() == [-1, 0, 1]
    assert cohort.labels["yes"][:2].tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_a_label_that_is_nan_is_unknown(imported, kind):
    """As pandas stores what is missing; the others keep their values."""
    _, output, cohort = imported("--label", "cs=is_cs", is_cs=np.where(np.arange(COUNT) < 3, np.nan, 1).astype(kind))
    assert cohort.labels["cs"].tolist() == [-1] * 3 + [1] * (COUNT - 3)
    assert "unknown" in output


@pytest.mark.parametrize("given", [np.repeat(np.arange(20.0), 2), np.repeat(np.arange(20, dtype="f2"), 2)])
def test_whole_numbers_in_floating_point_are_ids_without_a_point(imported, given):
    """Pandas makes floating point of a column in which an id was missing."""
    assert imported(patient_id=given)[2].patient[:3].tolist() == ["0", "0", "1"]


def test_blanks_around_an_id_do_not_make_another_patient(imported):
    """Nor around the words of a split."""
    padded = np.where(np.arange(COUNT) % 2, "P1 ", " P1")
    _, _, cohort = imported(
        "--split", "fold", patient_id=padded, fold=np.where(np.arange(COUNT) % 2, "train ", "train")
    )
    assert set(cohort.patient) == {"P1"}
    assert set(cohort.split) == {"train"}


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (np.where(np.arange(COUNT) == 5, np.nan, np.arange(COUNT)), "'nan' in 1 slice, the first is slice 5"),
        (np.where(np.arange(COUNT) < 2, np.inf, np.arange(COUNT)), "'inf' in 2 slices, the first is slice 0"),
        *[
            (np.where(np.arange(COUNT) > 36, missing, "P1"), f"{missing.strip()!r} in 3 slices, the first is slice 37")
            for missing in ("", "  ", "nan", "NaN", "None", "<NA>", "NaT")
        ],
        (np.array([b"P1"] * (COUNT - 1) + [b""]), "'' in 1 slice, the first is slice 39"),
    ],
)
def test_a_slice_without_a_patient_is_refused(refused, ids, found):
    """All such slices would be one patient, who is none."""
    assert f"--patient patient_id: patient id {found}; give each slice the id of its patient" in refused(patient_id=ids)


def test_small_numbers_and_channels_first_are_read(imported):
    """Bytes, half precision, and one channel before space."""
    adc = ARRAYS["adc_map"].astype("f2")
    _, _, cohort = imported(adc_map=adc[:, None], t2=(np.arange(COUNT * 64) % 256).astype("u1").reshape(COUNT, 8, 8))
    assert cohort.modalities["adc"].values.shape == (COUNT, 1, 8, 8)
    np.testing.assert_array_equal(cohort.modalities["adc"].values[:, 0], adc)
    assert cohort.modalities["t2w"].values[0, 0, 0, :3].tolist() == [0, 1, 2]


def test_classes_and_ground_truth_are_kept_as_they_are(imported):
    """Grades from 0 to 4, which are counted by their numbers, and masks of two structures."""
    grade_N, mask_NHW = np.arange(COUNT) // 2 % 5, np.arange(COUNT * 64).reshape(COUNT, 8, 8) % 3
    asked = ("--label", "grade=grade", "--truth", "lesion=mask")
    code, output, cohort = imported(*asked, grade=grade_N, mask=mask_NHW)
    assert code == 0
    assert np.array_equal(cohort.labels["grade"], grade_N)
    assert np.array_equal(cohort.truth["lesion"], mask_NHW)
    assert cohort.truth["lesion"].dtype == np.uint8
    assert "test: 5 patients (10 slices); grade: class 0 1 patient (2 slices), class 1 1 patient (2 slices)" in output


def test_a_split_without_a_class_is_warned_of(imported):
    """Its one patient is in train."""
    _, output, _ = imported("--label", "grade=grade", grade=np.repeat([3, *[0] * 19], 2))
    assert "warning: no slice of split 'test' has label 'grade' = 3" in output


def test_a_split_is_drawn_by_patient_and_stratified(imported):
    """A fifth of the 10 positive and of the 10 other patients, whole patients only, by seed."""
    _, _, cohort = imported("--label", "cs=is_cs")
    test = set(cohort.patient[cohort.split == "test"])
    assert test.isdisjoint(cohort.patient[cohort.split == "train"])
    assert len(test) == 4
    assert len(test & set(cohort.patient[cohort.labels["cs"] == 1])) == 2
    _, _, other = imported("--label", "cs=is_cs", "--seed", "1")
    assert set(other.patient[other.split == "test"]) != test


def test_a_validation_split_is_drawn_by_patient_and_stratified(imported):
    """A tenth of both classes, and the test patients are who they were; the split is counted."""
    _, output, cohort = imported("--label", "cs=is_cs", "--validation-fraction", "0.1")
    validates = cohort.split == "validation"
    assert sorted(cohort.labels["cs"][validates]) == [0, 0, 1, 1]
    assert not set(cohort.patient[validates]) & set(cohort.patient[~validates])
    assert "\n  validation: 2 patients (4 slices); cs: yes 1 patient" in output
    _, output, without = imported("--label", "cs=is_cs")
    assert set(without.patient[without.split == "test"]) == set(cohort.patient[cohort.split == "test"])
    assert "validation:" not in output


def test_a_given_split_may_name_validation(imported):
    """It is kept as the others are."""
    fold = np.where(np.arange(COUNT) < 10, "validation", "train")
    _, _, cohort = imported("--split", "fold", fold=fold)
    np.testing.assert_array_equal(cohort.split, fold)


def test_a_given_split_is_kept(imported):
    """``--split`` names the array that tells."""
    _, _, cohort = imported("--split", "fold")
    np.testing.assert_array_equal(cohort.split, ARRAYS["fold"])


def test_a_given_split_must_keep_patients_whole(refused):
    """A patient in both splits is refused, not repaired."""
    fold = ARRAYS["fold"].copy()
    fold[0] = "test"
    assert "1 patients are in train and in test (0)" in refused("--split", "fold", fold=fold)


def test_slices_wholly_nan_are_absent(imported):
    """A partially paired cohort needs no extra array."""
    t2 = ARRAYS["t2"].copy()
    t2[[3, 7]] = np.nan
    _, output, cohort = imported(t2=t2)
    assert f"  t2w: 2 of {COUNT} slices have none\n" in output
    assert np.flatnonzero(~cohort.modalities["t2w"].present).tolist() == [3, 7]
    assert np.isfinite(cohort.modalities["t2w"].values).all()


def test_presence_may_be_given(imported):
    """``--present`` names a mask."""
    _, _, cohort = imported("--present", "t2w=has_t2")
    np.testing.assert_array_equal(cohort.modalities["t2w"].present, ARRAYS["has_t2"])


REFUSED = {
    "an array that is not there": (["--label", "cs=is_sc"], {}, "--label: no array 'is_sc'; did you mean 'is_cs'?"),
    "a modality that is not there": ([], {"modality": ["adc=adc_mp"]}, "--modality: no array 'adc_mp'; did you mean"),
    "a patient array that is not there": ([], {"patient": "patient"}, "--patient: no array 'patient'"),
    "a split array that is not there": (["--split", "folds"], {}, "--split: no array 'folds'; did you mean 'fold'?"),
    "a pair without =": ([], {"modality": ["adc"]}, "--modality adc: must be NAME=ARRAY, as in --modality adc=adc"),
    "a name twice": ([], {"modality": ["adc=adc_map", "adc=t2"]}, "--modality adc=t2: 'adc' is given twice"),
    "a unit of no modality": (["--unit", "dce=s"], {}, "--unit dce: no such --modality; given: adc, t2w"),
    "no slices": ([], {"adc_map": np.zeros((0, 8, 8)), "t2": np.zeros((0, 8, 8)), "patient_id": np.zeros(0)},
                  "no slice; a cohort needs at least one"),
    "a class of a half": (["--label", "cs=is_cs"], {"is_cs": np.full(COUNT, 1.5)}, "the number of a class up to 127"),
    "a class too high": (["--label", "cs=is_cs"], {"is_cs": np.full(COUNT, 128)}, "has values [128.0]; accepted:"),
    "truth in words": (["--truth", "lesion=fold"], {}, "--truth lesion=fold: needs numbers of shape (slices, *space)"),
    "truth of a half": (["--truth", "lesion=t2"], {}, "or the number of a structure up to 255"),
    "a label without end": (["--label", "cs=is_cs"], {"is_cs": np.full(COUNT, np.inf)}, "has values [inf]; accepted:"),
    "labels that are text": (["--label", "cs=fold"], {}, "needs one number a slice, got <U5 of shape (40,) ('test',"
                             " 'train'); store numbers, as by (texts == 'train').astype(int)"),
    "labels that are numbers as text": (["--label", "cs=is_cs"], {"is_cs": np.array(["0", "1", "nan", "1"] * 10)},
                                        "('0', '1', 'nan'); store numbers, as by texts.astype(float)"),
    "complex labels": (["--label", "cs=is_cs"], {"is_cs": np.zeros(COUNT, complex)}, "got complex128 of shape (40,)"),
    "presence that is NaN": (["--present", "t2w=has_t2"], {"has_t2": np.where(np.arange(COUNT) < 3, np.nan, 1)},
                             "--present t2w=has_t2: is NaN in 3 slices; store 1 or 0"),
    "dates as patients": ([], {"patient_id": np.zeros(COUNT, "datetime64[D]")}, "needs texts or numbers, got datetime"),
    "patients that float32 does not keep apart": ([], {"patient_id": np.arange(COUNT, dtype="f4") + 2**24},
                                                  "numbers from 16777216 on, which float32 does not keep apart"),
    "slices that come last": ([], {"adc_map": np.zeros((8, 9, COUNT))}, "shape (8, 9, 40) has its 40 slices along axis"
                              " -1; slices come first, as by numpy.moveaxis(adc_map, -1, 0)"),
    "slices in the middle": ([], {"adc_map": np.zeros((8, COUNT, 9))}, "its 40 slices along axis -2"),
    "one channel that is last": ([], {"adc_map": np.zeros((COUNT, 8, 8, 1))}, "1 channel of 8 x 8, channel-last"),
    "three channels that are last": ([], {"adc_map": np.zeros((COUNT, 8, 8, 3))}, "3 channels of 8 x 8, channel-last"),
    "labels with two axes": (["--label", "cs=is_cs"], {"is_cs": np.zeros((COUNT, 2))}, "needs one number a slice"),
    "too few labels": (["--label", "cs=is_cs"], {"is_cs": np.zeros(3)}, "has 3 slices, but there are 40 patient ids"),
    "too few images": ([], {"adc_map": np.zeros((3, 8, 8))}, "modality 'adc' has 3 slices, but there are 40 patient"),
    "images without space": ([], {"adc_map": np.zeros(COUNT)}, "--modality adc=adc_map: needs numbers of shape"),
    "images of text": ([], {"adc_map": np.full((COUNT, 2, 2), "a")}, "needs numbers of shape"),
    "a single NaN": ([], {"adc_map": np.where(np.arange(COUNT * 64) == 70, np.nan, 1).reshape(COUNT, 8, 8)},
                     "modality 'adc' has NaN or infinite values in 1 slices, the first is slice 1 of patient '0'"),
    "presence that is not a mask": (["--present", "t2w=t2"], {}, "--present t2w=t2"),
    "too few presences": (["--present", "t2w=has_t2"], {"has_t2": np.zeros(3)}, "40 slices, but its --present has 3"),
    "a fraction of all": (["--test-fraction", "1"], {}, "--test-fraction must be at least 0 and below 1, got 1.0"),
    "all in test or validation": (["--test-fraction", "0.5", "--validation-fraction", "0.5"], {},
                                  "--validation-fraction 0.5: with --test-fraction 0.5 no patient is left"),
    "a fraction below none": (["--validation-fraction", "-1"], {}, "--validation-fraction must be at least 0"),
    "a fraction beside a split": (["--split", "fold", "--validation-fraction", "0.1"], {},
                                  "--validation-fraction 0.1: --split fold says who validates; leave one of them out"),
    "a seed beside a split": (["--split", "fold", "--seed", "0"], {},
                              "--seed 0: --split fold draws nothing; leave one of them out"),
    "a share of test beside a split": (["--split", "fold", "--test-fraction", "0.2"], {},
                                       "--test-fraction 0.2: --split fold says who is in test; leave one of them out"),
    "a split of other words": (["--split", "patient_id"], {}, "split has values ['0', '1'"),
    "a modality that no slice has": ([], {"adc_map": np.full((COUNT, 8, 8), np.nan)}, "adc=adc_map: no slice has it"),
    "a split with two axes": (["--split", "fold"], {"fold": np.full((COUNT, 1), "train")}, "fold: needs one value a"),
    "patients in other letters": ([], {"patient_id": np.full(COUNT, "é".encode())}, "--patient patient_id: bytes that"),
    "patients with two axes": ([], {"patient_id": np.zeros((COUNT, 2))}, "--patient patient_id: needs one id a slice"),
    "spacing of text": (["--spacing", "fold"], {}, "--spacing fold: needs one number a slice"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused(refused, what):
    """One line says which option and what was found; no file is left."""
    options, named, message = REFUSED[what]
    assert message in refused(*options, **named)


def test_pickled_arrays_are_refused(refused):
    """A pickle runs code when it is read."""
    said = refused(is_cs=np.array([object()] * COUNT, dtype=object))
    assert "not a readable .npz file of plain arrays (array 'is_cs' holds Python objects" in said
    assert "text as is_cs.astype(str)" in said


def import_file(file):
    """What is printed where this file, given as arrays, must be refused."""
    words = ["import", "arrays", str(file), "--modality", "adc=adc", "--patient", "p", "-o", "out.safetensors"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    return result.output


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 cut short"])
def test_what_is_not_an_npz_is_refused(tmp_path, content):
    """Another file by mistake is one clear line."""
    (tmp_path / "pairs.npz").write_bytes(content)
    assert "pairs.npz: not a readable .npz file of plain arrays" in import_file(tmp_path / "pairs.npz")


def test_a_damaged_npz_is_refused(tmp_path):
    """Its arrays are compressed; a byte in the middle was lost on the way."""
    file = tmp_path / "pairs.npz"
    np.savez_compressed(file, adc=np.random.default_rng(0).random((9, 8, 8)), p=np.arange(9))
    content = bytearray(file.read_bytes())
    content[100:140] = bytes(40)
    file.write_bytes(content)
    assert "pairs.npz: not a readable .npz file of plain arrays" in import_file(file)


def test_a_single_array_is_not_an_npz(tmp_path):
    """A .npy has no names to refer to."""
    np.save(tmp_path / "one.npy", np.zeros(3))
    assert "one.npy: not a readable .npz file of plain arrays" in import_file(tmp_path / "one.npy")


def test_the_imported_file_serves_a_recipe(imported, tmp_path, plugins):
    """``[cohort] use = "file"`` reads it back."""
    imported("--label", "cs=is_cs")
    source = plugins.registry.find("file", "cohort")(path=tmp_path / "cohort.safetensors")
    assert len(source.load()) == COUNT


def test_the_splits_are_counted(imported):
    """Patients and slices of each split, in all and by label."""
    _, output, _ = imported("--label", "cs=is_cs", "--split", "fold")
    assert "train: 15 patients (30 slices); cs: yes 7 patients (14 slices), no 8 patients (16 slices)" in output
    assert "test: 5 patients (10 slices)" in output
    assert "warning: no slice" not in output


def test_an_empty_split_or_stratum_is_warned_of(imported):
    """The label that a split lacks is named."""
    _, output, _ = imported("--label", "cs=is_cs", "--test-fraction", "0")
    assert (
        "warning: no slice is in split 'test'; change --test-fraction, --validation-fraction, --seed or --split"
        in output
    )
    _, output, _ = imported("--label", "cs=late", "--split", "fold", late=(np.arange(COUNT) >= 30).astype(int))
    assert "warning: no slice of split 'train' has label 'cs' yes" in output
    assert "warning: no slice of split 'test' has label 'cs' no" in output


def test_a_cohort_that_is_probably_a_mistake_is_warned_of(imported):
    """Once each, after the counts; see the tests of ``cohort_warnings``."""
    again = {"adc_map": np.tile(ARRAYS["adc_map"][:20], (2, 1, 1)), "size_mm": np.zeros(COUNT)}
    code, output, _ = imported("--spacing", "size_mm", "--split", "fold", **again)
    assert code == 0
    assert output.count("warning: few patients: 5 in split 'test'; with fewer than 10") == 1
    assert output.count("warning: slices of two patients are identical: 40 slices of 20 patients, 10 of them") == 1
    assert output.count("warning: pixel spacing of 40 slices is outside [0.01, 20] mm") == 1


@pytest.mark.parametrize("name", ["a b/c", "a.b", "../adc", "a b"])
def test_names_that_recipes_cannot_have_are_refused(refused, name):
    """A modality's name is a key of recipes."""
    assert "a name has letters, digits, '_' and '-' only" in refused(modality=[f"{name}=adc_map"])


def test_labels_need_one_number_a_slice(refused):
    """The shape that was found is said."""
    said = refused("--label", "cs=wide", wide=np.zeros((COUNT, 2)))
    assert "--label cs=wide: needs one number a slice, got float64 of shape (40, 2)" in said


# In Python ------------------------------------------------------------------------------------------------


@pytest.fixture
def pairs(tmp_path):
    """``ARRAYS`` as a file."""
    np.savez(tmp_path / "pairs.npz", **ARRAYS)
    return tmp_path / "pairs.npz"


def test_python_gives_the_cohort_that_the_command_writes(imported, pairs, tmp_path):
    """Returned; written only where a place is given."""
    _, _, by_command = imported("--label", "cs=is_cs", "--spacing", "size_mm", "--unit", "t2w=ms")
    asked = {"modality": {"adc": "adc_map", "t2w": "t2"}, "label": {"cs": "is_cs"}, "unit": {"t2w": "ms"}}
    cohort = gankit.imports.arrays(pairs, **asked, spacing="size_mm", patient="patient_id")
    assert cohort.digest() == by_command.digest()
    np.testing.assert_array_equal(cohort.spacing_mm, by_command.spacing_mm)
    (tmp_path / "cohort.safetensors").unlink()
    gankit.imports.arrays(str(pairs), **asked, patient="patient_id", out=tmp_path / "again.safetensors")
    assert read_cohort(tmp_path / "again.safetensors").digest() == by_command.digest()
    assert not (tmp_path / "cohort.safetensors").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"modality": {"adc": "adc_mp"}}, "`modality`: no array 'adc_mp'; did you mean 'adc_map'?"),
        ({"modality": {}}, "`modality`: none is given"),
        ({"label": {"a b": "is_cs"}}, "`label` a b: a name has letters, digits, '_' and '-' only"),
        ({"unit": {"dce": "s"}}, "`unit` dce: no such `modality`; given: adc"),
        ({"channels": {"t2w": "none"}}, "`channels` t2w: no such `modality`; given: adc"),
        ({"channels": {"adc": "first"}}, None),
        ({"channels": {"adc": "frist"}}, "`channels` 'frist'; did you mean 'first'?"),
        ({"out": "cohort.npz"}, "`out` cohort.npz: a cohort file ends with .safetensors"),
    ],
)
def test_python_messages_name_parameters(pairs, asked, message):
    """As a notebook writes them, without dashes."""
    asked = {"modality": {"adc": "adc_map"}, "patient": "patient_id", **asked}
    if message is None:
        assert gankit.imports.arrays(pairs, **asked).modalities["adc"].values.shape == (COUNT, 8, 8)
        return
    with pytest.raises((InputError, CohortError)) as refused:
        gankit.imports.arrays(pairs, **asked)
    assert message in str(refused.value)
    assert "--" not in str(refused.value)


# Signals and volumes --------------------------------------------------------------------------------------


def test_a_volume_needs_a_word_about_its_channels(refused, imported):
    """(slices, depth, height, width) is not silently so many channels."""
    volumes = np.linspace(0, 3000, COUNT * 8**3).reshape(COUNT, 8, 8, 8)
    said = refused(adc_map=volumes)
    assert (
        "--modality adc=adc_map: shape (40, 8, 8, 8) can be 8 channels of 8 x 8 ('first') or 8 x 8 x 8 without" in said
    )
    assert said.rstrip().endswith("say which with --channels adc=WHERE")
    _, _, cohort = imported("--channels", "adc=none", adc_map=volumes)
    assert cohort.modalities["adc"].values.shape == (COUNT, 1, 8, 8, 8)


def test_absent_slices_of_signals_are_known_by_nan(imported):
    """In one spatial axis as in two."""
    signals = np.ones((COUNT, 12))
    signals[5] = np.nan
    _, _, cohort = imported(adc_map=signals)
    assert cohort.modalities["adc"].values.shape == (COUNT, 1, 12)
    assert np.flatnonzero(~cohort.modalities["adc"].present).tolist() == [5]


@pytest.mark.parametrize(
    ("shape", "channels", "recipes"),
    [((16,), {}, [1, 16]), ((8, 16, 16), {"adc": "none"}, [1, 8, 16, 16]), ((2, 8, 16, 16), {}, [2, 8, 16, 16])],
)
def test_signals_and_volumes_are_trained_on(tmp_path, plugins, shape, channels, recipes):
    """From arrays to a model that makes them."""
    numbers = np.random.default_rng(0)
    values = 3000 * numbers.random((12, *shape))
    np.savez(tmp_path / "pairs.npz", adc=values, id=np.arange(12), cs=np.arange(12) % 2)
    file = tmp_path / "cohort.safetensors"
    named = {"modality": {"adc": "adc"}, "label": {"cs": "cs"}, "patient": "id", "channels": channels}
    gankit.imports.arrays(tmp_path / "pairs.npz", **named, out=file)
    small = {"networks.adc_decoder.width": 4, "networks.adc_critic.width": 4}
    brief = {"training.steps": 2, "training.batch": 2}
    asked = {"cohort.use": "file", "cohort.path": str(file), "modalities.adc.shape": recipes, **small, **brief}
    gankit.train(gankit.load_recipe("adc-only", asked, plugins), tmp_path / "run")
    model = gankit.load_model(tmp_path / "run" / "model.safetensors", "cpu", plugins)
    assert model.sample(3, seed=0)["adc"].shape == (3, *recipes)
