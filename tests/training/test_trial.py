"""What a stranger's plugin returns is checked at the start of training: one line that names it, never a traceback."""

from importlib.metadata import EntryPoint, entry_points

import pytest
import torch
from click.testing import CliRunner

from gankit import Draws, load_plugins
from gankit.cli import _group, main
from gankit.training.trial import try_phases
from tests import faulty

RECIPE = """
name = "faulty"
cohort = {{ use = "file", path = "{cohort}" }}
pools.cs = {{ label = "cs" }}
latent.dim = 8
modalities.adc = {{ shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }}
networks.generator = {{ use = "faulty-generator" }}
networks.critic = {{ use = "faulty-critic" }}
synthesizer.adc = {{ network = "generator", from = "latent" }}
training = {{ steps = 2, batch = 4 }}

[[phases]]
use = "faulty-phase"
terms = [
  {{ use = "faulty-paired", on = "adc" }},
  {{ use = "faulty-adversarial", on = "adc", critic = "critic", against = "cs" }},
]
"""

PAIRED = "phases.faulty-phase.terms.faulty-paired-adc: loss 'faulty-paired' of plugin 'faulty'"
ADVERSARIAL = "phases.faulty-phase.terms.faulty-adversarial-adc: loss 'faulty-adversarial' of plugin 'faulty'"
PHASE = "phases.faulty-phase: phase 'faulty-phase' of plugin 'faulty'"
GENERATOR = "networks.generator: generator 'faulty-generator' of plugin 'faulty'"
CRITIC = "networks.critic: discriminator 'faulty-critic' of plugin 'faulty'"
IMAGES = "shape (4, 1, 16, 16)"
HERE = r"tests/faulty\.py:\d+\)"

FAULTS = {
    "paired scalar": f"{PAIRED} must return one loss per sample, of shape (4,), got a scalar",
    "paired (B, 1)": f"{PAIRED} must return one loss per sample, of shape (4,), got (4, 1)",
    "paired number": f"{PAIRED} must return one loss per sample, of shape (4,), got float 0.5",
    "paired float64": f"{PAIRED} must return losses in float32, got float64",
    "paired detached": f"{PAIRED} must return the losses with gradient to its candidates, got none",
    "paired raises": f"{PAIRED} raised ZeroDivisionError: division by zero (",
    "paired backward raises": f"{PAIRED} raised RuntimeError: no way back (",
    "paired signature": f"{PAIRED} is called as the function that it builds(candidate, reference), but is defined as",
    "paired builds none": f"{PAIRED} must build a function of candidate and reference, got NoneType",
    "paired build signature": f"{PAIRED} is called as build(), but is defined as build(shape)",
    "critic answer (B,)": f"{ADVERSARIAL} must return what the critic minimises as a scalar tensor, got (4,)",
    "critic answer float64": f"{ADVERSARIAL} must return what the critic minimises in float32, got float64",
    "critic answer detached": f"{ADVERSARIAL} must return what the critic minimises with gradient to the weights of",
    "player answer (B,)": f"{ADVERSARIAL} must return what the player minimises as a scalar tensor, got (4,)",
    "player answer detached": f"{ADVERSARIAL} must return what the player minimises with gradient to its candidates",
    "no player": f"{ADVERSARIAL} must build an object with the methods critic and player, got Loss without player",
    "adversarial raises": f"{ADVERSARIAL} raised RuntimeError: no such luck (",
    "critic map": f"{CRITIC} must return a tensor of shape (4,) for (4, 1, 16, 16), got (4, 1, 8, 8); found in phases.",
    "generator shape": f"{GENERATOR} must return a tensor of {IMAGES} for (4, 8), got (4, 256); found in",
    "generator tuple": f"{GENERATOR} must return a tensor of {IMAGES} for (4, 8), got tuple",
    "generator raises": f"{GENERATOR} raised RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    "generator signature": f"{GENERATOR} is called as build(source, target), but is defined as build(shapes)",
    "generator builds none": f"{GENERATOR} must build a torch.nn.Module, got NoneType",
    "generator build raises": f"{GENERATOR} raised KeyError: 'width' (",
    "generator build exits": f"{GENERATOR} raised SystemExit: 3 (",
    "generator lazy": f"{GENERATOR} must build weights whose shapes are known, but 'layer.weight' waits for an input",
    "generator half": f"{GENERATOR} must build weights in float32 on the CPU, but 'layer.weight' is float16 on cpu",
    "generator frozen": f"{PHASE} must train networks with weights, but its players have none that take a gradient",
    "generator nan": f"{GENERATOR} must return finite numbers for (4, 8), got NaN or infinity; found in phases.",
    "generator complex": f"{GENERATOR} must return real numbers on cpu, as it is given, got complex64 on cpu; found in",
    "generator meta": f"{GENERATOR} must return real numbers on cpu, as it is given, got float32 on meta; found in",
    "generator no gradient raises": f"{GENERATOR} raised KeyError: 'mean' (",
    "paired nan": f"{PAIRED} must return losses as finite numbers, got NaN or infinity",
    "paired complex": f"{PAIRED} must return losses in float32, got complex64",
    "paired nan gradient": f"{PAIRED} must return the losses with finite gradient to its candidates, got NaN or",
    "paired of torch": f"{PAIRED} raised RuntimeError: Boolean value of Tensor",
    "critic answer infinite": f"{ADVERSARIAL} must return what the critic minimises as finite numbers, got NaN or",
    "inputs later raises": f"{PHASE} raised KeyError: 'second step' (",
    "inputs float64": f"{PHASE} must give the value at 'latent' in float32 on cpu, got float64 on cpu",
    "inputs nan": f"{PHASE} must give the value at 'adc' as finite numbers, got NaN or infinity",
    "references none": f"{PHASE} must give Inputs.references as a mapping of place to tensor, got NoneType",
    "presence misspelt": f"{PHASE} gives the presence at 'adcc', which is no place; did you mean 'adc'?",
    "candidate float64": f"{PHASE} must return the candidates at 'adc' in float32, got float64",
    "candidates signature": f"{PHASE} is called as candidates(networks, inputs), but is defined as candidates(inputs)",
    "inputs dict": f"{PHASE} must return gankit.Inputs from inputs, got dict",
    "inputs shape": f"{PHASE} must give the value at 'latent' as a tensor of shape (4, 8), got (4, 9)",
    "presence shape": f"{PHASE} must give the presence at 'adc' as a tensor of shape (4,), got (3,)",
    "no reference": f"{PHASE} must give a reference at 'adc', which its references name, got none",
    "reference shape": f"{PHASE} must give the reference at 'adc' as a tensor of {IMAGES}, got (4, 1, 8, 8)",
    "unknown pool": f"{PHASE} raised LookupError: no pool 'csz'; did you mean 'cs'?; known: cs (",
    "no candidate": f"{PHASE} must make candidates at 'adc', where it has terms; it makes nothing",
    "candidate shape": f"{PHASE} must give the candidates at 'adc' as a tensor of {IMAGES}, got (2, 1, 16, 16)",
    "candidate detached": f"{PHASE} must make candidates at 'adc' with gradient to its players, got some without",
    "candidate drawn": f"{PHASE} must make candidates at 'adc' with gradient to its players, got some without",
    "player unreached": f"{PHASE} must return candidates with gradient to its players, got none",
    "candidates raises": f"{PHASE} raised KeyError: 'latnt' (",
}


