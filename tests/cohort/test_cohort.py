"""Cohorts: what they hold together, and the file that keeps all of it."""

import subprocess
import sys
import warnings

import attrs
import numpy as np
import pytest
import safetensors.numpy

from gankit import Cohort, CohortError, FileWarning, Modality, read_cohort, write_cohort
from gankit.files.header import header
from gankit.files.stored_arrays import read_arrays, write_arrays
from tests.damage import flipped, rewrite_arrays, spoilt


@pytest.fixture
def full(tiny_cohort):
    """A cohort that uses every field."""
    count = len(tiny_cohort)
    t2w = tiny_cohort.modalities["t2w"]
    return attrs.evolve(
        tiny_cohort,
        modalities={**tiny_cohort.modalities, "t2w": attrs.evolve(t2w, present=np.arange(count) % 3 > 0)},
        labels={**tiny_cohort.labels, "grade": np.resize(np.array([-1, 0, 1], dtype=np.int8), count)},
        spacing_mm=np.where(np.arange(count) % 5, 0.5, np.nan).astype(np.float32),
        truth={"tissue": np.resize(np.arange(7, dtype=np.uint8), (count, 16, 16))},
        tissues=("background", "zone"),
        synthetic=True,
        source="a sentence, with – signs",
    )


def test_a_file_keeps_everything(full, tmp_path):
    """Written and read again, every array, unit, name and order is the same."""
    write_cohort(full, tmp_path / "full.safetensors")
    again = read_cohort(tmp_path / "full.safetensors")
    assert list(again.modalities) == ["adc", "t2w"]
    for name, modality in full.modalities.items():
        assert again.modalities[name].unit == modality.unit
        np.testing.assert_array_equal(again.modalities[name].values, modality.values)
        np.testing.assert_array_equal(again.modalities[name].present, modality.present)
    for what in ("labels", "truth"):
        before, after = getattr(full, what), getattr(again, what)
        assert before.keys() == after.keys()
        for name in before:
            np.testing.assert_array_equal(after[name], before[name])
            assert after[name].dtype == before[name].dtype
    for what in ("patient", "split", "spacing_mm"):
        np.testing.assert_array_equal(getattr(again, what), getattr(full, what))
    assert (again.tissues, again.synthetic, again.source) == (full.tissues, full.synthetic, full.source)


def test_a_cohort_of_volumes_keeps_the_distance_of_its_planes(tiny_cohort, tmp_path):
    """In its file and in a selection; what is not known stays NaN."""
    apart_mm = np.where(np.arange(24) % 5, 3.5, np.nan).astype(np.float32)
    volumes = {"adc": Modality.of(np.zeros((24, 1, 3, 4, 4)))}
    cohort = attrs.evolve(tiny_cohort, modalities=volumes, slice_spacing_mm=apart_mm)
    write_cohort(cohort, tmp_path / "volumes.safetensors")
    again = read_cohort(tmp_path / "volumes.safetensors")
    np.testing.assert_array_equal(again.slice_spacing_mm, apart_mm)
    np.testing.assert_array_equal(again.select(np.arange(3, 8)).slice_spacing_mm, apart_mm[3:8])
    assert read_arrays(tmp_path / "volumes.safetensors")[0]["slice_spacing_mm"].dtype == np.float32


@pytest.fixture
def threefold(tiny_cohort):
    """A cohort of three splits: patients 4 and 5 validate."""
    validates = np.isin(tiny_cohort.patient, ["p4", "p5"])
    return attrs.evolve(tiny_cohort, split=np.where(validates, "validation", tiny_cohort.split))


def test_a_file_keeps_three_splits(threefold, tmp_path):
    """Train, test and validation are the same slices again."""
    write_cohort(threefold, tmp_path / "three")
    np.testing.assert_array_equal(read_cohort(tmp_path / "three").split, threefold.split)
    assert {"train", "test", "validation"} == set(threefold.split)


def test_a_file_says_a_higher_format_only_where_slices_validate(threefold, tiny_cohort, tmp_path):
    """Earlier versions read what they can read, and refuse the other by its format."""
    for name, cohort in (("two", tiny_cohort), ("three", threefold)):
        write_cohort(cohort, tmp_path / name)
    assert header(tmp_path / "two")["format"] == "gankit-cohort-1"
    assert header(tmp_path / "three")["format"] == "gankit-cohort-2"


