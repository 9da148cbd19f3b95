"""The digital prostate phantom."""

import re
from pathlib import Path

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from gankit import CohortError, RecipeError, load_recipe, read_cohort
from gankit.cli import main
from gankit.recipe.structure import to_document
from gankit_phantom._anatomy import Anatomy
from gankit_phantom._draw import draw_phantom
from gankit_phantom._plan import SliceCounts
from gankit_phantom._signals import adc_map, averaging, interpolating, t2w_signal
from gankit_phantom._tissue import TABLE, TISSUES, index
from gankit_phantom.source import Phantom

REAL_ANATOMY = Path(__file__).parents[2].parent / "shared/data/anatomy_64.npz"
SMALL = SliceCounts(patients_cs=20, patients_noncs=20, train_cs=60, train_noncs=60, test_cs=12, test_noncs=12)


@pytest.fixture(scope="module")
def slices():
    return draw_phantom(3, counts=SMALL)


def generator():
    return np.random.default_rng(0)


def test_one_seed_gives_the_same_bytes_every_time(slices):
    """Every number follows from (seed, purpose)."""
    again = draw_phantom(3, counts=SMALL)
    assert slices.slice_spacing_mm is None
    for name, values in attrs.asdict(slices, recurse=False).items():
        assert name == "slice_spacing_mm" or values.tobytes() == getattr(again, name).tobytes(), name


def test_another_seed_gives_other_patients(slices):
    """Seeds differ in every slice."""
    other = draw_phantom(4, counts=SMALL)
    assert not any((mine == theirs).all() for mine, theirs in zip(slices.t2w, other.t2w, strict=True))


def test_counts_and_split_are_those_of_the_paper():
    """360 patients, 134 with CS cancer; 483 + 1,942 training and 50 + 50 test slices; a patient in one split."""
    cohort = Phantom(size=32).load()
    cs, train = cohort.labels["cs"] == 1, cohort.split == "train"
    assert [(cs & train).sum(), (~cs & train).sum(), (cs & ~train).sum(), (~cs & ~train).sum()] == [483, 1942, 50, 50]
    assert len(set(cohort.patient)) == 360
    assert len(set(cohort.patient[cs])) == 134
    assert not set(cohort.patient[train]) & set(cohort.patient[~train])


def test_a_validation_split_is_of_patients_of_their_own():
    """As many slices as are asked for, beside the others."""
    cohort = Phantom(size=32, train_cs=60, train_noncs=60, validation_cs=12, validation_noncs=9).load()
    validates = cohort.split == "validation"
    cs = cohort.labels["cs"] == 1
    assert [(cs & validates).sum(), (~cs & validates).sum(), (cs & (cohort.split == "train")).sum()] == [12, 9, 60]
    assert not set(cohort.patient[validates]) & set(cohort.patient[~validates])


def test_one_class_may_validate_alone():
    """The other has no validation slice."""
    cohort = Phantom(size=32, train_cs=60, train_noncs=60, validation_cs=5).load()
    assert set(cohort.labels["cs"][cohort.split == "validation"]) == {1}


def test_a_class_needs_a_patient_for_each_split():
    """Two patients cannot be in three splits."""
    with pytest.raises(CohortError, match="phantom: patients_cs must be at least 3, one for each split, got 2"):
        Phantom(size=32, patients_cs=2, validation_cs=5).load()


def test_a_phantom_without_validation_says_nothing_of_it(plugins):
    """So recipes of before are the same, and runs of before go on."""
    recipe = load_recipe("mpmri-quick", {}, plugins)
    assert not [key for key in to_document(recipe, plugins.registry)["cohort"] if "validation" in key]


def test_fresh_patients_do_not_validate():
    """They judge what was chosen."""
    small = {"size": 32, "train_cs": 6, "train_noncs": 6, "validation_cs": 5, "validation_noncs": 5}
    assert "validation" not in Phantom(**small).fresh().split


def test_label_maps_of_whole_patients_validate():
    """No patient's maps are divided."""
    anatomy = maps()
    counts = attrs.evolve(FEW, patients_cs=3, patients_noncs=3, validation_cs=1, validation_noncs=1)
    slices = draw_phantom(0, counts=counts, anatomy=anatomy)
    validates = slices.split == "validation"
    assert sorted(slices.cs[validates]) == [0, 1]
    assert not set(slices.patient[validates]) & set(slices.patient[~validates])


