"""Networks that begin with the weights of another training, or of a file of one's own."""

import pytest
import torch
from safetensors.torch import save_file

from gankit import InputError, RecipeError, train
from gankit.networks.synthesizer import build_networks
from gankit.processes.ranks import ALONE
from gankit.run.directory import RunDirectory
from gankit.training.state import TrainingState

CPU = torch.device("cpu")


def begun(recipe):
    """The state with which a training of the recipe begins."""
    state = TrainingState(recipe, CPU, ranks=ALONE)
    state.read_first_weights()
    return state


def same(one, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.fixture
def critic(tiny_recipe):
    """The critic of ADC as another seed draws it."""
    return build_networks(tiny_recipe(**{"training.seed": 7}), ["adc_critic"])["adc_critic"].state_dict()


def test_a_network_begins_with_the_weights_of_a_file(tiny_recipe, critic, tmp_path):
    """Of the ``state_dict`` of the network alone; other networks begin as they were drawn."""
    save_file(critic, tmp_path / "mine.safetensors")
    state = begun(tiny_recipe(**{"weights.adc_critic": str(tmp_path / "mine.safetensors")}))
    drawn = build_networks(tiny_recipe())
    assert same(state.networks["adc_critic"].state_dict(), critic)
    assert same(state.networks["t2w_critic"].state_dict(), drawn["t2w_critic"].state_dict())


def test_a_checkpoint_has_every_network_and_a_model_those_that_sample(tiny_recipe, trained):
    """Weights of a critic are in the first, averaged weights of a decoder in both; averages begin with them too."""
    run = RunDirectory(trained)
    checkpoint, _ = run.checkpoints()[0], run.model
    state = begun(
        tiny_recipe(
            **{"weights.adc_critic": str(checkpoint), "weights.adc_decoder": str(run.model), "training.seed": 5}
        )
    )
    stored = TrainingState(tiny_recipe(), CPU)
    stored.load(checkpoint)
    assert same(state.networks["adc_critic"].state_dict(), stored.networks["adc_critic"].state_dict())
    assert same(state.networks["adc_decoder"].state_dict(), stored.averages["adc_decoder"].state_dict())
    assert same(state.averages["adc_decoder"].state_dict(), stored.averages["adc_decoder"].state_dict())


def test_a_perceptual_loss_compares_features_of_a_network_from_a_file(tiny_recipe, tiny_cohort, critic, tmp_path):
    """Nothing trains the network, so that it ends as it began; and the file need not be there when the run goes on."""
    file = tmp_path / "features.safetensors"
    save_file(critic, file)
    recipe = {
        "networks.features": {"use": "conv-critic", "width": 4},
        "weights.features": str(file),
        "phases.warm-up.terms.seen": {"use": "perceptual", "on": "adc", "network": "features"},
    }
    train(tiny_recipe(**recipe, **{"training.steps": 2}), tmp_path / "run", cohort=tiny_cohort, quiet=True)
    file.unlink()
    last = tiny_recipe(**recipe)
    result = train(last, tmp_path / "run", cohort=tiny_cohort, quiet=True)
    state = TrainingState(last, CPU)
    state.load(RunDirectory(result.path).checkpoints()[0])
    assert state.step == 4
    assert same(state.networks["features"].state_dict(), critic)


def test_weights_that_are_not_finite_are_refused(tiny_recipe, critic, tmp_path):
    """Before training, with the tensor."""
    key = next(iter(critic))
    critic[key].view(-1)[:1].fill_(torch.inf)
    save_file(critic, tmp_path / "mine.safetensors")
    with pytest.raises(
        InputError, match=f"weights.adc_critic: '{key}' has NaN or infinite values in .*mine.safetensors"
    ):
        begun(tiny_recipe(**{"weights.adc_critic": str(tmp_path / "mine.safetensors")}))


def test_what_does_not_fit_is_refused_in_one_line(tiny_recipe, tiny_cohort, critic, tmp_path):
    """A missing file, one that is none, one of another network, and one of other sizes."""
    save_file(critic, tmp_path / "mine.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    for network, file, message in (
        ("adc_critic", "none.safetensors", "weights.adc_critic: no such file"),
        ("adc_critic", "text.safetensors", "cannot be read as .safetensors"),
        (
            "encoder",
            "mine.safetensors",
            "has no weights of a network 'encoder' with the parts of this one; it has layers",
        ),
    ):
        with pytest.raises(InputError) as caught:
            train(tiny_recipe(**{f"weights.{network}": str(tmp_path / file)}), tmp_path / "run", cohort=tiny_cohort)
        assert message in str(caught.value)
    wider = {"networks.adc_critic.width": 6, "weights.adc_critic": str(tmp_path / "mine.safetensors")}
    with pytest.raises(InputError, match=r"'layers.0.weight' is float32 4 x 1 x 4 x 4 in .*, but float32 6 x"):
        train(tiny_recipe(**wider), tmp_path / "run", cohort=tiny_cohort)
    with pytest.raises(RecipeError, match=r"weights.adc_critc: no network 'adc_critc'; did you mean 'adc_critic'"):
        tiny_recipe(**{"weights.adc_critc": "a.safetensors"})
