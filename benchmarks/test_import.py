"""What `gankit import dicom` costs a study, beside dcm2niix's conversion of the same files.

Processor time, user and system, of a further study: what a command takes for three studies less what it takes for one,
halved. So the start of a program, which a large archive pays once, is left out of both. dcm2niix is run twice: as it
comes, which copies pixels into files of their own, and to .nii.gz, the form that tools of this field pass on.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from statistics import median

import numpy as np
import pytest

from tests.plugins.dicom import scans

dcm2niix = pytest.importorskip("dcm2niix", reason="needs dcm2niix; pip install dcm2niix")

USUAL = {"side": {"t2w": 384, "adc": 128, "dce": 128}, "slices": {"t2w": 24, "adc": 20, "dce": 20}, "phases": 40}
SMALL = {"side": {"t2w": 192, "adc": 80, "dce": 80}, "slices": {"t2w": 10, "adc": 10, "dce": 10}, "phases": 6}
WIDTH_MM = {"t2w": 192, "adc": 205, "dce": 205}
B_VALUES = (50, 400, 800, 1400)
"""s/mm2."""


def write_study(folder, number, size):
    """T2w, an ADC map, four b-values and a dynamic series, one series a phase, with noise."""
    grids = {
        name: scans.Grid(size=side, pixel_mm=WIDTH_MM[name] / side, slices=size["slices"][name], gap_mm=3.0)
        for name, side in size["side"].items()
    }
    noise = np.random.default_rng(number)

    def write(series, values, grid, **tags):
        noisy = values + noise.normal(0, 10, values.shape)
        scans.write_series(folder / f"{number}" / f"{series}", series, noisy, grid, patient=f"{number}", **tags)

    adc = scans.adc_values(grids["adc"].places())
    write(1, scans.t2w_values(grids["t2w"].places()), grids["t2w"], ScanningSequence="SE", EchoTime=104)
    write(2, adc, grids["adc"], ScanningSequence="EP", ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])
    for series, b in enumerate(B_VALUES, start=3):
        signal = 3000 * np.exp(-b * 1e-6 * adc)
        write(series, signal, grids["adc"], ScanningSequence="EP", DiffusionBValue=float(b))
    places = grids["dce"].places()
    for phase in range(size["phases"]):
        time_s = phase * 200 // size["phases"]
        write(10 + phase, scans.dynamic_values(places, time_s), grids["dce"], ScanningSequence="GR", EchoTime=1.4,
              SeriesDescription=f"twist_TT={time_s}.5s")  # fmt: skip


def cpu_s(words):
    """Processor seconds of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in words], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_an_import_costs_at_most_three_conversions_to_nii_gz(benchmark, tmp_path):
    """A usual study: T2w 384 x 384 x 24, ADC 128 x 128 x 20, 4 b-values, 40 phases; 924 files. In turns."""
    for folder, numbers in (("one", [1]), ("three", [1, 2, 3])):
        for number in numbers:
            write_study(tmp_path / folder, number, USUAL if benchmark.enabled else SMALL)
    round_number = iter(range(100))

    def costs():
        """CPU seconds a study: import, dcm2niix as it is, and to compressed files."""
        found = []
        for program in ("import", "convert", "compress"):
            taken = []
            for folder in ("one", "three"):
                out = tmp_path / f"out-{next(round_number)}"
                out.mkdir()
                taken.append(
                    cpu_s(
                        [sys.executable, "-m", "gankit", "import", "dicom", tmp_path / folder, "-o",
                         out / "c.safetensors"]
                        if program == "import"
                        else [dcm2niix.bin, "-z", "i" if program == "compress" else "n", "-o", out, tmp_path / folder]
                    )
                )  # fmt: skip
            found.append((taken[1] - taken[0]) / 2)
        return found

    rounds = 5 if benchmark.enabled else 1
    measured = benchmark.pedantic(lambda: [costs() for _ in range(rounds)], rounds=1)
    ours_s, theirs_s, compressed_s = (median(column) for column in zip(*measured, strict=True))
    if benchmark.enabled:  # a time is no test: it depends on the machine
        benchmark.extra_info |= {
            "CPU s a study": round(ours_s, 3),
            "of dcm2niix": round(theirs_s, 3),
            "of dcm2niix to .nii.gz": round(compressed_s, 3),
            "times dcm2niix": round(ours_s / theirs_s, 2),
            "times dcm2niix to .nii.gz": round(ours_s / compressed_s, 2),
        }
        assert ours_s <= 3 * compressed_s
