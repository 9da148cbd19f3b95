"""The training step against a naive one, at identical mathematics.

The claim is about the unsupervised step of ``mpmri-paper`` as shipped: batch 64, 64 x 64, width 32. The test suite runs
a smaller size and times nothing.

The benchmark counts the step's arithmetic (convolutions and matrix products, with first and second derivatives) and
compares its rate with the best rate that single convolutions of the step's sizes reach in the same run.
"""

from __future__ import annotations

import statistics
import time
from functools import partial

import cpuinfo
import pytest
import torch

from benchmarks.naive_step import NaiveStep
from gankit import Draws, Networks, load_recipe
from gankit.networks.bench import FlopCount, interleaved
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer, choose_device
from gankit_phantom.source import Phantom

FULL = {"training.batch": 64}
SMALL = {
    "training.batch": 4,
    "modalities.adc.shape": [1, 32, 32],
    "modalities.t2w.shape": [1, 32, 32],
    **{f"networks.{name}.width": 4 for name in ("encoder", "adc_decoder", "t2w_translator")},
    **{f"networks.{m}_{role}.width": 4 for m in ("adc", "t2w") for role in ("critic", "auxiliary")},
}


@pytest.fixture(scope="module")
def cohort():
    return Phantom(train_cs=64, train_noncs=64, test_cs=4, test_noncs=4).load()


def unsupervised(cohort, overrides, dtype=torch.float32):
    """The trainer, its unsupervised phase and one batch."""
    recipe = load_recipe("mpmri-paper", overrides)
    device = choose_device("auto")
    trainer = Trainer(recipe, resident_cohort(recipe, cohort, device, dtype), device, dtype)
    (phase,) = [phase for phase in trainer.phases if phase.spec.name == "unsupervised"]
    return trainer, phase, phase.batch(trainer.cohort, Draws(0, 0))


def test_both_steps_have_the_same_mathematics(cohort):
    """In float64 the naive step ends at the same parameters, so the ratio compares like with like."""
    trainer, phase, batch = unsupervised(cohort, SMALL, torch.float64)
    naive = NaiveStep(trainer.recipe, trainer.state.networks)
    for _ in range(2):
        naive(batch)
        phase(trainer.state.networks, trainer.state.optimizers, batch)
    for name, network in naive.networks.items():
        for key, parameter in network.named_parameters():
            ours = trainer.state.networks[name].get_parameter(key)
            torch.testing.assert_close(ours, parameter, rtol=0, atol=1e-11)


def computes_bf16():
    """Whether bfloat16 is a speed here: on CUDA, and on a CPU whose instructions name it."""
    return torch.cuda.is_available() or any("bf16" in flag for flag in cpuinfo.get_cpu_info().get("flags", []))


CONVOLUTIONS = [(32, 32, 64), (64, 64, 32), (128, 128, 16), (256, 256, 8)]
"""Channels in, channels out and side of 3 x 3 convolutions, of equal arithmetic."""


@pytest.fixture(scope="module")
def best_rates():
    """Precision to the best FLOP/s, measured when first asked for."""
    return {}


def best_rate(dtype, batch=64, rounds=5):
    """FLOP/s of the fastest of these convolutions, contiguous or channels last."""
    device = choose_device("auto")
    calls, flops = {}, {}
    for inputs, outputs, side in CONVOLUTIONS:
        for layout in (torch.contiguous_format, torch.channels_last):
            x = torch.ones(batch, inputs, side, side, device=device, dtype=dtype).to(memory_format=layout)
            weight = torch.ones(outputs, inputs, 3, 3, device=device, dtype=dtype).to(memory_format=layout)
            calls[inputs, layout] = partial(torch.conv2d, x, weight, padding=1)
            with FlopCount() as counted:
                calls[inputs, layout]()
            flops[inputs, layout] = counted.total
    with torch.no_grad():
        taken = interleaved(calls, device, rounds)
    return max(flops[name] / seconds for name, seconds in taken.items())


def test_convolutions_are_counted_and_timed():
    """The yardstick itself, small."""
    assert best_rate(torch.float32, batch=1, rounds=1) > 0


@pytest.mark.benchmark(group="unsupervised step, batch 64, 64 x 64, width 32")
@pytest.mark.parametrize("kind", ["naive", "gankit", "gankit bf16"])
def test_step(benchmark, cohort, best_rates, kind):
    """Ours at least 1.6 times as fast as naive in float32, 2.5 times in bf16 on a CPU with bfloat16 units.

    ``times_naive_between`` is against naive steps run between ours, so what disturbs one disturbs both. The share is
    of the best rate of convolutions in the precision in which networks run.
    """
    if benchmark.enabled and kind.endswith("bf16") and not computes_bf16():
        pytest.skip("this CPU has no bfloat16 units")
    size = FULL if benchmark.enabled else SMALL
    precision = "bf16" if kind.endswith("bf16") else "float32"
    trainer, phase, batch = unsupervised(cohort, {**size, "training.precision": precision})
    networks: Networks = trainer.state.networks
    naive = NaiveStep(trainer.recipe, networks)

    def wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def step() -> None:
        if kind == "naive":
            naive(batch)
        else:
            phase(networks, trainer.state.optimizers, batch)
        wait()

    naive_s = []

    def naive_step() -> None:
        began = time.perf_counter()
        naive(batch)
        wait()
        naive_s.append(time.perf_counter() - began)

    with FlopCount() as counted:  # warms up as well
        step()
    assert counted.total > 0
    before_each = None if kind == "naive" else naive_step
    benchmark.pedantic(step, setup=before_each, rounds=5 if benchmark.enabled else 1)
    if benchmark.enabled:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        if dtype not in best_rates:
            best_rates[dtype] = best_rate(dtype)
        best = best_rates[dtype]
        if naive_s:
            benchmark.extra_info["times_naive_between"] = statistics.median(naive_s) / benchmark.stats.stats.median
        rate = counted.total / benchmark.stats.stats.median
        benchmark.extra_info |= {
            "GFLOP": counted.total / 1e9,
            "GFLOP_per_s": rate / 1e9,
            "best_convolution_GFLOP_per_s": best / 1e9,
            "share": rate / best,
        }