def test_every_cs_slice_has_a_lesion_inside_the_gland_and_no_other_has(slices):
    """The label follows from the ground truth."""
    assert np.array_equal(slices.lesion.any(axis=(1, 2)), slices.cs == 1)
    gland = [index(name) for name in ("fat", "bladder", "bone")]
    assert not np.isin(slices.tissue[slices.lesion == 1], gland).any()


def ring(lesion_NHW):
    """Pixels two to four steps away from the lesion."""
    grown = [lesion_NHW == 1]
    for _ in range(4):
        last = np.pad(grown[-1], ((0, 0), (1, 1), (1, 1)))
        near = last[:, 1:-1, 1:-1] | last[:, :-2, 1:-1] | last[:, 2:, 1:-1] | last[:, 1:-1, :-2] | last[:, 1:-1, 2:]
        grown.append(near)
    return grown[4] & ~grown[1]


@pytest.mark.parametrize(("modality", "darker"), [("adc", True), ("t2w", True), ("dce", False)])
def test_cs_lesions_restrict_diffusion_darken_t2w_and_enhance_early(slices, modality, darker):
    """In nine of ten CS slices the lesion stands out of the gland around it, as PI-RADS describes."""
    gland = np.isin(slices.tissue, [index("peripheral zone"), index("transition zone")])
    contrasts = []
    for image, lesion, around in zip(
        getattr(slices, modality)[slices.cs == 1],
        slices.lesion[slices.cs == 1] == 1,
        (ring(slices.lesion) & gland)[slices.cs == 1],
        strict=True,
    ):
        if lesion.sum() >= 8 and around.sum() >= 8:
            contrasts.append(np.median(image[around]) - np.median(image[lesion]))
    assert len(contrasts) > 30
    assert np.mean(np.sign(contrasts) == (1 if darker else -1)) > 0.9


def test_adc_of_noiseless_diffusion_images_is_the_tissue():
    """ADC = ln(S(0) / S(1000)) / 1000 s/mm2 gives back a uniform tissue's diffusion coefficient."""
    uniform = np.ones((1, 64, 64), dtype=np.float32)
    fitted = adc_map(generator(), uniform, 90 * uniform, 1320 * uniform, noise=0.0)
    np.testing.assert_allclose(fitted, 1320, rtol=1e-4)


def test_noise_lowers_high_adc_as_magnitude_images_do():
    """Rician noise lifts weak signals, so the fitted ADC of fluid falls below its true value."""
    uniform = np.ones((8, 64, 64), dtype=np.float32)
    fitted = adc_map(generator(), uniform, 90 * uniform, 3000 * uniform, noise=0.03)
    assert np.median(fitted) < 2900


def test_t2w_signal_decays_with_echo_time():
    """S = PD exp(-TE / T2): an echo time of one T2 leaves 1/e of the proton density."""
    assert t2w_signal(np.array(0.8), np.array(104.0)) == pytest.approx(0.8 / np.e)


@pytest.mark.parametrize("weights", [averaging(64, 40), interpolating(40, 64), averaging(33, 16)])
def test_resampling_keeps_a_uniform_image(weights):
    """Rows of resampling weights sum to 1."""
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_values_stay_in_the_ranges_that_the_recipes_declare(slices):
    """ADC in [0, 3000] 1e-6 mm2/s and T2w in [0, 700] for all but a thousandth of the pixels; nothing is negative."""
    for values, high in ((slices.adc, 3000), (slices.t2w, 700), (slices.dce, 3)):
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert (values > high).mean() < 1e-3


def test_slices_of_a_patient_share_tissue_and_differ_from_other_patients(slices):
    """Between patients the transition zone's ADC varies more than between slices of one."""
    zone = slices.tissue == index("transition zone")
    medians = np.array([np.median(image[mask]) for image, mask in zip(slices.adc, zone, strict=True)])
    within = np.mean([medians[slices.patient == patient].std() for patient in np.unique(slices.patient)])
    between = np.std([medians[slices.patient == patient].mean() for patient in np.unique(slices.patient)])
    assert between > within


