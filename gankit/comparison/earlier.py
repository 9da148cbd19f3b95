"""Comparisons that were made before: their methods stand beside those that are trained now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from gankit._errors import InputError
from gankit.evaluation.result_files import COMPARISON, read_comparison
from gankit.evaluation.results import ComparisonResult, RealSlices, Row, Settings
from gankit.files.paths import given_path, is_folder


@attrs.frozen(kw_only=True)
class Earlier:
    """A comparison that was made before, perhaps on another machine."""

    file: Path
    """Its ``comparison.json``."""
    digest: str
    """Of the file's bytes."""
    result: ComparisonResult

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of its methods. A row says in its note which file it is from, and has no path, since the run may be
        gone."""
        names = {name for method in self.result.methods for name in method.rows}
        origin = f"judged in {self.file} ({self.digest})"
        return tuple(
            attrs.evolve(row, path=None, note="; ".join(filter(None, (row.note, origin))))
            for row in self.result.rows
            if row.name in names
        )

    def refuse_other(self, settings: Settings) -> None:
        """Make sure that slices were judged there as they are here. Another version or another choice of metrics is
        no hindrance.

        Raises:
            InputError: they were judged otherwise; the message names the first difference.
        """
        for what, there, here, remedy in _differences(self.result.settings, settings):
            raise InputError(f"`beside` {self.file}: {what} {there} there, {here} here; {remedy}")

    def warnings(self, settings: Settings) -> Iterator[str]:
        """A sentence for each metric that one side lacks, and for each distribution that has another version."""
        there = self.result.settings
        if missing := [name for name in settings.metrics if name not in there.metrics]:
            yield f"rows of {self.file} have nothing of {', '.join(missing)}"
        if alone := [name for name in there.metrics if name not in settings.metrics]:
            yield f"only rows of {self.file} have readings of {', '.join(alone)}"
        both = [name for name in there.versions if name in settings.versions]
        if other := [name for name in both if there.versions[name] != settings.versions[name]]:
            listed = ", ".join(f"{name} {there.versions[name]}, here {settings.versions[name]}" for name in other)
            yield f"rows of {self.file} were made by {listed}"


def read_earlier(files: str | Path | Sequence[str | Path], methods: Sequence[str]) -> tuple[Earlier, ...]:
    """Read comparisons that were made before.

    Args:
        files: their folders or files ``comparison.json``.
        methods: names of the methods of the present comparison.

    Raises:
        InputError: there is no such file, it cannot be read or is no comparison, or two methods have one name.
    """
    found = []
    taken = dict.fromkeys(methods, "this comparison")
    paths = [files] if isinstance(files, str | Path) else files
    if not isinstance(paths, list | tuple):
        raise InputError(f"`beside` must be folders or files of comparisons, got {files!r}")
    for path in paths:
        given = given_path("beside", path)
        file = given / COMPARISON if is_folder(given) else given
        if not file.is_file():
            raise InputError(f"`beside` {file}: no such file; name a comparison.json, or the folder of a comparison")
        result = read_comparison(file)
        for method in result.methods:
            if method.name in taken:
                raise InputError(
                    f"`beside` {file}: has a method {method.name!r}, as {taken[method.name]} has; give the recipe"
                    " another `name`"
                )
            taken[method.name] = str(file)
        digest = hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
        found.append(Earlier(file=file, digest=digest, result=result))
    return tuple(found)


def _differences(there: Settings, here: Settings) -> Iterator[tuple[str, str, str, str]]:
    """What was judged otherwise: a name, both values, and what to do."""
    one, other = (f"{each.label}={each.value}" for each in (there, here))
    if one != other:
        yield "`label`", one, other, f"give `label` {one}"
    for key in ("sets", "per_set", "seed"):
        if (one := str(getattr(there, key))) != (other := str(getattr(here, key))):
            yield f"`{key}`", one, other, f"give `{key}` {one}"
    if [*there.modalities] != [*here.modalities]:
        one, other = (",".join(each.modalities) for each in (there, here))
        yield "`modalities`", one, other, f"give `modalities` {one}"
    for name, modality in there.modalities.items():
        for key in ("shape", "unit", "range"):
            if (had := getattr(modality, key)) != (has := getattr(here.modalities[name], key)):
                yield f"modalities.{name}.{key}", str(had), str(has), "compare at one size, unit and range"
    for metric in [name for name in there.metrics if name in here.metrics]:
        for key, had in there.metrics[metric].items():
            if had != (has := here.metrics[metric].get(key)):
                yield f"`options` {metric}.{key}", str(had), str(has), f"give `options` {metric}.{key}={had}"
    for what, had_slices, has_slices in (
        ("real", there.real, here.real),
        ("fresh", there.fresh, here.fresh),
        ("external", there.external, here.external),
    ):
        if _digest(had_slices) != _digest(has_slices):
            remedy = "only methods that were judged against the same slices can be compared"
            yield f"{what} slices", _slices(had_slices), _slices(has_slices), remedy


def _digest(slices: RealSlices | None) -> str | None:
    return None if slices is None else slices.digest


def _slices(slices: RealSlices | None) -> str:
    return "none" if slices is None else f"{slices.slices} of {slices.source} (digest {slices.digest})"
