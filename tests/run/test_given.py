"""Places that are random or given: a recipe with noise, a grade and a lesion mask, trained, sampled and refused."""

import re
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gankit import CohortError, Draws, GankitError, InputError, load_model, load_recipe, train, write_cohort
from gankit.cli import main
from gankit.run.export import synthetic_slices
from gankit.run.given import labels_seen, read_given
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer

RECIPE = """
name = "placed"
cohort = { use = "file", path = "cohort.safetensors" }
pools.all = {}
latent.dim = 8

[modalities]
adc = { shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }
t2w = { shape = [1, 16, 16], range = [0, 700] }
lesion = { shape = [1, 16, 16], range = [0, 1], mask = "lesion" }

[networks]
encoder = { use = "conv-encoder", width = 4 }
decoder = { use = "stitch-decoder", width = 4 }
translator = { use = "unet", width = 4, depth = 2 }
adc_critic = { use = "conv-critic", width = 4 }
latent_critic = { use = "mlp-critic", width = 4 }

[synthesizer]
texture = { random = [2, 16, 16] }
grade = { label = "grade", classes = 3 }
lesion = { given = true }
adc = { network = "decoder", from = ["latent", "grade"] }
t2w = { network = "translator", from = ["adc", "texture", "lesion"] }

[training]
steps = 2
batch = 4
checkpoint_every = 1
sample_every = 2

[[phases]]
use = "reconstruct"
encode = { network = "encoder", from = ["adc", "grade"] }
pool = "all"
terms = [
  { use = "l2", on = "adc" },
  { use = "l2", on = "t2w" },
  { use = "aae", on = "latent", critic = "latent_critic" },
]

[[phases]]
use = "synthesize"
pool = "all"
terms = [{ use = "wgan-gp", on = ["adc", "t2w", "lesion", "grade"], critic = "adc_critic", against = "all" }]
"""


@pytest.fixture(scope="module")
def graded(tiny_cohort):
    """``tiny_cohort`` with lesion masks, and with a grade that is 2 where there is cancer, else 0; one is unknown."""
    spot = np.hypot(*(np.mgrid[:16, :16] - 9.5)) < 2
    grade_N = (2 * tiny_cohort.labels["cs"]).astype(np.int8)
    grade_N[0] = -1
    truth = {"lesion": (spot & (tiny_cohort.labels["cs"] == 1)[:, None, None]).astype(np.uint8)}
    return attrs.evolve(tiny_cohort, labels={"grade": grade_N}, truth=truth)


