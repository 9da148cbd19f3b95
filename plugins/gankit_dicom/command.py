"""``gankit import dicom`` and ``gankit import volumes``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gankit_dicom._options import (
    BIAS,
    DCE,
    GLANDS,
    ITEMS,
    LESION_MEANS,
    MISSING_PLANES,
    NEIGHBOURS,
    PATIENT_FROM,
    REGISTER,
    SLICE_SPACINGS_MM,
    ZEROS,
)

if TYPE_CHECKING:
    from gankit_dicom._import import Imported
    from gankit_dicom._inputs import Request

_FILE = click.Path(path_type=Path, dir_okay=False)


_OPTIONS = (
    click.argument("folder", type=click.Path(path_type=Path)),
    click.option("-o", "--out", type=click.Path(path_type=Path), required=True,
                 help="Cohort file to write or, where its name ends with .shards, a folder of shards; a report and"
                 " sheets go beside."),
    click.option("--masks", type=click.Path(path_type=Path), help="Folder of gland, zone and lesion masks (NIfTI,"
                 " MetaImage, NRRD, DICOM SEG); matched by ids in names or headers, else by their place in space."),
    click.option("--findings", type=_FILE, help="PROSTATEx findings (CSV: ProxID, pos, ClinSig)."),
    click.option("--marksheet", type=_FILE, help="PI-CAI marksheet (CSV: patient_id, study_id, case_csPCa)."),
    click.option("--protocol", default="prostatex", show_default=True, metavar="NAME|FILE",
                 help="Rules that choose series: prostatex, nnunet or bids (names of files), or a TOML file."),
    click.option("--as", "items", type=click.Choice(ITEMS), default="slices", show_default=True,
                 help="What an item of the cohort is: a slice; a slab, a slice with its neighbours as channels; or the"
                 " one volume of a study."),
    click.option("--size", default="64", show_default=True, metavar="SIDES",
                 help="Pixels along a side, or rows and columns, as 64x48; of volumes planes, rows and columns, as"
                 " 24x64x64."),
    click.option("--neighbours", type=click.IntRange(*NEIGHBOURS),
                 help="Of slabs: slices below and above the middle one; a slice that lacks one is left out."
                 "  [default: 1]"),
    click.option("--slice-spacing", type=click.FloatRange(*SLICE_SPACINGS_MM), metavar="MM",
                 help="Of volumes: from plane to plane.  [default: as the T2w's slices]"),
    click.option("--missing-planes", type=click.Choice(MISSING_PLANES), default="refuse", show_default=True,
                 help="Of volumes: refuse a study whose T2w has fewer planes, or pad it with blank ones."),
    click.option("--gland", type=click.FloatRange(*GLANDS), default=0.6, show_default=True,
                 help="Part of the crop's width that the gland has."),
    click.option("--register", type=click.Choice(REGISTER), default="none", show_default=True,
                 help="Refine the alignment to T2w; kept only where mutual information improves."),
    click.option("--zeros", type=click.Choice(list(ZEROS)), default="mark", show_default=True,
                 help="ADC voxels that the scanner zeroed for noise: marked by 0; by 0 and left out of every"
                 " mean; or filled with the nearest measurement."),
    click.option("--dce", type=click.Choice(DCE), default="early", show_default=True,
                 help="Which enhancement is written, relative to the signal before contrast."),
    click.option("--lesion-means", type=click.Choice(LESION_MEANS), default="lesion", show_default=True,
                 help="What a lesion mask without a grade says: that a lesion is there, so that its slices are unknown"
                 " unless a table says more; or that it is clinically significant."),
    click.option("--bias", type=click.Choice(BIAS), default="none", show_default=True,
                 help="Correction of T2w that is brighter near a coil: N4."),
    click.option("--need", default="t2w,adc", show_default=True, metavar="NAMES",
                 help="Modalities without which a study is refused."),
    click.option("--split", type=_FILE, help="CSV: patient_id, split (train, test or validation)."
                 "  [default: drawn by patient]"),
    click.option("--test-fraction", type=float, help="Share of patients in test.  [default: 0.2]"),
    click.option("--validation-fraction", type=float, default=0.0, show_default=True,
                 help="Share of patients in validation, on which 'gankit tune' chooses settings."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of split and refinement."),
    click.option("--keep-ids", is_flag=True, help="Write patient ids as they are, not as salted hashes."),
    click.option("--salt", type=_FILE, help="File with the secret of the hashes; made where it is missing."
                 "  [default: beside the cohort]"),
    click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Studies at a time."),
)  # fmt: skip


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


@click.command("dicom")
@_options
@click.option(
    "--patient-from",
    type=click.Choice(list(PATIENT_FROM)),
    default="header",
    show_default=True,
    help="What tells patients apart: PatientID, and the study of images without one; or, where ids are missing or all"
    " the same, the study, or the folder straight below FOLDER.",
)
def dicom(**given: Any) -> None:
    """Make a cohort from all DICOM files below FOLDER, whatever files and folders are called.

    \b
        gankit import dicom scans --masks masks -o cohort.safetensors
        gankit import dicom scans --masks masks --as volumes --size 16x64x64 -o volumes.safetensors
        gankit import dicom scans --masks masks --as slabs --neighbours 1 -o slabs.safetensors

    Headers say which series is what; a protocol holds the rules. Everything is resampled to the T2w grid and cropped
    around the prostate. The report beside the cohort says what was chosen and refused, and why. No name, date, UID or
    text of a header is written. To resume, run the same command again.
    """
    from gankit_dicom._import import imported

    _say(imported("DICOM", **given))


@click.command("volumes")
@_options
@click.option(
    "--pattern",
    metavar="PATTERN",
    help="How files are called: {patient}, {study}, {name}, without ending; a field may have a regular expression,"
    r" as in {patient:\d+}."
    "  [default: {patient}_{study}_{name}, {patient}/{study}/{name}, {patient}/{name} or {patient}_{name}]",
)
def volumes(**given: Any) -> None:
    """Make a cohort from NIfTI, MetaImage or NRRD files below FOLDER, named as PI-CAI names them or by a pattern.

    \b
        gankit import volumes picai --masks picai_labels --marksheet marksheet.csv -o cohort.safetensors
        gankit import volumes scans --pattern "{patient}/{name}" -o cohort.safetensors
        gankit import volumes nnUNet_raw/Dataset105 --protocol nnunet -o cohort.safetensors
        gankit import volumes bids --protocol bids -o cohort.safetensors

    The protocol's [files] says what a {name} begins with for each modality and for masks. A file of 4 axes is several
    volumes: diffusion with its .bval beside, or phases. Places are those of sform, else of qform.
    """
    from gankit_dicom._import import imported

    _say(imported("volumes", **given))


def _items(request: Request, count: int) -> str:
    return request.options.items[: -1 if count == 1 else None]


def _say(done: Imported) -> None:
    from gankit import cohort_warnings, empty_strata

    request, cohort = done.request, done.cohort
    refused, patients = sum(not len(part) for part in done.parts), len(set(cohort.patient))
    click.echo(
        f"{request.out}: {len(cohort)} {_items(request, len(cohort))} of {patients}"
        f" {'patient' if patients == 1 else 'patients'};"
        f" {refused} of {len(done.parts)} {'study' if len(done.parts) == 1 else 'studies'} refused"
    )
    click.echo(f"{request.report}: what was chosen and refused, and why")
    if not request.options.keep_ids and request.salt is None:
        click.echo(
            f"{request.beside('.salt')}: the secret behind the patients' names; keep it, and keep it to yourself"
        )
    for warning in empty_strata(cohort):
        click.echo(f"warning: {warning}; change --test-fraction, --validation-fraction, --seed or --split", err=True)
    for warning in cohort_warnings(cohort):
        click.echo(f"warning: {warning}", err=True)
