"""Running statistics of averaged networks belong to the averaged weights."""

import attrs
import numpy as np
import pytest
import torch

from gankit import Modality, load_model, load_recipe, train
from gankit.files.tensor_file import read_tensors, write_tensors
from gankit.run.directory import RunDirectory
from gankit.training.batch_statistics import PRIOR_DRAWS, _all_inputs, _WholePools
from tests.training.strange_norms import RECIPE, with_strange_norms


@pytest.fixture(autouse=True)
def _plain_sheets(monkeypatch):
    monkeypatch.setattr("gankit.cohort.sheet.sheet_png", lambda *_, **__: b"a picture")


@pytest.fixture(scope="module")
def strangers():
    return with_strange_norms()


@pytest.fixture
def normed(tiny_cohort_file, strangers, tmp_path):
    """``normed(**overrides)``: the recipe with the stranger's generator, after which nothing is as it was built."""

    def make(**overrides):
        (tmp_path / "norms.toml").write_text(RECIPE)
        return load_recipe(tmp_path / "norms.toml", {"cohort.path": str(tiny_cohort_file), **overrides}, strangers)

    return make


def stepped(trainer, steps):
    for _ in range(steps):
        trainer.step()
    trainer.gather_statistics()
    return trainer


def varied(cohort):
    """The cohort with slices of other brightness, so that encodings vary by more than the epsilon of a norm."""
    adc = cohort.modalities["adc"]
    bright_N = np.random.default_rng(0).uniform(0.1, 1.5, len(cohort)).astype(np.float32)
    values = adc.values * bright_N[:, None, None, None]
    return attrs.evolve(cohort, modalities={**cohort.modalities, "adc": Modality.of(values, adc.unit)})


def lacking(cohort, name, absent_N):
    """The cohort with these slices lacking a modality."""
    whole = cohort.modalities[name]
    part = Modality.of(whole.values, whole.unit, ~absent_N)
    return attrs.evolve(cohort, modalities={**cohort.modalities, name: part})


# The promise ----------------------------------------------------------------------------------------------

