"""Files of masks of glands, zones and lesions: which belongs to which study."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from gankit import progress
from gankit_dicom._clutter import CLUTTER, is_clutter
from gankit_dicom._dicom.headers import refuse_foreign
from gankit_dicom._dicom.kinds import SEGMENTATION
from gankit_dicom._labels.lattice import on_lattice, same_corners
from gankit_dicom._labels.segmentation import Owner, read_owner
from gankit_dicom._protocol import MaskRule, Protocol, plain
from gankit_dicom._refused import Refused
from gankit_dicom._sources import AbstractSource, SeriesSource
from gankit_dicom._volumes.files import ending, file_place, files_of
from gankit_dicom._volumes.stored import Place

ARRAYS = (".npz", ".npy")
NO_MASK = "not a NIfTI, MetaImage, NRRD or DICOM segmentation file"


@attrs.frozen
class MaskFile:
    """One file of a mask; ``number`` is ours, by the order of names."""

    number: int
    file: Path
    parts: tuple[str, ...]
    """Names of the folders that it is in and its own, as ``plain`` writes them, without a patient's or study's id;
    they stay in memory."""
    path: str = ""
    """Its path below the folder of masks, for the report; empty for a file in the folder of images."""
    owner: Owner | None = None
    """Whose a DICOM segmentation is; none for other files."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is read from."""
        return files_of(self.file) if self.owner is None else (self.file,)


@attrs.frozen
class Named:
    """A study that a mask may be of."""

    number: int
    patient: str
    study: str
    sources: Sequence[AbstractSource]
    keys: Sequence[str] = ()
    """UIDs of the studies that it is made of."""


def mask_files(folder: Path, files: Iterable[Path]) -> tuple[list[MaskFile], list[tuple[str, str]]]:
    """Masks among the files below a folder, in order of names, and the paths of other files with the reason.

    Hidden files and folders are passed over, but for what an operating system leaves.
    """
    masks: list[MaskFile] = []
    others: list[tuple[str, str]] = []
    files = sorted(files)
    data_of_others = {data for file in files if ending(file) for data in files_of(file)[1:]}
    for file in files:
        place = file.relative_to(folder)
        if is_clutter(place):
            others.append((place.as_posix(), CLUTTER))
            continue
        if any(part.startswith(".") for part in place.parts) or file in data_of_others:
            continue
        try:
            owner = None if ending(file) else _owner(file)
        except Refused as why:
            others.append((place.as_posix(), str(why)))
            continue
        name = place.name[: len(place.name) - len(ending(place))]
        parts = (folder.absolute().name, *place.parts[:-1], name)
        masks.append(MaskFile(len(masks) + 1, file, tuple(map(plain, parts)), place.as_posix(), owner))
    return masks, others


def _owner(file: Path) -> Owner:
    if file.suffix.lower() in ARRAYS:  # zip archives to the eye
        raise Refused(NO_MASK)
    refuse_foreign(file, NO_MASK)
    return read_owner(file)


def segmentation_file(number: int, file: Path) -> MaskFile:
    """A DICOM segmentation in the folder of images; its name says nothing.

    Raises:
        Refused: as ``read_owner`` does.
    """
    return MaskFile(number, file, (f"/{number}",), owner=read_owner(file))


# Whose a mask is -------------------------------------------------------------------------------------------


def assign(
    masks: Sequence[MaskFile], studies: Sequence[Named]
) -> tuple[dict[int, list[MaskFile]], list[tuple[MaskFile, str]]]:
    """Masks of each study, by what a DICOM segmentation says, else by names in the path, else by place in space.

    A mask is of one study or of none. Where a name fits several studies, as that of a patient with two studies, the one
    that has a series on the mask's grid is taken. Place alone counts only where no mask names a study: a name that
    fits nobody among names that fit is of somebody else.

    Returns: masks by number of study, and those of no study with the reason.
    """
    chosen: dict[int, list[MaskFile]] = {study.number: [] for study in studies}
    refused = []
    places: dict[int, list[Place]] = {}
    index = _Index.of(studies)
    fitting = [_owned(mask, studies) or _named(mask, index) for mask in progress(masks, "matching masks")]
    for mask, named in zip(masks, fitting, strict=True):
        try:
            if not named and index.named_in(mask.parts):
                raise Refused("its name says a study that is not here of a patient who is")
            study = _of_several(mask, named, places) if named else _by_place(mask, studies, any(fitting), places)
        except Refused as error:
            refused.append((mask, str(error)))
            continue
        parts = tuple(_without_ids(part, study) for part in mask.parts)
        chosen[study.number].append(attrs.evolve(mask, parts=parts))
    return chosen, refused


def _of_several(mask: MaskFile, named: Sequence[Named], places: dict[int, list[Place]]) -> Named:
    """The one of the studies that a mask's name fits on whose voxels it lies."""
    if len(named) == 1:
        return named[0]
    found: list[Named] = []
    if mask.owner is None:
        place = file_place(mask.file)
        found = [study for study in named if any(on_lattice(place, each) for each in _places(study, places))]
    if len(found) == 1:
        return found[0]
    of = "studies of a patient" if len({study.patient for study in named}) == 1 else "patients"
    fitting = "several" if found else "none"
    raise Refused(f"its name fits several {of}, and its place {fitting} of them; say in its path which study it is of")


def _by_place(mask: MaskFile, studies: Sequence[Named], others_named: bool, places: dict[int, list[Place]]) -> Named:
    """The one study with a series that has all of its corners where the mask has them."""
    if mask.owner is not None:
        raise Refused(SEGMENTATION)
    if others_named:
        raise Refused("no patient who is here in its name")
    place = file_place(mask.file)
    found = [study for study in studies if any(same_corners(place, each) for each in _places(study, places))]
    if len(found) > 1:
        raise Refused(f"no patient's id in its name, and {len(found)} studies have series on its grid")
    if not found:
        raise Refused("no patient's id in its name, and no series on its grid")
    return found[0]


