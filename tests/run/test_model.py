"""A trained model: one file, or a run, to images in units."""

import io
import json
import math
import resource

import attrs
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from matplotlib.image import imread
from safetensors.torch import save

import gankit
from gankit import CheckpointError, CohortError, InputError, interpolate, load_model, load_recipe, read_cohort, train
from gankit.cli import main
from gankit.cohort.sheet import sheet_png
from gankit.files.tensor_file import read_tensors, write_tensors
from gankit.networks.stored_weights import declared_weights, described, halved
from gankit.networks.synthesizer import build_networks
from gankit.recipe.structure import to_document
from gankit.run.directory import RunDirectory
from gankit.run.interpolate import slerp
from gankit.run.model import Model, save_model


@pytest.fixture(scope="module")
def run(tiny_recipe, plugins, tmp_path_factory):
    """A run of two steps."""
    path = tmp_path_factory.mktemp("model") / "run"
    torch.set_num_threads(1)
    train(tiny_recipe(**{"training.steps": 2}), path, device="cpu", plugins=plugins, quiet=True)
    return path


@pytest.fixture(scope="module")
def model(run, plugins):
    return load_model(run, plugins=plugins)


def command(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# From Python ----------------------------------------------------------------------------------------------


def test_the_public_names_do_the_main_job(tiny_recipe, plugins, tmp_path):
    """``gankit.train`` and ``gankit.load_model`` are enough to go from a recipe to tensors by modality."""
    recipe = tiny_recipe(**{"training.steps": 1})
    result = gankit.train(recipe, tmp_path / "run", device="cpu", plugins=plugins, quiet=True)
    assert (result.path, result.step, result.interrupted_by) == (tmp_path / "run", 1, None)
    images = gankit.load_model(result.path, plugins=plugins).sample(3, seed=0)
    assert {name: tuple(image.shape) for name, image in images.items()} == {
        "adc": (3, 1, 16, 16),
        "t2w": (3, 1, 16, 16),
    }


def test_samples_are_in_the_units_of_the_recipe(model):
    """Networks make [-1, 1]; samples are in the modality's range, 0 to 3000 µm²/s and 0 to 700."""
    images = model.sample(8)
    networks = model.networks.synthesize({"latent": model.latents(8, 0)})
    for name, high in (("adc", 3000), ("t2w", 700)):
        assert images[name].dtype == torch.float32
        assert images[name].min() >= 0
        assert images[name].max() <= high
        torch.testing.assert_close(images[name], (networks[name] + 1) * high / 2)


def test_one_seed_gives_the_same_samples(model):
    """Samples follow from the seed, whatever torch's generator says; another seed gives others."""
    torch.manual_seed(1)
    first = model.sample(3, seed=5)
    torch.manual_seed(2)
    assert same(model.sample(3, seed=5), first)
    assert not same(model.sample(3, seed=6), first)


def test_the_first_samples_do_not_depend_on_how_many_follow(model):
    """Sample i is a function of (seed, i): to the bit in its latent, to rounding in its image."""
    few, many = model.sample(3, seed=5), model.sample(70, seed=5)
    assert torch.equal(model.latents(3, 5), model.latents(70, 5)[:3])
    for name in few:
        torch.testing.assert_close(few[name], many[name][:3], rtol=1e-4, atol=1e-2)
    assert len(np.unique(many["adc"].flatten(1).numpy(), axis=0)) == 70


def test_no_two_seeds_share_a_latent(model):
    """Samples of another seed are others, not the same ones further on."""
    latents = torch.cat([model.latents(8, seed) for seed in range(4)])
    assert len(latents.unique(dim=0)) == 32


def test_no_samples_are_refused(model):
    """Zero samples is a mistake, not an empty answer."""
    with pytest.raises(InputError, match="at least 1, got 0"):
        model.sample(0)


@pytest.mark.parametrize("count", [10**12, 10**40])
def test_more_samples_than_memory_holds_are_refused_at_once(model, run, tmp_path, count):
    """Before a latent is drawn."""
    for make in (model.sample, model.cohort, model.dataset):
        with pytest.raises(InputError, match=f"the number of samples is {count}, which need .* GB, and this machine"):
            make(count)
    result = command("sample", run, "-n", count, "-o", tmp_path / "many.npz")
    assert (result.exit_code, "make fewer at a time" in result.output) == (2, True)


def test_the_model_holds_the_averaged_weights(run, model):
    """What samples is the moving average of the last checkpoint."""
    stored, header = read_tensors(RunDirectory(run).checkpoint(2), "gankit-checkpoint-1")
    assert header["step"] == model.step == 2
    for name, tensor in model.networks.by_name.state_dict().items():
        assert torch.equal(tensor, stored[f"average.{name}"])
    assert set(model.networks.by_name) == {"adc_decoder", "t2w_translator", "encoder"}


def test_one_file_is_enough_to_sample(run, model, plugins, tmp_path):
    """``model.safetensors`` carries its recipe, so it works without the run directory, and without its cohort."""
    alone = tmp_path / "elsewhere.safetensors"
    alone.write_bytes((run / "model.safetensors").read_bytes())
    loaded = load_model(alone, plugins=plugins)
    assert same(loaded.sample(2), model.sample(2))
    assert not any(parameter.requires_grad for parameter in loaded.networks.parameters())


def test_a_model_in_half_precision_takes_half_the_space_and_makes_the_same_slices(run, model, plugins, tmp_path):
    """But for rounding of the weights to 11 bits; biases and statistics are as they were."""
    half = tmp_path / "half.safetensors"
    save_model(half, model.networks, to_document(model.recipe, plugins.registry), model.step, half=True)
    small = load_model(half, plugins=plugins)
    assert sum(tensor.nbytes for tensor in read_tensors(half, "gankit-model-2")[0].values()) < 0.6 * sum(
        tensor.nbytes for tensor in read_tensors(run / "model.safetensors", "gankit-model-2")[0].values()
    )
    weights, rounded = model.networks.by_name.state_dict(), small.networks.by_name.state_dict()
    assert all(rounded[name].dtype == weight.dtype for name, weight in weights.items())
    assert all(torch.equal(rounded[name], weight) for name, weight in weights.items() if weight.ndim < 2)
    for name, (low, high) in {name: spec.range for name, spec in model.recipe.images().items()}.items():
        apart = (small.sample(4, 0)[name] - model.sample(4, 0)[name]).abs()
        assert 0 < apart.max() < 0.01 * (high - low)


def test_weights_beyond_half_precision_are_stored_as_they_are():
    """They would be infinite."""
    weights = {"large": torch.full((2, 2), 1e6), "small": torch.full((2, 2), 0.5), "bias": torch.zeros(2)}
    assert {name: tensor.dtype for name, tensor in halved(weights).items()} == {
        "large": torch.float32, "small": torch.float16, "bias": torch.float32
    }  # fmt: skip


def test_a_model_file_holds_no_code(run):
    """The file is safetensors: a JSON header, then numbers."""
    content = (run / "model.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata = json.loads(header.pop("__metadata__")["gankit"])
    assert metadata["recipe"]["name"] == "mpmri-paper"
    assert len(content) == 8 + int.from_bytes(content[:8], "little") + max(
        t["data_offsets"][1] for t in header.values()
    )


def test_modalities_keep_the_order_of_the_recipe(tiny_recipe, plugins, tmp_path):
    """In the file and in what is sampled; that of the alphabet is another."""
    recipe = tiny_recipe()
    document = to_document(recipe, plugins.registry)
    document["modalities"] = {name: document["modalities"][name] for name in ("t2w", "adc")}
    networks = build_networks(recipe, recipe.networks)
    save_model(tmp_path / "model.safetensors", networks, document, 1, {})
    assert list(load_model(tmp_path / "model.safetensors", plugins=plugins).recipe.modalities) == ["t2w", "adc"]


# gankit sample --------------------------------------------------------------------------------------------


def test_sample_writes_a_cohort_marked_synthetic(run, model, tmp_path):
    """The cohort has units, the label its pools agree on, a patient for each slice, and says what it is."""
    result = command("sample", run, "-n", 5, "--seed", 3, "-o", tmp_path / "s.safetensors", "--device", "cpu")
    assert result.exit_code == 0, result.output
    cohort = read_cohort(tmp_path / "s.safetensors")
    assert cohort.synthetic
    assert {name: modality.unit for name, modality in cohort.modalities.items()} == {"adc": "1e-6 mm2/s", "t2w": "1"}
    assert cohort.labels["cs"].tolist() == [1] * 5
    assert len(set(cohort.patient)) == 5
    assert cohort.source == "synthetic: recipe 'mpmri-paper', 2 steps, seed 3"
    assert np.array_equal(cohort.modalities["adc"].values, model.sample(5, 3)["adc"].numpy())


def test_sample_writes_arrays(run, model, tmp_path):
    """``.npz`` holds one array a modality."""
    assert command("sample", run, "-n", 2, "-o", tmp_path / "s.npz", "--device", "cpu").exit_code == 0
    with np.load(tmp_path / "s.npz") as arrays:
        assert sorted(arrays) == ["adc", "t2w"]
        assert np.array_equal(arrays["t2w"], model.sample(2)["t2w"].numpy())


def test_sample_writes_a_sheet(run, tmp_path):
    """``.png`` is a picture that is not blank."""
    assert command("sample", run, "-n", 4, "-o", tmp_path / "s.png", "--device", "cpu").exit_code == 0
    picture = imread(tmp_path / "s.png")
    assert picture.ndim == 3
    assert picture[..., :3].std() > 0.05


@pytest.mark.parametrize("name", ["s.jpg", "s", "s.safetensor"])
def test_another_kind_of_file_is_refused(run, tmp_path, name):
    """The line lists the kinds there are, and nothing is written."""
    result = command("sample", run, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert "accepted: .safetensors, .shards, .npz, .png" in result.output
    assert not (tmp_path / name).exists()


def test_a_missing_model_is_an_input_error(run, tmp_path):
    """No such path, a folder that is no run, and a run without a model each get their line and exit code 2."""
    (tmp_path / "folder").mkdir()
    young = tmp_path / "young"
    young.mkdir()
    (young / "recipe.lock.toml").write_bytes((run / "recipe.lock.toml").read_bytes())
    for path, line in (
        (tmp_path / "nothing", "no such run or file"),
        (tmp_path / "folder", "not a run directory"),
        (young, "the run has no model yet; train it on with 'gankit train'"),
    ):
        result = command("sample", path, "-o", tmp_path / "s.png")
        assert result.exit_code == 2
        assert f"{path}: {line}" in result.output


@pytest.mark.parametrize("harm", ["cut", "altered", "text"])
def test_a_damaged_model_is_refused(run, tmp_path, harm):
    """A file that does not verify is never sampled from: one line, exit code 1."""
    content = (run / "model.safetensors").read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:-8],
        "altered": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "text": b"not a model",
    }
    (tmp_path / "model.safetensors").write_bytes(damaged[harm])
    result = command("sample", tmp_path / "model.safetensors", "-o", tmp_path / "s.png")
    assert result.exit_code == 1, result.output
    assert str(tmp_path / "model.safetensors") in result.output
    assert isinstance(result.exception, SystemExit)


def test_what_is_no_model_at_all_is_an_input_error(run, tmp_path, tiny_cohort_file):
    """A cohort, a checkpoint and a recipe each get their line and exit code 2."""
    for path, line in (
        (tiny_cohort_file, "not a model (format 'gankit-cohort-1'); name a run directory or its model.safetensors"),
        (RunDirectory(run).checkpoint(2), "not a model (format 'gankit-checkpoint-1')"),
        (run / "recipe.lock.toml", "a recipe, not a model; train it with 'gankit train"),
    ):
        result = command("sample", path, "-o", tmp_path / "s.png")
        assert result.exit_code == 2
        assert f"{path}: {line}" in result.output


def test_weights_that_do_not_fit_their_recipe_are_refused(run, plugins, tmp_path):
    """Weights and recipe of one file must belong together."""
    tensors, header = read_tensors(run / "model.safetensors", "gankit-model-2")
    tensors.pop("adc_decoder.first.bias")
    write_tensors(tmp_path / "m.safetensors", tensors, header)
    with pytest.raises(CheckpointError, match="its weights do not fit its recipe: 'adc_decoder.first.bias' is not"):
        load_model(tmp_path / "m.safetensors", plugins=plugins)


@pytest.fixture
def rewritten(run, plugins, tmp_path):
    """``rewritten(change)``: loads the model again after ``change(tensors, header)``, under a digest of its own."""

    def load(change):
        tensors, header = read_tensors(run / "model.safetensors", "gankit-model-2")
        change(tensors, header)
        write_tensors(tmp_path / "m.safetensors", tensors, header)
        return load_model(tmp_path / "m.safetensors", plugins=plugins)

    return load


def test_a_recipe_that_declares_more_than_the_file_has_takes_no_memory(rewritten, monkeypatch):
    """A file of some kB whose recipe says gigabytes is refused before a network is built."""
    monkeypatch.setattr("gankit.run.model.build_networks", lambda *_: pytest.fail("was built"))
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="do not fit its recipe: .* is float32 .*, and float32 .* in the recipe"):
        rewritten(lambda _, header: header["recipe"]["networks"]["adc_decoder"].update(width=4096))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 100_000  # kB


