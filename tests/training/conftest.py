"""What the tests of training share."""

from collections.abc import Callable

import pytest
import torch

from gankit import Cohort, Recipe
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny networks are quickest on one thread."""
    torch.set_num_threads(1)


@pytest.fixture
def trainer(tiny_cohort: Cohort) -> Callable[..., Trainer]:
    """``trainer(recipe)``: a trainer at step 0 on the tiny cohort, or on another one."""

    def make(recipe: Recipe, cohort: Cohort = tiny_cohort, dtype: torch.dtype = torch.float32) -> Trainer:
        return Trainer(recipe, resident_cohort(recipe, cohort, CPU, dtype), CPU, dtype)

    return make