def _owned(mask: MaskFile, studies: Sequence[Named]) -> list[Named]:
    """Studies that a DICOM segmentation says it is of: that study, else those of its patient."""
    if mask.owner is None:
        return []
    own = [study for study in studies if mask.owner.study in study.keys]
    return own or [study for study in studies if study.patient == mask.owner.patient]


@attrs.frozen(eq=False)
class _Index:
    """Studies by what may name them in a path."""

    by_name: Mapping[str, Sequence[Named]]
    longest: int
    """Words of the longest name."""

    @classmethod
    def of(cls, studies: Iterable[Named]) -> _Index:
        by_name: dict[str, list[Named]] = {}
        for study in studies:
            for name in {study.patient, *study.keys}:
                by_name.setdefault(plain(name), []).append(study)
        return cls(by_name, max((name.count("_") - 1 for name in by_name), default=0))

    def named_in(self, parts: Iterable[str]) -> list[Named]:
        """Studies of which a name is in a part of a path, in order of their numbers."""
        found = {study.number: study for part in parts for name in self._names(part) for study in self.by_name[name]}
        return [found[number] for number in sorted(found)]

    def _names(self, part: str) -> Iterator[str]:
        words = part.strip("_").split("_")
        for start in range(len(words)):
            for end in range(start + 1, min(start + self.longest, len(words)) + 1):
                if (name := f"_{'_'.join(words[start:end])}_") in self.by_name:
                    yield name


def _named(mask: MaskFile, index: _Index) -> list[Named]:
    """Studies that are named in a path, by the most telling kind of name.

    A study and its patient tell more than a patient alone, and a patient at the start of a name more than one inside
    of it. An id inside of a longer one, as P-1 in P-1-2, is not there.
    """
    found = index.named_in(mask.parts)
    names = {plain(study.patient) for study in found}
    kept = [
        study
        for study in found
        if not any(plain(study.patient) in other and plain(study.patient) != other for other in names)
        and not _is_of_other_study(mask.parts, study)
    ]
    tells = {study.number: _tells(mask.parts, study) for study in kept}
    return [study for study in kept if tells[study.number] == max(tells.values())]


def _tells(parts: Sequence[str], study: Named) -> int:
    patient, name = plain(study.patient), plain(study.study)
    if study.study and any(patient + name[1:] in part for part in parts):
        return 2
    if study.study and any(name in one and patient in other for one in parts for other in parts if one is not other):
        return 2
    return int(any(part.startswith(patient) for part in parts))


def _is_of_other_study(parts: Sequence[str], study: Named) -> bool:
    """Whether a path has another number than the study's where the study's would be, as in 10001_1000002 or
    10001/1000002."""
    path, number = plain("_".join(parts)), study.study
    if not number.isdigit() or plain(number) in path:
        return False
    found = re.findall(rf"(?={re.escape(plain(study.patient))}(\d+)_)", path)
    return any(len(other) == len(number) for other in found)


def _without_ids(part: str, study: Named) -> str:
    for name in (study.patient, study.study):
        if name:
            part = part.replace(plain(name), "_")
    return part


def _places(study: Named, places: dict[int, list[Place]]) -> list[Place]:
    """Where the voxels of a study's series are, read once."""
    if study.number not in places:
        places[study.number] = list(_lattices(study.sources))
    return places[study.number]


def _lattices(sources: Iterable[AbstractSource]) -> Iterator[Place]:
    for source in sources:
        try:
            yield source.lattice()
        except Refused:  # the import of its study says why
            continue


def drawn_on(masks: Sequence[MaskFile], sources: Sequence[AbstractSource], protocol: Protocol) -> dict[int, int]:
    """How many masks of a study lie on each of its T2w, by number; empty where it has one T2w, or no mask."""
    candidates = [source for source in sources if source.against("t2w", protocol) is None]
    if len(candidates) < 2:
        return {}
    counts = dict.fromkeys((source.number for source in candidates), 0)
    for mask in masks:
        for source in candidates:
            counts[source.number] += _is_drawn_on(mask, source)
    return counts


def _is_drawn_on(mask: MaskFile, source: AbstractSource) -> bool:
    if mask.owner is not None:
        return isinstance(source, SeriesSource) and source.series.first.series in mask.owner.series
    try:
        return on_lattice(file_place(mask.file), source.lattice())
    except Refused:  # the import of the mask or of the series says why
        return False


# What a mask shows, and who drew it ------------------------------------------------------------------------


def rule_of(parts: Sequence[str], rules: Sequence[MaskRule]) -> MaskRule:
    """The first rule that has a word which is in the deepest part of the path that has a word of any.

    Raises:
        Refused: there is no such rule.
    """
    for part in reversed(parts):
        for rule in rules:
            if rule.names(part):
                return rule
    raise Refused("no rule of the protocol says what its values are; say in its path what it shows, as lesion or gland")


def reader_of(parts: Sequence[str], protocol: Protocol) -> str:
    """ "human" or "AI" by the deepest part of a path that says it; empty where none does."""
    for part in reversed(parts):
        for reader, words in (("human", protocol.readers.human), ("AI", protocol.readers.ai)):
            if any(word in part for word in words):
                return reader
    return ""


def copy_of(parts: Sequence[str], protocol: Protocol) -> tuple[str, ...]:
    """Equal for files that hold one delineation on several grids."""
    copies: Mapping[str, str] = dict.fromkeys(protocol.readers.copies, "")
    return tuple(copies.get(part, part) for part in parts)
