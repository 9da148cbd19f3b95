"""What the tests of evaluation share."""

import pytest
import torch

from tests.toy import MEASURED


@pytest.fixture(autouse=True)
def _fresh_start() -> None:
    MEASURED.clear()
    torch.set_num_threads(1)
