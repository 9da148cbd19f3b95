"""What a phase draws its inputs from, and the batch that a step reads, by the paths of its tensors."""

import attrs
import numpy as np
import pytest
import torch

from gankit import CohortError, Draw, Draws
from gankit.processes.ranks import ALONE, Ranks
from gankit.training.batch import BatchSource
from gankit.training.resident import resident_cohort

CPU = torch.device("cpu")
PAIR = ("adc", "t2w")


@pytest.fixture
def source(tiny_recipe, tiny_cohort):
    """``source(stream, cohort=..., ranks=...)``: a source at step 3 of the tiny recipe."""
    recipe = tiny_recipe()

    def make(stream="phase/0", cohort=tiny_cohort, ranks=ALONE):
        return BatchSource(recipe, resident_cohort(recipe, cohort, CPU), Draws(0, 3), stream, ranks)

    return make


def without_t2w(cohort, absent_N):
    """The cohort whose T2w these slices lack."""
    t2w = attrs.evolve(cohort.modalities["t2w"], present=~absent_N)
    return attrs.evolve(cohort, modalities={**cohort.modalities, "t2w": t2w})


# Draws ----------------------------------------------------------------------------------------------------

KINDS = {
    "latents": lambda source: source.latents(),
    "draw": lambda source: source.draw("mixing", Draw("normal", (3,))),
    "slices": lambda source: source.slices("cs", PAIR).values["adc"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_gives_the_same_numbers_twice_and_others_apart(source, kind):
    """So that slices which must not be paired are not."""
    draw = KINDS[kind]
    one = source()
    assert torch.equal(draw(one), draw(one))
    drawn = [draw(each) for each in (one, one.apart("other"), one.apart("another"), source("phase/1"))]
    assert len({tuple(numbers.flatten().tolist()) for numbers in drawn}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_processes_share_what_one_would_draw(source, kind):
    """In the order of their numbers; presence is that of all."""
    whole = KINDS[kind](source())
    shares = [KINDS[kind](source(ranks=Ranks(rank, 2))) for rank in range(2)]
    assert torch.equal(torch.cat(shares), whole)
    assert [len(share) for share in shares] == [2, 2]
    assert source(ranks=Ranks(1, 2)).slices("cs", PAIR).presence["t2w"].tolist() == [1, 1, 1, 1]


def test_a_wanted_modality_may_be_absent_a_needed_one_never(source, tiny_cohort):
    """Slices that have it are 1 in its presence."""
    partly = source(cohort=without_t2w(tiny_cohort, np.arange(24) % 2 == 0))
    streams = [partly.apart(str(number)) for number in range(8)]
    wanted = torch.cat([each.slices("cs", ("adc",), ("t2w",)).presence["t2w"] for each in streams])
    needed = torch.cat([each.slices("cs", ("adc", "t2w")).presence["t2w"] for each in streams])
    assert set(wanted.tolist()) == {0, 1}
    assert set(needed.tolist()) == {1}


def test_what_no_slice_of_a_pool_has_is_refused(source, tiny_cohort):
    """Also where it is only wanted, since it would never be trained; a pool that is not there gets the nearest."""
    without = source(cohort=without_t2w(tiny_cohort, np.ones(24, dtype=bool)))
    assert len(without.slices("cs", ("adc",)).values["adc"]) == 4
    with pytest.raises(CohortError, match=r"pools\.cs: no slice of the pool has adc and t2w \(0 slices"):
        without.slices("cs", ("adc",), ("t2w",))
    with pytest.raises(LookupError, match="no pool 'noncz'; did you mean 'noncs'\\?; known: cs, noncs"):
        without.slices("noncz", ("adc",))


# Batches --------------------------------------------------------------------------------------------------


def test_a_batch_is_its_tensors_by_path_and_back(tiny_recipe, trainer):
    """The tensors themselves; a batch that holds others has them at the same places, and the first stays as it is."""
    trained = trainer(tiny_recipe())
    batch = trained.phases[2].batch(trained.cohort, Draws(0, 1))
    tensors = batch.tensors()
    assert tensors["sets.1.inputs.values.latent"] is batch.sets[1].inputs.values["latent"]
    doubled = batch.holding({path: 2 * tensor for path, tensor in tensors.items()})
    assert doubled.tensors().keys() == tensors.keys()
    assert all(torch.equal(tensor, 2 * tensors[path]) for path, tensor in doubled.tensors().items())
    assert all(tensor is tensors[path] for path, tensor in batch.tensors().items())
    assert type(doubled.sets[0].inputs) is type(batch.sets[0].inputs)
