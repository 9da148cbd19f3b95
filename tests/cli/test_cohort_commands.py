"""``gankit cohort``: what a cohort file holds, in words and as a picture."""

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from gankit import write_cohort
from gankit.cli import main
from gankit.cohort.cohort_file import stored_form
from gankit.files.stored_arrays import write_arrays


def test_info_tells_units_values_labels_and_splits(tiny_cohort_file):
    """All that a recipe must fit."""
    result = CliRunner().invoke(main, ["cohort", "info", str(tiny_cohort_file)])
    assert result.exit_code == 0
    assert "24 slices of 8 patients\n  source: a disc with a spot\n" in result.output
    assert "modality adc: 1 x 16 x 16, 1e-6 mm2/s; percentiles 1 / 50 / 99: 0 / " in result.output
    assert "modality t2w: 1 x 16 x 16, arbitrary units;" in result.output
    assert "split test: 6 slices of 2 patients; cs 3 yes, 3 no, 0 unknown" in result.output
    assert "split train: 18 slices of 6 patients; cs 9 yes, 9 no, 0 unknown" in result.output


def test_info_counts_a_validation_split(tiny_cohort, tmp_path):
    """As the others."""
    split = np.where(tiny_cohort.patient == "p4", "validation", tiny_cohort.split)
    write_cohort(attrs.evolve(tiny_cohort, split=split), tmp_path / "three.safetensors")
    result = CliRunner().invoke(main, ["cohort", "info", f"{tmp_path}/three.safetensors"])
    assert "split validation: 3 slices of 1 patient; cs 3 yes, 0 no, 0 unknown" in result.output


def test_info_counts_every_class_up_to_127(tiny_cohort, tmp_path):
    """The largest of labels, which are int8."""
    cohort = attrs.evolve(tiny_cohort, labels={"grade": np.resize(np.array([0, 127, -1], np.int8), 24)})
    write_cohort(cohort, tmp_path / "cohort.safetensors")
    result = CliRunner().invoke(main, ["cohort", "info", f"{tmp_path}/cohort.safetensors"])
    assert result.exit_code == 0
    assert "6 of class 127, 6 unknown" in result.output


@pytest.mark.parametrize("present", [True, False])
def test_a_sheet_is_a_picture_even_where_a_modality_is_absent(tiny_cohort, tmp_path, present):
    """A panel for each value of the label; slices that lack a modality are blank. The ending may be in capitals."""
    t2w = attrs.evolve(tiny_cohort.modalities["t2w"], present=np.full(24, present))
    cohort = attrs.evolve(tiny_cohort, modalities=tiny_cohort.modalities | {"t2w": t2w})
    write_cohort(cohort, tmp_path / "cohort.safetensors")
    words = ["cohort", "sheet", f"{tmp_path}/cohort.safetensors", "-o", f"{tmp_path}/sheet.PNG", "-n", "2"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0
    assert result.output.endswith("up to 2 slices of each of cs, not cs\n")
    assert (tmp_path / "sheet.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_sheet_has_a_panel_for_each_class(tiny_cohort, tmp_path):
    """Also for those above 1."""
    cohort = attrs.evolve(tiny_cohort, labels={"grade": np.resize(np.array([0, 3, -1], np.int8), 24)})
    write_cohort(cohort, tmp_path / "cohort.safetensors")
    words = ["cohort", "sheet", f"{tmp_path}/cohort.safetensors", "-o", f"{tmp_path}/sheet.png", "-n", "2"]
    assert CliRunner().invoke(main, words).output.endswith("of each of grade 0, grade 3, grade unknown\n")


def run(*words):
    result = CliRunner().invoke(main, ["cohort", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output.strip()


def test_info_says_of_values_that_are_not_finite(tiny_cohort, tmp_path):
    """Without a look at all of the file it goes on, and with one it is an error that says where."""
    arrays, head = stored_form(tiny_cohort)
    adc = np.array(arrays["modality.adc"])
    adc[2, 0, 3, 3] = np.nan
    write_arrays(tmp_path / "cohort.safetensors", {**arrays, "modality.adc": adc}, head)
    shown = run("info", tmp_path / "cohort.safetensors")
    assert "in 24 slices; some values are NaN or infinite: mend them or leave them out" in shown
    assert "nan /" not in shown
    verified = run("info", tmp_path / "cohort.safetensors", "--verify")
    assert verified.startswith(
        "Error: cohort: modality 'adc' has NaN or infinite values in 1 slices, the first is slice 2"
    )


def test_info_does_not_read_what_it_does_not_show(tiny_cohort_file, tmp_path):
    """It says so; with --verify damage is found."""
    content = bytearray(tiny_cohort_file.read_bytes())
    content[-50] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    assert run("info", damaged).endswith("\n  not verified; --verify reads all of it")
    assert run("info", tiny_cohort_file, "--verify").endswith("\n  verified: it is what was written")
    assert "damaged.safetensors: its content does not match its digest" in run("info", damaged, "--verify")


def test_info_says_of_how_many_slices_percentiles_are(tiny_cohort_file, monkeypatch):
    """Of all where they are few."""
    assert "percentiles 1 / 50 / 99: 0 / " in run("info", tiny_cohort_file)
    monkeypatch.setattr("gankit.cli.cohort.PERCENTILE_BYTES", 5 * 1024)
    assert "percentiles 1 / 50 / 99 of 5 slices: 0 / " in run("info", tiny_cohort_file)


def test_a_cohort_is_copied_to_shards_and_back(tiny_cohort_file, tmp_path):
    """Every command on cohorts takes either; the file comes back byte by byte."""
    folder, back = tmp_path / "c.shards", tmp_path / "back.safetensors"
    said = run("copy", tiny_cohort_file, "-o", folder, "--shard-size", 1)
    assert said == f"{folder}: 24 slices of 8 patients, as in {tiny_cohort_file}"
    whole, sharded = run("info", tiny_cohort_file, "--verify"), run("info", folder, "--verify")
    assert sharded == whole.replace(str(tiny_cohort_file), str(folder))
    run("sheet", folder, "-o", tmp_path / "sharded.png")
    run("sheet", tiny_cohort_file, "-o", tmp_path / "whole.png")
    assert (tmp_path / "sharded.png").read_bytes() == (tmp_path / "whole.png").read_bytes()
    run("copy", folder, "-o", back)
    assert back.read_bytes() == tiny_cohort_file.read_bytes()


def test_a_copy_is_not_written_over_a_cohort(tiny_cohort_file, tmp_path):
    """Nor does a file have shards."""
    assert run("copy", tiny_cohort_file, "-o", tiny_cohort_file).endswith(
        "is there already; name another file or folder"
    )
    wrong = run("copy", tiny_cohort_file, "-o", tmp_path / "b.safetensors", "--shard-size", 5)
    assert "--shard-size: is for a folder whose name ends with .shards" in wrong
    assert list(tmp_path.glob("b*")) == []