def test_tissue_names_and_values_belong_together():
    """The tissue map indexes the table."""
    assert tuple(tissue.name for tissue in TABLE) == TISSUES
    assert len(set(TISSUES)) == len(TABLE) < 256


def maps(count=40, side=64):
    """Label maps of round glands: peripheral zone, transition zone, and in every other patient a lesion."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    labels = np.zeros((count, side, side), dtype=np.uint8)
    labels[:, np.hypot(x, y) < 0.28] = 2
    labels[:, np.hypot(x, y + 0.08) < 0.16] = 1
    cs = np.arange(count) // 2 % 2
    labels[np.ix_(cs == 1, *(range(side),) * 2)] = np.where(np.hypot(x - 0.12, y - 0.14) < 0.07, 3, labels[0])
    patient = np.array([f"{number // 2:03d}" for number in range(count)])
    return Anatomy(labels=labels, spacing_mm=np.full(count, 1.4), patient=patient, is_cs=cs)


FEW = SliceCounts(patients_cs=2, patients_noncs=2, train_cs=10, train_noncs=10, test_cs=4, test_noncs=4)


def test_anatomy_keeps_the_lesion_where_the_label_map_has_it():
    """Drawn over a label map, lesion and gland are the map's."""
    anatomy = maps()
    slices = draw_phantom(0, counts=FEW, anatomy=anatomy)
    given = anatomy.labels[anatomy.is_cs == 1][0] == 3
    for lesion in slices.lesion[slices.cs == 1] == 1:
        assert (lesion & given).sum() / (lesion | given).sum() > 0.8
    assert not set(slices.patient[slices.split == "train"]) & set(slices.patient[slices.split == "test"])


def test_anatomy_with_too_few_slices_is_refused_with_the_number_there_is():
    """The message says how many there are and what to do."""
    with pytest.raises(
        ValueError, match=r"has \d+ usable CS slices for (train|test), \d+ are asked for; lower the count"
    ):
        draw_phantom(0, anatomy=maps())


@pytest.mark.parametrize("counts", [{"train_cs": 0}, {"patients_cs": 1}])
def test_impossible_counts_are_refused(counts):
    """A split needs a slice and a patient of each class."""
    with pytest.raises(ValueError, match="must be at least"):
        SliceCounts(**counts)


def test_anatomy_file_without_an_array_is_refused_by_name(tmp_path):
    """The message names the array that is missing and all that are needed."""
    np.savez(tmp_path / "maps.npz", labels=np.zeros((2, 64, 64), dtype=np.uint8))
    with pytest.raises(CohortError, match=r"no array 'is_cs'; needs labels"):
        Phantom(anatomy=tmp_path / "maps.npz").load()


@pytest.mark.real_data
def test_real_anatomy_fills_the_counts_of_the_paper():
    """1,179 real patients have enough slices of both classes."""
    if not REAL_ANATOMY.exists():
        pytest.skip("the folder of real patients is not beside the repository")
    cohort = Phantom(anatomy=REAL_ANATOMY).load()
    assert len(cohort) == 2525
    assert cohort.truth["lesion"][cohort.labels["cs"] == 1].any(axis=(1, 2)).all()


@pytest.mark.real_data
def test_real_anatomy_has_patients_left_for_a_large_test():
    """Hundreds of slices of each class, of patients that the cohort does not have."""
    if not REAL_ANATOMY.exists():
        pytest.skip("the folder of real patients is not beside the repository")
    spec = Phantom(anatomy=REAL_ANATOMY, size=32)
    cohort, fresh = spec.load(), spec.fresh()
    assert not set(cohort.patient) & set(fresh.patient)
    cs = fresh.labels["cs"][fresh.split == "test"]
    assert (cs.sum(), (1 - cs).sum()) == (549, 549)


