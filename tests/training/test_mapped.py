"""Cohorts of which batches are read from files: the same training as with one that is kept on the device."""

import attrs
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gankit import CohortError, Draws, Modality, RunError, read_cohort, train, write_cohort
from gankit.processes.ranks import Ranks
from gankit.recipe.recipe import Augmentation
from gankit.training.ahead import STEPS, Ahead
from gankit.training.batch import BatchSource
from gankit.training.engine import GraphEngine
from gankit.training.mapped import is_mapped, mapped_cohort, training_cohort
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer
from tests.training.test_engine import Tape

CPU = torch.device("cpu")


@pytest.fixture
def lacking(tiny_cohort):
    """The tiny cohort at twice the size; one slice lacks a modality, where it has numbers that mean nothing."""
    present = np.arange(24) != 4
    numbers = np.random.default_rng(0).uniform(0, 3, (24, 1, 32, 32)).astype(np.float32)
    large = {
        name: attrs.evolve(modality, values=modality.values.repeat(2, axis=2).repeat(2, axis=3) + numbers)
        for name, modality in tiny_cohort.modalities.items()
    }
    return attrs.evolve(tiny_cohort, modalities=large | {"t2w": attrs.evolve(large["t2w"], present=present)})


@pytest.fixture
def folder(lacking, tmp_path, monkeypatch):
    """The same in eight shards, one for each patient."""
    monkeypatch.setattr("gankit.cohort.shards.MB", 4 * 2 * 32 * 32 * 4)
    write_cohort(lacking, tmp_path / "c.shards", shard_size=1)
    assert len(list(tmp_path.glob("c.shards/*.safetensors"))) == 8
    return tmp_path / "c.shards"


@pytest.fixture
def both(lacking, folder, tiny_recipe):
    """The cohort as it is kept, and as it is read."""
    recipe = tiny_recipe()
    recipe = attrs.evolve(recipe, augmentation=Augmentation(mirror=True, shift=2))
    return recipe, resident_cohort(recipe, lacking, CPU), mapped_cohort(recipe, read_cohort(folder), CPU)


def same(ones, others):
    assert ones.keys() == others.keys()
    for name, one in ones.items():
        assert (one.dtype, one.device) == (others[name].dtype, others[name].device)
        assert torch.equal(one, others[name]), name


@pytest.mark.parametrize("rank", range(2))
@pytest.mark.parametrize("count", [1, 2, 6])
def test_batches_are_the_same_to_the_bit(both, rank, count):
    """However many slices, of whichever process, averaged down, augmented, and where a modality lacks."""
    recipe, resident, mapped = both
    recipe = attrs.evolve(recipe, training=attrs.evolve(recipe.training, batch=2 * count))
    for step in range(5):
        batches = [
            BatchSource(recipe, each, Draws(0, step), "s", Ranks(rank, 2)).slices("cs", ("adc",), ("t2w",)).values
            for each in (resident, mapped)
        ]
        same(*batches)


def test_every_slice_is_the_same_alone_and_beside_others(both):
    """The mean over a block of pixels adds in one order."""
    _, resident, mapped = both
    for name, images in resident.images.items():
        whole = mapped.images[name][torch.arange(24)]
        assert torch.equal(whole, images[torch.arange(24)])
        for index in range(24):
            assert torch.equal(mapped.images[name][torch.tensor([index])], whole[[index]])


def test_pools_and_presence_are_the_same(both):
    """So the same slices are drawn."""
    _, resident, mapped = both
    for one, other in ((resident.pools, mapped.pools), (resident.present, mapped.present)):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert is_mapped(mapped)
    assert not is_mapped(resident)


def test_a_training_ends_with_the_same_weights(both):
    """Batches that are drawn ahead, in a thread, are those of their steps."""
    recipe, *cohorts = both
    ends = []
    for cohort in cohorts:
        trainer = Trainer(recipe, cohort, CPU)
        with trainer.drawing_ahead():
            scalars = [trainer.step() for _ in range(4)]
        trainer.gather_statistics()
        ends.append((trainer.state.tensors(), scalars[-1]["unsupervised"]))
    same(ends[0][0], ends[1][0])
    same(ends[0][1], ends[1][1])


def test_masks_are_read_too(lacking, folder, tiny_recipe):
    """A place of the graph that is made of ground truth."""
    truth = {"lesion": (np.arange(24 * 16 * 16).reshape(24, 16, 16) % 3 == 0).astype(np.uint8)}
    masked = attrs.evolve(lacking, truth=truth)
    write_cohort(masked, folder.parent / "m.shards")
    recipe = tiny_recipe()
    spec = attrs.evolve(recipe.modalities["adc"], mask="lesion", unit="1", range=(0, 1))
    recipe = attrs.evolve(recipe, modalities={"adc": recipe.modalities["adc"], "t2w": spec})
    cohorts = resident_cohort(recipe, masked, CPU), mapped_cohort(recipe, read_cohort(folder.parent / "m.shards"), CPU)
    one, other = (cohort.rows("t2w", np.array([3, 0, 3])) for cohort in cohorts)
    assert torch.equal(one, other)
    assert set(one.unique().tolist()) == {-1.0, 1.0}


