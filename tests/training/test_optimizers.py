"""Optimizers that phases name: who shares them, at which rate they step, and how gradients are clipped."""

import json
import shutil

import attrs
import pytest
import torch

from gankit import InputError, PluginError, load_recipe, train
from gankit.files.tensor_file import read_tensors
from gankit.run.directory import RunDirectory
from gankit.training import optimizers as module
from gankit.training.state import TrainingState
from tests.training.test_engine import Tape

OWN = [f"phases.{phase}.{key}" for phase in ("warm-up", "supervised", "unsupervised")
       for key in ("learning_rate", "betas", "critic_learning_rate", "critic_betas")]  # fmt: skip


@pytest.fixture
def recipe(tiny_recipe, plugins):
    """``recipe(optimizers, names, **overrides)``: the tiny ``mpmri-paper`` in which phases name optimizers.

    ``names`` maps ``PHASE.optimizer`` or ``PHASE.critic_optimizer`` to a name.
    """

    def make(optimizers, names, **overrides):
        named = {f"phases.{path}": name for path, name in names.items()}
        gone = [path for path in OWN if has_own(plugins, path) and replaced_by(path) in named]
        tables = {f"optimizers.{name}": table for name, table in optimizers.items()}
        return tiny_recipe(**{**tables, **named, "remove": gone, **overrides})

    return make


def replaced_by(path):
    phase = path.rsplit(".", 1)[0]
    return f"{phase}.critic_optimizer" if "critic" in path else f"{phase}.optimizer"


def has_own(plugins, path):
    """Whether the file of ``mpmri-paper`` gives this key."""
    from gankit.recipe.file import read_layers

    _, phase, key = path.split(".")
    return key in read_layers("mpmri-paper", (), plugins).document["phases"][phase]


EVERY_STEP = {"phases.warm-up.stop": 9, "phases.supervised.start": 0, "phases.unsupervised.start": 0}
SCHEDULED = {"use": "adamw", "learning_rate": 0.01, "schedule": {"use": "cosine", "warm_up": 2}, "clip_norm": 1.0}


