"""A step is a function of (networks, optimizers, batch), and the batch of (seed, step)."""

import copy
import random

import attrs
import numpy as np
import pytest
import torch

from gankit import Draws
from gankit.files.tensor_file import read_tensors
from gankit.networks.synthesizer import build_networks
from gankit.training.train import Trainer


def state_of(trainer):
    """Every number of the state by name, copied."""
    return {name: tensor.clone() for name, tensor in trainer.state.tensors().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def changed_networks(before, after):
    return {
        name.split(".")[1] for name in before if name.startswith("network.") and not before[name].equal(after[name])
    }


# One step -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["warm-up", "supervised", "unsupervised"])
def test_a_step_replayed_from_a_copied_state_gives_the_same_bytes(tiny_recipe, trainer, tmp_path, phase):
    """Copy the state to another trainer through a file, run one phase alone on the same batch: equal bit for bit."""
    recipe = tiny_recipe(**{"phases.warm-up.stop": 9, "phases.supervised.start": 0, "phases.unsupervised.start": 0})
    first, second = trainer(recipe), trainer(recipe)
    for _ in range(2):
        first.step()
    first.state.save(tmp_path / "state.safetensors")
    second.state.load(tmp_path / "state.safetensors")
    assert same(state_of(first), state_of(second))
    (index,) = [number for number, spec in enumerate(recipe.phases) if spec.name == phase]
    batch = first.phases[index].batch(first.cohort, Draws(recipe.training.seed, 2))
    kept = copy.deepcopy(batch.tensors())
    scalars = [each.phases[index](each.state.networks, each.state.optimizers, batch) for each in (first, second)]
    assert same(state_of(first), state_of(second))
    assert same(*scalars)
    assert same(batch.tensors(), kept), "the step wrote into its batch"


def test_global_random_state_is_neither_read_nor_changed(tiny_recipe, trainer):
    """Whatever the state of torch's, numpy's and Python's generators, training is the same, and leaves them alone."""
    ends = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
        trained = trainer(tiny_recipe())
        trained.step()
        trained.step()
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.array_equal(np.random.get_state()[1], before[1])
        assert random.getstate() == before[2]
        ends.append(state_of(trained))
    assert same(*ends)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_optimizer_pairs_each_weight_with_its_own_gradient(tiny_recipe, trainer, layout):
    """Adam's first step is against the sign of each weight's gradient, in whichever memory layout autograd left it."""
    trained = trainer(tiny_recipe())
    weight = trained.state.networks["adc_critic"].layers[2].weight
    before = weight.detach().clone()
    gradient = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)).to(memory_format=layout)
    trained.state.optimizers.update("unsupervised", "critics", (weight.to(memory_format=layout) * gradient).sum())
    rate = trained.recipe.phases[2].critic_learning_rate
    torch.testing.assert_close(weight.detach(), before - rate * gradient.sign(), rtol=0, atol=1e-6)


# The batch ------------------------------------------------------------------------------------------------


def test_the_batch_depends_on_seed_and_step_only(tiny_recipe, trainer):
    """Same seed and step: the same batch, trained or not; another seed or step: another."""
    trained, fresh = trainer(tiny_recipe()), trainer(tiny_recipe())
    trained.step()

    def batch(trainer, seed, step):
        return trainer.phases[2].batch(trainer.cohort, Draws(seed, step)).tensors()

    assert same(batch(trained, 0, 5), batch(fresh, 0, 5))
    for seed, step in ((0, 6), (1, 5)):
        other = batch(fresh, seed, step)
        assert not any(
            torch.equal(value, other[name]) for name, value in batch(fresh, 0, 5).items() if "latent" in name
        )


def test_every_set_and_term_has_its_own_draws(tiny_recipe, trainer):
    """The critics' sets and the terms within one draw apart from each other."""
    trained = trainer(tiny_recipe())
    batch = trained.phases[2].batch(trained.cohort, Draws(0, 1))
    latents = [batch.sets[number].inputs.values["latent"] for number in range(2)]
    asked = [*(drawn.draws for drawn in batch.sets), batch.draws]
    mixing = [named["mixing"] for each in asked for named in each.values() if named]
    assert not torch.equal(*latents)
    assert len({tuple(value.tolist()) for value in mixing}) == len(mixing) == 6


