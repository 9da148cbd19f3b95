"""The critics of a run, read from its checkpoints."""

import shutil

import attrs
import numpy as np
import pytest
import torch

from gankit import CheckpointError, CohortError, InputError, load_model
from gankit.files.tensor_file import read_tensors
from gankit.networks.scores import sample_scores
from gankit.networks.synthesizer import build_networks


@pytest.fixture(scope="module")
def critics(trained, plugins):
    """Those of two steps of the tiny ``mpmri-paper``."""
    return load_model(trained, plugins=plugins).critics()


def use_of(critics, name):
    return next(use for use in critics.uses() if use.critic == name)


def test_every_critic_is_there_with_what_it_was_shown(critics):
    """A critic of latents was shown encodings of the pool of its phase, an auxiliary critic slices without cancer."""
    assert {use.critic: (use.on, use.pools) for use in critics.uses()} == {
        "latent_critic": (("latent",), ("cs",)),
        "adc_critic": (("adc",), ("cs",)),
        "t2w_critic": (("t2w",), ("cs",)),
        "adc_auxiliary": (("adc",), ("noncs",)),
        "t2w_auxiliary": (("t2w",), ("noncs",)),
    }


def test_scores_are_those_of_the_trained_weights(critics, trained, tiny_cohort):
    """Slice by slice, as the checkpoint has them; latents are encodings by the encoder that is not averaged."""
    stored, header = read_tensors(trained / "checkpoints" / "step-000002.safetensors", "gankit-checkpoint-1")
    assert critics.step == header["step"] == 2
    networks = build_networks(critics.recipe, ("encoder", "latent_critic", "t2w_critic")).eval()
    networks.by_name.load_state_dict({name: stored[f"network.{name}"] for name in networks.by_name.state_dict()})
    adc, t2w = (
        torch.from_numpy(critics.recipe.modalities[name].to_network(tiny_cohort.modalities[name].values)).float()
        for name in ("adc", "t2w")
    )
    with torch.no_grad():
        of_t2w = sample_scores(networks["t2w_critic"](t2w))
        of_latent = sample_scores(networks["latent_critic"](networks["encoder"](adc)))
    assert np.allclose(critics.scores(use_of(critics, "t2w_critic"), tiny_cohort), of_t2w, atol=1e-5)
    assert np.allclose(critics.scores(use_of(critics, "latent_critic"), tiny_cohort), of_latent, atol=1e-5)


def test_a_critic_was_shown_the_slices_of_its_pools(critics, tiny_cohort):
    """Of the pools' split, or of another one for slices of other patients."""
    use = use_of(critics, "adc_auxiliary")
    assert set(critics.pool(use, tiny_cohort).patient) == {"p1", "p3", "p5"}
    assert set(critics.pool(use, tiny_cohort, "test").patient) == {"p7"}
    assert set(critics.pool(use, tiny_cohort, "all").patient) == {"p1", "p3", "p5", "p7"}
    assert critics.pool(use, tiny_cohort.select(tiny_cohort.labels["cs"] == 1)) is None


def test_a_cohort_without_the_label_is_refused(critics, tiny_cohort):
    """By the name of the pool."""
    with pytest.raises(CohortError, match="no label 'cs', which pool 'noncs' selects by"):
        critics.pool(use_of(critics, "adc_auxiliary"), attrs.evolve(tiny_cohort, labels={}))


def test_a_model_file_has_no_critics(trained, plugins, tmp_path):
    """They stay with the run."""
    shutil.copy(trained / "model.safetensors", tmp_path)
    with pytest.raises(InputError, match="a model file has no critics"):
        load_model(tmp_path / "model.safetensors", plugins=plugins).critics()


def test_a_run_without_its_checkpoint_has_no_critics(trained, plugins, tmp_path):
    """The message says which is missing."""
    run = shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(InputError, match="has no checkpoint of step 2"):
        load_model(run, plugins=plugins).critics()


def test_a_damaged_checkpoint_gives_no_critics(trained, plugins, tmp_path):
    """One altered byte is enough."""
    run = shutil.copytree(trained, tmp_path / "run")
    file = run / "checkpoints" / "step-000002.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match="does not match its digest"):
        load_model(run, plugins=plugins).critics()


def test_a_checkpoint_of_another_run_gives_no_critics(trained, tiny_recipe, tiny_cohort, plugins, tmp_path):
    """Of another seed, under the right name."""
    from gankit import train

    recipe = tiny_recipe(**{"training.steps": 2, "training.seed": 1})
    other = train(recipe, tmp_path / "other", cohort=tiny_cohort, plugins=plugins, quiet=True).path
    run = shutil.copytree(trained, tmp_path / "run")
    name = "checkpoints/step-000002.safetensors"
    shutil.copy(other / name, run / name)
    with pytest.raises(CheckpointError, match="of another run"):
        load_model(run, plugins=plugins).critics()