def tensors(trainer):
    return {name: tensor.clone() for name, tensor in trainer.state.tensors().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def weights_of(trainer, network):
    return {name: value for name, value in tensors(trainer).items() if name.startswith(f"network.{network}.")}


def step(trainer, phase):
    """One step of one phase alone."""
    (chosen,) = [each for each in trainer.phases if each.spec.name == phase]
    chosen(trainer.state.networks, trainer.state.optimizers, trainer._draw(chosen, trainer.state.step))


# An Adam of the phase's own -------------------------------------------------------------------------------


def test_a_named_adam_gives_the_bits_of_the_phases_own(recipe, tiny_recipe, trainer):
    """It is the same rule, rate and decay; the state alone has another name in the checkpoint."""
    adam = {"use": "adam", "learning_rate": 7e-4, "betas": [0.0, 0.9]}
    own = trainer(tiny_recipe(**EVERY_STEP))
    named = trainer(recipe({"critics": adam}, {"unsupervised.critic_optimizer": "critics"}, **EVERY_STEP))
    for _ in range(2):
        own.step()
        named.step()
    expected = {
        name.replace("optimizer.unsupervised.critics.", "optimizers.critics.critics."): value
        for name, value in tensors(own).items()
    }
    assert same(tensors(named), expected)


def test_a_phase_and_an_optimizer_may_have_one_name(recipe, trainer):
    """In the checkpoint their states are apart."""
    made = trainer(recipe({"unsupervised": {"use": "sgd", "momentum": 0.9}}, {"warm-up.optimizer": "unsupervised"}))
    names = {name.rpartition(".")[0] for name in made.state.optimizers.tensors()}
    heads = {tuple(name.split(".")[:3]) for name in names}
    assert {("optimizers", "unsupervised", "players"), ("optimizer", "unsupervised", "players")} <= heads


# Sharing --------------------------------------------------------------------------------------------------


def test_phases_that_name_one_optimizer_share_its_state_and_move_their_own_networks(recipe, trainer):
    """The union of their players has one state for each weight. An update in one phase leaves the other's networks and
    their moments alone, and carries on from the moments that the other phase left."""
    shared = {"warm-up.optimizer": "players", "supervised.optimizer": "players", "unsupervised.optimizer": "players"}
    made = trainer(recipe({"players": {"use": "adam"}}, shared, **EVERY_STEP))
    names = [name for name in made.state.optimizers.tensors() if ".players." in name]
    assert all(name.startswith("optimizers.players.players.") for name in names)
    assert len(names) == 3 * len(made.state.networks.parameters_of(("encoder", "adc_decoder", "t2w_translator")))

    before = tensors(made)
    step(made, "unsupervised")  # the decoder and the translator
    after = tensors(made)
    touched = {name for name in after if not torch.equal(after[name], before[name])}
    assert any(".adc_decoder." in name for name in touched)
    assert not any(name.startswith(("network.encoder.", "optimizers.players.players.encoder.")) for name in touched)
    count = "optimizers.players.players.adc_decoder."
    step(made, "supervised")
    counts = {
        float(value) for name, value in tensors(made).items() if name.startswith(count) and name.endswith(".step")
    }
    assert counts == {2.0}


def test_an_update_moves_nothing_that_its_phase_does_not_name(recipe, trainer):
    """Also where the objective depends on a network that another phase moves by the same optimizer."""
    names = {"warm-up.optimizer": "players", "unsupervised.optimizer": "players"}
    made = trainer(recipe({"players": {"use": "adam"}}, names, **EVERY_STEP))
    weights = made.state.networks.parameters_of(("encoder", "adc_decoder"))
    before = tensors(made)
    made.state.optimizers.update("unsupervised", "players", sum(weight.sum() for weight in weights.values()))
    after = tensors(made)
    touched = {
        name.split(".")[1] for name in after if name.startswith("network.") and not after[name].equal(before[name])
    }
    assert touched == {"adc_decoder"}
    assert all(weight.grad is None for weight in weights.values())


TWO_PHASES = """
name = "two"
pools.cs = {{ label = "cs" }}
latent.dim = 8
modalities.adc = {{ shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }}
networks.decoder = {{ use = "stitch-decoder", width = 4 }}
networks.critic = {{ use = "conv-critic", width = 4 }}
synthesizer.adc = {{ network = "decoder", from = "latent" }}
training = {{ steps = 3, batch = 4, log_every = 1 }}
optimizers.critics = {{ use = "rmsprop", learning_rate = 1e-3 }}
cohort = {{ use = "file", path = "{cohort}" }}

[[phases]]
name = "first"
use = "synthesize"
critic_optimizer = "critics"
terms = [{{ use = "wgan-gp", on = "adc", critic = "critic", against = "cs" }}]

[[phases]]
name = "second"
use = "synthesize"
critic_optimizer = "critics"
critic_steps = 2
terms = [{{ use = "wgan-gp", on = "adc", critic = "critic", against = "cs" }}]
"""


@pytest.fixture
def two_phases(tmp_path, plugins, tiny_cohort_file):
    file = tmp_path / "two.toml"
    file.write_text(TWO_PHASES.format(cohort=tiny_cohort_file))
    return load_recipe(file, (), plugins)


def test_two_phases_share_a_critic_by_the_optimizer_that_they_name(two_phases, trainer):
    """The critic has one state, which every update of both phases moves on."""
    made = trainer(two_phases)
    states = [name for name in made.state.optimizers.tensors() if "critic" in name]
    assert {name.split(".critic.")[0] for name in states} == {"optimizers.critics.critics"}
    seen = [weights_of(made, "critic")]
    squares = [float(sum(made.state.optimizers.tensors()[name].sum() for name in states))]
    for phase in ("first", "second"):
        step(made, phase)
        seen.append(weights_of(made, "critic"))
        squares.append(float(sum(made.state.optimizers.tensors()[name].sum() for name in states)))
    assert not same(seen[0], seen[1])
    assert not same(seen[1], seen[2])
    assert 0 == squares[0] < squares[1] < squares[2]


# Rates ----------------------------------------------------------------------------------------------------


def test_rates_follow_the_schedule_in_both_roles(recipe, trainer):
    """``learning_rate * factor(step, steps)`` before every step, for players and critics that name one optimizer."""
    names = {"unsupervised.optimizer": "both", "unsupervised.critic_optimizer": "both"}
    made = trainer(recipe({"both": SCHEDULED}, names, **{"training.steps": 6}))
    schedule = made.recipe.optimizers["both"].schedule
    for number in range(6):
        made.step()
        found = [group["lr"] for each in made.state.optimizers._scheduled["both"] for group in each.param_groups]
        assert found == [0.01 * schedule.factor(number, 6)] * 2


def test_a_rate_of_0_moves_nothing(recipe, trainer):
    """The schedule reaches the update: at factor 0 the weights stay, moments move."""
    falls = {"use": "sgd", "momentum": 0.9, "schedule": {"use": "linear", "start": 0}}
    made = trainer(recipe({"falls": falls}, {"unsupervised.critic_optimizer": "falls"}, **EVERY_STEP))
    made.state.optimizers.set_rates(made.recipe.training.steps)  # the step after the last
    before = tensors(made)
    step(made, "unsupervised")
    assert same(weights_of(made, "adc_critic"), {name: before[name] for name in weights_of(made, "adc_critic")})
    state = "optimizers.falls.critics.adc_critic."
    assert any(value.any() for name, value in tensors(made).items() if name.startswith(state))


def test_replayed_steps_read_the_rates_of_their_step(recipe, trainer, monkeypatch):
    """With rates in tensors, as on a GPU, replayed training at changing rates equals eager training."""
    monkeypatch.setattr("gankit.training.train.CudaCapture", lambda *_: Tape())
    monkeypatch.setattr(module, "_rate", lambda rate, _: torch.tensor(rate))
    tables = {use: {"use": use, "learning_rate": 1e-3, "schedule": {"use": "linear", "share": 0.0}, "clip_norm": 0.1}
              for use in ("adam", "rmsprop", "sgd")}  # fmt: skip
    names = {"warm-up.optimizer": "sgd", "supervised.optimizer": "sgd", "unsupervised.optimizer": "rmsprop",
             "unsupervised.critic_optimizer": "adam"}  # fmt: skip
    eager, replayed = (trainer(recipe(tables, names, **EVERY_STEP)) for _ in range(2))
    said = []
    replayed.replay_steps(said.append)
    assert said == ["engine: graph; replayed steps of every phase end where eager ones do"]
    for _ in range(4):
        eager.step()
        replayed.step()
    assert same(tensors(eager), tensors(replayed))


def test_a_row_of_metrics_has_the_rates_of_scheduled_optimizers(recipe, tmp_path, plugins):
    """The rate of the step that the row is of; optimizers without a schedule have none."""
    tables = {"falls": {**SCHEDULED, "schedule": {"use": "linear", "start": 0}}, "stays": {"use": "sgd"}}
    names = {"unsupervised.optimizer": "falls", "unsupervised.critic_optimizer": "stays"}
    run = train(recipe(tables, names), tmp_path / "run", device="cpu", plugins=plugins, quiet=True)
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [row["learning_rate/falls"] for row in rows] == pytest.approx([0.01, 0.0075, 0.005, 0.0025])
    assert not any("stays" in key for key in rows[0])
    page = (run.path / "report.html").read_text()
    assert "learning rate, falls" in page
    assert "Phase learning_rate" not in page


# Going on -------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(recipe, tmp_path, plugins, monkeypatch):
    """``begun(steps, schedule)``: a run of 6 steps in ``whole``, and in ``run`` the same one as it stood after 4."""
    monkeypatch.setattr("gankit.cohort.sheet.sheet_png", lambda *_, **__: b"a picture")

    def made(**schedule):
        tables = {"all": {**SCHEDULED, "schedule": schedule}}
        names = {"unsupervised.optimizer": "all", "unsupervised.critic_optimizer": "all", "warm-up.optimizer": "all"}
        whole = recipe(tables, names, **{"training.steps": 6})
        train(whole, tmp_path / "whole", device="cpu", plugins=plugins, quiet=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "run")
        RunDirectory(tmp_path / "run").checkpoint(6).unlink()
        return whole

    return made


def test_a_run_goes_on_in_the_middle_of_its_schedule_with_the_same_bits(begun, tmp_path, plugins):
    """Moments from the checkpoint, rates from the step."""
    train(begun(use="cosine", warm_up=2), tmp_path / "run", device="cpu", plugins=plugins, quiet=True)
    for name in ("model.safetensors", "checkpoints/step-000006.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_longer_training_with_other_rates_is_another_one(begun, tmp_path, plugins):
    """A cosine over 8 steps is not one over 6 that goes on. The message names optimizer and step."""
    whole = begun(use="cosine", warm_up=2)
    longer = attrs.evolve(whole, training=attrs.evolve(whole.training, steps=8))
    with pytest.raises(InputError, match=r"training\.steps = 6; with 8, optimizers\.all would have had .* at step 3"):
        train(longer, tmp_path / "run", device="cpu", plugins=plugins, quiet=True)


def test_a_longer_training_with_the_same_rates_goes_on(begun, tmp_path, plugins):
    """A warm-up in steps says nothing of the end."""
    whole = begun(use="constant", warm_up=2)
    longer = attrs.evolve(whole, training=attrs.evolve(whole.training, steps=8))
    assert train(longer, tmp_path / "run", device="cpu", plugins=plugins, quiet=True).step == 8


# Clipping -------------------------------------------------------------------------------------------------


def moved_by(trainer, scale):
    """How far one step of SGD at rate 1 moves the critics along gradients of 1 in every weight, times ``scale``."""
    state = trainer.state
    parameters = list(state.networks.parameters_of(("adc_critic", "t2w_critic")).values())
    before = [parameter.detach().clone() for parameter in parameters]
    state.optimizers.update("unsupervised", "critics", scale * sum(parameter.sum() for parameter in parameters))
    moves = [then - parameter.detach() for parameter, then in zip(parameters, before, strict=True)]
    return torch.cat([move.flatten() for move in moves])


def sgd(recipe, trainer, **options):
    table = {"use": "sgd", "learning_rate": 1.0, **options}
    names = {"unsupervised.critic_optimizer": "one"}
    return trainer(recipe({"one": table}, names, **EVERY_STEP), dtype=torch.float64)


def test_clipping_holds_the_norm_of_all_gradients_together(recipe, trainer):
    """Over both critics, not each tensor: all are scaled alike, and their norm is the bound."""
    made = sgd(recipe, trainer, clip_norm=0.5)
    moves = moved_by(made, 100.0)
    assert float(moves.norm()) == pytest.approx(0.5, rel=1e-6)
    assert float(moves.std()) == pytest.approx(0, abs=1e-9)


def test_clipping_leaves_small_gradients_alone(recipe, trainer):
    """Below the bound, the bits are those of an optimizer that does not clip."""
    clipped, free = sgd(recipe, trainer, clip_norm=0.5), sgd(recipe, trainer)
    assert torch.equal(moved_by(clipped, 1e-4), moved_by(free, 1e-4))


# What a plugin may build ----------------------------------------------------------------------------------


def test_states_are_there_before_the_first_step_and_all_zero(recipe, tiny_recipe):
    """So that a checkpoint can be copied into them. Making them moves no weight."""
    tables = {use: {"use": use, "learning_rate": 0.1} for use in ("adamw", "rmsprop", "sgd")}
    tables["sgd"]["momentum"] = 0.5
    names = {"warm-up.optimizer": "sgd", "unsupervised.optimizer": "rmsprop", "unsupervised.critic_optimizer": "adamw"}
    own, named = (TrainingState(each, torch.device("cpu")) for each in (tiny_recipe(), recipe(tables, names)))
    states = named.optimizers.tensors()
    kinds = {name.rsplit(".", 1)[1] for name in states if name.startswith("optimizers.")}
    assert kinds == {"momentum_buffer", "square_avg", "step", "exp_avg", "exp_avg_sq"}
    assert not any(value.any() for value in states.values())
    weights = own.networks.by_name.state_dict()
    assert same(weights, named.networks.by_name.state_dict())


def test_a_checkpoint_holds_every_state(recipe, trainer, tmp_path):
    """Numbers without dimensions too."""
    made = trainer(recipe({"one": {"use": "adamw"}}, {"unsupervised.critic_optimizer": "one"}, **EVERY_STEP))
    made.step()
    made.state.save(tmp_path / "state")
    stored, _ = read_tensors(tmp_path / "state", "gankit-checkpoint-1")
    assert same(stored, tensors(made))
    step = next(value for name, value in stored.items() if name.startswith("optimizers.one.") and name.endswith("step"))
    assert step.shape == ()
    assert step == 2  # critic_steps


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("python state", "must keep its state in tensors, which a checkpoint can hold, got int 1 as 'count'"),
        ("raises", "raised ValueError: no step today"),
        ("half", "must build an optimizer of the"),
        ("own rate", "must use learning_rate as the rate lr of every group, got float 0.5"),
    ],
)
def test_an_optimizer_that_breaks_its_contract_is_named(tiny_recipe, plant, found):
    """In one line, before training."""
    from tests.testing.planted_optimizers import Momentum

    recipe = tiny_recipe()
    phases = tuple(attrs.evolve(phase, optimizer="theirs", learning_rate=None, betas=None) for phase in recipe.phases)
    recipe = attrs.evolve(recipe, optimizers={"theirs": Momentum(plant=plant)}, phases=phases)
    with pytest.raises(PluginError, match=rf"^optimizers\.theirs: optimizer .*{found}"):
        TrainingState(recipe, torch.device("cpu"))


def test_a_schedule_that_breaks_its_contract_is_named(recipe, trainer):
    """At the step where it does."""
    from tests.testing.planted_optimizers import Wave

    names = {"unsupervised.critic_optimizer": "one"}
    made = recipe({"one": {"use": "adam"}}, names)
    one = attrs.evolve(made.optimizers["one"], schedule=Wave(plant="negative"))
    with pytest.raises(PluginError, match=r"^optimizers\.one\.schedule: schedule .* must return a finite number of at"):
        trainer(attrs.evolve(made, optimizers={"one": one})).step()