def test_draws_are_of_their_pools(tiny_recipe, trainer, tiny_cohort):
    """Wasserstein references are training slices with cancer, auxiliary ones training slices without."""
    trained = trainer(tiny_recipe(**{"augmentation.mirror": False, "training.batch": 16}))
    batch = trained.phases[2].batch(trained.cohort, Draws(0, 1))
    train = tiny_cohort.split == "train"
    for term, label in (("wgan-gp-adc", 1), ("jsd-auxiliary-adc", 0)):
        pool = trained.cohort.images["adc"][torch.from_numpy(train & (tiny_cohort.labels["cs"] == label))]
        for drawn in batch.sets[0].references[term]:
            assert any(torch.equal(drawn, image) for image in pool)


def test_slices_alongside_are_of_their_pool_and_not_those_of_the_references(tiny_recipe, trainer):
    """They come from their own pool, by draws apart from those of the references."""
    aside = {"phases.unsupervised.terms.jsd-auxiliary-adc.alongside": "cs", "augmentation.mirror": False}
    same_pool = {**aside, "phases.unsupervised.terms.jsd-auxiliary-adc.against": "cs"}
    for overrides in (aside, same_pool):
        trained = trainer(tiny_recipe(**overrides, **{"training.batch": 16}))
        (*_, drawn) = trained.phases[2].batch(trained.cohort, Draws(0, 1)).sets
        alongside = drawn.alongside["jsd-auxiliary-adc"]
        pool = trained.cohort.images["adc"][torch.from_numpy(trained.cohort.pools["cs"])]
        assert all(any(torch.equal(one, image) for image in pool) for one in alongside)
        assert not torch.equal(alongside, drawn.references["jsd-auxiliary-adc"])


def test_absent_modalities_weigh_nothing(tiny_recipe, trainer, tiny_cohort):
    """What stands where a modality is absent changes no parameter and no loss."""
    t2w = tiny_cohort.modalities["t2w"]
    present = np.arange(len(tiny_cohort)) % 3 != 0
    ends = []
    for filling in (0, 1e4):
        values = np.where(present[:, None, None, None], t2w.values, np.float32(filling))
        partly = attrs.evolve(t2w, present=present, values=values)
        cohort = attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "t2w": partly})
        trained = trainer(tiny_recipe(), cohort)
        for _ in range(2):
            trained.step()
        ends.append(state_of(trained))
    assert same(*ends)


# The schedule ---------------------------------------------------------------------------------------------


def test_phases_run_when_due(tiny_recipe, trainer):
    """``start`` and ``stop`` bound a phase, and ``every`` counts from its start."""
    schedule = {
        "phases.warm-up.stop": 2,
        "phases.supervised.start": 1,
        "phases.supervised.every": 3,
        "phases.unsupervised.start": 2,
        "phases.unsupervised.stop": 4,
    }
    trained = trainer(tiny_recipe(**schedule))
    ran = [set(trained.step()) for _ in range(6)]
    warm_up, supervised, unsupervised = {"warm-up"}, {"supervised"}, {"unsupervised"}
    assert ran == [warm_up, warm_up | supervised, unsupervised, unsupervised, supervised, set()]


def test_a_step_without_phases_changes_no_network(tiny_recipe, trainer):
    """Where nothing is due the networks stay as they are; only the step is counted."""
    recipe = tiny_recipe(**{"phases.warm-up.stop": 1, "phases.supervised.start": 5, "phases.unsupervised.start": 5})
    trained = trainer(recipe)
    trained.step()
    before = state_of(trained)
    assert trained.step() == {}
    assert changed_networks(before, state_of(trained)) == set()
    assert trained.state.step == 2


# Weights and averages -------------------------------------------------------------------------------------


def test_initial_weights_depend_on_the_network_name_only(tiny_recipe):
    """Whatever the order of networks in the recipe and whichever are built, a network starts with the same weights."""
    recipe = tiny_recipe()
    reversed_recipe = attrs.evolve(recipe, networks=dict(reversed(recipe.networks.items())))
    one, other = build_networks(recipe), build_networks(reversed_recipe)
    alone = build_networks(recipe, ["t2w_translator"])
    for name in recipe.networks:
        assert same(one[name].state_dict(), other[name].state_dict())
    assert same(one["t2w_translator"].state_dict(), alone["t2w_translator"].state_dict())
    assert not same(one["adc_critic"].state_dict(), one["t2w_critic"].state_dict())


