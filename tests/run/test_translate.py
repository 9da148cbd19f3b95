"""Translation of real slices that lack a modality."""

import shutil

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from gankit import (
    CohortError,
    InputError,
    Modality,
    load_model,
    load_recipe,
    read_cohort,
    train,
    translate,
    write_cohort,
)
from gankit.cli import main

RECIPE = """
name = "translator"
cohort = { use = "file", path = "cohort.safetensors" }
pools.all = {}

[modalities]
adc = { shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }
t2w = { shape = [1, 16, 16], range = [0, 700] }

[networks]
translator = { use = "unet", width = 4, depth = 2 }
critic = { use = "conv-critic", width = 4 }

[synthesizer]
adc = { given = true }
texture = { random = [1, 16, 16] }
t2w = { network = "translator", from = ["adc", "texture"] }

[training]
steps = 1
batch = 4

[[phases]]
use = "synthesize"
pool = "all"
terms = [{ use = "wgan-gp", on = ["adc", "t2w"], critic = "critic", against = "all" }]
"""


@pytest.fixture(scope="module")
def run(tiny_cohort_file, plugins, tmp_path_factory):
    """A run of one step of a recipe that is given ADC and makes T2w."""
    folder = tmp_path_factory.mktemp("translate")
    (folder / "translator.toml").write_text(RECIPE)
    recipe = load_recipe(folder / "translator.toml", {"cohort.path": str(tiny_cohort_file)}, plugins)
    return train(recipe, folder / "run", device="cpu", plugins=plugins, quiet=True).path


@pytest.fixture(scope="module")
def model(run, plugins):
    return load_model(run, plugins=plugins)


@pytest.fixture(scope="module")
def partial(tiny_cohort):
    """``tiny_cohort``, where every third slice lacks T2w."""
    t2w = tiny_cohort.modalities["t2w"]
    present = np.arange(len(tiny_cohort)) % 3 > 0
    values = np.where(present[:, None, None, None], t2w.values, 0)
    return attrs.evolve(
        tiny_cohort, modalities={**tiny_cohort.modalities, "t2w": attrs.evolve(t2w, values=values, present=present)}
    )


def without(cohort, name):
    return attrs.evolve(cohort, modalities={key: each for key, each in cohort.modalities.items() if key != name})


def test_what_slices_lack_is_made_and_what_they_have_stays(model, partial):
    """To the bit; and the cohort says which images a model made, and that it is synthetic."""
    made = translate(model, partial)
    old, new = partial.modalities["t2w"], made.modalities["t2w"]
    assert np.array_equal(new.made, ~old.present)
    assert new.present.all()
    assert np.array_equal(new.values[old.present], old.values[old.present])
    assert made.modalities["adc"] is partial.modalities["adc"]
    assert made.synthetic
    assert made.source.startswith("t2w translated by recipe 'translator'")


def test_a_made_image_is_that_of_the_graph_with_the_noise_of_its_number(model, tiny_cohort):
    """A sample that is given the slice's ADC is the same image; another seed gives another."""
    adc = tiny_cohort.modalities["adc"].values
    made = translate(model, without(tiny_cohort, "t2w"), seed=3).modalities["t2w"]
    expected = model.sample(24, seed=3, given={"adc": adc})["t2w"].numpy()
    np.testing.assert_allclose(made.values, expected, atol=0.05)
    assert not np.allclose(made.values, model.sample(24, seed=4, given={"adc": adc})["t2w"].numpy(), atol=0.05)


def test_a_larger_cohort_keeps_its_size(model, tiny_cohort, partial):
    """What it has is averaged for the network alone; what is made beside larger images is enlarged to their size."""
    large = attrs.evolve(
        partial,
        modalities={
            name: attrs.evolve(each, values=each.values.repeat(2, axis=2).repeat(2, axis=3))
            for name, each in partial.modalities.items()
        },
    )
    made, expected = translate(model, large).modalities["t2w"], translate(model, partial).modalities["t2w"]
    assert made.values.shape == (24, 1, 32, 32)
    np.testing.assert_allclose(made.values[:, :, ::2, ::2][made.made], expected.values[made.made], atol=0.05)
    alone = translate(model, without(large, "t2w"))
    assert alone.modalities["t2w"].values.shape == (24, 1, 16, 16)
    assert alone.modalities["adc"].values.shape == (24, 1, 32, 32)


def test_a_latent_model_translates_what_its_graph_leads_to(trained, plugins, partial, tiny_cohort):
    """``mpmri`` makes T2w from ADC. ADC comes from the latent, so it cannot be made."""
    assert translate(trained, partial, plugins=plugins).modalities["t2w"].made.sum() == 8
    with pytest.raises(InputError, match="`cohort`: adc cannot be made from what its slices have"):
        translate(trained, without(tiny_cohort, "adc"), plugins=plugins)


def test_a_cohort_that_lacks_nothing_is_refused(model, tiny_cohort):
    """The message says what the model makes, and from what."""
    with pytest.raises(InputError, match=r"every slice has adc and t2w, so .* image .* makes t2w from adc and texture"):
        translate(model, tiny_cohort)


