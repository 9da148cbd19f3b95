"""What an import was asked for, and everything that is found before a study is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import attrs

from gankit import InputError
from gankit_dicom._masks import MaskFile, assign, find_masks
from gankit_dicom._named import find_volumes
from gankit_dicom._options import Options, refuse_other_kinds
from gankit_dicom._privacy import alias, read_or_make_salt
from gankit_dicom._protocol import FOLDER, Protocol, load_protocol
from gankit_dicom._refused import Refused
from gankit_dicom._run import Mapper
from gankit_dicom._scan import RefusedFile, files_under, scan
from gankit_dicom._series import group
from gankit_dicom._sources import AbstractSource, FileSource, SeriesSource
from gankit_dicom._study import StudyTask
from gankit_dicom._tables import Finding, read_findings, read_marksheet, read_split

Table = TypeVar("Table")


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
    test_fraction: float = 0.2
    jobs: int = 1

    def __attrs_post_init__(self) -> None:
        refuse_other_kinds(self)
        if self.out.suffix != ".safetensors":
            raise InputError(f"`out` {self.out}: a cohort file ends with .safetensors")
        if not 0 <= self.test_fraction < 1:
            raise InputError(f"`test_fraction` must be at least 0 and below 1, got {self.test_fraction}")
        if self.jobs < 1:
            raise InputError(f"`jobs` {self.jobs}: accepted: 1 and more")

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
    refused_masks: list[tuple[MaskFile, str]] = attrs.field(factory=list)
    split: Mapping[str, str] = attrs.field(factory=dict)
    warnings: list[str] = attrs.field(factory=list)
    """About the import as a whole, for the report and the terminal."""


@attrs.frozen
class _Study:
    number: int
    patient: str
    study: str
    sources: tuple[AbstractSource, ...]

    @property
    def name(self) -> str:
        """What a mask of it has in its path."""
        is_file = any(isinstance(source, FileSource) for source in self.sources)
        return f"{self.patient}_{self.study}" if is_file and self.study else self.patient


def find(request: Request, mapped: Mapper) -> Inputs:
    """Studies with their masks and labels, ready to be imported.

    Raises:
        InputError: no such folder, nothing in it, or an option that cannot be used.
    """
    # Studies, by headers or by file names.
    protocol = load_protocol(request.protocol)
    files = files_under(request.folder)
    studies, refused = _dicom(files, mapped) if request.kind == "DICOM" else _volumes(request, files, protocol)
    inputs = Inputs(files=len(files), refused_files=refused)

    # Tables of splits and labels; one that is not given says nothing.
    no_split: dict[str, str] = {}
    inputs.split = _table(request.split, "split", read_split, no_split, inputs.warnings)
    no_findings: tuple[dict[str, tuple[Finding, ...]], int] = {}, 0
    findings, bad_rows = _table(request.findings, "findings", read_findings, no_findings, inputs.warnings)
    if bad_rows:
        inputs.warnings.append(f"Table of findings: {bad_rows} rows without a position were left out.")
    no_cases: dict[tuple[str, str], bool] = {}
    cases = _table(request.marksheet, "marksheet", read_marksheet, no_cases, inputs.warnings)

    # Every study with its own part of all that.
    masks = _masks(request, studies, inputs)
    named = _namer(request)
    for study in studies:
        inputs.patients.append(study.patient)
        inputs.tasks.append(
            StudyTask(
                number=study.number,
                alias=named(study.patient),
                sources=tuple(source for source in study.sources if not _is_mask(source)),
                masks=tuple(masks.get(study.number, ())),
                findings=findings.get(study.patient, ()),
                case=cases.get((study.patient, study.study), _only_case(cases, study)),
                protocol=protocol,
                options=request.options,
                parts=request.beside(".parts"),
                sheets=request.beside(".sheets"),
            )
        )
    return inputs


def _dicom(files: list[Path], mapped: Mapper) -> tuple[list[_Study], list[RefusedFile]]:
    headers, refused = scan(files, mapped)
    studies = [
        _Study(study.number, study.patient, study.key, tuple(map(SeriesSource, study.series)))
        for study in group(headers)
    ]
    return studies, refused


def _volumes(request: Request, files: list[Path], protocol: Protocol) -> tuple[list[_Study], list[RefusedFile]]:
    found, refused = find_volumes(files, request.folder, request.pattern, protocol)
    studies = [_Study(number, each.patient, each.study, each.sources) for number, each in enumerate(found, start=1)]
    return studies, [RefusedFile(number, why) for number, why in refused]


def _table(file: Path | None, what: str, read: Callable[[Path], Table], without: Table, warnings: list[str]) -> Table:
    """A table, or nothing with a warning where it cannot be read; a split that cannot be read stops the import."""
    if file is None:
        return without
    try:
        return read(file)
    except Refused as why:
        if what == "split":
            raise InputError(f"`split` {file}: {why}") from why
        warnings.append(f"Table of the {what}: not used, {why}.")
        return without


def _only_case(cases: Mapping[tuple[str, str], bool], study: _Study) -> bool | None:
    """The marksheet's only line on this patient, for a study that it calls by another name; None if it has several."""
    own = [cs for (patient, _), cs in cases.items() if patient == study.patient]
    return own[0] if len(own) == 1 else None


def _masks(request: Request, studies: list[_Study], inputs: Inputs) -> dict[int, list[MaskFile]]:
    beside = {
        study.number: [
            MaskFile(s.number, s.file, s.name) for s in study.sources if isinstance(s, FileSource) and _is_mask(s)
        ]
        for study in studies
    }
    if request.masks is None:
        return beside
    if not request.masks.is_dir():
        raise InputError(f"`masks` {request.masks}: no such folder")
    assigned, inputs.refused_masks = assign(
        find_masks(request.masks), [(study.number, study.name, study.sources) for study in studies]
    )
    return {number: beside[number] + assigned[number] for number in beside}


def _is_mask(source: AbstractSource) -> bool:
    return isinstance(source, FileSource) and source.role == "mask"


def _namer(request: Request) -> Callable[[str], str]:
    if request.options.keep_ids:
        return str
    salt = read_or_make_salt(request.salt or request.beside(".salt"))
    return lambda patient: alias(patient, salt)
