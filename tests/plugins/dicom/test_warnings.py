"""Warnings of an import: what a user must hear of, on the terminal and in the report."""

import numpy as np
import pytest

import gankit
from gankit_dicom._labels.labels import EMPTY
from gankit_dicom._log import Log, counted_warnings
from tests.plugins.dicom.scans import CENTRE_MM, T2W, write_volume
from tests.plugins.dicom.test_volumes import write_patient


def write_contradictory(folder, patients):
    """Patients whose lesion mask is empty though a finding is significant; the keywords that import them."""
    x, y, z = CENTRE_MM
    for patient in patients:
        write_patient(folder / "scans" / patient / f"{patient}_1_")
        write_volume(folder / "masks" / f"{patient}_1_lesion.mha", np.zeros((T2W.slices, T2W.size, T2W.size), bool))
    rows = [f"{patient},{x} {y} {z},TRUE\n" for patient in patients]
    (folder / "f.csv").write_text("ProxID,pos,ClinSig\n" + "".join(rows))
    return {"masks": folder / "masks", "findings": folder / "f.csv"}


def test_equal_warnings_of_several_studies_are_one_line_with_a_count():
    """A sentence that a study says twice counts once; the commonest goes first."""
    logs = [Log() for _ in range(3)]
    for log in logs:
        log.warn("Something common.")
    logs[1].warn("Something rare.")
    logs[1].warn("Something rare.")
    logs[2].note("For the report alone.")
    said = counted_warnings(log.table() for log in logs)
    assert said == ["3 studies: Something common.", "1 study: Something rare."]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_warning_of_a_study_is_said_in_python(tmp_path, capsys, quiet):
    """Unless the caller asks for silence."""
    given = write_contradictory(tmp_path, ["1", "2"])
    gankit.imports.volumes(tmp_path / "scans", **given, quiet=quiet)
    assert (f"warning: 2 studies: {EMPTY}\n" in capsys.readouterr().err) is not quiet


def test_the_report_says_what_the_terminal_says(gankit_command, tmp_path):
    """And repeats it where it says what became of the study."""
    given = write_contradictory(tmp_path, ["1"])
    result = gankit_command("import", "volumes", tmp_path / "scans", "--masks", given["masks"], "--findings",
                    given["findings"], "-o", tmp_path / "c.safetensors")  # fmt: skip
    assert f"warning: 1 study: {EMPTY}\n" in result.output
    report = (tmp_path / "c.report.html").read_text()
    assert f"1 study: {EMPTY}" in report
    assert f'<p class="bad">{EMPTY}</p>' in report
