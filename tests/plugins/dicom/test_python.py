"""``gankit.imports.dicom`` and ``gankit.imports.volumes``: imports in Python, with or without a file."""

import re

import numpy as np
import pytest

import gankit
from gankit import CohortError, InputError, read_cohort
from tests.plugins.dicom.scans import write_t2w
from tests.plugins.dicom.test_volumes import write_patient


def test_python_gives_the_cohort_that_the_command_writes(gankit_command, study, masks, tmp_path):
    """With the same report, sheets and salt beside it."""
    out = tmp_path / "by" / "c.safetensors"
    assert gankit_command("import", "dicom", study, "--masks", masks, "--size", 32, "-o", out).exit_code == 0
    cohort = gankit.imports.dicom(
        str(study), masks=masks, size=32, salt=tmp_path / "by" / "c.salt", out=tmp_path / "c.safetensors", quiet=True
    )
    assert cohort.digest() == read_cohort(out).digest() == read_cohort(tmp_path / "c.safetensors").digest()
    assert (tmp_path / "c.report.html").is_file()
    assert len(list((tmp_path / "c.sheets").iterdir())) == 1
    assert not (tmp_path / "c.parts").exists()


def test_without_a_place_nothing_is_written(study, tmp_path, monkeypatch):
    """The cohort alone is given; patients go by a secret that nobody has, and are others the next time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, other = (gankit.imports.dicom(study, size=32, quiet=True) for _ in range(2))
    assert list(tmp_path.iterdir()) == []
    assert len(one) == len(other) > 0
    assert set(one.patient).isdisjoint(other.patient)
    np.testing.assert_array_equal(one.modalities["t2w"].values, other.modalities["t2w"].values)


def test_volumes_by_a_pattern(tmp_path):
    """Its parameters are those of DICOM and the pattern."""
    write_patient(tmp_path / "scans" / "A12-")
    cohort = gankit.imports.volumes(tmp_path / "scans", pattern="{patient}-{name}", keep_ids=True, quiet=True)
    assert set(cohort.patient) == {"A12"}
    assert cohort.modalities.keys() == {"t2w", "adc"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"size": 8}, "`size` 8: accepted: sides of 16 to 1024 pixels"),
        ({"size": "big"}, "`size` 'big': must be a whole number"),
        ({"size": 64.5}, "`size` 64.5: must be a whole number"),
        ({"keep_ids": "no"}, "`keep_ids` 'no': must be True or False"),
        ({"jobs": 1.5}, "`jobs` 1.5: must be a whole number"),
        ({"need": 5}, "`need` 5: must be names, as in t2w,adc"),
        ({"gland": 1.5}, "`gland` 1.5: accepted: 0.1 to 1.0"),
        ({"register": "rigd"}, "`register` 'rigd'; did you mean 'rigid'?; accepted: none, rigid, deformable"),
        ({"zeros": "0"}, "`zeros` '0'; accepted: mark, exclude, inpaint"),
        ({"dce": "middle"}, "`dce` 'middle'; accepted: early, late"),
        ({"need": ["adc"]}, "`need` adc: must be t2w"),
        ({"seed": -1}, "`seed` -1: accepted: 0 and more"),
        ({"jobs": 0}, "`jobs` 0: accepted: 1 and more"),
        ({"test_fraction": 1}, "`test_fraction` must be at least 0 and below 1, got 1"),
        ({"validation_fraction": 1}, "`validation_fraction` must be at least 0 and below 1, got 1"),
        ({"validation_fraction": "0.1"}, "`validation_fraction` '0.1': must be a number"),
        ({"test_fraction": 0.5, "validation_fraction": 0.5}, "with `test_fraction` 0.5 no patient is left"),
        ({"split": "s.csv", "validation_fraction": 0.1}, "`validation_fraction` 0.1: `split` s.csv says who validates"),
        ({"split": "s.csv", "test_fraction": 0.2}, "`test_fraction` 0.2: `split` s.csv says who is in test; leave one"),
        ({"masks": "nowhere"}, "`masks` nowhere: no such folder"),
        ({"protocol": "nowhere"}, "`protocol` nowhere: no such file"),
        ({"out": "c.npz"}, "`out` c.npz: a cohort file ends with .safetensors"),
    ],
)
def test_messages_name_parameters(study, asked, message):
    """As a notebook writes them."""
    with pytest.raises(InputError) as refused:
        gankit.imports.dicom(study, quiet=True, **asked)
    assert message in str(refused.value)
    assert "--" not in str(refused.value)


@pytest.mark.parametrize("words", [("--masks", "nowhere"), ("--test-fraction", 1), ("--need", "adc"), ("-o", "c.npz")])
def test_the_command_names_its_flags(gankit_command, study, tmp_path, words):
    """The same messages as its user writes them."""
    result = gankit_command("import", "dicom", study, "-o", tmp_path / "c.safetensors", *words)
    assert result.exit_code == 2
    assert f"Error: {words[0]} " in result.output
    assert "`" not in result.output


def test_where_nothing_can_be_imported_a_report_is_pointed_to(tmp_path):
    """The one that is written, or the one that would be."""
    write_t2w(tmp_path / "scans")
    with pytest.raises(CohortError, match="with `out` a report says why"):
        gankit.imports.dicom(tmp_path / "scans", quiet=True)
    with pytest.raises(CohortError, match=r"c\.report\.html says why"):
        gankit.imports.dicom(tmp_path / "scans", out=tmp_path / "c.safetensors", quiet=True)
    assert (tmp_path / "c.report.html").is_file()


def test_long_work_says_how_far_it_is(study, monkeypatch, capfd):
    """Also before the first study is read: a folder may hold many thousand files."""
    monkeypatch.setattr("gankit.processes.progress.LINE_EVERY_S", 0.0)
    gankit.imports.dicom(study, size=32)
    said = capfd.readouterr()
    assert said.out == ""
    for what in ("finding files", "reading headers", "importing studies"):
        assert re.search(rf"^{what} \d+.*(/s|each)", said.err, re.MULTILINE), said.err


def test_quiet_is_quiet(study, monkeypatch, capfd):
    """However long it takes."""
    monkeypatch.setattr("gankit.processes.progress.LINE_EVERY_S", 0.0)
    gankit.imports.dicom(study, size=32, quiet=True)
    assert capfd.readouterr() == ("", "")