def test_a_cohort_of_either_format_is_written_over(threefold, tiny_cohort, tmp_path):
    """Both are cohorts."""
    for cohort in (threefold, tiny_cohort, threefold):
        write_cohort(cohort, tmp_path / "cohort")
    assert "validation" in read_cohort(tmp_path / "cohort").split


@pytest.mark.parametrize(("one", "other"), [("train", "test"), ("train", "validation"), ("test", "validation")])
def test_no_patient_is_in_two_of_three_splits(tiny_cohort, one, other):
    """Each pair of splits."""
    split = np.array([one] * len(tiny_cohort), dtype="U10")
    split[0] = other
    with pytest.raises(CohortError, match=rf"1 patients are in {one} and in {other} \(p0\)"):
        attrs.evolve(tiny_cohort, split=split)


def test_the_same_content_makes_the_same_bytes(full, tmp_path):
    """A cohort's hash says what is in it, not when it was written."""
    for name in ("one", "two"):
        write_cohort(full, tmp_path / name)
    write_cohort(read_cohort(tmp_path / "one"), tmp_path / "three")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == (tmp_path / "three").read_bytes()


def test_a_full_disk_leaves_the_file_that_was_there(full, tmp_path):
    """The kernel refuses bytes beyond 1 KiB: one line says it, and no part of a file stays."""
    for name in ("old", "file"):
        write_cohort(full, tmp_path / name)
    program = """
import resource, signal, sys
from gankit import RunError, read_cohort, write_cohort
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
try:
    write_cohort(read_cohort(sys.argv[1]), sys.argv[2])
except RunError as error:
    print(error)
"""
    words = [sys.executable, "-c", program, tmp_path / "old", tmp_path / "file"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "file: cannot be written: " in done.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "old"]
    assert (tmp_path / "file").read_bytes() == (tmp_path / "old").read_bytes()


