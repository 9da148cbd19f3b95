"""Curves, sheets, the recipe and the ending of a run arrive in TensorBoard's files and in an MLflow store."""

import io
import json
import os
import re
import signal
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gankit import InputError, PluginWarning, Run, RunResult, train
from gankit.cli import main
from gankit.recipe.structure import to_document
from gankit.run.directory import RunDirectory

TERMS = {
    "warm-up/l2-adc",
    "supervised/aae-latent",
    "supervised/aae-latent.critic",
    "unsupervised/wgan-gp-adc",
    "unsupervised/jsd-auxiliary-t2w",
}
"""Some of the curves of the tiny ``mpmri-paper``."""


@pytest.fixture(autouse=True)
def _a_store_of_its_own(monkeypatch):
    """Whatever this machine tracks elsewhere."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


def gone_on(tiny_recipe, cohort, plugins, path, tracker):
    """A run of 4 steps with this tracker, of which 3 and 4 are lost and made again, and 2 more steps follow."""

    def until(steps):
        recipe = tiny_recipe(**{"training.track": [tracker], "training.steps": steps, "training.sample_every": 2})
        return train(recipe, path, device="cpu", cohort=cohort, plugins=plugins, quiet=True)

    until(4)
    RunDirectory(path).checkpoint(4).unlink()
    until(4)
    until(6)
    return path


def logged(run, name):
    """The numbers of a curve in metrics.jsonl, by step."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row[name] for row in rows if name in row}


# TensorBoard ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def boarded(tiny_recipe, tiny_cohort, plugins, tmp_path_factory):
    """A run that was lost and went on, in TensorBoard."""
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    return gone_on(tiny_recipe, tiny_cohort, plugins, tmp_path_factory.mktemp("tensorboard") / "run", "tensorboard")


