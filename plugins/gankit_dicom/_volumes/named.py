"""Volumes found by their names: PI-CAI's, nnU-Net's, BIDS's, or by a user's pattern."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from gankit import InputError
from gankit_dicom._clutter import CLUTTER, is_clutter
from gankit_dicom._protocol import FileRules, MaskRule, Protocol
from gankit_dicom._sources import FileSource
from gankit_dicom._volumes.files import ending, files_of
from gankit_dicom._volumes.nnunet import Dataset, datasets_of
from gankit_dicom._volumes.pattern import expression
from gankit_dicom._volumes.sidecars import sidecars

SHELVES = "train(?:ing)?|test(?:ing)?|val(?:idation)?|data|images|scans|nifti|nii|raw|derivatives"
"""Folders of patients, which are no patients themselves."""
USUAL = (
    ("{patient}_{study}_{name}",),
    (f"{{patient:(?!(?:{SHELVES})/)[^/]+}}/{{study}}/{{name}}", "{patient}/{name}"),
    ("{patient}_{name}",),
)
"""Ways to call files, tried where neither the user nor the protocol gives patterns; endings are left out."""
CHANNEL = re.compile(r"\d{4}")
LOOKS_LIKE = {
    ("nnU-Net", "nnunet"): re.compile(r"_\d{4}$"),
    ("BIDS", "bids"): re.compile(r"(?:^|/)sub-[^/_]+_[^/]*$"),
}
"""Names that a shipped protocol reads."""


@attrs.frozen
class Found:
    """Volumes of one study by name."""

    patient: str
    study: str
    sources: tuple[FileSource, ...]


@attrs.frozen
class Volumes:
    """Everything that names say."""

    studies: tuple[Found, ...]
    refused: tuple[tuple[int, str], ...]
    """Files that belong to no study, by number, with the reason."""
    masks: tuple[MaskRule, ...] = ()
    """What a ``dataset.json`` says of the values of labels."""
    warnings: tuple[str, ...] = ()


@attrs.frozen
class _File:
    number: int
    file: Path
    text: str
    """Its path below the folder, without ending."""


@attrs.frozen
class _Reading:
    """What a file is by one pattern."""

    patient: str
    study: str
    name: str
    role: str
    """Empty where the name tells none, or a word of what a file is would be a patient or a study."""


def find_volumes(
    files: Sequence[Path], folder: Path, pattern: str | None, protocol: Protocol, masks: Path | None = None
) -> Volumes:
    """Find the studies among files.

    Each file has the first pattern by which its name tells what it is. The usual ways to call files are tried in order
    of how many studies have a T2w by each. If none finds a T2w, the folder's own name is put before each path, so that
    a user can give one patient's folder.

    Raises:
        InputError: the pattern lacks ``{patient}`` or ``{name}``, or names another field.
    """
    # Files of volumes, and what the others are.
    data_of_others = {data for file in files if ending(file) for data in (*files_of(file)[1:], *sidecars(file))}
    volumes, refused = [], []
    for number, file in enumerate(files, start=1):
        if is_clutter(file):
            refused.append((number, CLUTTER))
        elif ending(file):
            volumes.append((number, file))
        elif file not in data_of_others:
            refused.append((number, "not a NIfTI, MetaImage or NRRD file"))

    # Studies by their paths below the folder, else below the one above it.
    datasets = datasets_of(files, [folder, *([masks] if masks else [])]) if protocol.files.channel_names else {}
    names = _Names(protocol.files, datasets)
    for root in (folder, folder.absolute().parent):
        each = [_File(number, file, _text(file, root)) for number, file in volumes]
        studies, strangers = _studies(each, _expressions(pattern, each, names), names)
        with_t2w = [study for study in studies if any(source.role == "t2w" for source in study.sources)]
        if with_t2w:
            break
    rules, warnings = _labels(datasets)
    if len(with_t2w) < max(len(studies), 1) and not pattern and (other := _looks_like(each, protocol)):
        warnings.append(f"No name tells of a T2w in some studies; names look like {other[0]}'s: `protocol` {other[1]}.")
    return Volumes(studies, tuple(sorted(refused + strangers)), rules, tuple(warnings))


def _text(file: Path, root: Path) -> str:
    place = file if root in file.parents else file.absolute()
    return place.relative_to(root).as_posix()[: -len(ending(file))]


def _looks_like(files: Sequence[_File], protocol: Protocol) -> tuple[str, str] | None:
    """The convention whose names more than half of the files have, and the shipped protocol that reads them."""
    counts = {
        (whose, name): sum(bool(regex.search(file.text)) for file in files)
        for (whose, name), regex in LOOKS_LIKE.items()
        if name != protocol.name
    }
    best = max(counts, key=lambda each: counts[each], default=None)
    return best if best is not None and 2 * counts[best] > len(files) else None


# What a name tells ----------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class _Names:
    """What names mean by the rules of a protocol and by the data sets that files belong to."""

    rules: FileRules
    datasets: Mapping[Path, Dataset | str]

    def read_all(self, file: _File, patterns: Sequence[re.Pattern[str]]) -> list[_Reading]:
        """What a file is by each pattern that its path fits."""
        return [reading for each in patterns if (reading := self._read(file, each)) is not None]

    def _read(self, file: _File, pattern: re.Pattern[str]) -> _Reading | None:
        if (found := pattern.search(file.text)) is None:
            return None
        fields = found.groupdict()
        patient, study, name = fields["patient"], fields.get("study") or "", fields["name"].lower()
        if (dataset := self.datasets.get(file.file.parent)) is not None and CHANNEL.fullmatch(name):
            name = dataset.channels.get(name, "") if isinstance(dataset, Dataset) else ""
        misplaced = {patient.lower(), study.lower()} & self.rules.words
        return _Reading(patient, study, name, "" if misplaced else self.rules.role(name))


def _expressions(pattern: str | None, files: Sequence[_File], names: _Names) -> list[re.Pattern[str]]:
    """Patterns in the order in which they are tried."""
    try:
        given = [expression(text) for text in ((pattern,) if pattern else names.rules.patterns)]
    except ValueError as error:
        raise InputError(f"`pattern` {pattern}: {error}") from None
    if given:
        return given
    ways = [[expression(text) for text in way] for way in USUAL]
    counts = [_t2w_studies(way, files, names) for way in ways]
    if _mixes_patients(ways[-1][0], files, names):
        del ways[-1], counts[-1]
    return [each for _, way in sorted(zip(counts, ways, strict=True), key=lambda pair: -pair[0]) for each in way]


def _t2w_studies(way: Sequence[re.Pattern[str]], files: Sequence[_File], names: _Names) -> int:
    """How many studies have a T2w by one way to call files."""
    readings = (next((each for each in names.read_all(file, way) if each.role), None) for file in files)
    return len({(each.patient, each.study) for each in readings if each is not None and each.role == "t2w"})


def _mixes_patients(pattern: re.Pattern[str], files: Sequence[_File], names: _Names) -> bool:
    """Whether a pattern makes one patient of files of several folders, as of P1/ax_t2w and P2/ax_t2w."""
    folders: dict[tuple[str, str], set[Path]] = defaultdict(set)
    for file in files:
        for reading in names.read_all(file, [pattern]):
            folders[reading.patient, reading.name].add(file.file.parent if reading.role == "t2w" else Path())
    return any(len(each) > 1 for each in folders.values())


def _studies(
    files: Sequence[_File], patterns: Sequence[re.Pattern[str]], names: _Names
) -> tuple[tuple[Found, ...], list[tuple[int, str]]]:
    """Studies, and files of none with the reason. A file that does not tell what it is goes to a study that is there
    by other files, where it can."""
    studies: dict[tuple[str, str], list[FileSource]] = defaultdict(list)
    strangers, silent = [], []
    for file in files:
        readings = names.read_all(file, patterns)
        telling = next((reading for reading in readings if reading.role), None)
        if telling is not None:
            _add(studies, file, telling)
        elif readings:
            silent.append((file, readings))
        else:
            strangers.append((file.number, "its name does not fit the pattern"))
    for file, readings in silent:
        _add(studies, file, next((each for each in readings if (each.patient, each.study) in studies), readings[0]))
    found = tuple(
        Found(*key, tuple(sorted(sources, key=lambda source: source.number)))
        for key, sources in sorted(studies.items())
    )
    return found, strangers


def _add(studies: dict[tuple[str, str], list[FileSource]], file: _File, reading: _Reading) -> None:
    source = FileSource(file.number, file.file, reading.name, reading.role)
    studies[reading.patient, reading.study].append(source)


def _labels(datasets: Mapping[Path, Dataset | str]) -> tuple[tuple[MaskRule, ...], list[str]]:
    """What values of nnU-Net's labels mean, and what is wrong with it."""
    reasons = sorted({dataset for dataset in datasets.values() if isinstance(dataset, str)})
    warnings = [f"Not used: {why}." for why in reasons]
    labels = [dataset.labels for dataset in datasets.values() if isinstance(dataset, Dataset) and dataset.labels]
    if any(each != labels[0] for each in labels):
        return (), [*warnings, "Labels are not used: several dataset.json give their values several meanings."]
    return (tuple(MaskRule(words=("labels",), values=dict(each)) for each in labels[:1]), warnings)
