"""One study to slices: the unit of parallel work."""

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
from gankit_dicom._labels.labels import NO, UNKNOWN, YES, Labels, labels_of
from gankit_dicom._labels.masks import MaskFile, copy_of, drawn_on, reader_of
from gankit_dicom._labels.tables import Finding
from gankit_dicom._log import Log, Row
from gankit_dicom._options import Options
from gankit_dicom._part import Part, key_of, read_part, write_part
from gankit_dicom._protocol import Protocol
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import blank_slices
from gankit_dicom._sheet import sheet_png
from gankit_dicom._slices.dce import Enhancement
from gankit_dicom._slices.geometry import Crop, image_like, inside, sample, sample_labels, sample_measured
from gankit_dicom._slices.intensity import Levels, inpainted, levels, measured_mask, percentile_scale, without_bias
from gankit_dicom._slices.modalities import Chosen, choose
from gankit_dicom._slices.place import crop_by_findings, crop_by_locator, crop_by_mask, holds, locator_error, shows
from gankit_dicom._slices.registration import box_around, refine
from gankit_dicom._sources import AbstractSource

COVERED = 0.5
"""Part of a slice that a modality must cover to be present in it."""


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
    record: dict[str, Any] = {"study": task.number, "patient": task.alias, "slices": 0, "why": ""}
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
    crop = _crop(task, t2w, gland, record, log)
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
    values = _sampled(task, chosen, scanned, crop, gland, record)
    tissue, lesion_NSS = _truth(drawn, t2w, crop)
    cs = _visible(labels, t2w, crop, log)
    part = Part(
        record=record,
        modalities={name: images for name, (images, _) in values.items()},
        present={name: present for name, (_, present) in values.items()},
        cs=cs,
        tissue=tissue,
        lesion=lesion_NSS,
        spacing_mm=crop.spacing_mm,
    )
    record["slices"] = len(part)
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


def _crop(task: StudyTask, t2w: sitk.Image, gland: np.ndarray | None, record: dict[str, Any], log: Log) -> Crop:
    automatic = crop_by_locator(t2w, task.protocol, task.options)
    if gland is not None:
        by, crop = "gland mask", crop_by_mask(gland, t2w, task.protocol, task.options)
        error = locator_error(gland, automatic, crop, t2w)
        record["locator"] = attrs.asdict(error)
    elif found := crop_by_findings(task.findings, t2w, task.protocol, task.options):
        by, crop = "finding", found
    else:
        by, crop = "locator", automatic
    crop = _without_blank_ends(crop, t2w, log)
    record["crop"] = {
        "by": by,
        "width_mm": crop.width_mm,
        "spacing_mm": crop.spacing_mm,
        "slices": [crop.slices[0] + 1, crop.slices[1] + 1, t2w.GetSize()[2]],
        "holds_gland": None if gland is None else holds(gland, crop, t2w),
    }
    return crop


def _without_blank_ends(crop: Crop, t2w: sitk.Image, log: Log) -> Crop:
    """The crop without slices at its ends that show nothing, as padding and a half-written file leave them.

    Raises:
        Refused: no slice is left.
    """
    (first, last), shown = crop.slices, np.flatnonzero(~blank_slices(sitk.GetArrayViewFromImage(t2w)))
    left = max(first, int(shown[0])), min(last, int(shown[-1]))
    if left == crop.slices:
        return crop
    if left[1] < left[0]:
        raise Refused("the T2w is blank where the gland is")
    log.warn("Slices at an end of the T2w are blank; they were left out.")
    return attrs.evolve(crop, slices=left)


