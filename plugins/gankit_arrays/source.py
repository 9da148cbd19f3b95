"""``[cohort] use = "file"``."""

from __future__ import annotations

from pathlib import Path

import attrs

from gankit import AbstractCohortSource, Cohort, option, read_cohort


@attrs.frozen(kw_only=True)
class CohortFile(AbstractCohortSource):
    """A cohort file or a folder of shards, as ``gankit import`` and ``gankit phantom`` write them."""

    path: Path = option(help="the file or folder, relative to the working directory")

    def load(self) -> Cohort:
        return read_cohort(self.path)
