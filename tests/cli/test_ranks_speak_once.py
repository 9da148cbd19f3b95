"""Of the processes that torchrun starts, one tells how a run ended."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gankit import RunResult
from gankit.cli import main


@pytest.mark.parametrize(("rank", "said"), [(None, True), ("0", True), ("1", False)])
def test_one_process_prints_the_last_lines(monkeypatch, rank, said):
    """The others would repeat them."""
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("gankit.training.train.train", lambda *_, **__: RunResult(Path("runs/x"), 4))
    result = CliRunner().invoke(main, ["train", "mpmri"])
    assert result.exit_code == 0
    assert ("4 steps done" in result.output) is said