def test_every_shipped_network_can_be_declared_without_memory(plugins):
    """And declares what it is built with."""
    for name in plugins.recipes:
        recipe = load_recipe(name, (), plugins)
        declared = declared_weights(recipe, recipe.networks)
        assert declared is not None, name
        built = build_networks(recipe).by_name.state_dict() if name.endswith("quick") else declared
        assert {key: described(value) for key, value in built.items()} == {
            key: described(value) for key, value in declared.items()
        }
        assert all(value.is_meta for value in declared.values())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("key", ["adc_decoder.first.bias", "encoder.norm.running_variance"])
def test_weights_that_are_not_finite_are_refused(rewritten, key, bad):
    """Parameters and running statistics alike; the tensor is named."""
    with pytest.raises(CheckpointError, match=f"'{key}' has NaN or infinite values"):
        rewritten(lambda tensors, _: tensors[key].view(-1)[:1].fill_(bad))


def test_weights_that_no_network_declares_are_refused(rewritten):
    """Whatever they are for; the first one is named."""
    with pytest.raises(CheckpointError, match="do not fit its recipe: 'payload' and 1 more are of no network"):
        rewritten(lambda tensors, _: tensors.update(payload=torch.zeros(3), zero=torch.zeros(0)))


def test_weights_that_are_lacking_are_refused(rewritten):
    """The network would be half drawn anew."""
    with pytest.raises(CheckpointError, match="do not fit its recipe: 'adc_decoder.first.bias' is not there"):
        rewritten(lambda tensors, _: tensors.pop("adc_decoder.first.bias"))


