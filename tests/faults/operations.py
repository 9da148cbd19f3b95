"""What is disturbed: commands on tiny inputs, and what they leave when nothing disturbs them."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np

from gankit import load_plugins, load_recipe, write_cohort
from tests.commands import Command, written
from tests.conftest import disc_with_a_spot, shrunk
from tests.faults.faults import NOTHING, Counted, Fault
from tests.faults.pictures import draw_none
from tests.plugins.dicom import scans

OUT = Path("out")
"""The folder below which every operation writes, and where nothing else is."""
PAGE = 4096
VARYING = ("wall_s", "steps_per_s", "digest")
"""Keys of rows of metrics that no two trainings have alike."""


@attrs.frozen
class Operation:
    """A command, run in a folder that has the inputs. The same command again goes on where it was cut off."""

    name: str
    words: tuple[str, ...]
    begins_with: tuple[tuple[str, str], ...] = ()
    """What is copied below ``OUT`` first: from, to."""
    after: Operation | None = None
    """The operation that has run before, if there is one."""
    processes: int = 1
    """How many processes it is, as under torchrun."""
    secret: bool = False
    """Whether its files follow from a secret that it draws where none is kept."""

    def start(self, folder: Path, fault: Fault = NOTHING, secret: str = "0") -> list[Command]:
        """Start it. A fault is planted in the first of its processes, the one that writes."""
        port, last = _free_port(), self.processes - 1
        return [
            Command(
                self.words,
                folder / f"log-{secret}-{rank}",
                Quick(NOTHING if rank else fault, secret),
                folder,
                {"RANK": str(rank), "WORLD_SIZE": str(last + 1), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
                if last
                else {},
            )
            for rank in range(self.processes)
        ]


_JUDGING = ("--metrics", "pair-consistency", "--option", "pair-consistency.steps=2", "--option",
            "pair-consistency.width=2", "--sets", "2", "--per-set", "8", "--replicates", "20")  # fmt: skip
_ARRAYS = ("--modality", "adc=adc", "--modality", "t2w=t2w", "--label", "cs=cs", "--patient", "patient")
_RUNS = tuple((f"run-{seed}", f"out/comparison/runs/mpmri-paper-seed{seed}") for seed in (0, 1))

TRAIN = Operation("train", ("train", "recipe.toml", "-o", "out/run", "--device", "cpu"))
RANKS = attrs.evolve(TRAIN, name="train, 2 processes", processes=2)
SAMPLE = Operation("sample", ("sample", "run-0", "-n", "8", "-o", "out/slices.safetensors"))
EXPORT = Operation("export", ("sample", "run-0", "-n", "3", "--format", "png", "-o", "out/slices"))
ARRAYS = Operation("import arrays", ("import", "arrays", "arrays.npz", *_ARRAYS, "-o", "out/c.safetensors"))
VOLUMES = Operation(
    "import volumes", ("import", "volumes", "scans", "--size", "16", "-o", "out/c.safetensors"), secret=True
)
EVALUATE = Operation("evaluate", ("evaluate", "run-0", "-o", "out/evaluation", *_JUDGING))
COMPARE = Operation("compare", ("compare", "recipe.toml", "--seeds", "2", "-o", "out/comparison", *_JUDGING), _RUNS)
REPORT = Operation(
    "report", ("report", "run-0", "--evaluation", "out/evaluation", "-o", "out/figures.html"), after=EVALUATE
)
COMPARISON_REPORT = Operation("report", ("report", "out/comparison", "-o", "out/figures.html"), after=COMPARE)


def again(operation: Operation) -> Operation:
    """The same command once more, where it is done already."""
    return attrs.evolve(operation, name=f"{operation.name} again", after=operation, begins_with=())


@attrs.frozen
class Quick(Fault):
    """No picture is drawn, and the secrets of imports follow from a text. Then the fault is planted."""

    fault: Fault
    secret: str

    def __call__(self) -> None:
        draw_none()
        secrets.token_hex = lambda size: self.secret * 2 * size
        self.fault()


@attrs.frozen
class Undisturbed:
    """What an operation leaves and needs when nothing disturbs it."""

    folder: Path
    files: dict[str, bytes]
    begun: int
    """Pages of the files below ``OUT`` before it."""
    calls: dict[str, int]
    seconds: float


class Bench:
    """The inputs of all operations, and what each leaves undisturbed, which is found out once."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._found: dict[Operation, Undisturbed] = {}
        self._inputs = folder / "inputs"
        _write_inputs(self._inputs)
        for seed in (0, 1):
            trained = attrs.evolve(TRAIN, name=f"run-{seed}", words=(*TRAIN.words, "--seed", str(seed)))
            shutil.copytree(self.undisturbed(trained).folder / OUT / "run", self._inputs / trained.name)

    def fresh(self, operation: Operation, name: str) -> Path:
        """A new folder with the inputs of an operation."""
        folder = self._folder / name
        shutil.copytree(self._inputs, folder)
        (folder / OUT).mkdir()
        if operation.after is not None:
            shutil.copytree(self.undisturbed(operation.after).folder / OUT, folder / OUT, dirs_exist_ok=True)
        for source, copy in operation.begins_with:
            shutil.copytree(folder / source, folder / copy)
        return folder

    def undisturbed(self, operation: Operation) -> Undisturbed:
        """What an operation leaves when nothing disturbs it."""
        if operation not in self._found:
            folder = self.fresh(operation, f"undisturbed-{len(self._found)}")
            begun = pages(folder)
            counted, start = Counted(folder / "calls"), time.monotonic()
            codes = [command.wait() for command in operation.start(folder, counted)]
            seconds = time.monotonic() - start
            assert set(codes) == {0}, said(folder)
            self._found[operation] = Undisturbed(folder, left(folder), begun, counted.calls(), seconds)
        return self._found[operation]