def test_a_file_cut_short_anywhere_is_refused(full, tmp_path):
    """Whatever a broken copy leaves, one line says what to do."""
    write_cohort(full, tmp_path / "full")
    content = (tmp_path / "full").read_bytes()
    for length in [*range(0, 64, 7), *range(64, len(content), len(content) // 29), len(content) - 1]:
        (tmp_path / "cut").write_bytes(content[:length])
        with pytest.raises(CohortError, match=r"cut: not a readable cohort file, perhaps cut short .*make or copy it"):
            read_cohort(tmp_path / "cut")


@pytest.mark.parametrize(
    "metadata", [None, {"gankit": "{}"}, {"gankit": '{"format": "gankit-model-1"}'}, {"gankit": "[]"}]
)
def test_a_foreign_safetensors_file_is_refused(tmp_path, metadata):
    """A model or another program's weights are no cohort."""
    safetensors.numpy.save_file({"weight": np.zeros(3)}, tmp_path / "foreign", metadata=metadata)
    with pytest.raises(CohortError, match="foreign: not a cohort file"):
        read_cohort(tmp_path / "foreign")


@pytest.mark.parametrize("lost", ["patient", "split", "modality.adc", "present.adc"])
@pytest.mark.filterwarnings("ignore::gankit.FileWarning")
def test_a_file_of_before_that_lacks_an_array_is_refused(tiny_cohort, tmp_path, lost):
    """A file that says less than its header promises is incomplete; one line says which, not Python's KeyError."""
    write_cohort(tiny_cohort, tmp_path / "less")
    rewrite_arrays(tmp_path / "less", lambda arrays, header: arrays.pop(lost))
    with pytest.raises(CohortError, match=f"less: cohort file is incomplete .it lacks '{lost}'.; make or copy it"):
        read_cohort(tmp_path / "less")


@pytest.mark.filterwarnings("ignore::gankit.FileWarning")
def test_a_name_of_thousands_of_characters_is_cut_in_messages(tiny_cohort, tmp_path):
    """One line is for reading."""
    file, adc = tmp_path / "long", tiny_cohort.modalities["adc"]
    write_cohort(attrs.evolve(tiny_cohort, modalities={"x" * 5000: adc}), file)
    rewrite_arrays(file, lambda arrays, header: arrays.pop("modality." + "x" * 5000))
    with pytest.raises(CohortError, match=r"cohort file is incomplete .it lacks 'modality.x+\.\.\.") as raised:
        read_cohort(file)
    assert len(str(raised.value)) < 500


def test_a_damaged_file_is_refused_whichever_byte_it_is(full, tmp_path):
    """Values, presence, labels, truth, spacing, names, units: each is in the digest, and so is the header."""
    file = tmp_path / "full"
    write_cohort(full, file)
    content = file.read_bytes()
    for damaged in (*flipped(content, 200), *flipped(content, 100, within=2000), *spoilt(content).values()):
        file.write_bytes(damaged)
        with pytest.raises(
            CohortError, match=f"^{file}: .*(make or copy it again|accepted: 'gankit-cohort-1' and 'gankit-cohort-2'.)$"
        ):
            read_cohort(file)


def test_a_file_of_before_digests_is_read_with_one_warning(full, tmp_path):
    """It says which; written again, the file has one."""
    write_cohort(full, tmp_path / "full")
    rewrite_arrays(tmp_path / "full")
    with pytest.warns(FileWarning, match="full: has no digest, as files of earlier versions") as warned:
        old = read_cohort(tmp_path / "full")
    assert len(warned) == 1
    assert old.digest() == full.digest()
    write_cohort(old, tmp_path / "full")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_cohort(tmp_path / "full")


def test_a_missing_file_says_how_to_make_one(tmp_path):
    """The message names the commands that write cohort files."""
    with pytest.raises(CohortError, match="no such cohort file; make one with 'gankit import' or 'gankit phantom'"):
        read_cohort(tmp_path / "none.safetensors")


def test_a_patient_in_both_splits_is_refused(tiny_cohort):
    """Testing on a training patient would flatter every result."""
    split = tiny_cohort.split.copy()
    split[0] = "test"
    with pytest.raises(CohortError, match=r"1 patients are in train and in test \(p0\)"):
        attrs.evolve(tiny_cohort, split=split)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(tiny_cohort, value):
    """The first slice and its patient are named, so that it can be found."""
    values = tiny_cohort.modalities["adc"].values.copy()
    values[4, 0, 3, 3] = value
    with pytest.raises(CohortError, match=r"modality 'adc' has NaN or infinite values in 1 slices.*slice 4 of patient"):
        attrs.evolve(tiny_cohort, modalities={"adc": Modality.of(values)})


def test_an_absent_slice_may_hold_anything(tiny_cohort):
    """What is masked out is never read."""
    values = tiny_cohort.modalities["adc"].values.copy()
    values[4] = np.nan
    present = np.arange(24) != 4
    cohort = attrs.evolve(tiny_cohort, modalities={"adc": Modality.of(values, present=present)})
    assert cohort.modalities["adc"].present.sum() == 23


SHORTER = {
    "modality 'adc'": lambda cohort: {"modalities": {"adc": Modality.of(np.zeros((3, 4, 4)))}},
    "presence of 'adc'": lambda cohort: {
        "modalities": {"adc": Modality.of(np.zeros((24, 4, 4)), present=np.ones(3, dtype=bool))}
    },
    "label 'cs'": lambda cohort: {"labels": {"cs": np.zeros(3, dtype=np.int8)}},
    "split": lambda cohort: {"split": cohort.split[:3]},
    "spacing_mm": lambda cohort: {"spacing_mm": np.ones(3, dtype=np.float32)},
    "slice_spacing_mm": lambda cohort: {"slice_spacing_mm": np.ones(3, dtype=np.float32)},
    "truth 'tissue'": lambda cohort: {"truth": {"tissue": np.zeros((3, 4, 4), dtype=np.uint8)}},
}


@pytest.mark.parametrize("what", SHORTER)
def test_arrays_of_different_length_are_refused(tiny_cohort, what):
    """Slices are matched by position, so every array has one entry a slice."""
    with pytest.raises(CohortError, match=f"{what} has 3 slices, but there are 24 patient ids"):
        attrs.evolve(tiny_cohort, **SHORTER[what](tiny_cohort))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": {"cs": np.full(24, -2, dtype=np.int8)}}, r"label 'cs' has values \[-2\]; accepted: 1 yes and 0"),
        ({"split": np.full(24, "dev")}, r"split has values \['dev'\]; accepted: train, test"),
        ({"modalities": {}}, "no modality; a cohort needs at least one"),
        ({"slice_spacing_mm": np.ones(24, np.float32)}, "slice_spacing_mm is for volumes .* no modality has them"),
        ({"modalities": {"adc": Modality(values=np.zeros((24, 9), dtype=np.float32), present=np.ones(24, dtype=bool))}},
         "needs \\(slices, channels, \\*space\\)"),
    ],
)  # fmt: skip
def test_what_a_cohort_cannot_be_is_refused(tiny_cohort, change, message):
    """Found value and accepted ones are in the message."""
    with pytest.raises(CohortError, match=message):
        attrs.evolve(tiny_cohort, **change)


