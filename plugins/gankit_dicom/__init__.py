"""Import of DICOM and of NIfTI or MetaImage volumes: any scanner's folders to one cohort file and one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gankit import hookimpl

if TYPE_CHECKING:
    from gankit import Cohort


@hookimpl
def commands() -> Mapping[str, str]:
    return {"import dicom": "gankit_dicom.command:dicom", "import volumes": "gankit_dicom.command:volumes"}


@hookimpl
def importers() -> Mapping[str, str]:
    return {"dicom": "gankit_dicom:import_dicom", "volumes": "gankit_dicom:import_volumes"}


def import_dicom(
    folder: str | Path,
    *,
    patient_from: Literal["header", "study", "folder"] = "header",
    masks: str | Path | None = None,
    findings: str | Path | None = None,
    marksheet: str | Path | None = None,
    protocol: str | Path = "prostatex",
    items: Literal["slices", "slabs", "volumes"] = "slices",
    size: int | str | Sequence[int] = 64,
    neighbours: int | None = None,
    slice_spacing: float | None = None,
    missing_planes: Literal["refuse", "pad"] = "refuse",
    gland: float = 0.6,
    register: Literal["none", "rigid", "deformable"] = "none",
    zeros: Literal["mark", "exclude", "inpaint"] = "mark",
    dce: Literal["early", "late"] = "early",
    lesion_means: Literal["lesion", "cs"] = "lesion",
    bias: Literal["none", "n4"] = "none",
    need: Sequence[str] = ("t2w", "adc"),
    split: str | Path | None = None,
    test_fraction: float | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
    keep_ids: bool = False,
    salt: str | Path | None = None,
    jobs: int = 1,
    out: str | Path | None = None,
    quiet: bool = False,
) -> Cohort:
    """Make a cohort of all DICOM files below a folder, whatever files and folders are called.

    Headers say which series is what. Everything is resampled to the T2w grid by physical coordinates and cropped around
    the prostate. No name, date, UID or text of a header is written.

    Args:
        folder: looked through with all folders below it.
        patient_from: what tells patients apart: PatientID, and the study of images without one ("header"); or where an
            archive has given all the same id: the study ("study": a patient with two counts as two, who may fall into
            both splits), or the folder straight below ``folder`` that an image lies in ("folder": its name is the
            patient's id).
        masks: folder of gland, zone and lesion masks, as NIfTI, MetaImage, NRRD or DICOM segmentations; matched by
            what a segmentation says, by the ids of patient and study in their names, else by their place in space.
        findings: PROSTATEx findings (CSV: ProxID, pos, ClinSig).
        marksheet: PI-CAI marksheet (CSV: patient_id, study_id, case_csPCa).
        protocol: rules that choose series: the name of a shipped protocol ("prostatex", or for names of volumes
            "nnunet" or "bids"), or a TOML file.
        items: what an item of the cohort is: a T2w slice around the gland; a slab, a slice with its ``neighbours`` as
            channels of each modality; or the one volume of a study.
        size: pixels along a side, 16 to 1024, or rows and columns, as in "64x48"; of volumes planes, 2 to 512, rows and
            columns, as in "24x64x64".
        neighbours: of slabs, how many slices below and above the middle one, 1 to 16; default: 1. A slice without all
            of them is left out.
        slice_spacing: of volumes, mm from plane to plane, 0.1 to 20; default: as the T2w's slices.
        missing_planes: of volumes, what becomes of a study whose T2w has fewer planes: "refuse" it, or "pad" it with
            blank ones.
        gland: part of the crop's width that the gland has, 0.1 to 1.
        register: how the alignment to T2w is refined; kept only where mutual information improves.
        zeros: what becomes of ADC voxels that the scanner zeroed for noise: marked by 0; by 0 and left out of every
            mean ("exclude"); or filled with the nearest measurement ("inpaint").
        dce: which enhancement is written, relative to the signal before contrast, unitless.
        lesion_means: what a lesion mask without a grade says: that a "lesion" is there, so that the label of its slices
            is unknown unless a table says more; or that it is clinically significant ("cs").
        bias: how T2w that is brighter near a coil is corrected: by N4 ("n4"), or not.
        need: modalities without which a study is refused: "t2w", the grid of everything, and any of "adc", "dce".
        split: CSV: patient_id, split ("train", "test" or "validation"); default: drawn by patient.
        test_fraction: share of patients in the test split that is drawn, at least 0 and below 1; default: 0.2. With
            ``split`` neither fraction is accepted.
        validation_fraction: the same of the validation split; the test patients do not depend on it.
        seed: of the split and of the refinement.
        keep_ids: whether patients keep their ids; else they go by salted hashes.
        salt: file with the secret of the hashes, made where it is missing; default: beside ``out``. Without either, a
            secret that is forgotten.
        jobs: studies read at a time, in processes of their own.
        out: cohort file to write, ending with .safetensors, or folder of shards, ending with .shards, whose images
            stay on disk; a report, sheets and the salt go beside it. Default: none of them. The same call with the same
            ``out`` goes on where it was cut off.
        quiet: whether to show neither progress nor warnings on stderr.

    Returns: t2w (arbitrary units), adc (1e-6 mm2/s) and dce (unitless), as slices (N, 1, H, W), slabs
        (N, 2 neighbours + 1, H, W) from feet to head, or volumes (N, 1, D, H, W), whose planes go from feet to head,
        rows from front to back and columns from the patient's right to left; with label ``cs``, and ground truth where
        masks tell, of a slab its middle slice's.

    Raises:
        InputError: a parameter cannot be used, or a package is missing.
        CohortError: nothing could be imported; with ``out`` the report says why.
    """
    asked = dict(locals())
    from gankit_dicom._import import imported

    return imported("DICOM", **asked).cohort


def import_volumes(
    folder: str | Path,
    *,
    pattern: str | None = None,
    masks: str | Path | None = None,
    findings: str | Path | None = None,
    marksheet: str | Path | None = None,
    protocol: str | Path = "prostatex",
    items: Literal["slices", "slabs", "volumes"] = "slices",
    size: int | str | Sequence[int] = 64,
    neighbours: int | None = None,
    slice_spacing: float | None = None,
    missing_planes: Literal["refuse", "pad"] = "refuse",
    gland: float = 0.6,
    register: Literal["none", "rigid", "deformable"] = "none",
    zeros: Literal["mark", "exclude", "inpaint"] = "mark",
    dce: Literal["early", "late"] = "early",
    lesion_means: Literal["lesion", "cs"] = "lesion",
    bias: Literal["none", "n4"] = "none",
    need: Sequence[str] = ("t2w", "adc"),
    split: str | Path | None = None,
    test_fraction: float | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
    keep_ids: bool = False,
    salt: str | Path | None = None,
    jobs: int = 1,
    out: str | Path | None = None,
    quiet: bool = False,
) -> Cohort:
    """Make a cohort of NIfTI, MetaImage or NRRD files below a folder, named as PI-CAI names them or by a pattern.

    The protocol's ``[files]`` says what a ``{name}`` begins with for each modality and for masks. A NIfTI file is
    placed by its sform where ``sform_code`` is above 0, else by its qform, as nibabel, FSL and SPM do; where they
    disagree or are missing, it is warned of. A file of 4 axes is several volumes: diffusion with its ``.bval`` beside,
    or phases.

    Args:
        folder: looked through with all folders below it.
        pattern: how files are called, without ending, by ``{patient}``, ``{study}`` and ``{name}``, each with a regular
            expression where wanted, as in ``{patient:\\d+}``; default: ``{patient}_{study}_{name}``,
            ``{patient}/{study}/{name}``, ``{patient}/{name}`` or ``{patient}_{name}``.
        masks, findings, marksheet, protocol, items, size, neighbours, slice_spacing, missing_planes, gland, register,
            zeros, dce, lesion_means, bias, need, split, test_fraction, validation_fraction, seed, keep_ids, salt, jobs,
            out, quiet: as for ``import_dicom``.

    Returns: a cohort as ``import_dicom`` gives.

    Raises:
        InputError, CohortError: as ``import_dicom`` does.
    """
    asked = dict(locals())
    from gankit_dicom._import import imported

    return imported("volumes", **asked).cohort
