"""How long the command line takes to answer."""

import subprocess
import sys

import pytest


@pytest.mark.benchmark(group="start")
@pytest.mark.parametrize("command", ["-c pass", "-m gankit --help", "-m gankit recipe check mpmri"])
def test_command(benchmark, command):
    """From process start to answer, beside an empty Python process: `--help` within 0.4 s on an idle core."""
    arguments = [sys.executable, *command.split()]
    done = benchmark.pedantic(subprocess.run, (arguments,), {"capture_output": True}, rounds=5, warmup_rounds=1)
    assert done.returncode == 0