SCHEDULES = {
    "all phases": {},
    "phases that are over": {"phases.supervised.stop": 3},
    "averages that lag far behind": {"training.ema": 0.99},
    "averages that are the weights": {"training.ema": 0.0},
    "augmented slices": {"augmentation.shift": 3},
    "a batch that does not divide the pool": {"training.batch": 7},
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_encodings_of_the_training_pool_have_mean_0_and_variance_1(
    tiny_recipe, tiny_cohort, plugins, tmp_path, schedule
):
    """In each latent dimension, by the saved model, over the slices as they are."""
    recipe = tiny_recipe(**{"training.steps": 6, "phases.supervised.learning_rate": 0.02, **schedule})
    cohort = varied(tiny_cohort)
    run = train(recipe, tmp_path / "run", cohort=cohort, plugins=plugins, quiet=True)
    adc_NCHW = cohort.modalities["adc"].values[(cohort.labels["cs"] == 1) & (cohort.split == "train")]
    z_NZ = load_model(run.path, plugins=plugins).encode({"adc": torch.from_numpy(adc_NCHW)})
    assert len(z_NZ) == 9
    torch.testing.assert_close(z_NZ.mean(0), torch.zeros(8), rtol=0, atol=1e-4)
    torch.testing.assert_close(z_NZ.var(0, correction=0), torch.ones(8), rtol=0, atol=5e-3)  # eps of batch norm


@pytest.mark.parametrize(("name", "counted"), [("adc", 6), ("t2w", 9)])
def test_slices_that_lack_what_the_encoder_reads_do_not_count(tiny_recipe, tiny_cohort, trainer, name, counted):
    """Those that lack another modality do."""
    pool_N = (tiny_cohort.labels["cs"] == 1) & (tiny_cohort.split == "train")
    cohort = lacking(tiny_cohort, name, np.arange(len(pool_N)) % 3 == 0)
    trained = stepped(trainer(tiny_recipe(), cohort), 2)
    x_N = trained.cohort.images["adc"][pool_N & cohort.modalities["adc"].present]
    z_NZ = trained.state.averages.run("encoder", x_N, ("adc",))
    assert len(z_NZ) == counted
    torch.testing.assert_close(z_NZ.mean(0), torch.zeros(8), rtol=0, atol=1e-4)


def test_averages_rebuild_as_well_as_the_training_did(tiny_recipe, trainer):
    """Even where the averaged weights lag behind in their scale, which a norm over the batch takes out again."""
    trained = stepped(trainer(tiny_recipe(**{"phases.warm-up.stop": 60, "phases.warm-up.learning_rate": 0.01})), 60)
    with torch.no_grad():
        trained.state.averages["encoder"].latent.weight.mul_(3)
    trained.gather_statistics()
    real = {name: image[trained.cohort.pools["cs"]] for name, image in trained.cohort.images.items()}

    def error(networks):
        with torch.no_grad():
            made = networks.synthesize({"latent": networks.run("encoder", real["adc"], ("adc",))})
        return sum((made[name] - real[name]).square().mean().item() for name in real)

    assert error(trained.state.averages) < 1.2 * error(trained.state.networks)


# Layers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["torch", "gankit"])
def test_each_layer_has_the_statistics_of_the_whole_pool(normed, trainer, norm):
    """As if one batch of the whole pool went through all layers in training mode, in which each normalises what the
    layer before it has normalised."""
    recipe = normed(**{"networks.decoder.norm": norm, "phases.synthesize.start": 9})
    trained = stepped(trainer(recipe, dtype=torch.float64), 5)
    averages, whole = trained.state.averages, trained.cohort.images["adc"][trained.cohort.pools["cs"]]
    decoder = averages["decoder"]
    found = [
        {name: buffer.clone() for name, buffer in layer.named_buffers()} for layer in (decoder.first, decoder.second)
    ]

    for layer in (decoder.first, decoder.second):
        layer.train()
        layer.momentum = 1.0
    with torch.no_grad():
        averages.synthesize({"latent": averages.run("encoder", whole, ("adc",))})
    for layer, buffers in zip((decoder.first, decoder.second), found, strict=True):
        count = len(whole) * 16 * 16
        torch.testing.assert_close(buffers["running_mean"], layer.running_mean)
        if norm == "torch":  # whose running variance is Bessel's
            torch.testing.assert_close(buffers["running_var"], layer.running_var * (count - 1) / count)
        else:
            torch.testing.assert_close(buffers["running_variance"], layer.running_variance)


def test_a_generator_of_random_latents_has_the_statistics_of_the_prior(normed, trainer):
    """Where no phase gives it encodings; to the error of so many draws."""
    trained = stepped(trainer(normed(**{"phases.reconstruct.start": 9}), dtype=torch.float64), 3)
    layer, begin = trained.state.averages["decoder"].first, trained.state.averages["decoder"].begin
    with torch.no_grad():
        x_NCHW = begin(torch.randn(20000, 8, generator=torch.Generator().manual_seed(0)).double())
    mean_error = x_NCHW.mean(dim=(2, 3)).std(dim=0) / PRIOR_DRAWS**0.5
    assert ((layer.running_mean - x_NCHW.mean(dim=(0, 2, 3))).abs() < 5 * mean_error).all()
    torch.testing.assert_close(layer.running_var, x_NCHW.var(dim=(0, 2, 3)), rtol=0.1, atol=0)


def test_a_module_gathers_its_own_buffers_by_its_own_rule(normed, trainer):
    """A running mean of the size of its weights is that of the averaged ones, and not that of the current ones."""
    trained = stepped(trainer(normed(**{"training.ema": 0.99}), dtype=torch.float64), 9)
    mine, theirs = (networks["decoder"].tracked for networks in (trained.state.averages, trained.state.networks))
    torch.testing.assert_close(mine.size, mine.weight_C.detach().norm(), rtol=1e-4, atol=0)
    assert (mine.size - theirs.weight_C.norm()).abs() > 0.01
    assert not mine.training


def test_counts_kernels_and_frozen_statistics_are_those_of_the_current_networks(normed, trainer):
    """Though the module counts in training, and its frozen layer is of a kind that is fitted."""
    trained = stepped(trainer(normed()), 3)
    mine, theirs = (networks["decoder"] for networks in (trained.state.averages, trained.state.networks))
    assert mine.tracked.forwards == theirs.tracked.forwards == 6
    assert mine.first.num_batches_tracked == theirs.first.num_batches_tracked == 6
    assert mine.kernel.tolist() == [0.25, 0.5, 0.25]
    assert mine.frozen.running_mean.tolist() == pytest.approx([0.1] * 3)
    assert mine.frozen.running_var.tolist() == [2.0] * 3


def test_the_current_networks_stay_as_they_are(normed, trainer):
    """Their buffers are state of the training."""
    trained = stepped(trainer(normed()), 2)
    before = {name: tensor.clone() for name, tensor in trained.state.networks.state_dict().items()}
    trained.gather_statistics()
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.state.networks.state_dict().items())
    assert all(module.training for module in trained.state.networks["encoder"].modules())


