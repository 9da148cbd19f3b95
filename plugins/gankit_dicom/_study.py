"""One study to slices, slabs or a volume: the unit of parallel work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import SimpleITK as sitk

from gankit import write_bytes
from gankit_dicom._dicom.modes import silent_itk, single_threaded_itk
from gankit_dicom._images import Sampling, images_of
from gankit_dicom._labels.delineations import (
    EMPTY,
    Delineations,
    Lost,
    Mask,
    NoMask,
    delineations,
    may_show_lesions,
    read_mask,
)
from gankit_dicom._labels.labels import NO, UNKNOWN, YES, Labels, labels_of, volume_label
from gankit_dicom._labels.masks import MaskFile, copy_of, drawn_on, reader_of
from gankit_dicom._labels.tables import Finding
from gankit_dicom._log import Log, Row
from gankit_dicom._options import Options
from gankit_dicom._part import Part, key_of, read_part, write_part
from gankit_dicom._protocol import Protocol
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import blank_slices
from gankit_dicom._sheet import sheet_png
from gankit_dicom._slices.geometry import Crop, image_like, inside, sample_labels
from gankit_dicom._slices.intensity import levels
from gankit_dicom._slices.modalities import Chosen, choose
from gankit_dicom._slices.place import (
    crop_by_findings,
    crop_by_locator,
    crop_by_mask,
    holds,
    locator_error,
    shows,
    volume_at,
)
from gankit_dicom._sources import AbstractSource


@attrs.frozen(kw_only=True)
class StudyTask:
    """One study to import. ``alias`` and ``number`` are all that outputs may say of whose it is."""

    number: int
    alias: str
    sources: tuple[AbstractSource, ...]
    masks: tuple[MaskFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    case: tuple[bool, ...] = ()
    """What the marksheet says of clinically significant cancer in the case: nothing, one thing, or both."""
    warnings: tuple[str, ...] = ()
    """What was found out when series were sought, as ``notes``, which are for the report alone."""
    notes: tuple[str, ...] = ()
    protocol: Protocol
    options: Options
    parts: Path
    sheets: Path

    def key(self) -> str:
        """Hash of the bytes of its files and of everything that was asked for; it names the part."""
        files = [file for source in self.sources for file in source.files] + [
            file for mask in self.masks for file in mask.files
        ]
        asked: dict[str, Any] = {
            "protocol": attrs.asdict(self.protocol),
            "options": attrs.asdict(self.options),
            "findings": [attrs.asdict(finding) for finding in self.findings],
            "case": self.case,
            "study": [self.number, self.alias],
            "said": [self.warnings, self.notes],
        }
        return key_of(files, json.dumps(asked, sort_keys=True))


@attrs.frozen
class ImportedStudy:
    """The part of a study that was imported."""

    name: str
    """Of its file."""
    was_there: bool
    """Whether an earlier run made it."""
    damaged: bool = False
    """Whether one was there that had to be made again, since it was damaged."""


def import_study(task: StudyTask) -> ImportedStudy:
    """Import a study to a part file and a sheet, unless an earlier run did."""
    name = f"{task.key()}.safetensors"
    file = task.parts / name
    kept = read_part(file)
    if kept is not None and ("sheet" not in kept.record or (task.sheets / kept.record["sheet"]).is_file()):
        return ImportedStudy(name, was_there=True)
    damaged = kept is None and file.exists()
    with single_threaded_itk(), silent_itk():
        write_part(study_part(task), file)
    return ImportedStudy(name, was_there=False, damaged=damaged)


def study_part(task: StudyTask) -> Part:
    """Slices and record of a study; a refused study has a record alone."""
    log = Log(notes=list(task.notes), warnings=list(task.warnings))
    for source in task.sources:
        log.rows[source.number] = Row(source.number, source.looks, source.grid, notes=list(source.notes))
    record: dict[str, Any] = {"study": task.number, "patient": task.alias, "items": 0, "why": ""}
    try:
        part = _imported(task, log, record)
    except Refused as why:
        part = Part(record={**record, "why": str(why)})
    part.record.update(log.table())
    return part


def _imported(task: StudyTask, log: Log, record: dict[str, Any]) -> Part:
    chosen = choose(task.sources, task.protocol, log, drawn_on(task.masks, task.sources, task.protocol))
    if missing := [name for name in task.options.need if getattr(chosen, name) is None]:
        others = ",".join(name for name in task.options.need if name not in missing)
        raise Refused(f"no {missing[0].upper()} that can be used; with need = {others} it is taken")
    scanned = levels(chosen.t2w.image)
    t2w = scanned.image

    # Where the gland is, so what is cut out, and what the slices are labelled.
    drawn = _delineations(task, chosen, log)
    gland = None if drawn.tissue is None else drawn.tissue > 0
    acquired = _acquired(t2w)
    crop = _crop(task, t2w, gland, acquired, record, log)
    labels = labels_of(
        t2w,
        drawn.lesions,
        task.findings,
        task.case,
        complete=drawn.complete,
        ungraded_is_cs=task.options.lesion_means == "cs",
    )
    record["labels"] = {"by": labels.by}
    for warning in labels.warnings:
        log.warn(warning)

    # Images and ground truth on the crop.
    sampling = Sampling(chosen, scanned, crop, acquired, gland, task.protocol, task.options)
    values = images_of(sampling, record)
    tissue, lesion = _truth(drawn, t2w, crop)
    cs = _visible(labels, t2w, crop, log)
    if crop.planes is not None:
        tissue, lesion = (None if outlines is None else outlines[None] for outlines in (tissue, lesion))
        cs = volume_label(cs, labels, whole=bool(record["crop"]["holds_gland"]))
    part = Part(
        record=record,
        modalities={name: images for name, (images, _) in values.items()},
        present={name: present for name, (_, present) in values.items()},
        cs=cs,
        tissue=tissue,
        lesion=lesion,
        spacing_mm=crop.spacing_mm,
        slice_spacing_mm=None if crop.planes is None else crop.planes.step * t2w.GetSpacing()[2],
    )
    record["items"] = len(part)
    record["labels"] |= {
        "yes": int((cs == YES).sum()),
        "no": int((cs == NO).sum()),
        "unknown": int((cs == UNKNOWN).sum()),
    }
    record["sheet"] = f"{re.sub(r'[^A-Za-z0-9-]+', '_', task.alias)}-{task.number}.png"
    write_bytes(task.sheets / record["sheet"], sheet_png(part, crop.slices[0]))
    return part


def _delineations(task: StudyTask, chosen: Chosen, log: Log) -> Delineations:
    """What the masks say; what becomes of each goes to the log."""
    t2w, other = chosen.t2w.image, None if chosen.adc is None else chosen.adc.image
    masks: list[Mask] = []
    lost: list[Lost] = []
    for file in task.masks:
        row = log.masks[file.number] = Row(file.number, "mask", "")
        try:
            mask = read_mask(file, task.protocol, t2w, other)
        except NoMask as why:
            row.refusals.append(str(why))
            log.warn(f"A file in the place of a mask is none: {why}.")
        except Refused as why:
            row.refusals.append(str(why))
            log.warn(f"A mask is not used: {why}.")
            if may_show_lesions(file, task.protocol):
                lost.append(Lost(reader_of(file.parts, task.protocol), copy_of(file.parts, task.protocol)))
        else:
            row.looks = f"{mask.shows} by {mask.reader}" if mask.reader else mask.shows
            masks.append(mask)
    drawn = delineations(masks, lost, t2w.GetSize()[::-1])
    for number, what in drawn.used.items():
        log.masks[number].used = what
    for number, reason in drawn.passed_over.items():
        log.masks[number].notes.append(reason)
        if reason == EMPTY:
            log.warn("A mask of the gland or its zones is empty.")
    return drawn


def _crop(
    task: StudyTask,
    t2w: sitk.Image,
    gland: np.ndarray | None,
    acquired: tuple[int, int],
    record: dict[str, Any],
    log: Log,
) -> Crop:
    automatic = crop_by_locator(t2w, task.protocol, task.options)
    if gland is not None:
        by, crop = "gland mask", crop_by_mask(gland, t2w, task.protocol, task.options)
        error = locator_error(gland, automatic, crop, t2w)
        record["locator"] = attrs.asdict(error)
    elif found := crop_by_findings(task.findings, t2w, task.protocol, task.options):
        by, crop = "finding", found
    else:
        by, crop = "locator", automatic
    record["crop"] = {"by": by}
    if task.options.items == "volumes":
        crop = volume_at(crop, gland, t2w, acquired, task.options)
        record["crop"] |= _planes_record(crop, t2w, acquired)
    else:
        crop = _without_blank_ends(crop, acquired, log)
        if reach := task.options.reach:
            crop, record["crop"]["without_neighbours"] = _with_neighbours(crop, acquired, reach)
    record["crop"] |= {
        "width_mm": crop.width_mm,
        "spacing_mm": crop.spacing_mm,
        "slices": [crop.slices[0] + 1, crop.slices[1] + 1, t2w.GetSize()[2]],
        "holds_gland": None if gland is None else holds(gland, crop, t2w),
    }
    if crop.planes is not None and record["crop"]["holds_gland"] is False:
        log.warn("The volume cuts the gland; more planes, or planes farther apart, hold all of it.")
    return crop


def _acquired(t2w: sitk.Image) -> tuple[int, int]:
    """First and last slice that show something: padding and a half-written file leave blank ones at the ends."""
    shown = np.flatnonzero(~blank_slices(sitk.GetArrayViewFromImage(t2w)))
    return int(shown[0]), int(shown[-1])


def _without_blank_ends(crop: Crop, acquired: tuple[int, int], log: Log) -> Crop:
    """The crop without slices at its ends that show nothing.

    Raises:
        Refused: no slice is left.
    """
    left = max(crop.slices[0], acquired[0]), min(crop.slices[1], acquired[1])
    if left == crop.slices:
        return crop
    if left[1] < left[0]:
        raise Refused("the T2w is blank where the gland is")
    log.warn("Slices at an end of the T2w are blank; they were left out.")
    return attrs.evolve(crop, slices=left)


def _with_neighbours(crop: Crop, acquired: tuple[int, int], reach: int) -> tuple[Crop, int]:
    """The crop's slices that have ``reach`` neighbours below and above, and how many it loses.

    Raises:
        Refused: none has.
    """
    left = max(crop.slices[0], acquired[0] + reach), min(crop.slices[1], acquired[1] - reach)
    if left[1] < left[0]:
        raise Refused(f"no slice around the gland has {reach} neighbours below and above")
    without = attrs.evolve(crop, slices=left)
    return without, crop.count - without.count


def _planes_record(crop: Crop, t2w: sitk.Image, acquired: tuple[int, int]) -> dict[str, Any]:
    return {
        "planes": crop.count,
        "slice_spacing_mm": crop.grid.step * t2w.GetSpacing()[2],
        "padded": int(crop.grid.outside(acquired).sum()),
        "outside": float(1 - inside(t2w, t2w, crop).mean()),
    }


def _truth(drawn: Delineations, t2w: sitk.Image, crop: Crop) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Tissue and lesion on the crop, (planes, rows, columns) uint8 each, where a mask shows them."""
    tissue = None if drawn.tissue is None else sample_labels(image_like(drawn.tissue, t2w), t2w, crop)
    if drawn.lesions is None:
        return tissue, None
    return tissue, sample_labels(image_like(drawn.lesions.all.astype(np.uint8), t2w), t2w, crop)


def _visible(labels: Labels, t2w: sitk.Image, crop: Crop, log: Log) -> np.ndarray:
    """Labels of the T2w slices that the crop shows; CS becomes unknown where all of the lesion is outside of it."""
    first, last = crop.slices
    cs = labels.cs_Z[first : last + 1].copy()
    if labels.cs is None:
        return cs
    hidden = (cs == YES) & ~shows(labels.cs, crop, t2w)
    if hidden.any():
        log.warn("Slices have their lesion outside of the crop: their labels are unknown.")
        cs[hidden] = UNKNOWN
    return cs
