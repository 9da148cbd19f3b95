"""What an import was asked for, and everything that is found before a study is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from gankit import InputError, asked_fractions, nearest, require_cohort_name
from gankit_dicom._dicom.kinds import SEGMENTATION
from gankit_dicom._labels.given import given_cases, given_findings, given_split
from gankit_dicom._labels.masks import MaskFile, Named, assign, mask_files, segmentation_file
from gankit_dicom._options import PATIENT_FROM, Options, refuse_other_kinds
from gankit_dicom._privacy import alias, read_or_make_salt
from gankit_dicom._protocol import FOLDER, Protocol, load_protocol, plain
from gankit_dicom._refused import Refused
from gankit_dicom._run import Mapper
from gankit_dicom._scan import RefusedFile, files_under, scan, summary, walked
from gankit_dicom._series.patients import in_one_spelling, patient_warnings, with_patients
from gankit_dicom._series.series import group
from gankit_dicom._sources import AbstractSource, FileSource, SeriesSource
from gankit_dicom._study import StudyTask
from gankit_dicom._volumes.named import find_volumes


def _to_path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


@attrs.frozen(kw_only=True)
class Request:
    """One import as asked for.

    Raises:
        InputError: a value that is not accepted.
    """

    kind: str
    """"DICOM" or "volumes"."""
    folder: Path = attrs.field(converter=Path)
    out: Path
    kept: bool = True
    """Whether the user wants the files; if not, ``out`` is in a temporary folder."""
    protocol: str = attrs.field(converter=str)
    options: Options
    masks: Path | None = attrs.field(default=None, converter=_to_path)
    findings: Path | None = attrs.field(default=None, converter=_to_path)
    marksheet: Path | None = attrs.field(default=None, converter=_to_path)
    split: Path | None = attrs.field(default=None, converter=_to_path)
    salt: Path | None = attrs.field(default=None, converter=_to_path)
    pattern: str | None = None
    patient_from: str = "header"
    test_fraction: float | None = None
    validation_fraction: float = 0.0
    jobs: int = 1

    def __attrs_post_init__(self) -> None:
        refuse_other_kinds(self)
        require_cohort_name(self.out)
        asked_fractions(self.test_fraction, self.validation_fraction, self.split)
        if self.patient_from not in PATIENT_FROM:
            close = nearest(str(self.patient_from), PATIENT_FROM)
            raise InputError(f"`patient_from` {self.patient_from!r}{close}; accepted: {', '.join(PATIENT_FROM)}")
        if self.jobs < 1:
            raise InputError(f"`jobs` {self.jobs}: accepted: 1 and more")

    @property
    def fractions(self) -> tuple[float, float]:
        """Shares of the patients in test and in validation, where the split is drawn."""
        return asked_fractions(self.test_fraction, self.validation_fraction, self.split)

    @property
    def report(self) -> Path:
        """What was chosen and refused, and why."""
        return self.beside(".report.html")

    def beside(self, ending: str) -> Path:
        """A file or folder named as the cohort with another ending."""
        return self.out.with_name(self.out.stem + ending)

    @property
    def protocol_name(self) -> str:
        """The name of a shipped protocol. The name of a user's file is not repeated, since it may name a site."""
        return self.protocol if (FOLDER / f"{self.protocol}.toml").is_file() else "of the user"


@attrs.define(kw_only=True)
class Inputs:
    """What was found."""

    files: int
    refused_files: list[RefusedFile]
    patients: list[str] = attrs.field(factory=list)
    """Real ids, aligned with ``tasks``."""
    tasks: list[StudyTask] = attrs.field(factory=list)
    unused_masks: list[tuple[str, str]] = attrs.field(factory=list)
    """Paths below the folder of masks of what belongs to no study or is no mask, with the reason."""
    split: Mapping[str, str] = attrs.field(factory=dict)
    warnings: list[str] = attrs.field(factory=list)
    """About the import as a whole, for the report and the terminal."""