def test_statistics_do_not_depend_on_those_before(normed, trainer):
    """They follow from the averaged weights and the current networks alone."""
    trained = stepped(trainer(normed()), 2)
    expected = {name: buffer.clone() for name, buffer in trained.state.averages.named_buffers()}
    for buffer in trained.state.averages.buffers():
        buffer.fill_(7)
    trained.gather_statistics()
    assert expected.keys() == dict(trained.state.averages.named_buffers()).keys()
    for name, buffer in trained.state.averages.named_buffers():
        assert torch.equal(buffer, expected[name]), name


# Runs -----------------------------------------------------------------------------------------------------


def bytes_of(path, step):
    directory = RunDirectory(path)
    return directory.model.read_bytes(), directory.checkpoint(step).read_bytes()


def test_a_resumed_run_has_the_same_statistics(normed, strangers, tmp_path):
    """The same bytes of model and checkpoint, whatever kinds of buffers its networks have."""
    for steps, where in ((2, "run"), (5, "run"), (5, "whole")):
        train(normed(**{"training.steps": steps}), tmp_path / where, device="cpu", plugins=strangers, quiet=True)
    assert bytes_of(tmp_path / "run", 5) == bytes_of(tmp_path / "whole", 5)


def test_the_same_command_mends_a_run_whose_averages_have_the_statistics_of_other_weights(normed, strangers, tmp_path):
    """As versions before wrote them: model and checkpoint are written anew, with the same weights."""
    recipe = normed()
    train(recipe, tmp_path / "run", device="cpu", plugins=strangers, quiet=True)
    expected = bytes_of(tmp_path / "run", 4)
    directory = RunDirectory(tmp_path / "run")
    tensors, header = read_tensors(directory.checkpoint(4), "gankit-checkpoint-1")
    for name in tensors:
        if name.startswith("average.") and "running" in name:
            tensors[name] = tensors[name] + 1
    write_tensors(directory.checkpoint(4), tensors, header)
    train(recipe, tmp_path / "run", device="cpu", plugins=strangers, quiet=True)
    assert bytes_of(tmp_path / "run", 4) == expected


# Inputs ---------------------------------------------------------------------------------------------------


def test_statistics_see_each_slice_of_a_pool_once_and_as_it_is(tiny_recipe, trainer):
    """In parts of at most a batch, without augmentation of its own; so many draws of the prior where there is no
    slice."""
    trained = trainer(tiny_recipe(**{"training.batch": 4}))
    warm_up, _, unsupervised = trained.phases
    parts = [inputs.values["adc"] for inputs in _all_inputs(warm_up, attrs.evolve(trained.cohort))]
    assert [len(part) for part in parts] == [3, 3, 3]
    drawn = list(_all_inputs(unsupervised, trained.cohort))
    latents = torch.cat([inputs.values["latent"] for inputs in drawn])
    assert len(latents) == len(latents.unique(dim=0)) == PRIOR_DRAWS


def test_slices_of_a_smaller_pool_come_again(tiny_recipe, trainer):
    """A phase may draw slices of several pools side by side."""
    trained = trainer(tiny_recipe(**{"pools.noncs.split": "test", "augmentation.mirror": False}))
    source = _WholePools(trained.phases[0], trained.cohort, 0, np.arange(9))
    few = source.apart("few").slices("noncs", ("adc",)).values["adc"]
    many = source.slices("cs", ("adc",)).values["adc"]
    assert source.sizes == [3, 9]
    torch.testing.assert_close(few, trained.cohort.images["adc"][np.tile(trained.cohort.pools["noncs"], 3)])
    assert len(many.unique(dim=0)) == 9
