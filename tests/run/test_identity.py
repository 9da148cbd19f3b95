"""Nothing of another run is believed: neither its checkpoints nor its model."""

import functools
import re

import attrs
import pytest
import torch

from gankit import CheckpointError, FileWarning, InputError, load_model, load_plugins, train, write_report
from gankit.evaluation.target import find_target
from gankit.processes.progress import Progress
from gankit.recipe.structure import to_document
from gankit.run.directory import RunDirectory
from gankit.run.identity import Identity, refuse_other_model
from gankit.run.model import save_model
from gankit.training.state import TrainingState
from gankit.training.train import resume

COHORT = "c" * 32


@pytest.fixture
def run(tiny_recipe, tmp_path):
    """A directory whose run is of the tiny recipe, seed 0."""
    directory = RunDirectory(tmp_path / "run")
    directory.lock_recipe(document(tiny_recipe()), {"cohort": COHORT})
    return directory


@pytest.fixture(scope="module")
def kept(tiny_recipe):
    """``kept(run, step, cohort, **overrides)``: write a checkpoint and model of a recipe, as training does."""

    def keep(run, step, cohort=COHORT, **overrides):
        recipe = tiny_recipe(**overrides)
        state = TrainingState(recipe, torch.device("cpu"))
        state.step = step
        state.save(run.checkpoint(step), Identity.of(document(recipe), cohort))
        save_model(run.model, state.averages, document(recipe), step, cohort=cohort)

    return keep


@functools.cache
def registry():
    return load_plugins().registry


def document(recipe):
    """The completed recipe as plain tables."""
    return to_document(recipe, registry())


@pytest.fixture
def resumed(tiny_recipe, capsys):
    """``resumed(run)``: the step from which the tiny recipe goes on, and what is said."""

    def go_on(run, **overrides):
        recipe = tiny_recipe(**overrides)
        state = TrainingState(recipe, torch.device("cpu"))
        with Progress(9) as progress:
            resume(run, Identity.of(document(recipe), COHORT), state, progress)
        return state.step, capsys.readouterr().err

    return go_on


# Checkpoints ----------------------------------------------------------------------------------------------

OTHER = {
    "seed": ({"training.seed": 5}, "seed 5, here 0"),
    "recipe": ({"training.batch": 3}, "of another recipe"),
    "cohort": ({"cohort": "d" * 32}, "of another cohort"),
}


@pytest.mark.parametrize("what", OTHER)
def test_a_checkpoint_of_another_run_is_named_and_kept_aside(run, kept, resumed, what):
    """The run goes on from its own, which is older, and the other one is never removed."""
    overrides, said = OTHER[what]
    kept(run, 1)
    kept(run, 3, **overrides)
    content = run.checkpoint(3).read_bytes()
    step, told = resumed(run)
    assert step == 1
    assert f"warning: {run.checkpoint(3)}: is a checkpoint of another run ({said}); skipped for the one before" in told
    assert f"{run.checkpoint(3)} is kept as aside-step-000003.safetensors" in told
    run.prune(1, 1)
    assert (run.path / "checkpoints/aside-step-000003.safetensors").read_bytes() == content
    assert run.checkpoints() == [run.checkpoint(1)]


def test_checkpoints_that_are_all_of_another_run_are_refused(run, kept, resumed):
    """Training anew would replace them; nothing is moved."""
    kept(run, 3, **{"training.seed": 5})
    with pytest.raises(CheckpointError, match=r"none of its own checkpoints verifies \(step-000003"):
        resumed(run)
    assert run.checkpoints() == [run.checkpoint(3)]


def test_a_renamed_checkpoint_is_not_taken_for_another_step(run, kept, resumed):
    """What its name says and what it holds differ."""
    kept(run, 1)
    kept(run, 2)
    run.checkpoint(2).rename(run.checkpoint(4))
    step, told = resumed(run)
    assert step == 1
    assert f"{run.checkpoint(4)}: was renamed, it is the checkpoint of step 2" in told


def test_what_may_change_when_a_run_goes_on_makes_no_other_run(run, kept, resumed):
    """More steps, other intervals."""
    kept(run, 2)
    step, told = resumed(run, **{"training.steps": 50, "training.log_every": 7, "training.keep_checkpoints": 9})
    assert (step, "another run" in told) == (2, False)


def test_a_checkpoint_of_before_says_not_whose_it_is_and_is_read_with_a_warning(run, tiny_recipe, resumed):
    """One warning."""
    state = TrainingState(tiny_recipe(), torch.device("cpu"))
    state.step = 2
    state.save(run.checkpoint(2))
    with pytest.warns(FileWarning, match="does not say whose it is, as those of earlier versions") as warned:
        assert resumed(run)[0] == 2
    assert len(warned) == 1


# Models ---------------------------------------------------------------------------------------------------

READERS = {
    "load_model": lambda path, plugins: load_model(path, plugins=plugins),
    "evaluate": lambda path, plugins: find_target(path, plugins),
    "report": lambda path, plugins: write_report(path, plugins=plugins),
}