@pytest.fixture(scope="module")
def strange():
    """Everything installed, with the plugin ``faulty``."""
    return load_plugins([*entry_points(group="gankit"), EntryPoint("faulty", "tests.faulty", "gankit")])


@pytest.fixture
def trained(strange, tiny_cohort_file, tmp_path, monkeypatch):
    """``trained(fault)``: what ``gankit train`` answers where the plugin has this fault."""
    recipe = tmp_path / "faulty.toml"
    recipe.write_text(RECIPE.format(cohort=tiny_cohort_file))
    monkeypatch.setattr(_group, "load_plugins", lambda: strange)
    _group.plugins.cache_clear()

    def train(fault):
        monkeypatch.setattr(faulty, "FAULT", fault)
        return CliRunner().invoke(main, ["train", str(recipe), "-o", str(tmp_path / "run"), "--device", "cpu"])

    yield train
    _group.plugins.cache_clear()


@pytest.mark.parametrize(("fault", "line"), FAULTS.items(), ids=FAULTS)
def test_a_fault_of_a_plugin_is_one_line(trained, fault, line):
    """Exit code 2 and a line with plugin, component, term, what was expected and what was found."""
    answer = trained(fault)
    assert answer.exit_code == 2, answer.output
    errors = [each for each in answer.output.splitlines() if each.startswith("Error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"Error: {line}"), errors[0]
    assert answer.output.splitlines()[-1] == errors[0]
    assert "Traceback" not in answer.output


def test_without_a_fault_the_same_plugin_trains(trained):
    """What the trial finds is the fault, not what it is planted in."""
    answer = trained("none")
    assert answer.exit_code == 0, answer.output


def test_what_a_plugin_raised_stays_the_cause(strange, tiny_cohort_file, tmp_path, monkeypatch):
    """From Python the original exception and its traceback are at hand."""
    from gankit import PluginError, load_recipe, train

    (tmp_path / "faulty.toml").write_text(RECIPE.format(cohort=tiny_cohort_file))
    monkeypatch.setattr(faulty, "FAULT", "paired raises")
    with pytest.raises(PluginError, match=HERE) as raised:
        train(load_recipe(tmp_path / "faulty.toml", plugins=strange), tmp_path / "run", plugins=strange, quiet=True)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_a_model_whose_network_returns_another_shape_is_one_line(strange, trained, tmp_path, monkeypatch):
    """Also where a model that was trained samples, by a later version of its plugin."""
    assert trained("none").exit_code == 0
    monkeypatch.setattr(faulty, "FAULT", "generator shape")
    answer = CliRunner().invoke(main, ["sample", str(tmp_path / "run"), "-n", "2", "-o", str(tmp_path / "a.png")])
    assert answer.exit_code == 2
    assert f"Error: {GENERATOR} must return a tensor of shape (2, 1, 16, 16) for (2, 8), got (2, 256)" in answer.output


def test_the_trial_leaves_no_trace(tiny_recipe, trainer):
    """Weights, running statistics, moments, gradients and torch's random state are as before."""
    trained = trainer(tiny_recipe())
    before = {name: tensor.clone() for name, tensor in trained.state.tensors().items()}
    random = torch.get_rng_state()
    try_phases(trained.phases, trained.state, trained.cohort, Draws(0))
    after = trained.state.tensors()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in trained.state.networks.parameters())


def test_phases_that_are_over_are_not_tried(tiny_recipe, trainer, monkeypatch):
    """A run that resumes after the warm-up tries what is still to come."""
    trained = trainer(tiny_recipe(**{"training.steps": 4}))
    trained.state.step = 2
    tried = []
    monkeypatch.setattr("gankit.training.trial._Trial.run", lambda self: tried.append(self.phase.spec.name))
    try_phases(trained.phases, trained.state, trained.cohort, Draws(0))
    assert tried == ["supervised", "unsupervised"]
