"""Made-up studies, and imports of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gankit.cli import main
from gankit_dicom._inputs import Request, find
from gankit_dicom._options import Options
from gankit_dicom._part import Part
from gankit_dicom._study import study_part
from tests.plugins.dicom.scans import write_masks, write_study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One patient with everything, in folders that tell nothing."""
    folder = tmp_path_factory.mktemp("scans")
    write_study(folder, dynamic=True)
    return folder


@pytest.fixture(scope="session")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gland and lesion of that patient, without the patient's id in their names."""
    folder = tmp_path_factory.mktemp("masks")
    write_masks(folder, "some")
    return folder


DEFAULT = Options()


def read(out: Path, folder: Path, kind: str = "DICOM", options: Options = DEFAULT, **asked: Any) -> list[Part]:
    settings = {"protocol": "prostatex", **asked}
    request = Request(kind=kind, folder=folder, out=out / "c.safetensors", options=options, **settings)
    return [study_part(task) for task in find(request, map).tasks]


@pytest.fixture
def parts(tmp_path: Path) -> Callable[..., list[Part]]:
    """``parts(folder, masks=..., options=...)``: what each study of a folder becomes, read in this process."""
    return partial(read, tmp_path / "out")


@pytest.fixture(scope="session")
def part(study: Path, masks: Path, tmp_path_factory: pytest.TempPathFactory) -> Part:
    """The one patient imported with masks."""
    return read(tmp_path_factory.mktemp("out"), study, masks=masks)[0]


@pytest.fixture(scope="session")
def gankit_command() -> Callable[..., Result]:
    """``gankit_command("import", "dicom", ...)`` in this process."""
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])
