"""What the tests of evaluation share."""

import pytest
import torch

from gankit import Judging, evaluate
from tests.toy import MEASURED


@pytest.fixture(autouse=True)
def _fresh_start() -> None:
    MEASURED.clear()
    torch.set_num_threads(1)


SMALL = {"metrics": ("brightness",), "sets": 3, "per_set": 12, "replicates": 20}


@pytest.fixture
def judge(measuring, tmp_path):
    """``judge(target, recipe=None, **judging)``: the result of a small evaluation."""

    def run(target, recipe=None, **judging):
        asked = Judging(**{**SMALL, **judging})
        return evaluate(target, tmp_path / "out", judging=asked, recipe=recipe, plugins=measuring, quiet=True)

    return run
