"""Names of volumes: those of nnU-Net and BIDS by a protocol each, several kinds in one folder, and others."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gankit import InputError
from gankit_dicom._clutter import CLUTTER
from gankit_dicom._inputs import Request, find
from gankit_dicom._options import Options
from gankit_dicom._protocol import FOLDER, FileRules, load_protocol
from gankit_dicom._refused import Refused
from gankit_dicom._volumes.nnunet import read_dataset
from tests.plugins.dicom.scans import DIFFUSION, T2W, adc_values, gland, lesion, t2w_values, write_adc, write_t2w
from tests.plugins.dicom.scans import write_volume as write


def found(folder, kind="volumes", protocol="prostatex", **asked):
    """What an import would read."""
    request = Request(
        kind=kind, folder=folder, out=folder.parent / "c.safetensors", protocol=protocol,
        options=Options(keep_ids=True), **asked,
    )  # fmt: skip
    return find(request, map)


def roles(inputs):
    """Patients with the names of their files by what they are."""
    return [
        (patient, {source.role: source.file.name for source in task.sources})
        for patient, task in zip(inputs.patients, inputs.tasks, strict=True)
    ]


def touch(folder, *names):
    """Files without content."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def write_dataset(folder, **said):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(said))


def write_pair(t2w: Path, adc: Path):
    write(t2w, t2w_values(T2W.places()))
    write(adc, adc_values(DIFFUSION.places()), DIFFUSION)


# nnU-Net --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "patient"),
    [("10001_1000001", "10001"), ("ProstateX-0001", "ProstateX-0001"), ("prostate_012", "prostate_012"), ("c", "c")],
)
@pytest.mark.parametrize("below", ["imagesTr/", "imagesTs/", ""])
def test_nnunet_names_are_read_by_their_protocol(tmp_path, case, patient, below):
    """Without a dataset.json in PI-CAI's order; two numbers are a patient and a study, anything else is a patient."""
    touch(tmp_path / "in", *(f"{below}{case}_{channel}.nii.gz" for channel in ("0000", "0001", "0002")))
    inputs = found(tmp_path / "in", protocol="nnunet")
    wanted = {"t2w": f"{case}_0000.nii.gz", "adc": f"{case}_0001.nii.gz", "dwi": f"{case}_0002.nii.gz"}
    assert roles(inputs) == [(patient, wanted)]


@pytest.mark.parametrize("key", ["channel_names", "modality"])
def test_channels_are_what_dataset_json_says(tmp_path, key):
    """In both versions, and in any order; a channel that is none of ours is not taken for one."""
    touch(tmp_path / "in", *(f"imagesTr/c_{channel:04}.nii.gz" for channel in range(4)))
    write_dataset(tmp_path / "in", **{key: {"0": "ADC", "1": "noNorm", "2": "T2W", "3": "HBV"}})
    (_, names), = roles(found(tmp_path / "in", protocol="nnunet"))  # fmt: skip
    wanted = {"adc": "c_0000.nii.gz", "": "c_0001.nii.gz", "t2w": "c_0002.nii.gz", "dwi": "c_0003.nii.gz"}
    assert names == wanted


def test_a_data_set_that_cannot_be_read_says_nothing_of_its_channels(tmp_path):
    """And the order is not guessed then."""
    touch(tmp_path / "in", "imagesTr/c_0000.nii.gz", "dataset.json")
    inputs = found(tmp_path / "in", protocol="nnunet")
    assert roles(inputs) == [("c", {"": "c_0000.nii.gz"})]
    assert "Not used: dataset.json is no JSON file that can be read." in inputs.warnings


@pytest.mark.parametrize(
    ("labels", "meaning"),
    [
        ({"background": 0, "PZ": 1, "TZ": 2, "csPCa": 3}, ["peripheral zone", "transition zone", "cs"]),
        ({"0": "background", "1": "prostate", "2": "lesion"}, ["gland", "lesion"]),
        ({"background": 0, "Peripheral Zone": 1, "central gland": 2}, ["peripheral zone", "transition zone"]),
        ({"background": 0, "clinically significant cancer": 1, "insignificant cancer": 2}, ["cs", "not cs"]),
        ({"background": 0, "whole": [1, 2], "bladder": 1}, []),
    ],
)
def test_values_of_labels_mean_what_dataset_json_calls_them(tmp_path, labels, meaning):
    """Names that tell nothing give no meaning."""
    write_dataset(tmp_path, labels=labels)
    assert list(read_dataset(tmp_path / "dataset.json").labels.values()) == meaning


