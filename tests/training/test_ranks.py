"""One run in many processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from torch import nn

from gankit import BatchNorm, Cohort, InputError, Modality, Plugins, Recipe, RunError, load_recipe, train
from gankit.processes.ranks import Ranks, joined_ranks
from gankit.training import train as training
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer
from tests.commands import written
from tests.training.strange_norms import RECIPE, with_strange_norms
from tests.training.test_engine import WINDOWED, Broken, Tape

CPU = torch.device("cpu")
TERM = "phases.unsupervised.terms.jsd-auxiliary-adc"
ON_T2W = {"on": "t2w", "critic": "t2w_critic", "against": "cs"}
MORE: dict[str, dict[str, object]] = {
    "relativistic": {},
    "feature-matching": {},
    "lecam": {},
    "consistency": {"augmentations": [{"use": "translation"}]},
}
"""Losses whose parts are means over the global batch, or have a state."""


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def fresh_processes() -> multiprocessing.context.ForkServerContext:
    """Processes that know nothing of this one; torch is imported once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "gankit.training.train"])
    return context


def train_share(rank: int, size: int, port: str, recipe: Path, out: Path) -> None:
    """One process of ``size``: three float64 steps of every phase; the first writes the state, its statistics too."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    torch.set_num_threads(1)
    loaded = load_recipe(recipe, plugins=with_strange_norms())
    with joined_ranks(CPU, loaded.training.batch) as ranks:
        cohort = resident_cohort(loaded, loaded.cohort.load(), CPU, torch.float64)
        trainer = Trainer(loaded, cohort, CPU, torch.float64, ranks)
        assert ranks.same(7, CPU)
        assert ranks.same(rank, CPU) == (size == 1)
        for _ in range(3):
            trainer.step()
        trainer.gather_statistics()
    if rank == 0:
        np.savez(out, **{name: value.detach().numpy() for name, value in trainer.state.tensors().items()})


def replay_share(
    rank: int, size: int, port: str, recipe: Path, out: Path, device: torch.device, broken: int | None
) -> None:
    """One process of ``size``, which trains eagerly, and again with recorded steps; ``broken``: the process that cannot
    record. They speak over gloo, which two processes of one GPU can. Writes how far apart both ended, what was said,
    and how often recordings were cut."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    torch.set_num_threads(1)
    tapes: list[Tape] = []

    def tape(device: torch.device, ranks: Ranks) -> Tape:
        tapes.append((Broken if ranks.rank == broken else Tape)(device, ranks))
        return tapes[-1]

    if device == CPU:
        training.CudaCapture = tape  # type: ignore[misc,assignment]
    loaded = load_recipe(recipe, plugins=with_strange_norms())
    with joined_ranks(CPU, loaded.training.batch) as ranks:
        cohort = resident_cohort(loaded, loaded.cohort.load(), device)
        eager, replayed = (Trainer(loaded, cohort, device, ranks=ranks) for _ in range(2))
        said: list[str] = []
        replayed.replay_steps(said.append)
        for _ in range(3):
            eager.step()
            replayed.step()
    one, other = (trainer.state.tensors() for trainer in (eager, replayed))
    apart = max(float((one[name] - other[name]).abs().max()) for name in one if one[name].numel())
    cuts = sum(tape.cuts for tape in tapes)
    out.with_suffix(f".{rank}").write_text(json.dumps({"apart": apart, "said": said, "cuts": cuts}))


