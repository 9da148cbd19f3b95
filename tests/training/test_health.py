"""Trainings that go wrong: each illness is given to a small real training, which must say so."""

import contextlib
import io
import json
import shutil
from functools import partial

import attrs
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from gankit import Modality, load_plugins, load_recipe, train
from gankit.cli import main
from gankit.networks.synthesizer import build_networks
from gankit.run.directory import RunDirectory
from gankit.run.health.measures import HEALTH
from gankit.run.health.watch import Watch
from gankit.training.likeness import Likeness
from gankit.training.record import RunRecord
from tests.commands import written

PHASE = "phases.unsupervised."
SHORT = {"training.log_every": 2, "training.sample_every": 1000, "training.checkpoint_every": 1000, "training.ema": 0.9}

SICK = {
    "a critic at rate 1e-12": (
        {PHASE + "critic_learning_rate": 1e-12},
        {"still network: networks.adc_critic", "negative distance: phases.unsupervised.terms.wgan-gp-adc"},
    ),
    "a critic at rate 1": (
        {PHASE + "critic_learning_rate": 1.0},
        {
            "loss that jumped: phases.unsupervised.terms.wgan-gp-adc",
            "slope of a critic: phases.unsupervised.terms.wgan-gp-adc",
            "runaway network: networks.adc_critic",
        },
    ),
    "players at rate 1": (
        {PHASE + "learning_rate": 1.0, "training.steps": 210},
        {"repeated samples: modalities.adc", "runaway network: networks.adc_decoder"},
    ),
    "a penalty of 0.001": (
        {PHASE + "terms.wgan-gp-adc.penalty": 1e-3},
        {"slope of a critic: phases.unsupervised.terms.wgan-gp-adc"},
    ),
    "an encoder without norm": (
        {"recipe": "mpmri-paper", "networks.encoder.latent_norm": "none", PHASE + "start": 1000},
        {"latent off the prior: networks.encoder"},
    ),
}
"""Illness to what it is given by, and to alarms that must come of it."""