@pytest.mark.parametrize("content", ["", "[]", '{"channel_names": []}', '{"labels": 3}', "[" * 100_000, '{"a": '])
def test_a_dataset_json_of_another_form_is_refused(tmp_path, content):
    """By one line."""
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(Refused):
        read_dataset(tmp_path / "dataset.json")


@pytest.mark.parametrize("said", [True, False])
def test_labels_of_nnunet_are_used_where_their_values_are_said(parts, tmp_path, said):
    """``labelsTr/CASE`` has no channel; what its values mean is not guessed."""
    folder = tmp_path / "Dataset105_p"
    write_pair(folder / "imagesTr" / "10001_1000001_0000.nii.gz", folder / "imagesTr" / "10001_1000001_0001.nii.gz")
    places = T2W.places()
    write(folder / "labelsTr" / "10001_1000001.nii.gz", 1.0 * gland(places) + lesion(places))
    if said:
        write_dataset(folder, channel_names={"0": "T2", "1": "ADC"}, labels={"background": 0, "gland": 1, "csPCa": 2})
    (part,) = parts(folder, "volumes", protocol="nnunet")
    assert part.record["crop"]["by"] == ("gland mask" if said else "locator")
    assert set(part.cs) == ({0, 1} if said else {-1})


def test_a_folder_of_a_data_set_is_what_the_dataset_json_beside_it_says(parts, tmp_path):
    """Its images and its labels may be given one by one."""
    folder = tmp_path / "Dataset105_p"
    write_pair(folder / "imagesTr" / "c_0001.nii.gz", folder / "imagesTr" / "c_0000.nii.gz")
    places = T2W.places()
    write(folder / "labelsTr" / "c.nii.gz", 1.0 * gland(places) + lesion(places))
    write_dataset(folder, channel_names={"0": "ADC", "1": "T2"}, labels={"background": 0, "gland": 1, "csPCa": 2})
    (part,) = parts(folder / "imagesTr", "volumes", protocol="nnunet", masks=folder / "labelsTr")
    used = {row["number"]: row["used"] for row in part.record["series"]}
    assert used == {1: "ADC", 2: "T2w"}
    assert set(part.cs) == {0, 1}


# BIDS -----------------------------------------------------------------------------------------------------


def test_bids_names_are_read_by_their_protocol(tmp_path):
    """With and without sessions, entities between, derivatives beside, and files that are not ours."""
    touch(
        tmp_path / "in",
        "sub-01/ses-02/anat/sub-01_ses-02_acq-ax_run-1_T2w.nii.gz",
        "sub-01/ses-02/dwi/sub-01_ses-02_acq-b800_dwi.nii.gz",
        "sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz",
        "derivatives/adc/sub-01/ses-02/dwi/sub-01_ses-02_desc-adc_dwi.nii.gz",
        "sub-02/anat/sub-02_T2w.nii",
        "derivatives/maps/sub-02/dwi/sub-02_ADC.nii.gz",
        "participants.tsv",
    )
    inputs = found(tmp_path / "in", protocol="bids")
    assert roles(inputs) == [
        (
            "sub-01",
            {
                "adc": "sub-01_ses-02_desc-adc_dwi.nii.gz",
                "": "sub-01_ses-02_T1w.nii.gz",
                "t2w": "sub-01_ses-02_acq-ax_run-1_T2w.nii.gz",
                "dwi": "sub-01_ses-02_acq-b800_dwi.nii.gz",
            },
        ),
        ("sub-02", {"adc": "sub-02_ADC.nii.gz", "t2w": "sub-02_T2w.nii"}),
    ]
    assert len(inputs.refused_files) == 1


@pytest.mark.parametrize(("gland_name", "lesion_name"), [
    ("label-prostate_mask", "label-lesion_mask"),
    ("space-T2w_desc-gland_mask", "space-T2w_desc-lesion_mask"),
    ("label-gland_dseg", "desc-csPCa_mask"),
])  # fmt: skip
def test_masks_of_bids_are_what_their_names_say(parts, tmp_path, gland_name, lesion_name):
    """In derivatives; a mask is never taken for the image whose space it has."""
    folder = tmp_path / "in"
    anat, masks = folder / "sub-1" / "ses-1" / "anat", folder / "derivatives" / "m" / "sub-1" / "ses-1" / "anat"
    write_pair(anat / "sub-1_ses-1_T2w.nii.gz", anat.with_name("dwi") / "sub-1_ses-1_adc.nii.gz")
    write(masks / f"sub-1_ses-1_{gland_name}.nii.gz", gland(T2W.places()))
    write(masks / f"sub-1_ses-1_{lesion_name}.nii.gz", lesion(T2W.places()))
    (part,) = parts(folder, "volumes", protocol="bids")
    assert part.record["crop"]["by"] == "gland mask"
    assert part.lesion.any()


