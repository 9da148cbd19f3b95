"""How long the command line takes to answer."""

import resource
import subprocess
import sys
from statistics import median

import pytest

BARE = "-c import click, attrs, pluggy"
HELP = "-c from gankit.cli import main; main(['--help'])"


@pytest.mark.benchmark(group="start")
@pytest.mark.parametrize("command", ["-c pass", BARE, HELP, "-m gankit recipe check mpmri", "-m gankit components"])
def test_command(benchmark, command):
    """From process start to answer, beside an empty Python process."""
    benchmark.pedantic(_answer, (command,), rounds=5, warmup_rounds=1)


def test_help_costs_at_most_twice_the_bare_imports(benchmark):
    """In processor time, the two measured in turns: what else the machine does slows both."""
    pairs = 10 if benchmark.enabled else 1
    costs = benchmark.pedantic(lambda: [(_cpu_s(HELP), _cpu_s(BARE)) for _ in range(pairs)], rounds=1, warmup_rounds=1)
    ratio = median(cost / bare for cost, bare in costs)
    benchmark.extra_info["times bare imports of click, attrs and pluggy"] = round(ratio, 2)
    if benchmark.enabled:  # a time is no test: it depends on the machine
        assert ratio <= 2


def _cpu_s(command: str) -> float:
    """Processor seconds of one process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _answer(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _answer(command: str) -> None:
    option, _, words = command.partition(" ")
    arguments = [option, words] if option == "-c" else command.split()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