@pytest.fixture(scope="module")
def folder(graded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("placed")
    write_cohort(graded, folder / "cohort.safetensors")
    (folder / "placed.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def recipe(folder, plugins):
    return load_recipe(folder / "placed.toml", {"cohort.path": str(folder / "cohort.safetensors")}, plugins)


@pytest.fixture(scope="module")
def model(recipe, folder, plugins):
    """The model of two steps."""
    return load_model(train(recipe, folder / "run", device="cpu", plugins=plugins, quiet=True).path, plugins=plugins)


# Training -------------------------------------------------------------------------------------------------


def test_a_phase_draws_labels_masks_and_noise_and_never_a_slice_whose_label_is_unknown(recipe, graded):
    """A label is a one-hot vector, a mask is -1 and 1, and slice 0, whose grade is unknown, is never drawn."""
    trainer = Trainer(recipe, resident_cohort(recipe, graded, torch.device("cpu")), torch.device("cpu"))
    synthesize = trainer.phases[1]
    values = [synthesize.batch(trainer.cohort, Draws(0, step)).sets[0].inputs.values for step in range(20)]
    grade_BK = torch.cat([each["grade"] for each in values])
    assert set(map(tuple, grade_BK.tolist())) == {(1, 0, 0), (0, 0, 1)}
    assert set(torch.cat([each["lesion"] for each in values]).unique().tolist()) == {-1, 1}
    texture = torch.cat([each["texture"] for each in values])
    assert texture.shape[1:] == (2, 16, 16)
    assert abs(float(texture.mean())) < 0.02
    assert abs(float(texture.std()) - 1) < 0.02
    assert all(not each["lesion"][each["grade"][:, 0] == 1].gt(0).any() for each in values)  # of the same slice


def test_reconstructions_keep_noise_quiet(recipe, graded):
    """The supervised phase draws no noise, so that its reconstructions are those of the networks alone."""
    trainer = Trainer(recipe, resident_cohort(recipe, graded, torch.device("cpu")), torch.device("cpu"))
    reconstruct = trainer.phases[0]
    inputs = reconstruct.batch(trainer.cohort, Draws(0)).sets[0].inputs
    assert "texture" not in inputs.values
    networks = trainer.state.networks
    made = reconstruct.candidates(networks, inputs)
    texture = torch.zeros(4, 2, 16, 16)
    expected = networks["translator"](torch.cat([made["adc"], texture, inputs.values["lesion"]], dim=1))
    assert torch.equal(made["t2w"], expected)


def test_a_resumed_run_draws_the_same_noise_and_labels(recipe, folder, plugins):
    """The bytes of the model are those of a run that was not stopped."""
    stopped = attrs.evolve(recipe, training=attrs.evolve(recipe.training, steps=1))
    train(stopped, folder / "resumed", device="cpu", plugins=plugins, quiet=True)
    train(recipe, folder / "resumed", device="cpu", plugins=plugins, quiet=True)
    whole = train(recipe, folder / "whole", device="cpu", plugins=plugins, quiet=True)
    one, other = ((path / "model.safetensors").read_bytes() for path in (folder / "resumed", whole.path))
    assert one == other


# Sampling -------------------------------------------------------------------------------------------------


def test_the_model_file_knows_how_often_training_saw_each_label(model, recipe, graded):
    """So labels are drawn without the cohort."""
    train_N = (graded.split == "train") & (graded.labels["grade"] >= 0)
    counts = {value: int((graded.labels["grade"][train_N] == value).sum()) for value in (0, 2)}
    assert model.seen == labels_seen(recipe, graded) == [[0, counts[0]], [2, counts[2]]]


def test_what_is_not_given_is_drawn_from_one_real_slice(model):
    """A sample of grade 0 never gets the mask of a slice of grade 2."""
    made = model.cohort(40)
    assert set(made.labels["grade"].tolist()) == {0, 2}
    assert not made.truth["lesion"][made.labels["grade"] == 0].any()
    assert made.truth["lesion"][made.labels["grade"] == 2].reshape(-1, 256).any(axis=1).all()


def test_a_given_label_chooses_among_the_slices(model):
    """With grade 2 given, every mask is of a slice of grade 2."""
    made = model.cohort(12, given={"grade": 2})
    assert (made.labels["grade"] == 2).all()
    assert made.truth["lesion"].reshape(12, -1).any(axis=1).all()


def test_a_sample_depends_on_seed_and_index_alone_also_in_what_is_drawn(model):
    """Fewer samples are the first of more."""
    few, many = model.sample(3, seed=5), model.sample(9, seed=5)
    assert all(torch.allclose(few[name], many[name][:3], atol=1e-3) for name in few)
    assert not torch.equal(many["lesion"], model.sample(9, seed=7)["lesion"])


def test_a_given_mask_comes_back_untouched(model):
    """What the user gives is among what ``sample`` returns, in its unit."""
    mask_N = np.zeros((2, 16, 16))
    mask_N[0, 3:6, 3:6], mask_N[1, 9:12, 4:8] = 7, 1
    made = model.sample(2, given={"lesion": mask_N, "grade": [2, 0]})
    assert torch.equal(made["lesion"][:, 0], torch.from_numpy((mask_N != 0).astype(np.float32)))


def test_noise_changes_what_the_network_makes_of_it_alone(model):
    """T2w reads the noise, ADC does not."""
    fixed = {"grade": 2, "lesion": np.ones((16, 16)), "latent": torch.zeros(4, 8)}
    made = model.sample(4, given=fixed)
    assert torch.allclose(made["adc"][0], made["adc"][1], atol=1e-3)
    assert not torch.allclose(made["t2w"][0], made["t2w"][1], atol=1e-3)
    quiet = model.sample(4, given={**fixed, "texture": np.zeros((2, 16, 16))})
    assert torch.allclose(quiet["t2w"][0], quiet["t2w"][1], atol=1e-3)


REFUSED = {
    "a class that was never trained": (
        {"grade": 3},
        "`given` grade: 3 is none of the trained classes, which are 0 to 2",
    ),
    "a label in words": ({"grade": "high"}, "`given` grade: must be a whole number"),
    "a class of which training saw nothing": ({"grade": 1}, "`given`: training saw no slice with grade = 1"),
    "such a class beside everything else": (
        {"grade": [0, 1, 2], "lesion": np.zeros((16, 16))},
        "`given`: training saw no slice with grade = 1; it saw 0, 2",
    ),
    "too few labels": ({"grade": [0, 2]}, "`given` grade: has 2 entries, but 3 samples are asked for"),
    "a mask of another size": (
        {"lesion": np.zeros((3, 12, 12))},
        "`given` lesion: must be images of 1 x 16 x 16 or a whole multiple of it, got 1 x 12 x 12",
    ),
    "a mask with holes": (
        {"lesion": np.full((3, 16, 16), np.nan)},
        "`given` lesion: modalities.lesion: a mask must be",
    ),
    "a file instead of what is in it": ({"lesion": "masks.npy"}, "must be numbers, got <U9; read a file by numpy.load"),
    "no mapping": (["lesion"], "`given` must map place to what it has, as in {'cs': 1}, got list"),
    "a place without a name": ({1: 2}, "`given` 1: no such place"),
    "noise of another shape": (
        {"texture": np.zeros((3, 1, 16, 16))},
        "`given` texture: must have the shape 2 x 16 x 16 for each sample, got 3 x 1 x 16 x 16",
    ),
    "noise that is not finite": ({"texture": np.full((2, 16, 16), np.nan)}, "`given` texture: must be finite numbers"),
    "a place that a network makes": ({"adc": np.zeros((16, 16))}, "`given` adc: is made by network 'decoder'"),
    "a misspelt place": ({"grad": 1}, "`given` grad: no such place; did you mean 'grade'?"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(model, case):
    """It says where, what was found, and what is accepted."""
    given, message = REFUSED[case]
    with pytest.raises(InputError) as caught:
        model.sample(3, given=given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_reads_labels_and_files(model, folder):
    """``--given grade=2 --given lesion=FILE``, where the file has the masks by name, alone, or as a cohort's truth."""
    np.savez(folder / "masks.npz", lesion=np.ones((2, 16, 16)))
    for file in ("masks.npz", "cohort.safetensors"):
        count = "2" if file == "masks.npz" else "24"
        asked = ["--given", "grade=2", "--given", f"lesion={folder / file}", "-n", count]
        words = ["sample", str(folder / "run"), *asked, "-o", str(folder / "made.npz"), "--device", "cpu"]
        assert CliRunner().invoke(main, words).exit_code == 0
    assert np.load(folder / "made.npz")["lesion"].shape == (24, 1, 16, 16)


@pytest.mark.parametrize("text", ["grade=--2", "grade=2.0", "grade=two", "grade", "=2"])
def test_what_is_no_place_with_a_value_is_refused(text):
    """A class is a whole number, and a file exists."""
    with pytest.raises(InputError, match="`given` "):
        read_given([text])


@pytest.mark.parametrize(
    "content", [b"", b"words", b"PK\x03\x04 cut short", b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY"]
)
@pytest.mark.parametrize("name", ["masks.npz", "masks.npy", "masks.png"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name, content):
    """Whatever it is called."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as .npy, .npz or a cohort") as caught:
        read_given([f"lesion={tmp_path / name}"])
    assert "\n" not in str(caught.value)


def test_a_cohort_gives_what_its_slices_have_in_the_units_of_the_recipe(model, graded):
    """Labels and masks come from a cohort as in training; unknown labels and other classes are refused."""
    known = graded.select(graded.labels["grade"] >= 0)
    made = model.cohort(23, given={"grade": known, "lesion": known})
    assert np.array_equal(made.labels["grade"], known.labels["grade"])
    assert np.array_equal(made.truth["lesion"], known.truth["lesion"])
    more = attrs.evolve(known, labels={"grade": np.full(23, 5, np.int8)})
    for cohort, count, message in (
        (graded, 24, "`given` grade: 1 of the cohort's 24 slices have none; leave them out"),
        (more, 23, "`given` grade: synthesizer.grade.classes: 3 classes are numbered 0 to 2, but the cohort's"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            model.sample(count, given={"grade": cohort})


def test_a_model_without_its_cohort_asks_for_what_came_from_there(model, graded):
    """A colleague who has the model file alone gives everything; labels alone are drawn from the model file."""
    alone = attrs.evolve(
        model, recipe=attrs.evolve(model.recipe, cohort=attrs.evolve(model.recipe.cohort, path=Path("gone")))
    )
    assert alone.sample(2, given={"lesion": np.zeros((16, 16))})["t2w"].shape == (2, 1, 16, 16)
    with pytest.raises(CohortError, match="gone: no such cohort file.*; or give grade and lesion by `given`"):
        alone.sample(2, given={"grade": 2})


def test_half_precision_is_taken(model):
    """As of tensors that another network made."""
    lesion = torch.ones(2, 16, 16)
    one, other = (model.sample(2, given={"lesion": each})["t2w"] for each in (lesion, lesion.bfloat16()))
    assert torch.equal(one, other)


# What is said of it ---------------------------------------------------------------------------------------


def test_an_export_is_of_what_was_given(folder, tmp_path):
    """Slices of another class, or with other masks, are not written over those that are there."""
    np.save(tmp_path / "ones.npy", np.ones((16, 16)))
    words = ["sample", str(folder / "run"), "-n", "2", "--format", "png", "-o", str(tmp_path / "out")]
    first = ["--given", "grade=2"]
    assert CliRunner().invoke(main, [*words, *first, "--device", "cpu"]).exit_code == 0
    for other in (["--given", "grade=0"], [], [*first, "--given", f"lesion={tmp_path / 'ones.npy'}"]):
        result = CliRunner().invoke(main, [*words, *other, "--device", "cpu"])
        assert "holds other files than this export; nothing was written" in result.output
    assert CliRunner().invoke(main, [*words, *first, "--device", "cpu"]).exit_code == 0


def test_a_slice_says_what_was_given_and_what_no_network_made(model):
    """In the statement that every exported file has."""
    (first, _) = synthetic_slices(model, 2, 0, 1.5, print, {"grade": 2})
    assert first.unmade == ("lesion",)
    assert first.statement().startswith("SYNTHETIC slice, of which lesion was not made and may be of a patient. Made")
    assert first.statement().endswith("seed 0, index 0, given grade = 2.")
    assert model.cohort(2, given={"grade": 2}).source.endswith("seed 0, given grade = 2")


def test_the_cohort_must_have_what_the_graph_is_given(recipe, graded, tiny_cohort, folder, plugins):
    """A label with more classes, and a truth that the cohort lacks, are refused before training."""
    more = attrs.evolve(graded, labels={"grade": np.where(graded.labels["grade"] == 2, 3, 0).astype(np.int8)})
    for cohort, message in (
        (more, "synthesizer.grade.classes: 3 classes are numbered 0 to 2, but the cohort's label 'grade' goes up to 3"),
        (attrs.evolve(graded, truth={}), "modalities.lesion.mask: the cohort has no ground truth 'lesion'"),
        (tiny_cohort, "modalities.lesion.mask: the cohort has no ground truth 'lesion'"),
    ):
        with pytest.raises(GankitError) as caught:
            train(recipe, folder / "refused", device="cpu", cohort=cohort, plugins=plugins, quiet=True)
        assert message in str(caught.value)
