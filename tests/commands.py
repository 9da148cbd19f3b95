"""``gankit`` commands in processes of their own, each forked from a server that has loaded already what they need."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from gankit import Plugins, Recipe
from gankit.recipe.structure import to_document

PATIENCE_S = 120.0
_COMMANDS = ("train", "sample", "evaluate", "compare", "report", "imports")
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        *(f"gankit.cli.{name}" for name in _COMMANDS),
        *("gankit.training.train", "gankit.evaluation.evaluate", "gankit.comparison.compare", "gankit.report.run"),
        *("gankit_arrays.command", "gankit_dicom.command", "gankit_dicom._import", "gankit_dicom._inputs"),
        *("gankit_metrics._regressor", "matplotlib.figure", "torch._dynamo"),
    ]
)


def _nothing() -> None:
    pass


class Command:
    """A running ``gankit ARGUMENTS``."""

    def __init__(
        self,
        arguments: Sequence[object],
        log: Path,
        first: Callable[[], object] = _nothing,
        folder: Path | None = None,
        environment: Mapping[str, str] = {},
    ):
        """
        Args:
            arguments: words of the command line.
            log: file to which it prints.
            first: is called in its process before the command, to plant a fault.
            folder: its working directory; default: this process's.
            environment: is added to this process's.
        """
        self._log = log
        words = [str(each) for each in arguments]
        self._process = _SERVER.Process(target=_main, args=(words, log, first, folder, dict(environment)))
        self._process.start()

    def send(self, signal: int) -> None:
        os.kill(self._process.pid, signal)

    def ended(self) -> bool:
        return self._process.exitcode is not None

    def wait(self) -> int:
        """The exit code, or minus the signal that ended it."""
        self._process.join(PATIENCE_S)
        if self._process.exitcode is None:
            self.send(signal.SIGKILL)
            raise AssertionError(f"still running after {PATIENCE_S} s:\n{self.text()}")
        return self._process.exitcode

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Until something that it does has happened."""
        end = time.monotonic() + PATIENCE_S
        while not happened():
            assert self._process.is_alive(), self.text()
            assert time.monotonic() < end, self.text()
            time.sleep(0.005)

    def text(self) -> str:
        """What it printed."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""


def written(recipe: Recipe, plugins: Plugins, path: Path, **training: Any) -> Path:
    """The recipe as a file, with other ``training`` values."""
    document = to_document(recipe, plugins.registry)
    document["training"] |= training
    path.write_text(tomli_w.dumps(document))
    return path


def _main(
    arguments: list[str], log: Path, first: Callable[[], object], folder: Path | None, environment: dict[str, str]
) -> None:
    import torch

    from gankit.cli import main

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
    os.environ |= environment
    if folder is not None:
        os.chdir(folder)
    torch.set_num_threads(1)
    first()
    main(arguments, prog_name="gankit")
