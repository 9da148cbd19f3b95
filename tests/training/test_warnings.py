"""What training says before it begins, and when memory runs out."""

import attrs
import numpy as np
import pytest
import torch

from gankit import CohortError, RunError, load_model, load_recipe, train


@pytest.fixture
def said(tiny_recipe, tiny_cohort, plugins, tmp_path, capsys, monkeypatch):
    """``said(**overrides)``: what a run of one step prints."""
    monkeypatch.setattr("gankit.cohort.sheet.sheet_png", lambda *_, **__: b"a picture")

    def go(**overrides):
        recipe = tiny_recipe(**{"training.steps": 1, **overrides})
        train(recipe, tmp_path / "run", device="cpu", cohort=tiny_cohort, plugins=plugins)
        return capsys.readouterr().err

    return go


def test_a_range_that_seems_wrong_is_warned_of(said):
    """Before the first step; see the tests of ``range_warnings``."""
    text = said(**{"modalities.t2w.range": [50.5, 400]})
    assert "warning: modalities.t2w.range: " in text
    assert "modalities.adc.range" not in text


def test_a_phase_that_starts_after_the_last_step_is_warned_of(said):
    """It would be missed in silence."""
    text = said(**{"phases.unsupervised.start": 1})
    assert "warning: phases.unsupervised starts at step 1, but training ends at step 1" in text
    assert "phases.warm-up starts" not in text


def test_a_cohort_that_is_probably_a_mistake_is_warned_of_once(said):
    """Before the first step, and not again where the run goes on; see the tests of ``cohort_warnings``."""
    text = said(**{"training.batch": 16})
    assert text.count("warning: few patients: 3 in pools.cs, 3 in pools.noncs; with fewer than 10") == 1
    assert text.count("warning: few slices: pools.cs has 9, pools.noncs has 9, fewer than a batch of 16") == 1
    assert text.index("few slices") < text.index("training 1/1")
    assert "few" not in said(**{"training.batch": 16})


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        MemoryError("Unable to allocate 90 GiB"),
    ],
)
def test_running_out_of_memory_says_what_to_lower(said, monkeypatch, error):
    """One line instead of a traceback."""
    monkeypatch.setattr("gankit.training.train.Trainer.step", lambda _: (_ for _ in ()).throw(error))
    with pytest.raises(RunError, match=r"out of memory on cpu: .*batch, now 4 \(`overrides` training.batch=2\)"):
        said()


def test_other_runtime_errors_keep_their_traceback(said, monkeypatch):
    """A bug is not dressed up as a lack of memory."""
    monkeypatch.setattr("gankit.training.train.Trainer.step", lambda _: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        said()


def test_a_paired_loss_without_a_single_pair_is_refused(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """Its weight would be 0 on every step, without a word."""
    adc, t2w = tiny_cohort.modalities["adc"], tiny_cohort.modalities["t2w"]
    odd_N = np.arange(len(tiny_cohort)) % 2 == 1
    apart = {"adc": attrs.evolve(adc, present=odd_N), "t2w": attrs.evolve(t2w, present=~odd_N)}
    with pytest.raises(CohortError, match="pools.cs: no slice of the pool has adc and t2w"):
        train(tiny_recipe(), tmp_path, cohort=attrs.evolve(tiny_cohort, modalities=apart), plugins=plugins, quiet=True)


def test_the_api_says_how_it_is_called(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """A name instead of a recipe, one text instead of a list; a model is loaded with any device word."""
    with pytest.raises(TypeError, match=r"train\(load_recipe\('mpmri'\)\)"):
        train("mpmri", tmp_path / "none")
    with pytest.raises(TypeError, match=r"\['training.steps=1'\]"):
        load_recipe("mpmri", "training.steps=1", plugins)
    train(tiny_recipe(**{"training.steps": 1}), tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    assert load_model(tmp_path / "run", "auto", plugins).step == 1
