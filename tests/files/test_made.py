"""Nothing is written over a file that gankit did not make; its own are replaced."""

import shutil

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from gankit import InputError, imports, read_cohort, write_cohort
from gankit.cli import main


@pytest.fixture
def command(trained, tiny_cohort_file, tmp_path):
    """``command(name, out)``: run one of ``COMMANDS``."""

    def run(name, out):
        words = {"RUN": str(trained), "COHORT": str(tiny_cohort_file), "OUT": str(out)}
        return CliRunner().invoke(main, [words.get(word, word) for word in COMMANDS[name].split()])

    return run


COMMANDS = {
    "arrays.npz": "sample RUN -n 2 -o OUT",
    "slices.png": "sample RUN -n 2 -o OUT",
    "strip.png": "interpolate RUN -o OUT",
    "sheet.png": "cohort sheet COHORT -o OUT",
    "page.html": "report RUN -o OUT",
}
"""The file that a command writes, and the command."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_of_someone_else_stays(command, tmp_path, name):
    """Whatever it holds: nothing, a text, or what its name says. A link that leads nowhere stays, too."""
    file = tmp_path / name
    np.savez(tmp_path / "masks.npz", lesion=np.zeros(2))
    for content in (b"", b"mine", (tmp_path / "masks.npz").read_bytes(), b"\x89PNG\r\n\x1a\n" + bytes(50)):
        file.write_bytes(content)
        result = command(name, file)
        assert (result.exit_code, file.read_bytes()) == (2, content)
        assert f"-o {file}: is there already and was not made by gankit; name another file" in result.output
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    assert (command(name, file).exit_code, file.is_symlink()) == (2, True)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_again_replaces_its_file(command, tmp_path, name):
    """With the same bytes."""
    file = tmp_path / name
    contents = []
    for _ in range(2):
        assert command(name, file).exit_code == 0
        contents.append(file.read_bytes())
    assert contents[0] == contents[1]


def test_arrays_are_read_as_before(command, tmp_path):
    """The mark is no array."""
    command("arrays.npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays.files} == {"adc": (2, 1, 16, 16), "t2w": (2, 1, 16, 16)}


def test_a_cohort_is_not_written_over_a_model(trained, tiny_cohort, tmp_path):
    """Nor over anything else that is no cohort; a cohort is replaced."""
    for file, content in (("model.safetensors", None), ("notes.safetensors", b"mine")):
        place = tmp_path / file
        shutil.copy(trained / file, place) if content is None else place.write_bytes(content)
        content = place.read_bytes()
        with pytest.raises(InputError, match=f"{file}: is there already and is no cohort; name another file"):
            write_cohort(tiny_cohort, place)
        assert place.read_bytes() == content
    write_cohort(tiny_cohort, tmp_path / "cohort.safetensors")
    write_cohort(tiny_cohort.select(np.arange(3)), tmp_path / "cohort.safetensors")
    assert len(read_cohort(tmp_path / "cohort.safetensors")) == 3


@pytest.mark.parametrize("name", ["cohort.safetensors", "cohort.shards"])
def test_a_command_does_not_replace_the_cohort_of_another(tiny_cohort, tmp_path, name):
    """It says whose it is, before any work; its own is replaced."""
    place, few = tmp_path / name, ["--train-cs", "2", "--train-noncs", "2", "--test-cs", "1", "--test-noncs", "1"]
    few += ["--patients-cs", "2", "--patients-noncs", "2", "--size", "32"]
    write_cohort(attrs.evolve(tiny_cohort, source="DICOM of 8 patients"), place)
    result = CliRunner().invoke(main, ["phantom", *few, "-o", str(place)])
    assert result.exit_code == 2
    assert f"-o {place}: is there already and holds 'DICOM of 8 patients'; name another, or remove it" in result.output
    assert read_cohort(place).source == "DICOM of 8 patients"
    write_cohort(attrs.evolve(tiny_cohort, source="digital prostate phantom, seed 7"), place)
    assert CliRunner().invoke(main, ["phantom", *few, "-o", str(place)]).exit_code == 0
    assert read_cohort(place).source == "digital prostate phantom, seed 0"
    np.savez(tmp_path / "mine.npz", adc=np.ones((4, 8, 8)), patient=np.array(list("aabb")))
    with pytest.raises(InputError, match="is there already and holds 'digital prostate phantom, seed 0'"):
        imports.arrays(tmp_path / "mine.npz", out=place, modality={"adc": "adc"}, patient="patient")