def test_weights_of_another_type_are_refused(rewritten):
    """They would be rounded without a word."""
    key = "adc_decoder.first.bias"
    with pytest.raises(CheckpointError, match=f"'{key}' is float64 "):
        rewritten(lambda tensors, _: tensors.update({key: tensors[key].double()}))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("step", None, "step: must be a whole number, got None"),
        ("step", "many", "step: must be a whole number, got 'many'"),
        ("step", -1, "step: must be >= 0, got -1"),
        ("step", 1.5, "step: must be a whole number"),
        ("step", [], "step: must be a whole number"),
        ("recipe", [], "recipe: must be a table"),
        ("recipe", 5, "recipe: must be a table"),
        ("recipe", "x" * 10_000_000, "recipe: must be a table"),
        ("spacing_mm", {"adc": [0.0, 1.0]}, "spacing_mm: adc must be two sizes above 0 mm"),
        ("spacing_mm", {"adc": [-1.0, 1.0]}, "spacing_mm: adc must be two sizes above 0 mm"),
        ("spacing_mm", {"adc": [1.0]}, "spacing_mm.adc: must be a list of 2"),
        ("spacing_mm", {"adc": 1.0}, "spacing_mm.adc: must be a list"),
        ("spacing_mm", [1, 2], "spacing_mm: must be a table"),
        ("seen", [[1, 2, 3, 4]], "seen must be rows of 1 counts"),
        ("seen", [[]], "seen must be rows of 1 counts"),
        ("seen", "all", "seen: must be a list"),
    ],
)
def test_a_header_of_another_shape_is_refused_on_one_line(rewritten, key, value, said):
    """Whatever stands in it, with a digest that is right."""
    with pytest.raises(CheckpointError, match=rf"m\.safetensors: its header is no model's: {said}") as refused:
        rewritten(lambda _, header: header.update({key: value}))
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["step", "recipe"])
def test_a_header_that_lacks_a_part_is_refused(rewritten, key):
    """With its name."""
    with pytest.raises((CheckpointError, InputError), match=f"{key}: required, but missing|not a model"):
        rewritten(lambda _, header: header.pop(key))


