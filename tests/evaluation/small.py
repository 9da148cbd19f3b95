"""What tests of small evaluations look up and write."""

from pathlib import Path
from typing import Any

import attrs

from gankit import Cohort, Row, Summary, write_cohort


def entry(row: Row, name: str) -> Summary:
    """The summary of a reading in a row."""
    return next(summary for summary in row.summary if summary.id == name)


def written(cohort: Cohort, path: Path, **changes: Any) -> Path:
    """The file of a cohort with changes."""
    write_cohort(attrs.evolve(cohort, **changes), path)
    return path