def left(folder: Path) -> dict[str, bytes]:
    """What is below ``OUT``, file to content, without locks and without how long something took."""
    files = (file for file in sorted((folder / OUT).rglob("*")) if file.is_file() and not file.name.endswith(".lock"))
    return {str(file.relative_to(folder)): _CONTENT.get(file.name, Path.read_bytes)(file) for file in files}


def pages(folder: Path) -> int:
    """Pages of 4 KiB that the files below ``OUT`` take on a disk."""
    return sum(-(-file.stat().st_size // PAGE) for file in (folder / OUT).rglob("*") if file.is_file())


def said(folder: Path) -> str:
    """What the commands in a folder printed last."""
    return "".join(log.read_text(errors="replace") for log in sorted(folder.glob("log-*")))


def end_together(commands: list[Command]) -> None:
    """Wait for processes as torchrun does, which sends SIGTERM to the others when one has failed."""
    while not all(command.ended() for command in commands):
        if any(command.ended() and command.wait() != 0 for command in commands):
            time.sleep(1)  # the others say what they found
            for command in commands:
                if not command.ended():
                    command.send(signal.SIGTERM)
            return
        time.sleep(0.05)


def _rows(file: Path) -> bytes:
    rows = map(json.loads, file.read_text().splitlines())
    return "\n".join(json.dumps({k: v for k, v in row.items() if k not in VARYING}) for row in rows).encode()


_CONTENT: dict[str, Callable[[Path], bytes]] = {"metrics.jsonl": _rows, "report.html": lambda _: b"a report"}
"""Files that say how long something took, and what in them is to be the same."""


def _write_inputs(folder: Path) -> None:
    folder.mkdir(parents=True)
    plugins, cohort = load_plugins(), disc_with_a_spot()
    write_cohort(cohort, folder / "cohort.safetensors")
    changes = {"cohort.path": "cohort.safetensors", "training.sample_every": 2}
    recipe = load_recipe("mpmri-paper", {**shrunk("mpmri-paper", plugins), **changes}, plugins)
    written(recipe, plugins, folder / "recipe.toml")
    images = {name: modality.values[:, 0] for name, modality in cohort.modalities.items()}
    np.savez(folder / "arrays.npz", **images, cs=cohort.labels["cs"], patient=cohort.patient)
    for patient in (1, 2):
        for name, values, pixel_mm in (("t2w", scans.t2w_values, 1.0), ("adc", scans.adc_values, 1.5)):
            grid = scans.Grid(size=24, pixel_mm=pixel_mm, slices=8, gap_mm=3.0)
            scans.write_volume(folder / "scans" / f"{patient}_1_{name}.mha", values(grid.places()) + patient, grid)


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])