FOREIGN = {
    "cohort": ({"cohort": "d" * 32}, 2, "trained on a cohort of other content"),
    "seed": ({"training.seed": 5}, 2, "training.seed: 5 there, 0 here"),
    "recipe": ({"training.batch": 3}, 2, "training.batch: 3 there, 4 here"),
    "an earlier step": ({}, 1, "after 1 steps, but the newest checkpoint is after 2; train the run again"),
    "a later step": ({}, 3, "after 3 steps, but the newest checkpoint is after 2; train the run again"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_model_of_another_run_is_refused(run, kept, plugins, tmp_path, what):
    """By all that read it, on one line with what differs and what to do."""
    overrides, step, said = FOREIGN[what]
    kept(RunDirectory(tmp_path / "other"), step, **overrides)
    kept(run, 2)
    (tmp_path / "other/model.safetensors").replace(run.model)
    for read in READERS.values():
        with pytest.raises(InputError, match=re.escape(f"{run.model}: is a model ")) as refused:
            read(run.path, plugins)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("what", ["seed", "recipe", "cohort"])
def test_training_does_not_replace_a_model_of_another_run(run, kept, tiny_recipe, tiny_cohort, tmp_path, what):
    """It may be the only one that there is."""
    overrides, step, said = FOREIGN[what]
    kept(RunDirectory(tmp_path / "other"), step, **overrides)
    kept(run, 2)
    (tmp_path / "other/model.safetensors").replace(run.model)
    content = run.model.read_bytes()
    with pytest.raises(InputError, match=re.escape(said)):
        train(tiny_recipe(), run.path, device="cpu", cohort=tiny_cohort, quiet=True)
    assert run.model.read_bytes() == content


@pytest.mark.parametrize("step", [1, 3])
def test_a_model_of_another_step_is_what_a_kill_or_a_removed_checkpoint_leaves(run, kept, tiny_recipe, plugins, step):
    """Training goes on and replaces it; and while a process trains, the model is read."""
    kept(run, step)
    model = run.model.read_bytes()
    run.checkpoint(step).unlink()
    kept(run, 2)
    run.model.write_bytes(model)
    refuse_other_model(run, document(tiny_recipe()), resuming=True)
    with run.locked():
        assert load_model(run.path, plugins=plugins).step == step


def test_without_checkpoints_the_recipe_alone_tells_whose_a_model_is(run, kept, plugins):
    """Someone may have removed them to save room."""
    kept(run, 2)
    run.checkpoint(2).unlink()
    assert load_model(run.path, plugins=plugins).step == 2


def test_a_damaged_model_is_put_right_by_training_again(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """The refusal says so, and the bytes are those of before."""
    recipe = tiny_recipe(**{"training.steps": 1, "training.checkpoint_every": 1})
    run = RunDirectory(train(recipe, tmp_path / "run", device="cpu", cohort=tiny_cohort, quiet=True).path)
    content = run.model.read_bytes()
    for at in (20, len(content) // 2):  # in the header, in a weight
        run.model.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(CheckpointError, match="train the run again, which makes it from the newest checkpoint"):
            load_model(run.model, plugins=plugins)
        train(recipe, run.path, device="cpu", cohort=tiny_cohort, quiet=True)
        assert run.model.read_bytes() == content


@pytest.mark.parametrize("content", [b"", bytes(3000)], ids=["empty", "zeros"])
def test_a_model_of_which_nothing_is_left_is_refused_in_one_line(run, kept, plugins, content):
    """By what reads its header alone, too."""
    kept(run, 2)
    run.model.write_bytes(content)
    for read in (READERS["load_model"], READERS["evaluate"]):
        with pytest.raises(CheckpointError, match="cannot be read, perhaps cut short .*; train the run again"):
            read(run.path, plugins)


def test_a_locked_recipe_that_was_removed_is_written_anew_if_checkpoints_prove_it(run, kept, tiny_recipe, tiny_cohort):
    """Another recipe is refused by the checkpoints alone."""
    kept(run, 2)
    run.recipe.unlink()
    with pytest.raises(InputError, match=r"is a model of another run .*training\.seed: 0 there, 5 here"):
        train(tiny_recipe(**{"training.seed": 5}), run.path, device="cpu", cohort=tiny_cohort, quiet=True)
    run.model.unlink()
    with pytest.raises(CheckpointError, match="none of its own checkpoints verifies"):
        train(tiny_recipe(**{"training.seed": 5}), run.path, device="cpu", cohort=tiny_cohort, quiet=True)
    assert not run.recipe.exists()


def test_the_identity_is_of_recipe_seed_and_cohort(tiny_recipe):
    """Each alone makes another run."""
    one = Identity.of(document(tiny_recipe()), COHORT)
    assert one == Identity.of(document(tiny_recipe(**{"training.steps": 77, "summary": "other words"})), COHORT)
    assert one.recipe != Identity.of(document(tiny_recipe(**{"latent.dim": 9})), COHORT).recipe
    assert Identity.of(document(tiny_recipe(**{"training.seed": 4})), COHORT) == attrs.evolve(one, seed=4)