def events(run):
    """What TensorBoard reads of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()


def test_tensorboard_has_a_curve_a_term(boarded):
    """Each step once, also those that were made again, with the numbers of metrics.jsonl."""
    read = events(boarded)
    assert set(read.Tags()["scalars"]) >= TERMS | {"pace/steps_per_s", "pace/wall_s"}
    curve = {event.step: event.value for event in read.Scalars("unsupervised/wgan-gp-adc")}
    assert curve == pytest.approx(logged(boarded, "unsupervised.wgan-gp-adc"), rel=1e-6)
    assert [event.step for event in read.Scalars("pace/steps_per_s")] == [1, 2, 3, 4, 5, 6]


def test_tensorboard_has_the_sheets_as_images(boarded):
    """One a step, pixel for pixel."""
    images = events(boarded).Images("sheet")
    assert [image.step for image in images] == [2, 4, 6]
    with Image.open(io.BytesIO(images[-1].encoded_image_string)) as seen, Image.open(sheet(boarded, 6)) as written:
        assert np.array_equal(np.asarray(seen.convert("RGB")), np.asarray(written.convert("RGB")))


def sheet(run, step):
    return RunDirectory(run).sample(step)


def test_tensorboard_has_the_recipe_and_the_ending(boarded):
    """As text."""
    read = events(boarded)
    recipe, ending = (
        read.Tensors(f"{name}/text_summary")[-1].tensor_proto.string_val[0].decode() for name in ("recipe", "status")
    )
    assert "    steps = 6" in recipe.splitlines()
    assert ending.strip() == "done, 6 steps"


def test_a_finished_run_that_is_started_again_tells_tensorboard_nothing_twice(boarded, tiny_recipe, plugins):
    """Its last sheet is drawn again, and is there already."""
    settings = {"training.track": "tensorboard", "training.steps": 6, "training.sample_every": 2}
    train(tiny_recipe(**settings), boarded, device="cpu", plugins=plugins, quiet=True)
    assert [image.step for image in events(boarded).Images("sheet")] == [2, 4, 6]


# MLflow ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tiny_recipe, tiny_cohort, plugins, tmp_path_factory):
    """A run that was lost and went on, in a store of MLflow."""
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package, reason="needs the extra mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
        return gone_on(tiny_recipe, tiny_cohort, plugins, tmp_path_factory.mktemp("mlflow") / "run", "mlflow")


@pytest.fixture
def client(stored):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{stored / 'mlflow' / 'mlflow.db'}")


@pytest.fixture
def only_run(client):
    """The one MLflow run of the store."""
    experiment = client.get_experiment_by_name("gankit")
    (found,) = client.search_runs([experiment.experiment_id])
    return found


def test_mlflow_has_a_curve_a_term(stored, client, only_run):
    """In one MLflow run, each step once, also those that were made again, with the numbers of metrics.jsonl."""
    assert set(only_run.data.metrics) >= TERMS | {"pace/steps_per_s", "pace/wall_s"}
    history = client.get_metric_history(only_run.info.run_id, "unsupervised/wgan-gp-adc")
    assert {each.step: each.value for each in history} == logged(stored, "unsupervised.wgan-gp-adc")
    paces = client.get_metric_history(only_run.info.run_id, "pace/steps_per_s")
    assert [each.step for each in paces] == [1, 2, 3, 4, 5, 6]


def test_mlflow_has_the_sheets_as_pictures(stored, client, only_run, tmp_path):
    """The files themselves, in the run directory."""
    run_id = only_run.info.run_id
    names = [f"sheets/step-{step:06d}.png" for step in (2, 4, 6)]
    assert [each.path for each in client.list_artifacts(run_id, "sheets")] == names
    assert Path(client.download_artifacts(run_id, names[-1], tmp_path)).read_bytes() == sheet(stored, 6).read_bytes()
    assert only_run.info.artifact_uri.startswith(stored.as_uri())


def test_mlflow_has_the_recipe_the_name_and_the_ending(stored, client, only_run, tmp_path):
    """The recipe as parameters, which stay those of the start, and as a file, which is that of now."""
    assert (only_run.info.run_name, only_run.info.status) == ("run", "FINISHED")
    assert only_run.data.params["networks.adc_decoder.width"] == "4"
    assert only_run.data.tags["gankit.ending"] == "done, 6 steps"
    assert only_run.data.tags["gankit.cohort"] == RunDirectory(stored).provenance()["cohort"]
    recipe = client.download_artifacts(only_run.info.run_id, "recipe.toml", tmp_path)
    assert "steps = 6" in Path(recipe).read_text().splitlines()


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"interrupted_by": signal.SIGTERM}, "KILLED"),
        ({"failure": "RunError: the loss is nan"}, "FAILED"),
        ({}, "FINISHED"),
    ],
)
def test_mlflow_says_how_a_run_ended(stored, client, only_run, plugins, tiny_recipe, how, status):
    """In MLflow's own words, and in a sentence."""

    recipe = tiny_recipe(**{"training.track": "mlflow"})
    provenance = RunDirectory(stored).provenance()
    run = Run(path=stored, recipe=recipe, document=to_document(recipe, plugins.registry), step=6, provenance=provenance)
    plugins.call("tracking", "run_started", run=run)
    assert client.get_run(only_run.info.run_id).info.status == "RUNNING"
    plugins.call("tracking", "run_ended", run=run, result=RunResult(stored, 6, **how))
    ended = client.get_run(only_run.info.run_id)
    assert ended.info.status == status
    assert how.get("failure", "") in ended.data.tags["gankit.ending"]


def test_mlflow_goes_where_its_environment_says(stored, tiny_recipe, plugins, tmp_path, monkeypatch):
    """To the store of ``MLFLOW_TRACKING_URI``, under the experiment that is named."""
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)  # an artifact store beside that store
    uri = f"sqlite:///{tmp_path / 'of-all.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "prostate")
    recipe = tiny_recipe(**{"training.track": "mlflow", "training.steps": 1})
    train(recipe, tmp_path / "run", device="cpu", plugins=plugins, quiet=True)
    client = MlflowClient(uri)
    (found,) = client.search_runs([client.get_experiment_by_name("prostate").experiment_id])
    assert found.info.run_id == (tmp_path / "run" / "mlflow" / "run-id").read_text()
    assert not (tmp_path / "run" / "mlflow" / "mlflow.db").exists()