# Where a cohort is kept -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "memory", "mapped"),
    [
        ("resident", 1, False),
        ("mapped", 10**12, True),
        ("auto", 4 * 24 * 2 * 16 * 16 * 4, False),
        ("auto", 4 * 24 * 2 * 16 * 16 * 4 - 1, True),
        ("auto", None, False),
    ],
)
def test_auto_keeps_up_to_a_quarter_of_the_memory(lacking, tiny_recipe, monkeypatch, wanted, memory, mapped):
    """By the size that the recipe asks for; a line says that files are read."""
    monkeypatch.setattr("gankit.training.mapped.device_memory", lambda device: memory)
    recipe, said = tiny_recipe(**{"training.cohort": wanted}), []
    assert is_mapped(training_cohort(recipe, lacking, CPU, said.append)) == mapped
    assert said == mapped * ["cohort: mapped, so batches are read from its files; on cpu it would take 4.92e-05 GB"]


def test_what_does_not_fit_is_refused_before_any_step(lacking, tiny_recipe):
    """Size and range, as where the cohort is kept."""
    odd = {"adc": attrs.evolve(lacking.modalities["adc"], values=np.zeros((24, 1, 24, 24), dtype=np.float32))}
    recipe = tiny_recipe()
    with pytest.raises(CohortError, match="modalities.adc.shape: the cohort's slices are 1 x 24 x 24"):
        mapped_cohort(recipe, attrs.evolve(lacking, modalities=lacking.modalities | odd), CPU)
    far = {"adc": Modality.of(lacking.modalities["adc"].values - 1e5, lacking.modalities["adc"].unit)}
    with pytest.raises(CohortError, match="modalities.adc.range: 100% of the values are outside"):
        mapped_cohort(recipe, attrs.evolve(lacking, modalities=lacking.modalities | far), CPU)


# Ahead ----------------------------------------------------------------------------------------------------


def test_batches_are_drawn_ahead_in_order_and_no_further_than_the_last_step(both):
    """Each once, as long as steps follow each other."""
    recipe, _, mapped = both
    phases = Trainer(recipe, mapped, CPU).phases
    drawn = []

    def draw(phase, step):
        drawn.append((phase.spec.name, step))
        return phase.batch(mapped, Draws(0, step))

    ahead = Ahead(phases, draw, 6, CPU)
    for step in range(6):
        for phase in (phase for phase in phases if phase.spec.due(step)):
            same(ahead.take(phase, step).tensors(), phase.batch(mapped, Draws(0, step)).tensors())
        assert len(drawn) <= len(phases) * min(6, step + STEPS + 1)
    ahead.close()
    assert drawn == [(phase.spec.name, step) for step in range(6) for phase in phases if phase.spec.due(step)]


def test_a_shard_that_goes_while_it_is_read_ends_the_training_on_one_line(both, folder, monkeypatch):
    """What the thread raises reaches the step."""
    recipe, _, mapped = both
    monkeypatch.setattr("gankit.files.rows._opened", lambda path, identity: (_ for _ in ()).throw(RunError(f"{path}")))
    trainer = Trainer(recipe, mapped, CPU)
    with pytest.raises(RunError, match="c.shards"), trainer.drawing_ahead():
        trainer.step()


def test_a_run_goes_on_in_another_place_of_its_cohort(folder, lacking, tmp_path, tiny_recipe):
    """Shards instead of the file, read instead of kept: the weights end the same."""
    write_cohort(lacking, tmp_path / "c.safetensors")
    models = []
    for name, kept in (("whole", ("resident", "resident")), ("mixed", ("resident", "mapped"))):
        for steps, where in zip((2, 4), kept, strict=True):
            recipe = tiny_recipe(**{"training.cohort": where, "training.steps": steps})
            cohort = read_cohort(folder if where == "mapped" else tmp_path / "c.safetensors")
            train(recipe, tmp_path / name, device="cpu", cohort=cohort, quiet=True)
        models.append(load_file(tmp_path / name / "model.safetensors"))
    same(*models)


def test_replayed_steps_read_the_same_batches(both, monkeypatch):
    """The engine that records steps fills its buffers with batches that were drawn ahead."""
    monkeypatch.setattr("gankit.training.train.CudaCapture", Tape)
    recipe, resident, mapped = both
    eager, replayed = Trainer(recipe, resident, CPU), Trainer(recipe, mapped, CPU)
    replayed.replay_steps(lambda said: None)
    assert isinstance(replayed.engine, GraphEngine)
    with replayed.drawing_ahead():
        for _ in range(4):
            eager.step(), replayed.step()
    same(eager.state.tensors(), replayed.state.tensors())
