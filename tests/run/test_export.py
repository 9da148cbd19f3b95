"""``gankit sample --format``: folders of files that say they are synthetic, whatever the format."""

import attrs
import pytest
from click.testing import CliRunner

import gankit
from gankit import PluginError, RunError, load_model, read_cohort
from gankit.cli import main
from gankit.run.export import export, find_format, synthetic_slices


@pytest.fixture(scope="module")
def model(spaced_run, plugins):
    return load_model(spaced_run, plugins=plugins)


def command(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "--device", "cpu"])


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_model_knows_the_size_of_its_pixels(model):
    """The median over the slices training approaches, those with cancer, whose spacing is known."""
    assert model.spacing_mm == {"adc": (0.5, 0.5), "t2w": (0.5, 0.5)}


def test_a_sampled_cohort_has_the_spacing(spaced_run, tmp_path):
    """``-o FILE.safetensors`` keeps it for whoever reads the cohort."""
    assert command("sample", spaced_run, "-n", 2, "-o", tmp_path / "s.safetensors").exit_code == 0
    assert read_cohort(tmp_path / "s.safetensors").spacing_mm.tolist() == [0.5, 0.5]


# The folder -----------------------------------------------------------------------------------------------


def test_an_export_that_was_cut_short_is_completed(spaced_run, tmp_path):
    """The same command again writes what is missing, and keeps files of the user's own beside it."""
    words = ("sample", spaced_run, "-n", 2, "--format", "png", "-o", tmp_path / "out")
    command(*words)
    whole = contents(tmp_path / "out")
    (tmp_path / "out/synthetic-000001/t2w.png").unlink()
    (tmp_path / "out/synthetic-000001/my-mask.png").write_bytes(b"mine")
    assert command(*words).exit_code == 0
    (tmp_path / "out/synthetic-000001/my-mask.png").unlink()
    assert contents(tmp_path / "out") == whole


