"""Studies that many tests read."""

from pathlib import Path

import numpy as np
import pytest

from gankit import Plugins, write_cohort
from gankit.reader.design import ReaderDesign
from gankit.reader.make import make_reader_study
from tests.reader.slices import blobs, changed


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of real slices, stored as whole numbers, and of two sources of synthetic ones."""
    folder = tmp_path_factory.mktemp("sources")
    cohorts = {
        "real": changed(blobs(60, 0), np.rint),
        "made": blobs(60, 1, synthetic=True, split="train"),
        "other": blobs(60, 2, synthetic=True, split="train"),
    }
    for name, cohort in cohorts.items():
        write_cohort(cohort, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in cohorts}


@pytest.fixture(scope="session")
def study(sources: dict[str, Path], plugins: Plugins, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of 24 cases, 6 of them shown twice, for 2 readers."""
    folder = tmp_path_factory.mktemp("study") / "study"
    design = ReaderDesign(count=24, readers=2, repeats=6)
    make_reader_study(sources["real"], sources["made"], folder, design=design, plugins=plugins, quiet=True)
    return folder