@pytest.mark.parametrize(
    "metadata",
    ["[]", "5", "null", '"a"', "{", "[" * 200_000, '{"format": NaN}', '{"a": 1, "a": 1}', "1" * 5000, '{"recipe": 5}'],
    ids=["list", "number", "null", "text", "cut", "brackets", "NaN", "twice", "digits", "recipe"],
)
def test_metadata_that_are_no_header_are_refused_on_one_line(run, tmp_path, metadata):
    """At the command line too."""
    tensors, _ = read_tensors(run / "model.safetensors", "gankit-model-2")
    (tmp_path / "m.safetensors").write_bytes(save(tensors, metadata={"gankit": metadata}))
    result = command("sample", tmp_path / "m.safetensors", "-o", tmp_path / "s.png")
    assert isinstance(result.exception, SystemExit)
    assert len(result.output.splitlines()) == 1
    assert len(result.output) < 500


# Interpolation --------------------------------------------------------------------------------------------


def test_slerp_begins_and_ends_at_its_ends():
    """Fractions 0 and 1 are the two latents."""
    start, end = torch.randn(2, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends = slerp(start, end, torch.tensor([0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(ends, torch.stack([start, end]))


def test_slerp_walks_the_great_circle_evenly():
    """Between latents of one length all are of that length, in one plane, at equal angles."""
    generator = torch.Generator().manual_seed(0)
    start, end = torch.nn.functional.normalize(torch.randn(2, 16, generator=generator, dtype=torch.float64)) * 4
    path = slerp(start, end, torch.linspace(0, 1, 7, dtype=torch.float64))
    torch.testing.assert_close(path.norm(dim=1), torch.full((7,), 4.0, dtype=torch.float64))
    cosines = (path[1:] * path[:-1]).sum(dim=1) / 16
    torch.testing.assert_close(cosines, cosines[:1].expand(6))
    assert torch.linalg.matrix_rank(path, tol=1e-9) == 2


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_between_parallel_latents_is_a_straight_line(factor):
    """Where the angle is 0 or 180° there is no great circle to prefer; nothing is NaN."""
    start = torch.randn(16, generator=torch.Generator().manual_seed(0))
    middle = slerp(start, factor * start, torch.tensor([0.5]))
    torch.testing.assert_close(middle[0], start * (1 + factor) / 2, atol=1e-5, rtol=0)


def test_interpolate_draws_a_strip(run, tmp_path):
    """``gankit interpolate`` writes a picture and says between which test slices of the pool."""
    result = command("interpolate", run, "-o", tmp_path / "i.png", "--between", 2, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "from slice 18 to slice 20 of the cohort, 2 latents between" in result.output
    assert imread(tmp_path / "i.png").std() > 0.05


def test_interpolate_refuses_slices_there_are_not(run, tmp_path):
    """There are three test slices with cancer, so number 3 does not exist."""
    result = command("interpolate", run, "-o", tmp_path / "i.png", "--pair", 0, 3)
    assert result.exit_code == 2
    assert "--pair 0 3: there are 3 complete test slices with 'cs' = 1, counted from 0" in result.output


@pytest.mark.parametrize("between", [0, 101, 10**9, 2.5, True])
def test_interpolate_refuses_more_latents_than_a_picture_shows(model, run, tmp_path, between):
    """They are drawn side by side."""
    with pytest.raises(InputError, match="`between` must be a whole number from 1 to 100, got"):
        interpolate(model, between=between)
    assert command("interpolate", run, "-o", tmp_path / "i.png", "--between", between).exit_code == 2


def test_interpolate_returns_images_and_writes_where_it_is_asked_to(run, tiny_cohort, tmp_path):
    """Real slice, its encoding, two between, encoding, real slice; the ends are the cohort's slices, in units."""
    found = interpolate(run, between=2)
    assert found.ends == (18, 20)
    assert {name: images.shape for name, images in found.images.items()} == dict.fromkeys(
        ("adc", "t2w"), (6, 1, 16, 16)
    )
    for position, number in ((0, 18), (-1, 20)):
        np.testing.assert_allclose(
            found.images["adc"][position], tiny_cohort.modalities["adc"].values[number], rtol=1e-5
        )
    assert list(tmp_path.iterdir()) == []
    interpolate(run, tmp_path / "i.png", between=2)
    assert imread(tmp_path / "i.png").std() > 0.05
    with pytest.raises(InputError, match=r"`out` i.jpg: is written as PNG"):
        interpolate(run, "i.jpg")


def test_without_two_test_slices_an_interpolation_joins_others(model, tiny_cohort):
    """And says of which split they are; a single slice with cancer is not enough."""
    assert interpolate(model, cohort=tiny_cohort).of_test
    assert not interpolate(model, cohort=attrs.evolve(tiny_cohort, split=np.full(24, "train"))).of_test
    single = {"cs": np.where(np.arange(24) == 20, tiny_cohort.labels["cs"], 0)}
    with pytest.raises(InputError, match="two complete slices with 'cs' = 1 are needed, the cohort has 1"):
        interpolate(model, cohort=attrs.evolve(tiny_cohort, labels=single))


def test_interpolate_refuses_a_cohort_that_fits_no_longer(model, tiny_cohort):
    """Imported anew without T2w, or without the label."""
    alone = {"adc": tiny_cohort.modalities["adc"]}
    with pytest.raises(CohortError, match="modalities.t2w: the cohort has no such modality; it has adc"):
        interpolate(model, cohort=attrs.evolve(tiny_cohort, modalities=alone))
    with pytest.raises(CohortError, match="the cohort has no label 'cs'; it has none"):
        interpolate(model, cohort=attrs.evolve(tiny_cohort, labels={}))


def test_samples_of_signals_keep_their_channels(plugins):
    """Two channels of 32 values stay so in a cohort, rather than one of 2 x 32."""
    signals = {"modalities.adc.shape": [2, 32], "cohort.use": "file", "cohort.path": "signals.safetensors"}
    recipe = load_recipe("adc-only-quick", signals, plugins)
    cohort = Model(recipe, build_networks(recipe), 0).cohort(3)
    assert cohort.modalities["adc"].values.shape == (3, 2, 32)


# Sheets ---------------------------------------------------------------------------------------------------


def test_a_sheet_has_one_row_a_modality(model):
    """A further modality adds a row, and each block of eight slices a row for each, and what parts the blocks."""
    images, specs = model.sample(24), model.recipe.modalities

    def height(names, count):
        panel = {name: images[name][:count] for name in names}
        return imread(io.BytesIO(sheet_png({"p": panel}, {name: specs[name] for name in names}))).shape[0]

    row = height(["adc", "t2w"], 8) - height(["adc"], 8)
    assert row > 50
    one, two, three = (height(["adc", "t2w"], count) for count in (8, 9, 24))
    assert three - two == two - one > 2 * row


def test_a_run_leaves_a_sheet_of_real_beside_synthetic(run):
    """The last step has its picture."""
    assert imread(RunDirectory(run).sample(2))[..., :3].std() > 0.05
