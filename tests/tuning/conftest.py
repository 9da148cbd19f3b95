"""What the tests of tuning share: a tiny recipe, and trials that train in this process."""

import pytest
import tomli_w
import torch

from gankit import GankitError, Judging, train, tune
from gankit.recipe.structure import to_document
from tests.toy import MEASURED

RATE = "phases.unsupervised.learning_rate"
JUDGING = Judging(per_set=8)


@pytest.fixture(autouse=True)
def _fresh_start() -> None:
    MEASURED.clear()
    torch.set_num_threads(1)


@pytest.fixture
def recipe(tiny_recipe, plugins, tmp_path):
    """``recipe(**overrides)``: the file of a tiny ``adc-only`` of two steps."""

    def make(**overrides):
        made = tiny_recipe("adc-only", **{"name": "tiny", "training.steps": 2, **overrides})
        file = tmp_path / "tiny.toml"
        file.write_text(tomli_w.dumps(to_document(made, plugins.registry)))
        return file

    return make


@pytest.fixture
def trainings(monkeypatch, measuring):
    """Trials train in this process; a list of the runs that were trained. What ``trainings.before`` does, it does with
    a run before it is trained."""

    class Trainings(list):
        before = staticmethod(lambda run: None)

    done = Trainings()

    def in_process(plan, processes, quiet):
        failed = {}
        for run in plan.runs:
            if plan.standing(run).trained:
                continue
            done.append(run)
            try:
                done.before(run)
                train(run.recipe, plan.run_directory(run).path, device="cpu", plugins=measuring, quiet=True)
            except GankitError as error:
                failed[run.name] = f"Error: {error}"
        return failed

    monkeypatch.setattr("gankit.tuning.trial.train_runs", in_process)
    return done


@pytest.fixture
def search(recipe, trainings, measuring, tmp_path):
    """``search(**options)``: a study of four trials of the tiny recipe in ``tmp_path / "out"``."""
    file = recipe()

    def run(**options):
        asked = {
            "recipe": file,
            "over": [f"{RATE}=log:1e-4..1e-2"],
            "by": "brightness.error",
            "out": tmp_path / "out",
            "trials": 4,
            "judging": JUDGING,
            **options,
        }
        return tune(**asked, plugins=measuring, quiet=True)

    return run
