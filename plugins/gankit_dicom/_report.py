"""The import report: one HTML page, which names nobody, with what needs a look first."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jinja2 import Environment

from gankit import Cohort, RunError
from gankit_dicom._inputs import Inputs, Request
from gankit_dicom._log import counted_warnings
from gankit_dicom._options import ZEROS, Options
from gankit_dicom._part import Kept
from gankit_dicom._scan import summary

TEMPLATE = Path(__file__).parent / "report.html"
INSIDE = 20
"""A report of at most so many studies with a sheet holds the sheets, so that it can be sent alone. A larger one shows
them from their folder beside it."""
MAX_PATHS = 20
"""Of masks that are not used for one reason."""


def report_html(
    request: Request, inputs: Inputs, parts: Sequence[Kept], cohort: Cohort | None, warnings: Sequence[str]
) -> str:
    """The report as one HTML page that links to nothing, but for the sheets of more than ``INSIDE`` studies."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    records = [part.record for part in parts]
    said = set(counted_warnings(records))
    inside = sum("sheet" in record for record in records) <= INSIDE
    return template.render(
        request=request,
        zeros=ZEROS,
        files=inputs.files,
        refused_files=summary(inputs.refused_files),
        unused_masks=_unused_masks(inputs, parts),
        warnings=[sentence for sentence in warnings if sentence not in said],
        problems=problems(records),
        studies=[_shown(record, request, inside) for record in sorted(records, key=_urgency)],
        inside=inside,
        sheets=request.beside(".sheets").name,
        totals=_totals(parts, cohort),
        locator=_locator([record["locator"] for record in records if "locator" in record]),
        splits=_splits(cohort),
        sides=" x ".join(map(str, request.options.size[:-2] + request.options.plane)),
        places=_places(request.options),
    )


def _places(options: Options) -> str:
    """Where the planes of an item are, and what lies beyond the images."""
    if options.items == "volumes":
        spacing = "the T2w's own" if options.slice_spacing is None else f"{options.slice_spacing:g} mm"
        beyond = "blank" if options.missing_planes == "pad" else "a reason to refuse the study"
        return f"distance of planes: {spacing}; planes that the T2w lacks: {beyond}"
    if options.items == "slabs":
        return f"slices with {options.reach} more below and above; one that lacks any is left out"
    return "slices of the T2w"


def problems(records: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[int]]]:
    """What studies were refused for, their warnings, and that labels are unknown: each sentence with the numbers of its
    studies; refusals first, then the commonest first."""
    by_sentence: dict[tuple[int, str], list[int]] = defaultdict(list)
    for record in records:
        if record["why"]:
            by_sentence[0, f"Refused: {record['why']}."].append(record["study"])
        for sentence in dict.fromkeys(record["warnings"]):
            by_sentence[1, sentence].append(record["study"])
        if _unlabelled(record):
            by_sentence[2, "All labels are unknown."].append(record["study"])
    ordered = sorted(by_sentence.items(), key=lambda item: (item[0][0], -len(item[1])))
    return [(sentence, numbers) for (_, sentence), numbers in ordered]


def _urgency(record: Mapping[str, Any]) -> tuple[int, int]:
    """Sorts refused studies first, then those with warnings, then those without labels."""
    worst = (record["why"], record["warnings"], _unlabelled(record), True)
    return next(place for place, found in enumerate(worst) if found), record["study"]


def _unlabelled(record: Mapping[str, Any]) -> bool:
    return record["items"] > 0 and record["labels"]["unknown"] == record["items"]


def _shown(record: Mapping[str, Any], request: Request, inside: bool) -> dict[str, Any]:
    """A record with its picture, and with one row for series that differ in their number alone."""
    shown = {**record, "count": record["items"], "series": _joined(record["series"]), "masks": _joined(record["masks"])}
    if "sheet" in record:
        file = request.beside(".sheets") / record["sheet"]
        picture = _written_picture(file)
        shown["picture"] = _data_uri(picture) if inside else quote(f"{file.parent.name}/{file.name}")
        shown["width"], shown["height"] = _png_size(picture)
    return shown


def _joined(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with ``numbers``, as in "3, 9 to 48", and ``count``."""
    by_content: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_content[repr({**row, "number": None})].append(row)
    return [
        {**alike[0], "numbers": _ranges([row["number"] for row in alike]), "count": len(alike)}
        for alike in by_content.values()
    ]


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers in words: "3, 9 to 48"."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(
            enumerate(numbers), key=lambda place_and_number: place_and_number[1] - place_and_number[0]
        )
    ]
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _unused_masks(inputs: Inputs, parts: Sequence[Kept]) -> list[tuple[str, int, list[str]]]:
    """Why masks of the folder of masks are not used, of how many this holds, and the paths of the first few."""
    unused = list(inputs.unused_masks)
    paths = {(task.number, mask.number): mask.path for task in inputs.tasks for mask in task.masks if mask.path}
    for part in parts:
        for row in part.record["masks"]:
            place = part.record["study"], row["number"]
            if row["refused"] and place in paths:
                unused.append((paths[place], "; ".join(row["reasons"])))
    counts = Counter(why for _, why in unused)
    return [
        (why, count, [path for path, other in unused if other == why][:MAX_PATHS])
        for why, count in counts.most_common()
    ]


def _written_picture(file: Path) -> bytes:
    """A sheet that this import has written, as a PNG. Raises RunError: it is gone since."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise RunError(f"{file}: was removed while the import ran; run the same import again") from error


def _data_uri(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def _png_size(picture: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the first chunk (PNG specification, 11.2.2)."""
    return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])


def _totals(parts: Sequence[Kept], cohort: Cohort | None) -> dict[str, int]:
    used = sum(len(part) > 0 for part in parts)
    return {
        "studies": len(parts),
        "imported": used,
        "refused": len(parts) - used,
        "count": 0 if cohort is None else len(cohort),
        "patients": 0 if cohort is None else len(set(cohort.patient)),
    }


def _locator(errors: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """How the automatic locator does on patients with a gland mask."""
    if not errors:
        return None
    distances = np.hypot([e["sideways_mm"] for e in errors], [e["down_mm"] for e in errors])
    return {
        "count": len(errors),
        "median_mm": float(np.median(distances)),
        "worst_mm": float(distances.max()),
        "holding": sum(e["holds_gland"] for e in errors),
    }


def _splits(cohort: Cohort | None) -> list[tuple[str, int, int, int, int, int]]:
    """Split, patients, slices, and of these CS, not CS, unknown."""
    if cohort is None:
        return []
    rows = []
    for split in ("train", "validation", "test"):
        chosen = cohort.split == split
        if split == "validation" and not chosen.any():
            continue
        cs = cohort.labels["cs"][chosen]
        counts = tuple(int((cs == value).sum()) for value in (1, 0, -1))
        rows.append((split, len(set(cohort.patient[chosen])), int(chosen.sum()), *counts))
    return rows  # type: ignore[return-value]