def test_an_export_that_was_killed_before_its_note_goes_on(spaced_run, tmp_path):
    """What is left of the note is nobody's file."""
    (tmp_path / "out" / ".export.json.abc.part").mkdir(parents=True)
    assert command("sample", spaced_run, "-n", 2, "--format", "png", "-o", tmp_path / "out").exit_code == 0
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("side", ["nan", "inf", "1e308", "1e-308", "1001"])
@pytest.mark.parametrize("format_", ["dicom", "nifti", "png"])
def test_a_pixel_that_is_none_is_refused(spaced_run, tmp_path, side, format_):
    """No format is given a size that viewers could not read."""
    result = command("sample", spaced_run, "-n", 1, "--format", format_, "--spacing-mm", side, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert f"--spacing-mm: a pixel of adc would be {float(side):g} x {float(side):g} mm; accepted: " in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_removed_ends_the_export(model, plugins, tmp_path):
    """On one line, and no other folder is filled in its place."""

    def slices():
        for synthetic in synthetic_slices(model, 2, 0, None, lambda done: None):
            yield synthetic
            (tmp_path / "out").rename(tmp_path / "elsewhere")

    with pytest.raises(RunError, match="out: was removed or moved away while it was written; run the same command"):
        export(slices(), 2, "png", find_format("png", plugins), tmp_path / "out", "export")
    assert not (tmp_path / "out").exists()


def test_a_folder_is_named_by_run_and_format_where_none_is(spaced_run, tmp_path, monkeypatch):
    """With --format alone; a file must be named."""
    monkeypatch.chdir(tmp_path)
    assert command("sample", spaced_run, "-n", 1, "--format", "png").exit_code == 0
    assert (tmp_path / "run-png/synthetic-000000/adc.png").is_file()
    again = command("sample", spaced_run / "model.safetensors", "-n", 1, "--format", "png")
    assert "run-png: 1 synthetic slice" in again.output
    assert "Missing option '-o'" in command("sample", spaced_run).output


@pytest.mark.parametrize("change", [("-s", 1), ("-n", 3), ("--format", "nifti"), ("--spacing-mm", 2)])
def test_another_export_is_not_mixed_into_a_folder(spaced_run, tmp_path, change):
    """Slices of two seeds, formats or sizes in one folder could not be told apart."""
    words = ("sample", spaced_run, "-n", 2, "--format", "png", "-o", tmp_path / "out")
    command(*words)
    before = contents(tmp_path / "out")
    result = command(*words, *change)
    assert result.exit_code == 2
    assert "holds other files than this export; nothing was written, choose a new one" in result.output
    assert contents(tmp_path / "out") == before


def test_a_folder_of_the_users_is_left_alone(spaced_run, tmp_path):
    """Whatever lies there was not made by this export; an empty folder is taken."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("all of it")
    assert command("sample", spaced_run, "--format", "png", "-o", tmp_path / "mine").exit_code == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    assert command("sample", spaced_run, "-n", 1, "--format", "png", "-o", tmp_path / "empty").exit_code == 0


def test_what_fails_on_the_way_is_a_run_error(model, plugins, tmp_path):
    """A place that cannot be written is the disk's fault, not the user's input."""
    (tmp_path / "file").write_text("")
    slices = synthetic_slices(model, 1, 0, None, print)
    with pytest.raises(RunError, match="cannot be written"):
        export(slices, 1, "png", find_format("png", plugins), tmp_path / "file/out", "export")


WRONG = {
    "--format dcm -o out": "--format dcm: no such format; did you mean 'dicom'?; accepted: dicom, nifti, png",
    "-o out": "-o out: unknown kind of file ''; accepted: .safetensors, .shards, .npz, .png; for a folder give",
    "-o empty.png": "-o empty.png: is a folder; name a file, or give --format",
    "--format png -o file.png": "-o file.png: is the name of a file; with --format name a new folder",
    "--spacing-mm 1 -o sheet.png": "--spacing-mm: is for --format",
    "--format png --spacing-mm 0 -o out": "Invalid value for '--spacing-mm'",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_options_are_one_line(spaced_run, tmp_path, monkeypatch, line):
    """Exit code 2, and not a file more than before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.png").write_text("mine")
    (tmp_path / "empty.png").mkdir()
    result = command("sample", spaced_run, *line.split())
    assert result.exit_code == 2
    assert WRONG[line] in result.output
    assert {path.name for path in tmp_path.rglob("*")} == {"file.png", "empty.png"}


# A plugin's own format ------------------------------------------------------------------------------------


def test_a_plugin_adds_a_format(model, plugins, tmp_path, monkeypatch):
    """One function from a slice to named bytes is the whole contract."""
    (tmp_path / "their_format.py").write_text("def encode(slice): return {'words.txt': slice.statement().encode()}\n")
    monkeypatch.syspath_prepend(tmp_path)
    theirs = attrs.evolve(plugins, export_formats={"words": "their_format:encode", "broken": "their_format:nothing"})
    encode = find_format("words", theirs)
    export(synthetic_slices(model, 2, 0, None, print), 2, "words", encode, tmp_path / "out", "export")
    assert "index 1" in (tmp_path / "out/synthetic-000001/words.txt").read_text()
    with pytest.raises(PluginError, match=r"format 'broken' cannot be imported from 'their_format:nothing': Attrib"):
        find_format("broken", theirs)


def test_a_slice_says_which_gankit_made_it(model):
    """The statement is plain ASCII, short enough for every field that holds it."""
    (synthetic,) = synthetic_slices(model, 1, 0, None, print)
    assert synthetic.statement().isascii()
    assert gankit.__version__ in synthetic.statement()
    assert len(synthetic.statement()) < 1024


def test_many_slices_show_their_progress(spaced_run, tmp_path):
    """More than one batch of latents is worth a line; few are not."""
    assert "sampling" not in command("sample", spaced_run, "-n", 4, "-o", tmp_path / "s.npz").output
    assert "sampling 70/70" in command("sample", spaced_run, "-n", 70, "-o", tmp_path / "s.npz").output
