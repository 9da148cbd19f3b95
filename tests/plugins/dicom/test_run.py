"""Runs that are cut off and run again, and the report."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys

import attrs
import numpy as np
import pytest

from gankit import CohortError, FileWarning, RunError, locked, read_cohort
from gankit_dicom import _run, _study
from gankit_dicom._inputs import Request, find
from gankit_dicom._options import Options
from gankit_dicom._part import read_part, written_part
from gankit_dicom._run import mapper, run_studies
from gankit_dicom._study import ImportedStudy, import_study
from tests.damage import flipped, spoilt
from tests.plugins.dicom.scans import change, write_adc, write_t2w


def request(folder, out, **options):
    return Request(kind="DICOM", folder=folder, out=out, protocol="prostatex", options=Options(**options))


def test_what_an_earlier_run_did_is_taken_over(study, tmp_path, monkeypatch):
    """The same command again reads no study twice."""
    (task,) = find(request(study, tmp_path / "c.safetensors"), map).tasks
    first = import_study(task)
    assert not first.was_there
    monkeypatch.setattr(_study, "study_part", None)
    assert import_study(task) == ImportedStudy(first.name, was_there=True)


def test_other_files_or_other_options_are_another_part(tmp_path):
    """The key is a hash of contents, not of names and times."""
    files = write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")

    def key(**options):
        return find(request(tmp_path / "scans", tmp_path / "c.safetensors", **options), map).tasks[0].key()

    first = key()
    assert key(size=32) != first
    files[0].touch()
    assert key() == first
    change(files[0], EchoTime=105)
    assert key() != first


def test_a_damaged_part_is_named_and_made_again(study, tmp_path):
    """As after a power cut, or where the disk rots."""
    tasks = find(request(study, tmp_path / "c.safetensors"), map).tasks
    file = tasks[0].parts / import_study(tasks[0]).name
    whole = written_part(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(FileWarning, match=f"{file}: was damaged; its study was imported again"):
        (again,) = run_studies(tasks, map, quiet=True)
    np.testing.assert_array_equal(written_part(again.file).modalities["adc"], whole.modalities["adc"])


def test_no_damage_to_a_part_is_read_as_slices(study, tmp_path):
    """A part is read as it was written, or not at all."""
    (task,) = find(request(study, tmp_path / "c.safetensors"), map).tasks
    file = task.parts / import_study(task).name
    whole, content = written_part(file), file.read_bytes()
    for damaged in (
        *flipped(content, 200),
        *(each[::-1] for each in flipped(content[::-1], 50, within=2000)),
        *spoilt(content).values(),
    ):
        file.write_bytes(damaged)
        part = read_part(file)
        assert part is None or attrs.asdict(part, value_serializer=_bytes) == attrs.asdict(
            whole, value_serializer=_bytes
        )


def _bytes(_, __, value):
    return value.tobytes() if isinstance(value, np.ndarray) else value


def test_an_undamaged_import_warns_of_no_part(study, tmp_path, recwarn):
    """Neither the first time nor the second."""
    tasks = find(request(study, tmp_path / "c.safetensors"), map).tasks
    run_studies(tasks, map, quiet=True)
    run_studies(tasks, map, quiet=True)
    assert not [each for each in recwarn if each.category is FileWarning]


def test_a_part_whose_sheet_is_gone_is_made_again(study, tmp_path):
    """The report shows the sheet."""
    (task,) = find(request(study, tmp_path / "c.safetensors"), map).tasks
    name = import_study(task).name
    (sheet,) = task.sheets.iterdir()
    sheet.unlink()
    assert import_study(task) == ImportedStudy(name, was_there=False)
    assert sheet.is_file()


def test_the_report_is_one_file_that_asks_for_nothing_outside(gankit_command, study, masks, tmp_path):
    """Pictures are inside, and parts are gone after success."""
    out = tmp_path / "c.safetensors"
    result = gankit_command("import", "dicom", study, "--masks", masks, "-o", out)
    assert result.exit_code == 0, result.output
    html = (tmp_path / "c.report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert "http" not in html.replace("http-equiv", "")
    assert "data:image/png;base64," in html
    for said in (
        "width=device-width",
        "prefers-color-scheme: dark",
        "sagittal, not axial",
        "is preferred",
        "lesion mask",
    ):
        assert said in html
    assert not (tmp_path / "c.parts").exists()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["c.report.html", "c.safetensors", "c.salt", "c.sheets"]
    assert read_cohort(out).modalities.keys() == {"t2w", "adc", "dce"}


def test_one_import_at_a_time_writes_a_cohort(gankit_command, study, tmp_path):
    """Another one into the same file is refused on one line, and leaves what is there."""
    out = tmp_path / "c.safetensors"
    with locked(tmp_path / "c.parts" / ".lock", wait=False):
        result = gankit_command("import", "dicom", study, "-o", out)
        assert result.exit_code == 1
        assert result.output == f"Error: {out}: another process imports into it; wait for it, or give another -o\n"
        assert (tmp_path / "c.parts" / ".lock").exists()
    assert gankit_command("import", "dicom", study, "-o", out).exit_code == 0


def test_an_import_that_found_nothing_leaves_no_folder(gankit_command, tmp_path):
    """Neither parts nor their lock."""
    assert gankit_command("import", "dicom", tmp_path / "none", "-o", tmp_path / "c.safetensors").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_another_study_is_made_again(study, tmp_path):
    """A part says which one it is, so that a renamed file is not taken for it."""
    (task,) = find(request(study, tmp_path / "c.safetensors"), map).tasks
    part = task.parts / import_study(task).name
    assert import_study(task).was_there
    part.rename(part.with_stem("0" * 32))
    assert read_part(part.with_stem("0" * 32)) is None


def test_a_part_that_vanishes_ends_the_import_on_one_line(study, tmp_path, monkeypatch):
    """As where somebody tidies up while it runs."""
    (task,) = find(request(study, tmp_path / "c.safetensors"), map).tasks
    with pytest.raises(RunError, match="was removed or damaged while the import ran; run the same import again"):
        run_studies([task], lambda _, tasks: iter([ImportedStudy("gone.safetensors", was_there=False)]), quiet=True)


def test_a_sheet_that_vanishes_ends_the_import_on_one_line(gankit_command, study, tmp_path, monkeypatch):
    """The report shows it; the same command again makes it anew."""
    run = _run.run_studies

    def tidied(*arguments, **options):
        parts = run(*arguments, **options)
        shutil.rmtree(tmp_path / "c.sheets")
        return parts

    command = "import", "dicom", study, "-o", tmp_path / "c.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(_run, "run_studies", tidied)
        result = gankit_command(*command)
    assert result.exit_code == 1
    assert re.fullmatch(
        r"Error: \S+c.sheets/\S+.png: was removed while the import ran; run the same import again", last_line(result)
    )
    assert gankit_command(*command).exit_code == 0
    assert len(list((tmp_path / "c.sheets").iterdir())) == 1


def last_line(result):
    return result.output.splitlines()[-1]


def test_a_patients_id_is_no_path(tmp_path):
    """With ``--keep-ids`` an id may hold anything; its sheet stays in the folder of sheets."""
    for file in (*write_t2w(tmp_path / "scans"), *write_adc(tmp_path / "scans")):
        change(file, PatientID="../no/where")
    asked = request(tmp_path / "scans", tmp_path / "c.safetensors", keep_ids=True)
    (task,) = find(asked, map).tasks
    record = _study.study_part(task).record
    assert (task.alias, record["why"]) == ("../no/where", "")
    assert (task.sheets / record["sheet"]).parent.resolve() == task.sheets.resolve()
    assert (task.sheets / record["sheet"]).is_file()


def test_a_killed_process_is_told_with_what_to_do():
    """As when memory runs out."""
    with pytest.raises(CohortError, match="a process was killed.*a smaller `jobs` than 2"), mapper(2) as mapped:
        list(mapped(os._exit, [1]))


TWO_PROCESSES = """
import os, time
from gankit_dicom._part import read_part
from gankit_dicom._run import mapper, run_studies

def work(seconds):
    print(os.getpid(), flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    with mapper(2) as mapped:
        list(mapped(work, [0, 60]))
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(end, tmp_path):
    """On a terminal's Ctrl-C without a traceback of their own, and also where they are not told."""
    (tmp_path / "at_work.py").write_text(TWO_PROCESSES)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "at_work.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    try:
        assert [process.stdout.readline() for _ in range(2)] != ["", ""]
        if end == signal.SIGINT:
            os.killpg(process.pid, end)
        else:
            process.send_signal(end)
        _, said = process.communicate(timeout=30)  # until all have closed their output
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert said.count("Traceback") == (1 if end == signal.SIGINT else 0)
