"""``gankit`` commands in processes of their own, each forked from a server that has torch loaded already."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from gankit import Plugins, Recipe
from gankit.recipe.structure import to_document

PATIENCE_S = 60.0
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["gankit.training.train", "gankit.cli.train"])


class Command:
    """A running ``gankit ARGUMENTS``; ``largest_file`` bytes is all that a file of its may hold, as on a full disk."""

    def __init__(self, arguments: Sequence[object], log: Path, largest_file: int | None = None):
        self._log = log
        self._process = _SERVER.Process(target=_main, args=([str(each) for each in arguments], log, largest_file))
        self._process.start()

    def send(self, signal: int) -> None:
        os.kill(self._process.pid, signal)

    def wait(self) -> int:
        """The exit code, or minus the signal that ended it."""
        self._process.join(PATIENCE_S)
        assert self._process.exitcode is not None, f"still running after {PATIENCE_S} s:\n{self.text()}"
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
        return self._log.read_text() if self._log.exists() else ""


def written(recipe: Recipe, plugins: Plugins, path: Path, **training: Any) -> Path:
    """The recipe as a file, with other ``training`` values."""
    document = to_document(recipe, plugins.registry)
    document["training"] |= training
    path.write_text(tomli_w.dumps(document))
    return path


def _main(arguments: list[str], log: Path, largest_file: int | None) -> None:
    import torch

    from gankit.cli import main

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
    torch.set_num_threads(1)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    main(arguments, prog_name="gankit")