@pytest.fixture
def trained_on(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """``trained_on(**overrides)``: the result of a run of 120 steps of the tiny ``adc-only``, and what it has said."""

    def go(cohort=tiny_cohort, recipe="adc-only", **overrides):
        text = io.StringIO()
        loaded = tiny_recipe(recipe, **{"training.steps": 120, **SHORT, **overrides})
        with contextlib.redirect_stderr(text):
            result = train(loaded, tmp_path / "run", device="cpu", cohort=cohort, plugins=plugins)
        return result, text.getvalue()

    return go


def names(result):
    return {f"{alarm.name}: {alarm.where}" for alarm in result.alarms}


@pytest.mark.parametrize("illness", SICK)
def test_a_training_that_goes_wrong_says_so(trained_on, illness):
    """In the log once, at the end, and in the report's health, with what to do."""
    given, expected = SICK[illness]
    result, said = trained_on(**given)
    assert expected <= names(result)
    page = (result.path / "report.html").read_text()
    for alarm in result.alarms:
        assert said.count(f"alarm: {alarm.name}: {alarm.where}: since step {alarm.step} ") == 1
        assert all(text in page for text in (alarm.name, alarm.where, f"{alarm.step} to the end"))


def test_a_dead_critic_is_named(trained_on, tiny_recipe, tmp_path):
    """All of its weights are zero, so it gives every sample one score, and no gradient moves it."""
    critic = build_networks(tiny_recipe("adc-only"), ["adc_critic"])["adc_critic"]
    save_file(
        {name: torch.zeros_like(value) for name, value in critic.state_dict().items()}, tmp_path / "dead.safetensors"
    )
    result, _ = trained_on(**{"weights.adc_critic": str(tmp_path / "dead.safetensors")})
    assert "flat critic: phases.unsupervised.terms.wgan-gp-adc" in names(result)


def test_a_model_of_two_slices_is_named(trained_on, tiny_cohort, tmp_path):
    """Its samples are the slices of the training set."""
    adc = tiny_cohort.modalities["adc"].values.copy()
    other = tiny_cohort.patient == "p2"
    adc[other] = 1500
    adc[other, :, :8] = 0
    cs = np.isin(tiny_cohort.patient, ["p0", "p2", "p6"]).astype(np.int8)
    cohort = attrs.evolve(
        tiny_cohort,
        modalities={**tiny_cohort.modalities, "adc": Modality.of(adc, unit="1e-6 mm2/s")},
        labels={"cs": cs},
    )
    rates = {PHASE + "learning_rate": 2e-3, PHASE + "critic_learning_rate": 2e-3}
    result, _ = trained_on(cohort, **{"training.steps": 250, "augmentation.mirror": False, **rates})
    assert "copied samples: modalities.adc" in names(result)


def test_a_sound_training_is_silent(trained_on):
    """In the log, at the end and in the report."""
    result, said = trained_on(**{"training.steps": 210, "training.sample_every": 50})
    assert result.alarms == ()
    assert "alarm" not in said
    assert "No alarm." in (result.path / "report.html").read_text()


def test_the_end_of_the_command_repeats_what_still_holds(
    trained_on, tiny_recipe, tiny_cohort_file, plugins, tmp_path, capsys
):
    """Also where the run is over already, and the exit code is 0. What its rows have said is not said anew."""
    given, expected = SICK["a critic at rate 1e-12"]
    result, _ = trained_on(**given)
    recipe = tiny_recipe("adc-only", **{"training.steps": 120, **SHORT, **given})
    file = written(recipe, plugins, tmp_path / "recipe.toml")
    ended = CliRunner().invoke(main, ["train", str(file), "-o", str(result.path), "--device", "cpu"])
    assert ended.exit_code == 0
    assert f"120 steps done with {len(expected)} alarms (Health of report.html)" in ended.output
    assert all(ended.output.count(f"alarm: {alarm}") == 1 for alarm in result.alarms)


FEW = {
    **{f"cohort.{key}": 40 for key in ("patients_cs", "patients_noncs")},
    **{f"cohort.train_{key}": 140 for key in ("cs", "noncs")},
    **{f"cohort.test_{key}": 10 for key in ("cs", "noncs")},
    **{"training.steps": 240, "training.batch": 8, "training.log_every": 5, "training.sample_every": 80},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(name for name in load_plugins().recipes if name.endswith("-quick")))
def test_every_quick_recipe_is_silent(plugins, tmp_path, name):
    """With fewer steps and slices than it has, and a short warm-up."""
    phases = {phase.name: phase for phase in load_recipe(name, (), plugins).phases}
    early = {f"phases.{phase.name}.start": 60 for phase in phases.values() if phase.start}
    early |= {f"phases.{phase.name}.stop": 60 for phase in phases.values() if phase.stop}
    recipe = load_recipe(name, {**FEW, **early}, plugins)
    result = train(recipe, tmp_path / "run", plugins=plugins, quiet=True)
    assert result.alarms == ()
    assert Watch(recipe, RunDirectory(result.path).read_metrics()).past == []


# What it costs --------------------------------------------------------------------------------------------


def test_a_checkup_changes_no_byte(trained_on, tmp_path, monkeypatch):
    """Checkpoint and model are those of a training without it."""
    every = {"recipe": "mpmri-paper", "training.steps": 4, "training.sample_every": 1, "training.checkpoint_every": 2}
    kept = []
    for check in (RunRecord.check, lambda _: None):
        monkeypatch.setattr(RunRecord, "check", check)
        result, _ = trained_on(**every)
        kept.append([file.read_bytes() for file in (*sorted(result.path.rglob("*.safetensors")),)])
        measured = any(HEALTH in json.dumps(row) for row in RunDirectory(result.path).read_metrics())
        assert measured == (len(kept) == 1)
        shutil.rmtree(result.path)
    assert len(kept[0]) == 3
    assert kept[0] == kept[1]


def test_a_checkup_that_fails_leaves_the_training_alone(trained_on, monkeypatch):
    """A line says what happened, and the run goes on."""
    monkeypatch.setattr("gankit.training.checkup.slopes", lambda *_: 1 / 0)
    result, said = trained_on(**{"training.steps": 2})
    assert result.step == 2
    assert said.count("warning: no checkup at step 2: ZeroDivisionError: division by zero") == 1


# Likeness -------------------------------------------------------------------------------------------------


@pytest.fixture
def likeness():
    """Of 8 random slices of 4 patients, two of each."""
    return partial(Likeness, lambda rows: slices(8)[rows], np.arange(8), np.repeat(np.arange(4), 2))


def slices(count, seed=0):
    """Random slices (N, 1, 16, 16)."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, 1, 16, 16), dtype=np.float32))


def test_other_slices_of_the_same_kind_are_as_varied_and_as_new_as_real_ones(likeness):
    """Both measures are shares of what real slices are."""
    assert likeness().varied(slices(8, 1)) == pytest.approx(1, abs=0.05)
    assert likeness().new(slices(8, 1)) == pytest.approx(1, abs=0.05)


def test_what_is_the_same_is_not_varied_and_not_new(likeness):
    """One sample again and again, and slices of the training set."""
    assert likeness().varied(slices(1, 1).repeat(8, 1, 1, 1)) == 0
    assert likeness().new(slices(8)) == 0


def test_mirrored_slices_are_not_new_where_training_mirrors(likeness):
    """They are what training showed."""
    assert likeness(mirrored=True).new(slices(8).flip(-1)) == pytest.approx(0, abs=1e-6)
    assert likeness().new(slices(8).flip(-1)) > 0.9


def test_samples_of_one_given_slice_are_not_compared(likeness):
    """What is made of the same may be the same."""
    given = slices(4, 2).repeat(2, 1, 1, 1)
    assert likeness().varied(given) == 0
    assert likeness().varied(given, [given]) == pytest.approx(1, abs=0.05)


def test_one_patient_is_no_measure():
    """There is no other patient to compare with."""
    assert Likeness(lambda rows: slices(3)[rows], np.arange(3), np.zeros(3)).new(slices(3)) is None