def replayed(recipe: Path, out: Path, device: torch.device = CPU, broken: int | None = None) -> list[dict[str, Any]]:
    """What two processes of ``replay_share`` wrote."""
    context, port = fresh_processes(), free_port()
    shares = [(rank, 2, port, recipe, out, device, broken) for rank in (0, 1)]
    processes = [context.Process(target=replay_share, args=share) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    return [json.loads(out.with_suffix(f".{rank}").read_text()) for rank in (0, 1)]


def step_until_alone(rank: int, port: str, recipe: Path, out: Path) -> None:
    """Process 1 of 2 dies after one step without a word; process 0 writes what it is told."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    torch.set_num_threads(1)
    loaded = load_recipe(recipe)
    with joined_ranks(CPU, loaded.training.batch) as ranks:
        trainer = Trainer(loaded, resident_cohort(loaded, loaded.cohort.load(), CPU), CPU, ranks=ranks)
        trainer.step()
        if rank == 1:
            os._exit(1)
        try:
            trainer.step()
        except RunError as error:
            out.write_text(str(error))
            os._exit(0)


def trained(recipe: Path, size: int, out: Path) -> dict[str, np.ndarray]:
    context = fresh_processes()
    port = free_port()
    processes = [context.Process(target=train_share, args=(r, size, port, recipe, out)) for r in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    with np.load(out) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture
def shared_recipe(tiny_recipe, tiny_cohort: Cohort, tmp_path: Path, plugins: Plugins) -> Path:
    """All phases on every step, a batch that 1, 2 and 3 divide, augmentation of slices and of what a critic sees, and
    slices that lack T2w."""
    from gankit import write_cohort

    present = np.arange(len(tiny_cohort)) % 3 > 0
    t2w = tiny_cohort.modalities["t2w"]
    modalities = {**tiny_cohort.modalities, "t2w": Modality.of(t2w.values, t2w.unit, present)}
    fields = {name: getattr(tiny_cohort, name) for name in ("labels", "patient", "split", "spacing_mm")}
    write_cohort(Cohort(modalities=modalities, **fields), tmp_path / "part.safetensors")
    recipe = tiny_recipe(
        **{
            "cohort.path": str(tmp_path / "part.safetensors"),
            "training.batch": 6,
            "augmentation.shift": 1,
            "phases.supervised.start": 0,
            "phases.supervised.every": 1,
            "phases.unsupervised.start": 0,
            f"{TERM}.augment": [{"use": "rotation"}, {"use": "cutout"}],
            f"{TERM}.adapt": {"target": 0.01, "images": 40},
            **{f"phases.unsupervised.terms.{use}": {"use": use, **ON_T2W, **options} for use, options in MORE.items()},
            "phases.supervised.terms.likeness": {"use": "perceptual", "on": "adc", "network": "adc_critic"},
            **WINDOWED,
        }
    )
    return written(recipe, plugins, tmp_path / "recipe.toml")


@pytest.fixture
def strange_recipe(tiny_cohort_file: Path, tmp_path: Path) -> Path:
    """A stranger's generator with batch normalisation and buffers of its own."""
    document = {**tomllib.loads(RECIPE), "cohort": {"use": "file", "path": str(tiny_cohort_file)}}
    document["training"]["batch"] = 6
    document["phases"][0]["learning_rate"] = 1e-3
    document["networks"]["decoder"]["norm"] = "gankit"
    (tmp_path / "strange.toml").write_text(tomli_w.dumps(document))
    return tmp_path / "strange.toml"


@pytest.mark.parametrize("which", ["shared_recipe", "strange_recipe"])
def test_any_number_of_processes_gives_the_same_parameters(which: str, request, tmp_path: Path):
    """In float64, 2 and 3 processes agree with one to 1e-12 after three rounds of all phases: networks, averages,
    moments, statistics of the current and of the averaged networks, adaptive probabilities, averages of scores."""
    recipe = request.getfixturevalue(which)
    alone = trained(recipe, 1, tmp_path / "1.npz")
    for size in (2, 3):
        together = trained(recipe, size, tmp_path / f"{size}.npz")
        assert together.keys() == alone.keys()
        for name, values in alone.items():
            np.testing.assert_allclose(together[name], values, rtol=0, atol=1e-12, err_msg=f"{size} processes: {name}")


@pytest.mark.parametrize("which", ["shared_recipe", "strange_recipe"])
def test_recorded_steps_of_many_processes_are_the_eager_ones(which: str, request, tmp_path: Path):
    """Bit for bit, though every reduction, those of batch normalisation and of its gradient too, cuts the recording."""
    for told in replayed(request.getfixturevalue(which), tmp_path / "told"):
        assert told["apart"] == 0
        assert told["said"] == ["engine: graph; replayed steps of every phase end where eager ones do"]
        assert told["cuts"] > 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: only it records graphs")
def test_two_processes_of_one_gpu_replay_graphs(shared_recipe: Path, tmp_path: Path):
    """With reductions over gloo between the graphs; a GPU may add numbers in another order each time."""
    for told in replayed(shared_recipe, tmp_path / "told", torch.device("cuda", 0)):
        assert told["said"] == ["engine: graph; replayed steps of every phase end where eager ones do"]
        assert told["apart"] < 1e-3


def test_all_processes_are_eager_where_one_cannot_record(shared_recipe: Path, tmp_path: Path):
    """Otherwise those that replay would wait for the one that does not."""
    first, second = replayed(shared_recipe, tmp_path / "told", broken=1)
    assert first["apart"] == second["apart"] == 0
    assert first["said"] == ["engine: eager, because another process cannot replay a step of phase 'warm-up'"]
    assert second["said"][0].startswith(
        "engine: eager, because a step of phase 'warm-up' cannot be recorded: operation"
    )


def test_gradients_are_clipped_after_they_were_averaged(shared_recipe: Path, tmp_path: Path, plugins: Plugins):
    """In float64, two processes agree with one to 1e-12 where both sides of a phase clip, at rates of a schedule: the
    norm is that of the mean gradient, not that of each process."""
    keys = ("learning_rate", "betas", "critic_learning_rate", "critic_betas")
    clipping = {
        "optimizers.one": {"use": "sgd", "momentum": 0.5, "clip_norm": 0.1, "schedule": {"use": "cosine"}},
        "phases.unsupervised.optimizer": "one",
        "phases.unsupervised.critic_optimizer": "one",
        "remove": [f"phases.unsupervised.{key}" for key in keys],
    }
    recipe = written(load_recipe(shared_recipe, clipping, plugins), plugins, tmp_path / "clipping.toml")
    alone, together = (trained(recipe, size, tmp_path / f"clipped-{size}.npz") for size in (1, 2))
    assert any(name.startswith("optimizers.one.") for name in alone)
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_critics_see_the_same_groups_of_samples_in_any_number_of_processes(
    tiny_recipe, plugins: Plugins, tmp_path: Path
):
    """Minibatch standard deviation is over neighbours of the global batch, which are in one share of it; with spectral
    norm, which has no state that could differ."""
    critic = "networks.adc_auxiliary"
    options = {"use": "residual-critic", "minibatch_std": 2, "spectral_norm": True}
    recipe = tiny_recipe(**{f"{critic}.{name}": value for name, value in options.items()})
    file = written(recipe, plugins, tmp_path / "recipe.toml")
    alone, together = (trained(file, size, tmp_path / f"{size}.npz") for size in (1, 2))
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_a_process_that_dies_ends_the_others_with_a_clear_error(shared_recipe: Path, tmp_path: Path):
    """The message says what happened and how to go on."""
    context, port, out = fresh_processes(), free_port(), tmp_path / "message"
    processes = [context.Process(target=step_until_alone, args=(r, port, shared_recipe, out)) for r in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert "another process of this run has gone" in out.read_text()
    assert "to resume from the last checkpoint" in out.read_text()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_never_came_or_left_early_is_told_of(when: str, tmp_path: Path, monkeypatch):
    """Joining and leaving need the others as steps do."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name, value in (("RANK", "0"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", free_port())):
        monkeypatch.setenv(name, value)

    def gone(*arguments, **settings):
        raise RuntimeError("Connection closed by peer")

    for name in ("init_process_group", "barrier", "destroy_process_group", "get_rank", "get_world_size"):
        monkeypatch.setattr(f"torch.distributed.{name}", lambda *_: 1)
    monkeypatch.setattr(f"torch.distributed.{'init_process_group' if when == 'before' else 'barrier'}", gone)
    with pytest.raises(RunError, match="another process of this run has gone"), joined_ranks(CPU, 4):
        pass


def test_shares_are_equal_and_make_up_the_batch():
    """Each process takes its part in order of rank."""
    batch = np.arange(6)
    shares = [Ranks(rank, 3).share(batch) for rank in range(3)]
    assert [len(share) for share in shares] == [2, 2, 2]
    assert np.concatenate(shares).tolist() == batch.tolist()


def test_one_process_is_torchs_batch_norm():
    """Without other processes, BatchNorm is torch's: the same result in training and in evaluation."""
    torch.manual_seed(0)
    x_BCHW = torch.randn(5, 3, 4, 4, dtype=torch.float64) * 3 + 1
    ours, torchs = BatchNorm(3).double(), nn.BatchNorm2d(3).double()
    torch.testing.assert_close(ours(x_BCHW), torchs(x_BCHW))
    torch.testing.assert_close(ours.running_mean, torchs.running_mean)
    torch.testing.assert_close(ours.running_variance, torchs.running_var, rtol=0.02, atol=0)  # biased, unlike torch's


def torchrun(processes: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", processes, "--master-port"]
    command += [free_port(), "-m", "gankit", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def quick(tiny_recipe, tmp_path: Path, plugins: Plugins) -> Path:
    recipe: Recipe = tiny_recipe()
    return written(recipe, plugins, tmp_path / "quick.toml", steps=4, checkpoint_every=2, log_every=1)


def test_torchrun_trains_and_any_number_of_processes_resumes(quick: Path, tmp_path: Path):
    """Two processes write one run, once; one process goes on with it."""
    run = tmp_path / "run"
    done = torchrun(2, "train", quick, "-o", run, "--steps", 2)
    assert done.returncode == 0, done.stderr
    last = torchrun(1, "train", quick, "-o", run, "--steps", 4)
    assert last.returncode == 0, last.stderr
    assert "resuming at step 2" in last.stderr
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]


def test_processes_that_see_other_run_directories_are_refused(tiny_recipe, tiny_cohort, plugins, monkeypatch, tmp_path):
    """Without a shared disk one would resume where another begins, and train other weights unnoticed."""
    monkeypatch.setattr(Ranks, "same", lambda *_: False)
    with pytest.raises(
        InputError, match="at step 0, in another process at another; .* on a disk that all processes see"
    ):
        train(tiny_recipe(), tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)


@pytest.mark.parametrize(("size", "rest"), [("2", "RANK, MASTER_PORT, MASTER_ADDR"), ("two", "WORLD_SIZE, RANK")])
def test_an_environment_that_is_torchruns_in_part_is_refused(size, rest, monkeypatch):
    """A cluster's script may set WORLD_SIZE for something else."""
    for name in ("RANK", "MASTER_PORT", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", size)
    with (
        pytest.raises(InputError, match=f"has WORLD_SIZE={size}, but no usable {rest}.*; start with torchrun"),
        joined_ranks(CPU, 16),
    ):
        pass


def test_processes_that_cannot_share_the_batch_equally_are_refused(quick: Path, tmp_path: Path):
    """The message says which numbers of processes can, before anything is trained."""
    done = torchrun(3, "train", quick, "-o", tmp_path / "run")
    assert done.returncode != 0
    assert "training.batch is 4, which 3 processes cannot share equally; start [1, 2, 4] processes" in done.stderr
    assert not (tmp_path / "run/metrics.jsonl").exists()