@attrs.frozen
class _Study:
    number: int
    patient: str
    study: str
    sources: tuple[AbstractSource, ...]
    keys: tuple[str, ...] = ()
    """UIDs of all studies of the visit."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find(request: Request, mapped: Mapper) -> Inputs:
    """Studies with their masks and labels, ready to be imported.

    Raises:
        InputError: no such folder, nothing in it, or an option that cannot be used.
    """
    # Studies, by headers or by file names.
    protocol = load_protocol(request.protocol)
    files = files_under(request.folder)
    inputs = Inputs(files=len(files), refused_files=[])
    if request.kind == "DICOM":
        studies = _dicom(request, files, mapped, inputs)
    else:
        studies, protocol = _volumes(request, files, protocol, inputs)

    # Tables of splits and labels; one that is not given says nothing.
    names = {study.number: (study.patient, study.keys or (study.study,)) for study in studies}
    inputs.split = given_split(request.split, names, inputs.warnings)
    findings = given_findings(request.findings, names, inputs.warnings)
    cases = given_cases(request.marksheet, names, inputs.warnings)

    # Every study with its own part of all that.
    named = _namer(request)
    masks = _masks(request, studies, files, inputs, {study.patient: named(study.patient) for study in studies})
    for study in studies:
        inputs.patients.append(study.patient)
        inputs.tasks.append(
            StudyTask(
                number=study.number,
                alias=named(study.patient),
                sources=tuple(source for source in study.sources if not _is_mask(source)),
                masks=tuple(masks.get(study.number, ())),
                findings=findings[study.number],
                case=tuple(sorted(cases[study.number])),
                warnings=study.warnings,
                notes=study.notes,
                protocol=protocol,
                options=request.options,
                parts=request.beside(".parts"),
                sheets=request.beside(".sheets"),
            )
        )
    inputs.warnings += [f"{_files(count)} not used: {why}." for why, count, _ in summary(inputs.refused_files)]
    return inputs


def _dicom(request: Request, files: list[Path], mapped: Mapper, inputs: Inputs) -> list[_Study]:
    headers, refused = scan(files, mapped)
    unnamed = sum(not header.patient for header in headers) if request.patient_from == "header" else 0
    headers, nobodys = with_patients(headers, request.patient_from, request.folder)
    headers, respelled = in_one_spelling(headers) if request.patient_from == "header" else (headers, 0)
    numbers = {file: number for number, file in enumerate(files, start=1)}
    refused += [RefusedFile(numbers[file], why) for file, why in nobodys.items()]
    inputs.refused_files = sorted(refused, key=lambda each: each.number)
    inputs.warnings += patient_warnings(headers, unnamed, respelled)
    return [
        _Study(
            number=study.number,
            patient=study.patient,
            study=study.keys[0],
            sources=tuple(map(SeriesSource, study.series)),
            keys=study.keys,
            warnings=study.warnings,
            notes=study.notes,
        )
        for study in group(headers)
    ]


def _volumes(request: Request, files: list[Path], protocol: Protocol, inputs: Inputs) -> tuple[list[_Study], Protocol]:
    """Studies by names, and the protocol with what the files say of their labels."""
    found = find_volumes(files, request.folder, request.pattern, protocol, request.masks)
    inputs.warnings += found.warnings
    inputs.refused_files = [RefusedFile(number, why) for number, why in found.refused]
    studies = [
        _Study(number, each.patient, each.study, each.sources) for number, each in enumerate(found.studies, start=1)
    ]
    return studies, attrs.evolve(protocol, masks=(*found.masks, *protocol.masks))


def _masks(
    request: Request, studies: list[_Study], files: list[Path], inputs: Inputs, aliases: Mapping[str, str]
) -> dict[int, list[MaskFile]]:
    """Masks by number of study: those of the folder of masks, then those in the folder of images."""
    masks: list[MaskFile] = []
    if request.masks is not None:
        if not request.masks.is_dir():
            raise InputError(f"`masks` {request.masks}: no such folder")
        images = {file for study in studies for source in study.sources for file in source.files}
        given = (file for file in walked(request.masks) if file not in images)
        masks, others = mask_files(request.masks, given)
        inputs.unused_masks += others
    masks += _segmentations(len(masks), files, inputs)
    named = [Named(study.number, study.patient, study.study, study.sources, study.keys) for study in studies]
    assigned, refused = assign(masks, named)
    inputs.unused_masks += [(mask.path, why) for mask, why in refused if mask.path]
    inputs.refused_files += [RefusedFile(files.index(mask.file) + 1, why) for mask, why in refused if not mask.path]
    count = len(masks)
    for study in studies:
        for source in study.sources:
            if isinstance(source, FileSource) and _is_mask(source):
                count += 1
                assigned[study.number].append(MaskFile(count, source.file, (plain(source.name),)))

    # What is not used.
    reasons = Counter(why for _, why in inputs.unused_masks)
    inputs.warnings += [f"`masks`: {_files(number)} not used: {why}." for why, number in reasons.most_common()]
    if request.masks is not None and not any(mask.path for mask in masks):
        inputs.warnings.append("`masks`: no file of it is a mask.")
    inputs.unused_masks = [(_unnamed(path, aliases), why) for path, why in inputs.unused_masks]
    for masks in assigned.values():
        masks[:] = [attrs.evolve(mask, path=_unnamed(mask.path, aliases)) for mask in masks]
    return assigned


def _segmentations(count: int, files: list[Path], inputs: Inputs) -> list[MaskFile]:
    """DICOM segmentations among the files that are no images, which they leave; ``count`` masks go before them."""
    masks: list[MaskFile] = []
    others: list[RefusedFile] = []
    for refused in inputs.refused_files:
        try:
            if refused.why != SEGMENTATION:
                raise Refused(refused.why)
            masks.append(segmentation_file(count + len(masks) + 1, files[refused.number - 1]))
        except Refused as why:
            others.append(RefusedFile(refused.number, str(why)))
    inputs.refused_files = others
    return masks


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _unnamed(path: str, aliases: Mapping[str, str]) -> str:
    """A path with the aliases of patients in place of their ids."""
    if not aliases:
        return path
    by_key = {patient.lower(): alias for patient, alias in aliases.items()}
    ids = "|".join(map(re.escape, sorted(by_key, key=len, reverse=True)))
    return re.sub(rf"(?<![^\W_])(?:{ids})(?![^\W_])", lambda found: by_key[found[0].lower()], path, flags=re.IGNORECASE)


def _is_mask(source: AbstractSource) -> bool:
    return isinstance(source, FileSource) and source.role == "mask"


def _namer(request: Request) -> Callable[[str], str]:
    if request.options.keep_ids:
        return str
    salt = read_or_make_salt(request.salt or request.beside(".salt"), users=request.salt is not None)
    return lambda patient: alias(patient, salt)
