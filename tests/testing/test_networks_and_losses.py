"""The checks of ``gankit.testing`` pass on every component we ship, and find what is planted."""

import attrs
import pytest

from gankit import AbstractFeatureLoss, AbstractPairedLoss, load_plugins
from gankit.plugin.kinds import NETWORK_KINDS
from gankit.testing import check_adversarial_loss, check_feature_loss, check_network, check_paired_loss
from tests.relative import Speckle
from tests.testing.planted import Adversarial, Critic, Generator, Paired
from tests.testing.planted_torch import ImportsTorch

REGISTRY = load_plugins().registry
NETWORKS = [(entry.kind, entry.name) for entry in REGISTRY.entries(*NETWORK_KINDS)]
LOSSES = [entry.name for entry in REGISTRY.entries("loss")]

LATENT, SCORE = {"latent": (8,)}, {"score": ()}
ADC, T2W, VOLUME = {"adc": (1, 16, 16)}, {"t2w": (2, 16, 16)}, {"adc": (1, 16, 16, 16)}
PLACES = {
    "encoder": [(ADC, LATENT), (ADC | T2W, LATENT)],
    "generator": [(LATENT, ADC), (LATENT, ADC | T2W)],
    "translator": [(ADC, T2W), (T2W, ADC), ({"noise": (3, 16, 16)}, ADC | T2W)],
    "discriminator": [(ADC, SCORE), (ADC | T2W, SCORE), (LATENT, SCORE), ({"adc": (1, 24, 24)}, SCORE)],
}
Z, IMAGE = LATENT, {"adc": (1, 4, 4)}


@pytest.mark.parametrize(("kind", "name"), NETWORKS)
def test_every_network_keeps_its_promises(kind, name):
    """Each registered network passes at every place of its kind that it accepts, and accepts at least one."""
    component = REGISTRY.find(name, kind)
    spec = component(**({"width": 4} if "width" in attrs.fields_dict(component) else {}))
    accepted = [(source, target) for source, target in PLACES[kind] if not list(spec.check(source, target))]
    assert accepted
    for source, target in accepted:
        check_network(spec, source, target)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_keeps_its_promises(name):
    """Each registered loss passes the check of its kind."""
    loss = REGISTRY.find(name, "loss")
    needed = {"augmentations": (Speckle(),)} if "augmentations" in attrs.fields_dict(loss) else {}
    if issubclass(loss, AbstractPairedLoss):
        check_paired_loss(loss(on=("adc",)))
    elif issubclass(loss, AbstractFeatureLoss):
        check_feature_loss(loss(on=("adc",), network="c"))
    else:
        check_adversarial_loss(loss(on=("adc",), critic="c", against="cs", **needed))


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("wrong shape", r"returns \(4, 16\) where its target says \(4, 1, 4, 4\)"),
        ("beyond [-1, 1]", r"makes images beyond \[-1, 1\]"),
        ("not finite", "not finite"),
        ("unused parameter", "spare.weight gets no gradient"),
        ("no gradient", "the input gets no gradient"),
        ("own randomness", "does not follow from torch's seed"),
        ("python randomness", "is built with a generator other than torch's"),
        ("dropout", "draws from a global random generator"),
        ("in place", "writes into its input"),
        ("no float64", "works in float64"),
        ("hidden state", "its state_dict does not hold all that it computes with"),
        ("shared memory", "that a safetensors file can hold"),
        ("meets others", "depends on the others, though mixes_samples is False"),
    ],
)
def test_a_planted_defect_of_a_network_is_found(plant, found):
    """The message is one line that says what is wrong."""
    with pytest.raises(AssertionError, match=f"^Generator: [^\n]*{found}"):
        check_network(Generator(plant=plant), Z, IMAGE)


def test_wrong_second_derivatives_are_found():
    """A discriminator whose double backward lies would train on a wrong gradient penalty."""
    with pytest.raises(AssertionError, match="^Critic: its second derivatives are wrong"):
        check_network(Critic(plant="wrong second derivative"), IMAGE, SCORE)


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("scalar", r"returns \(\), not one number per sample"),
        ("meets others", "depends on the other samples"),
        ("draws", "draws from a global random generator"),
        ("no gradient", "has a gradient for the candidate"),
    ],
)
def test_a_planted_defect_of_a_paired_loss_is_found(plant, found):
    """The message is one line that says what is wrong."""
    with pytest.raises(AssertionError, match=f"^Paired: [^\n]*{found}"):
        check_paired_loss(Paired(on=("adc",), plant=plant))


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("undeclared penalty", "differentiates the critic by its input, though penalises_gradient is False"),
        ("draws", "differs when computed again|draws from a global random generator"),
        ("critic unreached", "does not reach the critic's weights"),
        ("player unreached", "does not reach every sample of the candidate"),
        ("not a scalar", r"returns \(4,\), not a scalar"),
    ],
)
def test_a_planted_defect_of_an_adversarial_loss_is_found(plant, found):
    """The message is one line that says what is wrong."""
    with pytest.raises(AssertionError, match=rf"^Adversarial(\.\w+)?: [^\n]*({found})"):
        check_adversarial_loss(Adversarial(on=("adc",), critic="c", against="cs", plant=plant))


@pytest.mark.parametrize(
    ("aim", "found"), [(5.0, "a critic of another slope pays no more"), (0.0, "not a number above 0")]
)
def test_a_slope_that_the_penalty_does_not_hold_is_found(aim, found):
    """Alarms would measure critics by it."""
    loss = REGISTRY.find("wgan-gp", "loss")
    wrong = type("Wrong", (loss,), {"holds_slope": aim, "__module__": loss.__module__})
    with pytest.raises(AssertionError, match=f"^Wrong: has holds_slope = {aim:.1g}[^\n]*{found}"):
        check_adversarial_loss(wrong(on=("adc",), critic="c", against="cs"))


def test_a_spec_that_imports_torch_is_found():
    """Checking a recipe must stay quick, so the module of a spec imports torch inside ``build`` only."""
    with pytest.raises(AssertionError, match="importing tests.testing.planted_torch imports torch"):
        check_paired_loss(ImportsTorch(on=("adc",)))


def test_without_a_defect_the_same_components_pass():
    """What the checks find is the plant, not what it is planted in."""
    check_network(Generator(), Z, IMAGE)
    check_network(Critic(), IMAGE, SCORE)
    check_paired_loss(Paired(on=("adc",)))
    check_adversarial_loss(Adversarial(on=("adc",), critic="c", against="cs"))