def _sampled(
    task: StudyTask,
    chosen: Chosen,
    scanned: Levels,
    crop: Crop,
    gland: np.ndarray | None,
    record: dict[str, Any],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images on the crop and where they are present, by modality."""
    t2w = scanned.image
    values = {"t2w": (_t2w(task, chosen, scanned, crop, gland, record), np.ones(crop.count, dtype=bool))}
    if chosen.adc is not None:
        record["adc"] = {"made": chosen.adc.made, "outside": chosen.adc.outside, "zeros": task.options.zeros}
        transform = _refined(task, t2w, chosen.adc.image, crop, gland, record["adc"])
        values["adc"] = _adc(task, chosen.adc.image, t2w, crop, transform, record["adc"])
    if chosen.dce is not None:
        record["dce"] = _dce_record(chosen.dce, task.options.dce)
        transform = _refined(task, t2w, chosen.dce.pre.image, crop, gland, record["dce"])
        if (enhanced := getattr(chosen.dce, task.options.dce)) is not None:
            images = sample(enhanced.image, t2w, crop, transform)
            values["dce"] = _where_covered(images, enhanced.image, t2w, crop, transform)
    return values


def _t2w(
    task: StudyTask, chosen: Chosen, scanned: Levels, crop: Crop, gland: np.ndarray | None, record: dict[str, Any]
) -> np.ndarray:
    """T2w on the crop in the protocol's range, no signal outside of the volume; where no mask shows the gland, the
    middle of the crop stands for it."""
    t2w = scanned.image
    images = sample(without_bias(t2w) if task.options.bias == "n4" else t2w, t2w, crop, outside=scanned.nothing)
    if (padding := chosen.t2w.padding) is not None:
        images[sample(padding, t2w, crop) > 0] = np.nan
    if gland is None:
        shown = np.zeros(images.shape, dtype=bool)
        quarter = crop.size // 4
        shown[:, quarter : crop.size - quarter, quarter : crop.size - quarter] = True
    else:
        shown = sample_labels(image_like(gland.astype(np.uint8), t2w), t2w, crop) > 0
    protocol = task.protocol
    scale = percentile_scale(images, shown, protocol.t2w_percentiles, protocol.t2w_over_gland, protocol.t2w_range)
    record["t2w"] = {
        "low": scanned.in_units(scale.low),
        "high": scanned.in_units(scale.high),
        "to": list(scale.to),
        "cut": float((images > scale.high).mean()),
        "bias": task.options.bias,
    }
    return scale.apply(images)


def _refined(
    task: StudyTask, t2w: sitk.Image, image: sitk.Image, crop: Crop, gland: np.ndarray | None, record: dict[str, Any]
) -> sitk.Transform | None:
    """The refined transform from T2w to ``image`` if it is asked for and better; what was tried goes to the record."""
    if task.options.register == "none":
        return None

    # The box that is looked at: around the gland, else all of the crop.
    shown = np.zeros(t2w.GetSize()[::-1], dtype=bool)
    reach = int(crop.width_mm / 2 / t2w.GetSpacing()[0])
    column, row = (round(place) for place in crop.centre)
    shown[
        crop.slices[0] : crop.slices[1] + 1, max(0, row - reach) : row + reach, max(0, column - reach) : column + reach
    ] = True
    box = box_around(shown if gland is None else gland, t2w, 15.0 if gland is not None else 0.0)
    found = refine(t2w, image, box, task.options.register, task.options.seed)
    record["registration"] = {"kept": found.kept, "figures": dict(found.figures), "shift_mm": found.shift_mm}
    return found.transform


def _adc(
    task: StudyTask, adc: sitk.Image, t2w: sitk.Image, crop: Crop, transform: Any, record: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """ADC on the crop and where it is present; voxels without a measurement are treated as the options say."""
    measured = measured_mask(adc)
    measured_NSS = sample(measured, t2w, crop, transform)
    record["unmeasured"] = float(1 - measured_NSS.mean())
    if task.options.zeros == "inpaint":
        images = sample(inpainted(adc), t2w, crop, transform)
    elif task.options.zeros == "exclude":
        images = sample_measured(adc, measured, t2w, crop, transform)
    else:
        images = sample(adc, t2w, crop, transform)
    images, present = _where_covered(images, adc, t2w, crop, transform)
    present &= measured_NSS.reshape(len(measured_NSS), -1).any(axis=1)
    images[~present] = 0
    return images, present


def _where_covered(
    images: np.ndarray, image: sitk.Image, t2w: sitk.Image, crop: Crop, transform: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Images of slices that ``image`` covers, 0 in the others, and which these are."""
    present = inside(image, t2w, crop, transform) >= COVERED
    images[~present] = 0
    return images, present


def _dce_record(dce: Enhancement, written: str) -> dict[str, Any]:
    pre, early, late = dce.counts
    return {"written": written, "arrival_s": dce.arrival_s, "pre": pre, "early": early, "late": late}


def _truth(drawn: Delineations, t2w: sitk.Image, crop: Crop) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Tissue and lesion on the crop, (n, size, size) uint8 each, where a mask shows them."""
    tissue = None if drawn.tissue is None else sample_labels(image_like(drawn.tissue, t2w), t2w, crop)
    if drawn.lesions is None:
        return tissue, None
    return tissue, sample_labels(image_like(drawn.lesions.all.astype(np.uint8), t2w), t2w, crop)


def _visible(labels: Labels, t2w: sitk.Image, crop: Crop, log: Log) -> np.ndarray:
    """Labels of the crop's slices; CS becomes unknown where all of the lesion is outside of the crop."""
    first, last = crop.slices
    cs = labels.cs_Z[first : last + 1].copy()
    if labels.cs is None:
        return cs
    hidden = (cs == YES) & ~shows(labels.cs, crop, t2w)
    if hidden.any():
        log.warn("Slices have their lesion outside of the crop: their labels are unknown.")
        cs[hidden] = UNKNOWN
    return cs
