"""The import report: one HTML file that holds everything, and names nobody."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment

from gankit import Cohort
from gankit_dicom._inputs import Inputs, Request
from gankit_dicom._options import ZEROS
from gankit_dicom._part import Kept
from gankit_dicom._scan import summary

TEMPLATE = Path(__file__).parent / "report.html"
MAX_PICTURES = 60
"""Sheets inside the report; the others are in their folder."""


def report_html(
    request: Request, inputs: Inputs, parts: Sequence[Kept], cohort: Cohort | None, warnings: Sequence[str]
) -> str:
    """The report as one HTML document without links to anything outside."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    pictures = 0
    studies = []
    for part in parts:
        record = dict(part.record)
        if "sheet" in record and pictures < MAX_PICTURES:
            record["picture"] = _data_uri(request.beside(".sheets") / record["sheet"])
            pictures += 1
        studies.append(record)
    return template.render(
        request=request,
        zeros=ZEROS,
        files=inputs.files,
        refused_files=summary(inputs.refused_files),
        refused_masks=[(mask.number, why) for mask, why in inputs.refused_masks],
        warnings=warnings,
        studies=studies,
        totals=_totals(parts, cohort),
        locator=_locator([part.record["locator"] for part in parts if "locator" in part.record]),
        splits=_splits(cohort),
    )


def _data_uri(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()


def _totals(parts: Sequence[Kept], cohort: Cohort | None) -> dict[str, int]:
    used = sum(len(part) > 0 for part in parts)
    return {
        "studies": len(parts),
        "imported": used,
        "refused": len(parts) - used,
        "slices": 0 if cohort is None else len(cohort),
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
    for split in ("train", "test"):
        chosen = cohort.split == split
        cs = cohort.labels["cs"][chosen]
        counts = tuple(int((cs == value).sum()) for value in (1, 0, -1))
        rows.append((split, len(set(cohort.patient[chosen])), int(chosen.sum()), *counts))
    return rows  # type: ignore[return-value]
