"""Replayed training steps against eager ones, on a GPU.

The claim is about a step of ``mpmri-paper`` as shipped with its unsupervised phase alone: batch 64, 64 x 64, width
32. A step draws the batch, runs the phase and updates the moving averages. On an H100 it is at least 3 times as fast
replayed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch

from gankit import load_recipe
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer, choose_device
from gankit_phantom.source import Phantom

STEPS = 20
"""Steps of one round; the device is waited for only at its end, as in training."""

UNSUPERVISED = {
    "training.batch": 64,
    "phases.warm-up.stop": 1,
    "phases.supervised.start": 10**6,
    "phases.unsupervised.start": 0,
}

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: only it records graphs")


@pytest.fixture(scope="module")
def trainer() -> Callable[..., Trainer]:
    cohort = Phantom(train_cs=64, train_noncs=64, test_cs=4, test_noncs=4).load()

    def make(engine: str, precision: str = "float32") -> Trainer:
        recipe = load_recipe("mpmri-paper", {**UNSUPERVISED, "training.precision": precision})
        device = choose_device("cuda")
        made = Trainer(recipe, resident_cohort(recipe, cohort, device), device)
        if engine == "graph":
            said: list[str] = []
            made.replay_steps(said.append)
            assert said[0].startswith("engine: graph"), said
        return made

    return make


def run_steps(trainer: Trainer, count: int) -> None:
    for _ in range(count):
        trainer.step()
    torch.cuda.synchronize()


@pytest.mark.benchmark(group=f"{STEPS} unsupervised steps, batch 64, 64 x 64, width 32")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("engine", ["eager", "graph"])
def test_engine(benchmark, trainer, engine, precision):
    """One row each; the table shows their ratio."""
    made = trainer(engine, precision)
    run_steps(made, 3)
    benchmark.pedantic(run_steps, args=(made, STEPS), rounds=7 if benchmark.enabled else 1)


def test_a_replayed_step_is_three_times_as_fast(benchmark, trainer, capsys):
    """The two take turns, so that a clock that changes meets both; the medians are compared."""
    if not benchmark.enabled:
        pytest.skip("timed with --benchmark-enable only")
    engines = {engine: trainer(engine) for engine in ("eager", "graph")}
    seconds: dict[str, list[float]] = {engine: [] for engine in engines}
    for number in range(8):
        for engine, made in engines.items():
            began = time.perf_counter()
            run_steps(made, STEPS)
            if number:
                seconds[engine].append((time.perf_counter() - began) / STEPS)
    eager_s, graph_s = (statistics.median(each) for each in seconds.values())
    with capsys.disabled():
        print(f"\neager {1e3 * eager_s:.2f} ms, graph {1e3 * graph_s:.2f} ms a step: {eager_s / graph_s:.2f} times")
    benchmark.pedantic(run_steps, args=(engines["graph"], 1), rounds=1)
    assert eager_s / graph_s >= 3
