"""What `gankit import volumes` to shards holds and takes at 256 x 256, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("nibabel", reason="needs nibabel; pip install 'gankit[dicom]'")

from benchmarks.large_import import PLANES, write_scans
from gankit import read_cohort


def imported(folder, out):
    """Peak memory in MB and processor seconds of an import to shards."""
    words = [sys.executable, "-m", "gankit", "import", "volumes", folder / "scans", "--masks", folder / "masks"]
    words += ["--marksheet", folder / "marksheet.csv", "--lesion-means", "cs", "--size", 256, "--need", "t2w,adc,dce"]
    with (out.parent / "log").open("wb") as log:
        process = subprocess.Popen([*map(str, words), "-o", str(out)], stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, (out.parent / "log").read_text()
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def test_an_import_holds_no_more_of_ten_times_as_many_patients(benchmark, tmp_path):
    """Ten patients and a hundred, 20 slices of three modalities each: the peak stays within a tenth."""
    few, many = (10, 100) if benchmark.enabled else (1, 2)
    for patients in (few, many):
        write_scans(tmp_path / f"{patients}", patients)

    def measured():
        return [imported(tmp_path / f"{count}", tmp_path / f"{count}.shards") for count in (few, many)]

    (few_mb, few_s), (many_mb, many_s) = benchmark.pedantic(measured, rounds=1)
    assert len(read_cohort(tmp_path / f"{many}.shards")) == many * PLANES
    if benchmark.enabled:
        benchmark.extra_info |= {
            "peak MB, ten patients": round(few_mb),
            "peak MB, a hundred": round(many_mb),
            "CPU s a patient": round((many_s - few_s) / (many - few), 2),
        }
        assert many_mb <= 1.1 * few_mb