def changed(cohort, name, **changes):
    return attrs.evolve(
        cohort, modalities={**cohort.modalities, name: attrs.evolve(cohort.modalities[name], **changes)}
    )


def test_what_does_not_fit_the_model_is_refused_whether_it_is_read_or_stands_beside_what_is_made(model, partial):
    """Another unit, another scale, or a size from which the made images cannot come."""
    adc, t2w = (partial.modalities[name] for name in ("adc", "t2w"))
    for cohort, message in (
        (changed(partial, "adc", values=adc.values / 1e6, unit="mm2/s"), "modalities.adc.unit: the recipe says"),
        (changed(partial, "adc", values=adc.values * 1e6), "modalities.adc.range: .* convert them"),
        (changed(partial, "t2w", unit="ms"), "modalities.t2w.unit: the recipe says '1', the cohort 'ms'"),
        (changed(partial, "t2w", values=t2w.values * 100), "modalities.t2w.range"),
        (changed(partial, "t2w", values=np.zeros((24, 1, 20, 20), np.float32)), "modalities.t2w.shape"),
        (changed(partial, "t2w", values=np.zeros((24, 1, 8, 16, 16), np.float32)), "modalities.t2w.shape"),
    ):
        with pytest.raises(CohortError, match=message):
            translate(model, cohort)


def test_a_modality_that_no_slice_has_is_made_at_the_recipes_size(model, partial):
    """Though the cohort lists it at another size and in another unit."""
    nowhere = {"values": np.zeros((24, 1, 20, 20), np.float32), "unit": "ms", "present": np.zeros(24, bool)}
    made = translate(model, changed(partial, "t2w", **nowhere)).modalities["t2w"]
    assert (made.values.shape, made.unit, made.made.sum()) == ((24, 1, 16, 16), "1", 24)


def test_a_sampled_cohort_says_which_images_were_made(model, trained, plugins):
    """T2w was; ADC is that of a real slice. Of a model that makes both, the cohort is synthetic as a whole."""
    made = model.cohort(2).modalities
    assert made["adc"].made is None
    assert made["t2w"].made.tolist() == [True, True]
    assert {each.made for each in load_model(trained, plugins=plugins).cohort(2).modalities.values()} == {None}


def test_the_command_warns_of_values_that_may_have_another_unit(run, partial, tmp_path):
    """ADC that was written as if it were in 1e-6 mm2/s."""
    adc = partial.modalities["adc"]
    write_cohort(changed(partial, "adc", values=adc.values / 1e6), tmp_path / "partial.safetensors")
    words = ["translate", str(run), str(tmp_path / "partial.safetensors"), "-o", str(tmp_path / "pairs.safetensors")]
    assert "warning: modalities.adc.range: 98% of the" in CliRunner().invoke(main, [*words, "--device", "cpu"]).output


def test_the_command_writes_the_cohort(run, partial, tmp_path):
    """The file keeps what was made and what was there."""
    write_cohort(partial, tmp_path / "partial.safetensors")
    words = ["translate", str(run), str(tmp_path / "partial.safetensors"), "-o", str(tmp_path / "pairs.safetensors")]
    result = CliRunner().invoke(main, [*words, "--device", "cpu"])
    assert result.output.splitlines()[-1].endswith("24 slices; made t2w of 8")
    read = read_cohort(tmp_path / "pairs.safetensors")
    assert read.synthetic
    assert np.array_equal(read.modalities["t2w"].made, ~partial.modalities["t2w"].present)
    assert isinstance(read.modalities["adc"], Modality)
    itself = CliRunner().invoke(main, [*words[:4], words[2]])
    assert itself.output.strip().endswith("is COHORT itself, which stays as it is; name another file")


def test_the_command_writes_over_nothing_but_what_is_synthetic(run, partial, tmp_path):
    """Real slices and models stay, also where there is no cohort to translate; an older translation is replaced."""
    write_cohort(partial, tmp_path / "partial.safetensors")
    write_cohort(partial, tmp_path / "other.safetensors")
    shutil.copy(run / "model.safetensors", tmp_path / "model.safetensors")

    def answer(cohort, out):
        words = ["translate", run, tmp_path / cohort, "-o", tmp_path / out, "--device", "cpu"]
        return CliRunner().invoke(main, list(map(str, words)))

    for out in ("other.safetensors", "model.safetensors"):
        before = (tmp_path / out).read_bytes()
        assert (
            "is there already and is no synthetic cohort; name another file"
            in answer("partial.safetensors", out).output
        )
        assert "no such cohort file" in answer("missing.safetensors", out).output
        assert (tmp_path / out).read_bytes() == before
    assert "-o pairs.npz: a cohort file ends with" in answer("partial.safetensors", "pairs.npz").output.replace(
        f"{tmp_path}/", ""
    )
    with pytest.raises(InputError, match=r"`cohort` must be a gankit.Cohort, as read_cohort returns it, got str"):
        translate(run, str(tmp_path / "partial.safetensors"))
    assert [answer("partial.safetensors", "pairs.safetensors").exit_code for _ in range(2)] == [0, 0]