def test_selecting_keeps_all_arrays_aligned(full):
    """A selection is a cohort of its own."""
    some = full.select(np.array([5, 0, 23]))
    assert len(some) == 3
    assert list(some.patient) == ["p1", "p0", "p7"]
    assert list(some.modalities["t2w"].present) == [True, False, True]
    np.testing.assert_array_equal(some.truth["tissue"][0], full.truth["tissue"][5])
    assert list(some.labels["grade"]) == [1, -1, 1]
    assert isinstance(some, Cohort)
    assert len(full.select(full.split == "test")) == 6


def test_a_plain_image_gets_a_channel():
    """(N, H, W) numbers are one channel."""
    assert Modality.of(np.zeros((2, 4, 5))).values.shape == (2, 1, 4, 5)
    assert Modality.of(np.zeros((2, 3, 4, 5))).values.shape == (2, 3, 4, 5)


def test_paths_may_be_text(tiny_cohort, tmp_path):
    """As everywhere else in Python."""
    write_cohort(tiny_cohort, str(tmp_path / "cohort.safetensors"))
    assert len(read_cohort(str(tmp_path / "cohort.safetensors"))) == len(tiny_cohort)


OTHER = {
    "values": lambda c: {
        "modalities": c.modalities | {"adc": Modality.of(c.modalities["adc"].values + 1, "1e-6 mm2/s")}
    },
    "unit": lambda c: {"modalities": c.modalities | {"adc": Modality.of(c.modalities["adc"].values, "mm2/s")}},
    "presence": lambda c: {
        "modalities": c.modalities | {"adc": attrs.evolve(c.modalities["adc"], present=np.arange(24) > 0)}
    },
    "labels": lambda c: {"labels": {"cs": 1 - c.labels["cs"]}},
    "patients": lambda c: {"patient": np.char.add("q", c.patient)},
    "splits": lambda c: {"split": np.full(24, "train")},
}


@pytest.mark.parametrize("part", OTHER)
def test_the_digest_is_of_all_that_training_depends_on(tiny_cohort, part):
    """A run that began with another cohort is told apart by any part; words about the cohort are none."""
    assert attrs.evolve(tiny_cohort, **OTHER[part](tiny_cohort)).digest() != tiny_cohort.digest()
    assert attrs.evolve(tiny_cohort, source="other words").digest() == tiny_cohort.digest()


@pytest.mark.parametrize(
    "value", [None, 5, -1.5, "x" * 10_000_000, [[]], [None], [["adc", 5]], {"a": 1}], ids=lambda value: repr(value)[:9]
)
@pytest.mark.parametrize("key", ["format", "modalities", "patients", "tissues", "synthetic", "source"])
def test_a_header_of_another_shape_is_refused_on_one_line(tiny_cohort, tmp_path, key, value):
    """Whatever stands in it, with a digest that is right."""
    write_cohort(tiny_cohort, tmp_path / "c.safetensors")
    arrays, header = read_arrays(tmp_path / "c.safetensors")
    header.pop("digest")
    write_arrays(tmp_path / "c.safetensors", arrays, {**header, key: value})
    if key == "source" and isinstance(value, str):
        assert read_cohort(tmp_path / "c.safetensors").source == value
        return
    with pytest.raises(CohortError) as refused:
        read_cohort(tmp_path / "c.safetensors")
    assert len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)
