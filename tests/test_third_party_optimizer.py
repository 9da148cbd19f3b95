"""A package outside the repository adds an optimizer and a schedule through the public API alone."""

import json
import math
import os
import subprocess
import sys
import tomllib

import pytest

PLUGIN = """
from gankit import hookimpl


@hookimpl
def register_components(registry):
    registry.add("optimizer", "lion", "pride.specs:Lion")
    registry.add("schedule", "halving", "pride.specs:Halving")
"""

SPECS = '''
import attrs

from gankit import AbstractOptimizer, AbstractSchedule, Problem, option


@attrs.frozen(kw_only=True)
class Lion(AbstractOptimizer):
    """Lion (Chen et al. 2023, arXiv:2302.06675, Algorithm 2): the sign of a mean of gradients."""

    betas: tuple[float, float] = option((0.9, 0.99), ge=0, lt=1, help="decay rates of the step and of the mean")

    def build(self, parameters, learning_rate, capturable):
        from pride.torch_lion import TorchLion

        return TorchLion(parameters, learning_rate, self.betas)


@attrs.frozen(kw_only=True)
class Halving(AbstractSchedule):
    """Half the rate after every so many steps."""

    every: int = option(help="training steps between halvings", ge=1)

    def check(self, steps):
        if self.every >= steps:
            yield Problem("every", f"must be < {steps}, or nothing is halved; got {self.every}")

    def factor(self, step, steps):
        return 0.5 ** (step // self.every)
'''

TORCH = '''
import torch


class TorchLion(torch.optim.Optimizer):
    """Its first step makes its state, as those of torch do."""

    def __init__(self, parameters, rate, betas):
        super().__init__(parameters, {"lr": rate, "betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (first, second), rate = group["betas"], group["lr"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                weight.sub_(rate * torch.lerp(weight.grad, mean, first).sign())
                mean.lerp_(weight.grad, 1 - second)
'''

RECIPE = """
extends = "adc-only"
name = "pride"
cohort = { use = "file", path = "to be set" }
modalities.adc.shape = [1, 16, 16]
latent.dim = 8
networks.adc_decoder.width = 4
networks.adc_critic.width = 4
training = { steps = 5, batch = 4, log_every = 1, checkpoint_every = 2, keep_checkpoints = 9 }
optimizers.pride = { use = "lion", learning_rate = 1e-3, schedule = { use = "halving", every = 2 }, clip_norm = 5.0 }
phases.unsupervised.optimizer = "pride"
phases.unsupervised.critic_optimizer = "pride"
remove = [
  "phases.unsupervised.learning_rate",
  "phases.unsupervised.betas",
  "phases.unsupervised.critic_learning_rate",
  "phases.unsupervised.critic_betas",
]
"""

CHECK = """
from gankit.testing import check_optimizer, check_schedule
from pride.specs import Halving, Lion

check_optimizer(Lion())
check_schedule(Halving(every=3), steps=10)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with an installed package ``pride``, and in it one to work in."""
    site = tmp_path_factory.mktemp("site")
    files = {
        "pride/__init__.py": PLUGIN,
        "pride/specs.py": SPECS,
        "pride/torch_lion.py": TORCH,
        "pride-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pride\nVersion: 1.0\n",
        "pride-1.0.dist-info/entry_points.txt": "[gankit]\npride = pride\n",
        "work/pride.toml": RECIPE,
        "work/check.py": CHECK,
    }
    for name, text in files.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    return site


@pytest.fixture(scope="module")
def trained(installed, tiny_cohort_file, tmp_path_factory):
    """A run of the stranger's recipe, by the command line."""
    run = tmp_path_factory.mktemp("pride") / "run"
    train(installed, tiny_cohort_file, run)
    return run


def python(site, *arguments):
    """Run Python where one works; what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    call = [sys.executable, *map(str, arguments)]
    done = subprocess.run(call, cwd=site / "work", env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def train(installed, cohort, run):
    arguments = ["pride.toml", "--set", f"cohort.path={cohort}", "-o", run, "--device", "cpu"]
    status, said = python(installed, "-m", "gankit", "train", *arguments)
    assert status == 0, said
    return said


def test_it_passes_the_public_checks(installed):
    """The checks that ours pass."""
    status, said = python(installed, "check.py")
    assert status == 0, said


def test_it_is_listed_and_shown(installed):
    """Under its kind, with its options."""
    _, listed = python(installed, "-m", "gankit", "components")
    assert "lion" in listed
    assert "halving" in listed
    assert "decay rates of the step and of the mean" in python(installed, "-m", "gankit", "components", "lion")[1]


def test_it_trains_at_the_rates_of_its_schedule(trained):
    """Every row has the rate of its step, and the lock has both components."""
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["learning_rate/pride"] for row in rows] == [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4]
    assert all(math.isfinite(value) for row in rows for key, value in row.items() if key != "digest")
    locked = tomllib.loads((trained / "recipe.lock.toml").read_text())
    assert locked["optimizers"]["pride"]["use"] == "lion"
    assert locked["optimizers"]["pride"]["schedule"] == {"use": "halving", "every": 2}


def test_it_goes_on_from_a_checkpoint_with_the_same_bits(trained, installed, tiny_cohort_file):
    """Its state, which its first step made, is read from the checkpoint."""
    last, model = trained / "checkpoints/step-000005.safetensors", trained / "model.safetensors"
    expected = last.read_bytes(), model.read_bytes()
    last.unlink()
    assert "resuming at step 4" in train(installed, tiny_cohort_file, trained)
    assert (last.read_bytes(), model.read_bytes()) == expected


def test_its_problems_are_those_of_the_recipe(installed):
    """One line, before anything is trained."""
    status, said = python(installed, "-m", "gankit", "recipe", "check", "pride.toml", "--set", "training.steps=2")
    assert status != 0
    assert "optimizers.pride.schedule.every: must be < 2, or nothing is halved; got 2" in said
