"""A run to judge, and a metric that is quick to measure."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
import torch

from gankit import Cohort, Plugins, load_plugins, train
from tests.evaluation.toy import MEASURED


@pytest.fixture(autouse=True)
def _fresh_start() -> None:
    MEASURED.clear()
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def measuring() -> Plugins:
    """Everything installed, with metrics ``brightness``, ``strange`` and ``filed`` of a plugin ``toy``."""
    toy = EntryPoint(name="toy", value="tests.evaluation.toy", group="gankit")
    return load_plugins([*entry_points(group="gankit"), toy])


@pytest.fixture(scope="session")
def trained(
    tiny_recipe: Callable, tiny_cohort: Cohort, plugins: Plugins, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of two steps of the tiny ``mpmri``, seed 0."""
    recipe = tiny_recipe(**{"training.steps": 2})
    return train(
        recipe, tmp_path_factory.mktemp("trained") / "run", cohort=tiny_cohort, plugins=plugins, quiet=True
    ).path