def test_command_writes_a_cohort_file(tmp_path, monkeypatch):
    """``gankit phantom`` keeps images, units, label and ground truth, and says how far it is."""
    monkeypatch.setattr("gankit.processes.progress.LINE_EVERY_S", 0)
    out = tmp_path / "phantom.safetensors"
    counts = ["--train-cs", "9", "--train-noncs", "9", "--test-cs", "3", "--test-noncs", "3"]
    result = CliRunner().invoke(main, ["phantom", "-o", str(out), "--size", "32", *counts])
    assert result.exit_code == 0, result.output
    assert re.search(r"^drawing the phantom 1/1  \S+.*  0 s left$", result.output, re.MULTILINE)
    cohort = read_cohort(out)
    assert {name: modality.unit for name, modality in cohort.modalities.items()} == {
        "adc": "1e-6 mm2/s",
        "t2w": "1",
        "dce": "1",
    }
    assert set(cohort.truth) == {"tissue", "lesion"}
    assert cohort.tissues == TISSUES


@pytest.mark.parametrize(
    "field", [field for field in attrs.fields(Phantom) if field.metadata["bounds"]], ids=lambda field: field.name
)
def test_command_accepts_of_each_number_what_a_recipe_accepts(field, tmp_path):
    """It refuses what is beyond a bound in one line that says the bounds."""
    flag, (least, most) = f"--{field.name.replace('_', '-')}", field.metadata["bounds"].values()
    for value in (least - 1, most + 1):
        result = CliRunner().invoke(main, ["phantom", f"{flag}={value}", "-o", str(tmp_path / "c.safetensors")])
        assert result.output.splitlines()[-1].endswith(f"is not in the range {least}<=x<={most}."), result.output


def test_no_draw_makes_a_size_negative(plugins):
    """A seed among whose draws some lie far out, so that a bone would have a negative height, gives finite images."""
    counts = {"patients_cs": 100, "patients_noncs": 300, "train_cs": 200, "train_noncs": 1500}
    phantom = plugins.registry.find("phantom", "cohort")(seed=1, size=32, **counts).load()
    assert all(np.isfinite(modality.values).all() for modality in phantom.modalities.values())


MISFITS = {
    "volumes where slices are wanted": (
        {"depth": 24},
        (1, 64, 64),
        "depth",
        "1 x 24 x 64 x 64, those of modalities.adc",
    ),
    "slices where volumes are wanted": (
        {},
        (1, 24, 64, 64),
        "depth",
        "1 x 64 x 64, those of modalities.adc 1 x 24 x 64",
    ),
    "other planes": ({"depth": 16}, (1, 24, 64, 64), "depth", "1 x 16 x 64 x 64, those of modalities.adc 1 x 24 x 64"),
    "sides that are no multiple": ({"size": 48}, (1, 32, 32), "size", "1 x 48 x 48, those of modalities.adc 1 x 32"),
    "smaller images": ({"size": 32}, (1, 64, 64), "size", "1 x 32 x 32, those of modalities.adc 1 x 64 x 64"),
    "other neighbours": ({"depth": 9, "neighbours": 2}, (3, 64, 64), "neighbours", "5 x 64 x 64, those of modalities"),
    "slices where slabs are wanted": ({}, (3, 64, 64), "neighbours", "1 x 64 x 64, those of modalities.adc 3 x 64"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_images_that_cannot_be_averaged_down_are_a_problem_of_the_option_that_makes_them(what):
    """Which is known before any is drawn."""
    options, wanted, place, message = MISFITS[what]
    (problem,) = Phantom(**options).check({"lesion": (1, 8, 8), "adc": wanted, "t2w": wanted})
    assert problem.place == place
    assert message in problem.message


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({}, (1, 32, 32)), ({"depth": 48}, (1, 24, 64, 32)), ({"depth": 9, "neighbours": 1}, (3, 64, 64))],
)
def test_images_of_a_whole_multiple_are_no_problem(options, wanted):
    """Of each axis."""
    assert not [*Phantom(**options).check({"adc": wanted, "t2w": wanted})]


def test_a_recipe_names_the_option_of_its_phantom(plugins):
    """Where its images do not fit the recipe's."""
    with pytest.raises(RecipeError, match="cohort.depth: the phantom's images are 1 x 24 x 64 x 64"):
        load_recipe("mpmri-quick", {"cohort.depth": 24}, plugins)