# One folder, several kinds --------------------------------------------------------------------------------


def test_several_ways_to_call_files_may_stand_in_one_folder(tmp_path):
    """PI-CAI's beside a folder a patient, a folder a study, and names without a study."""
    touch(
        tmp_path / "in", "10001_1000001_t2w.mha", "10001_1000001_adc.mha", "P2/T2W.nii.gz", "P2/ADC.nii.gz",
        "P3/visit1/t2w.nrrd", "P3/visit1/adc.nrrd", "P.4.2011-07-07_T2.MHA", "P.4.2011-07-07_adc.MHA",
    )  # fmt: skip
    inputs = found(tmp_path / "in")
    assert [(patient, set(names)) for patient, names in roles(inputs)] == [
        ("10001", {"t2w", "adc"}),
        ("P.4.2011-07-07", {"t2w", "adc"}),
        ("P2", {"t2w", "adc"}),
        ("P3", {"t2w", "adc"}),
    ]


@pytest.mark.parametrize("shelf", ["train", "data/Test", "images"])
def test_a_folder_of_patients_is_no_patient(tmp_path, shelf):
    """As one of a split."""
    touch(tmp_path / "in", *(f"{shelf}/P{number}/{name}.nii.gz" for number in (1, 2) for name in ("t2w", "adc")))
    assert found(tmp_path / "in").patients == ["P1", "P2"]


def test_names_that_several_folders_have_make_no_patient(tmp_path):
    """``ax_t2w`` in every folder is not the patient ax."""
    touch(tmp_path / "in", *(f"P{number}/ax_{name}.nii.gz" for number in (1, 2) for name in ("t2w", "adc")))
    assert "ax" not in found(tmp_path / "in").patients


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("t2w", "t2w"), ("t2", "t2w"), ("t2_tse_tra", "t2w"), ("t2map", ""), ("t2_star", ""), ("adc", "adc"),
        ("t2w_mask", "mask"), ("adc_label", "mask"), ("lesion_t2w", "mask"), ("hbv", "dwi"), ("dwi_b800", "dwi"),
        ("dce_12.5s", "dce"), ("cor", ""), ("sag", ""), ("cspca", "mask"), ("t2w_tumour", "mask"),
    ],
)  # fmt: skip
def test_a_name_begins_with_what_it_is_unless_it_is_a_mask(name, role):
    """A mask of an image is named as the image, with a word behind."""
    assert load_protocol("prostatex").files.role(name) == role


def test_the_mask_of_an_image_belongs_to_its_patient(tmp_path):
    """No word of what a file is becomes a patient or a study."""
    touch(tmp_path / "in", "P1_t2w.nii.gz", "P1_adc.nii.gz", "P1_t2w_mask.nii.gz")
    inputs = found(tmp_path / "in")
    assert inputs.patients == ["P1"]
    assert len(inputs.tasks[0].masks) == 1


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["c_0000.nii.gz", "c_0001.nii.gz"], "nnU-Net's: `protocol` nnunet."),
        (["sub-01_acq-ax_T2w.nii.gz", "sub-01_adc.nii.gz"], "BIDS's: `protocol` bids"),
        (["one.nii.gz", "two.nii.gz"], None),
    ],
)
def test_names_of_a_known_kind_get_a_hint_where_they_tell_of_no_t2w(tmp_path, names, hint):
    """With the protocol that reads them."""
    touch(tmp_path / "in", *names)
    said = " ".join(found(tmp_path / "in").warnings)
    assert hint in said if hint else said == ""


CLUTTERED = ["._t2w.mha", ".DS_Store", "Thumbs.db", "__MACOSX/._t2w.mha", "__MACOSX/P_1_adc.mha", "@eaDir/t2w.mha"]


def test_what_an_operating_system_leaves_is_no_volume(tmp_path):
    """It is counted among files that are not used."""
    touch(tmp_path / "in", "P_1_t2w.mha", "P_1_adc.mha", *CLUTTERED, "._P_1_t2w.mha")
    inputs = found(tmp_path / "in")
    assert inputs.patients == ["P"]
    assert [file.why for file in inputs.refused_files] == [CLUTTER] * 7


