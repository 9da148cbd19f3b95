"""The run directory: what belongs to which step, and what may differ when a run goes on."""

import shutil
from pathlib import Path

import pytest

from gankit import FileWarning, InputError, RunError
from gankit.run.directory import RunDirectory, differences
from tests.damage import flipped, spoilt


def test_the_step_of_a_run_is_read_from_the_end_of_its_metrics(tmp_path):
    """However long they are; a line that is being written does not count."""
    run = RunDirectory(tmp_path)
    assert run.logged_step() == 0
    run.metrics.write_text("".join(f'{{"step": {step}, "loss": 0.1}}\n' for step in range(5000)) + '{"step": 70')
    assert run.metrics.stat().st_size > 1 << 16
    assert run.logged_step() == 4999


def test_steps_are_seen_of_a_run_that_began_after_the_directory_was_looked_at(trained, tmp_path):
    """As of the runs of a comparison, which shows how far they are: the rows of a run are told from those of others."""
    run = RunDirectory(tmp_path / "run")
    assert run.logged_step() == 0
    shutil.copytree(trained, run.path)
    assert run.logged_step() == 2


def test_keys_that_only_one_of_two_recipes_has_are_said_to_be_not_set():
    """Not that they were 'nothing'; a key that is None on one side alone differs too."""
    there, here = {"name": "a", "old": {"key": None}}, {"name": "a", "modalities": {"t2w": {"window": [0, 9]}}}
    assert differences(there, here) == [
        "old.key: None there, not set here",
        "modalities.t2w.window: not set there, [0, 9] here",
    ]


def test_what_only_changes_what_is_kept_is_no_difference():
    """A run may go on for longer, or keep more of itself."""
    there = {"summary": "one", "training": {"steps": 2, "batch": 4}}
    assert differences(there, {"summary": "another", "training": {"steps": 3, "batch": 4}}) == []
    assert differences(there, {"training": {"steps": 3, "batch": 8}}) == ["training.batch: 4 there, 8 here"]


def test_pruning_keeps_the_newest_up_to_a_step(tmp_path):
    """Newest by number, whatever its digits; later ones did not verify, and what is no number is oldest."""
    run = RunDirectory(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    for step in (1, 999_999, 1_000_000, 1_000_001):
        run.checkpoint(step).touch()
    (tmp_path / "checkpoints/step-mine.safetensors").touch()
    run.prune(1_000_000, 2)
    assert run.checkpoints() == [run.checkpoint(1_000_000), run.checkpoint(999_999)]


def test_a_folder_that_was_empty_before_stays_and_a_new_one_goes(tmp_path):
    """Where nothing was kept in it, as after an error at the start."""
    (tmp_path / "there").mkdir()
    for name in ("there", "new"):
        with pytest.raises(ZeroDivisionError), RunDirectory(tmp_path / name).locked():
            raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_recipe_that_is_damaged_is_said(tmp_path):
    """With what to do; a folder without one is no run."""
    run = RunDirectory(tmp_path)
    assert run.provenance() == {}
    with pytest.raises(InputError, match=r"not a run directory \(no recipe.lock.toml\)"):
        run.locked_recipe()
    run.recipe.write_text("name =")
    with pytest.raises(InputError, match=r"recipe.lock.toml: damaged \(.*\); restore it, or remove it and run"):
        run.locked_recipe()


LOCK = {"name": "small", "training": {"steps": 3, "seed": 7, "batch": 4}}


def test_a_locked_recipe_is_refused_whichever_byte_is_another(tmp_path):
    """Text, numbers, keys, the digest itself and comments; one line says what to do, to who edited it as well."""
    run = RunDirectory(tmp_path)
    run.lock_recipe(LOCK, {"cohort": "0" * 32})
    assert (run.locked_recipe(), run.provenance()) == (LOCK, {"cohort": "0" * 32})
    content = run.recipe.read_bytes()
    every = (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(len(content)))
    for damaged in (*every, *flipped(content, 100), *spoilt(content).values()):
        run.recipe.write_bytes(damaged)
        with pytest.raises(InputError, match="recipe.lock.toml: (damaged|was edited or damaged)"):
            run.locked_recipe()


def test_an_edit_of_a_locked_recipe_is_told_what_to_do(tmp_path):
    """Even one that may change when a run goes on: it is for the command, not for the file."""
    run = RunDirectory(tmp_path)
    run.lock_recipe(LOCK, {})
    run.recipe.write_text(run.recipe.read_text().replace("steps = 3", "steps = 30"))
    with pytest.raises(InputError) as refused:
        run.locked_recipe()
    assert str(refused.value) == (
        f"{run.recipe}: was edited or damaged since training wrote it; restore it, or remove it and run the same"
        " 'gankit train' again, which writes it anew if checkpoints prove it. To train with other values, edit a copy"
        " and train it in another place (`out`)"
    )


def test_a_locked_recipe_of_before_digests_is_read_with_one_warning(tmp_path):
    """Provenance is read beside it and warns of nothing more."""
    run = RunDirectory(tmp_path)
    run.recipe.write_text('name = "small"\n\n[provenance]\ncohort = "abc"\n')
    with pytest.warns(FileWarning, match="recipe.lock.toml: has no digest, as files of earlier versions") as warned:
        assert (run.locked_recipe(), run.provenance()) == ({"name": "small"}, {"cohort": "abc"})
    assert len(warned) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_metrics_on_a_full_disk_end_the_run(tmp_path):
    """The log is part of the run: where it cannot be written, the run says so."""
    directory = RunDirectory(tmp_path)
    directory.metrics.symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"metrics\.jsonl: cannot be written: No space left on device; make room"):
        directory.append_metrics({"step": 1})