def test_mlflow_does_not_report_its_use(stored):
    """Nothing leaves the machine that nobody asked for."""

    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_mlflow_does_not_say_that_a_run_goes_on_where_it_cannot_begin(stored, tiny_recipe, plugins, tmp_path):
    """What fails after the MLflow run was made ends it as failed."""
    from mlflow import MlflowClient

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.log_batch", _no_room)
        with pytest.warns(PluginWarning, match="tracker 'mlflow' failed: OSError: no room"):
            train(tiny_recipe(**{"training.track": "mlflow"}), tmp_path / "run", plugins=plugins, quiet=True)
    client = MlflowClient(f"sqlite:///{tmp_path / 'run' / 'mlflow' / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("gankit").experiment_id])
    assert found.info.status == "FAILED"


# Both -----------------------------------------------------------------------------------------------------


def _no_room(*_, **__):
    raise OSError("no room")


@pytest.mark.parametrize(
    ("failing", "method"),
    [
        ("mlflow", "mlflow.MlflowClient.log_batch"),
        ("mlflow", "gankit_tracking._mlflow.MLflow.row"),
        ("tensorboard", "torch.utils.tensorboard.SummaryWriter.add_scalar"),
        ("tensorboard", "torch.utils.tensorboard.SummaryWriter.__init__"),
    ],
)
def test_a_tracker_that_fails_leaves_the_other_alone(
    boarded, stored, tiny_recipe, plugins, tmp_path, monkeypatch, failing, method
):
    """It is named once; the other has every row and the ending, and so has the store of the one that fails."""
    from mlflow import MlflowClient

    monkeypatch.setattr(method, _no_room)
    run = tmp_path / "run"
    recipe = tiny_recipe(**{"training.track": ["mlflow", "tensorboard"], "training.sample_every": 2})
    with pytest.warns(PluginWarning) as warned:
        train(recipe, run, device="cpu", plugins=plugins, quiet=True)
    (named,) = [str(each.message) for each in warned if issubclass(each.category, PluginWarning)]
    assert named.startswith(f"plugin 'tracking': tracker {failing!r} failed: OSError: no room ({__file__}:")
    client = MlflowClient(f"sqlite:///{run / 'mlflow' / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("gankit").experiment_id])
    assert found.info.status == ("FAILED" if method.endswith("log_batch") else "FINISHED")
    steps = (
        [event.step for event in events(run).Scalars("pace/steps_per_s")]
        if failing == "mlflow"
        else [each.step for each in client.get_metric_history(found.info.run_id, "pace/steps_per_s")]
    )
    assert steps == [1, 2, 3, 4]


def test_an_empty_list_of_trackers_is_none(tiny_recipe, plugins):
    """The completed recipe is that of a recipe that says nothing, so a run goes on with either."""
    assert tiny_recipe(**{"training.track": []}) == tiny_recipe()
    assert "track" not in to_document(tiny_recipe(**{"training.track": []}), plugins.registry)["training"]


@pytest.mark.parametrize(("tracker", "package"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow")])
def test_a_tracker_without_its_package_is_one_line_before_any_work(
    tiny_recipe, plugins, tmp_path, monkeypatch, tracker, package
):
    """It names the extra."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=re.escape(f"pip install 'gankit[{tracker}]'")) as raised:
        train(tiny_recipe(**{"training.track": tracker}), tmp_path / "run", plugins=plugins, quiet=True)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_run_that_asks_for_no_tracker_gets_none(trained):
    """Nothing but what gankit writes itself."""
    assert not {"tensorboard", "mlflow"} & {path.name for path in trained.iterdir()}


def test_track_on_the_command_line_is_short_for_the_recipe_key(capsys):
    """It may be given many times."""
    with pytest.raises(SystemExit) as ended:
        main(["train", "mpmri-quick", "--track", "tensorboard", "--track", "mlflow", "--dry-run"])
    assert ended.value.code == 0

    assert tomllib.loads(capsys.readouterr().out)["training"]["track"] == ["tensorboard", "mlflow"]


def test_components_lists_the_trackers(capsys):
    """With what each does."""
    with pytest.raises(SystemExit):
        main(["components"])
    assert re.search(r"tensorboard +Curves by term, sheets and the recipe for TensorBoard", capsys.readouterr().out)