def test_what_an_operating_system_leaves_is_no_dicom(tmp_path):
    """Even where it holds an image."""
    write_t2w(tmp_path / "in")
    for file in write_adc(tmp_path / "in"):
        file.rename(file.with_name(f"._{file.name}"))
    inputs = found(tmp_path / "in", kind="DICOM")
    assert {file.why for file in inputs.refused_files} == {CLUTTER}
    assert len(inputs.tasks[0].sources) == 1


def test_what_an_operating_system_leaves_is_no_mask(tmp_path):
    """Beside masks in a folder of their own."""
    touch(tmp_path / "in", "P_1_t2w.mha", "P_1_adc.mha")
    touch(tmp_path / "masks", "P_1_lesion.mha", "._P_1_lesion.mha", "__MACOSX/._P_1_lesion.mha")
    (task,) = found(tmp_path / "in", masks=tmp_path / "masks").tasks
    assert [mask.file.name for mask in task.masks] == ["P_1_lesion.mha"]


def test_files_that_hold_the_voxels_of_a_header_are_no_files_of_their_own(tmp_path):
    """As .raw beside .mhd, and .img beside .hdr."""
    write(tmp_path / "in" / "P_1_t2w.mhd", t2w_values(T2W.places()))
    write(tmp_path / "in" / "P_1_adc.img", adc_values(DIFFUSION.places()), DIFFUSION)
    inputs = found(tmp_path / "in")
    assert inputs.refused_files == []
    assert [len(source.files) for source in inputs.tasks[0].sources] == [2, 2]


# Protocols ------------------------------------------------------------------------------------------------


def test_a_protocol_that_extends_another_has_its_rules(tmp_path):
    """Of each table what it lacks; its own masks go first."""
    masks = '[[masks]]\nwords = ["ours"]\nvalues = {1 = "cs"}\n'
    (tmp_path / "p.toml").write_text(f'extends = "prostatex"\nname = "ours"\n[files]\nt2w = ["tra"]\n{masks}')
    ours, theirs = load_protocol(str(tmp_path / "p.toml")), load_protocol("prostatex")
    assert ours.files.role("tra") == "t2w"
    assert ours.files.role("t2w") == ""
    assert ours.files.adc == theirs.files.adc
    assert ours.masks[1:] == theirs.masks
    assert ours.t2w == theirs.t2w


@pytest.mark.parametrize("other", ['"prostat"', "3", '"nothing like it"'])
def test_a_protocol_extends_a_shipped_one_alone(tmp_path, other):
    """The nearest is proposed."""
    (tmp_path / "p.toml").write_text(f'extends = {other}\nname = "ours"\n')
    with pytest.raises(InputError, match="accepted: shipped protocols, bids, nnunet, prostatex"):
        load_protocol(str(tmp_path / "p.toml"))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_protocol_is_called_as_its_file(file):
    """And can be loaded."""
    assert load_protocol(file.stem).name == file.stem


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("{patient}", "needs {patient} and {name}"),
        ("{patient:[}_{name}", "regular expression"),
        ("{patient:(a)}_{name}", "a field with a group"),
    ],
)
def test_a_pattern_of_a_protocol_that_cannot_be_used_is_a_problem_of_the_protocol(tmp_path, pattern, problem):
    """With its place."""
    (tmp_path / "p.toml").write_text(f"extends = 'prostatex'\nname = 'p'\n[files]\npatterns = ['{pattern}']\n")
    with pytest.raises(InputError, match=rf"files\.patterns: .*{re.escape(problem)}"):
        load_protocol(str(tmp_path / "p.toml"))


def test_a_field_of_a_pattern_may_have_a_regular_expression(tmp_path):
    """Of a user's pattern as well."""
    touch(tmp_path / "in", "A_12_7_t2w.nii.gz")
    inputs = found(tmp_path / "in", pattern=r"{patient:\w+?_\d+}_{study:\d}_{name}")
    assert inputs.patients == ["A_12"]
    with pytest.raises(InputError, match="`pattern` .*no regular expression"):
        found(tmp_path / "in", pattern="{patient:(}_{name}")


def test_rules_without_words_tell_nothing():
    """Not even of an empty name."""
    assert FileRules().role("") == ""


def test_values_survive_any_name(parts, tmp_path):
    """Upper case, dots, dates and another kind of file for each modality."""
    write_pair(tmp_path / "in" / "A.B-1_2011.07.07_T2W.NII.GZ.tmp.mha", tmp_path / "in" / "A.B-1_2011.07.07_ADC.nrrd")
    (part,) = parts(tmp_path / "in", "volumes")
    assert len(part) > 0
    assert np.median(part.modalities["adc"]) == pytest.approx(980, abs=100)
