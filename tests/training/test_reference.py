"""Training equals Eqs. 1 to 10 as they are written, to rounding."""

import attrs
import numpy as np
import pytest
import torch

from gankit._draws import Draws
from tests.training.reference import Reference

ALL_PHASES_EVERY_ROUND = {
    "phases.warm-up.stop": 100,
    "phases.supervised.start": 0,
    "phases.unsupervised.start": 0,
}
ALONGSIDE = {f"phases.unsupervised.terms.jsd-auxiliary-{m}.alongside": "cs" for m in ("adc", "t2w")}
BANDS = {
    f"phases.{phase}.terms.band-l2-{m}": {"use": "band-l2", "on": m, "weight": 100, "beyond": 6}
    for phase in ("warm-up", "supervised")
    for m in ("adc", "t2w")
}
ROUNDS = 3


@pytest.fixture
def partly_paired(tiny_cohort):
    """The tiny cohort, where every third slice has no T2w."""
    t2w = tiny_cohort.modalities["t2w"]
    present = np.arange(len(tiny_cohort)) % 3 != 0
    lacking = attrs.evolve(t2w, present=present, values=np.where(present[:, None, None, None], t2w.values, 0))
    return attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "t2w": lacking})


def agree(recipe, trainer):
    """Train ROUNDS rounds in both ways from one start, on the same batches; the largest difference of a parameter."""
    reference = Reference(recipe, trainer.state.networks)
    start = {name: p.clone() for name, p in trainer.state.networks.by_name.named_parameters()}
    for step in range(ROUNDS):
        draws = Draws(recipe.training.seed, step)
        reference.step({phase.spec.name: phase.batch(trainer.cohort, draws) for phase in trainer.phases})
        assert set(trainer.step()) == {"warm-up", "supervised", "unsupervised"}
    differences = []
    for name, trained in trainer.state.networks.by_name.named_parameters():
        network, _, parameter = name.partition(".")
        assert not torch.equal(trained, start[name]), f"{name} was not trained"
        differences.append((trained - reference.networks[network].get_parameter(parameter)).abs().max().item())
    return max(differences)


@pytest.mark.parametrize("extension", [{}, BANDS, ALONGSIDE], ids=["paper", "bands", "alongside"])
def test_training_equals_the_equations(tiny_recipe, trainer, extension):
    """Three rounds of all phases end at the parameters that a literal float64 reading of Eqs. 1 to 10 ends at."""
    recipe = tiny_recipe(**ALL_PHASES_EVERY_ROUND, **extension)
    assert agree(recipe, trainer(recipe, dtype=torch.float64)) < 1e-11


def test_training_equals_the_equations_on_partly_paired_slices(tiny_recipe, trainer, partly_paired):
    """A slice without T2w takes part in the ADC terms alone, and the T2w means are over the slices that have it."""
    recipe = tiny_recipe(**ALL_PHASES_EVERY_ROUND, **BANDS)
    trained = trainer(recipe, partly_paired, torch.float64)
    batch = trained.phases[0].batch(trained.cohort, Draws(recipe.training.seed, 0))
    assert 0 < batch.sets[0].inputs.presence["t2w"].sum() < recipe.training.batch
    assert agree(recipe, trained) < 1e-11


def test_the_comparison_can_fail(tiny_recipe, trainer):
    """A tenth of a percent more weight on one term is told apart, so agreement means something."""
    recipe = tiny_recipe(**ALL_PHASES_EVERY_ROUND)
    other = tiny_recipe(**ALL_PHASES_EVERY_ROUND, **{"phases.unsupervised.terms.jsd-auxiliary-t2w.weight": 0.3003})
    trained = trainer(other, dtype=torch.float64)
    assert agree(recipe, trained) > 1e-8