def test_averages_follow_the_weights(tiny_recipe, trainer):
    """The average moves by 1 - min(ema, (1 + t) / (10 + t)) towards the weights; critics have none."""
    trained = trainer(tiny_recipe(**{"training.ema": 0.15}), dtype=torch.float64)
    expected = {name: p.clone() for name, p in trained.state.networks["adc_decoder"].named_parameters()}
    for step in range(3):
        trained.step()
        decay = min(0.15, (1 + step) / (10 + step))
        for name, current in trained.state.networks["adc_decoder"].named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * current.detach()
    for name, average in trained.state.averages["adc_decoder"].named_parameters():
        torch.testing.assert_close(average, expected[name])
    assert set(trained.state.averages.by_name) == {"encoder", "adc_decoder", "t2w_translator"}


def test_without_averaging_the_average_is_the_weights(tiny_recipe, trainer):
    """``ema = 0`` samples from the current weights."""
    trained = trainer(tiny_recipe(**{"training.ema": 0.0}))
    trained.step()
    for name, module in trained.state.averages.by_name.items():
        assert same(dict(module.named_parameters()), dict(trained.state.networks[name].named_parameters()))


def test_fixed_parameters_of_a_network_stay_fixed(tiny_recipe, trainer, monkeypatch):
    """A network may bring weights that do not train, such as pretrained ones; they and their flag stay."""
    build = build_networks

    def with_fixed(recipe, names=None):
        networks = build(recipe, names)
        for name in ("t2w_translator", "adc_critic"):
            next(networks[name].parameters()).requires_grad_(False)
        return networks

    monkeypatch.setattr("gankit.training.state.build_networks", with_fixed)
    trained = trainer(tiny_recipe())
    fixed = [next(trained.state.networks[name].parameters()) for name in ("t2w_translator", "adc_critic")]
    before = [parameter.clone() for parameter in fixed]
    for _ in range(2):
        trained.step()
    assert all(torch.equal(parameter, kept) for parameter, kept in zip(fixed, before, strict=True))
    assert not any(parameter.requires_grad for parameter in fixed)


# Graphs ---------------------------------------------------------------------------------------------------


def test_one_network_makes_two_modalities_jointly(plugins, tiny_cohort, tiny_cohort_file, tmp_path):
    """Two modalities that name one network and one source come from one call, split along channels, and train."""
    recipe = tmp_path / "joint.toml"
    recipe.write_text(f"""
        name = "joint"
        cohort = {{ use = "file", path = "{tiny_cohort_file}" }}
        pools.cs = {{ label = "cs" }}
        latent.dim = 8
        modalities.adc = {{ shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }}
        modalities.t2w = {{ shape = [1, 16, 16], range = [0, 700] }}
        networks.pair = {{ use = "stitch-decoder", width = 4 }}
        networks.critic = {{ use = "conv-critic", width = 4 }}
        synthesizer.adc = {{ network = "pair", from = "latent" }}
        synthesizer.t2w = {{ network = "pair", from = "latent" }}
        training = {{ steps = 2, batch = 4 }}
        [[phases]]
        use = "synthesize"
        terms = [{{ use = "wgan-gp", on = ["adc", "t2w"], critic = "critic", against = "cs" }}]
    """)
    from gankit import load_recipe
    from gankit.training.resident import resident_cohort

    joint = load_recipe(recipe, plugins=plugins)
    cpu = torch.device("cpu")
    trained = Trainer(joint, resident_cohort(joint, tiny_cohort, cpu), cpu)
    before = state_of(trained)
    trained.step()
    assert changed_networks(before, state_of(trained)) == {"pair", "critic"}
    latent = torch.randn(3, 8)
    images = trained.state.networks.synthesize({"latent": latent})
    assert {name: tuple(image.shape) for name, image in images.items()} == {
        "adc": (3, 1, 16, 16),
        "t2w": (3, 1, 16, 16),
    }
    assert torch.equal(torch.cat([images["adc"], images["t2w"]], 1), trained.state.networks["pair"](latent))


# The file -------------------------------------------------------------------------------------------------


def test_a_state_goes_through_its_file_unchanged(tiny_recipe, trainer, tmp_path):
    """Every tensor of a checkpoint reads back as it was, and equal states give equal bytes."""
    trained = trainer(tiny_recipe())
    trained.step()
    for name in ("one", "two"):
        trained.state.save(tmp_path / name)
    stored, header = read_tensors(tmp_path / "one", "gankit-checkpoint-1")
    assert same(stored, state_of(trained))
    assert header["step"] == 1
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
