"""A cohort of any size that is made by a generator, and what it takes to draw batches from it: pairs a second and peak
memory of a process of its own.

    python -m benchmarks.large_cohort write FOLDER.shards 30000 256
    python -m benchmarks.large_cohort mapped FOLDER.shards 16
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from gankit import Cohort, Draws, MadePiece, Modality, StoredRows, load_recipe, read_cohort, write_cohort
from gankit.training.cohort import TrainingCohort
from gankit.training.mapped import mapped_cohort
from gankit.training.resident import resident_cohort

CPU = torch.device("cpu")
PAIR = ("adc", "t2w")
SCALES = {"adc": (3000.0, "1e-6 mm2/s"), "t2w": (1000.0, "1"), "dce": (500.0, "1")}
"""Modality to its highest value and unit."""
BATCH = 64


def _images(side: int, scale: float, rows: np.ndarray) -> np.ndarray:
    """Images (B, 1, side, side): one of noise, moved, brighter or darker by its number."""
    noise = np.random.default_rng(0).random((1, side, side), dtype=np.float32)
    return np.stack([np.roll(noise, row, axis=-1) * (0.5 + row % 97 / 194) for row in rows.tolist()]) * scale


def _tissue(side: int, rows: np.ndarray) -> np.ndarray:
    """Ground truth (B, side, side): a gland in the middle."""
    made = np.zeros((len(rows), side, side), np.uint8)
    made[:, side // 4 : -side // 4, side // 4 : -side // 4] = 1
    return made


def _lesion(side: int, rows: np.ndarray) -> np.ndarray:
    """Ground truth (B, side, side): a lesion in the gland of each patient with cancer."""
    made = np.zeros((len(rows), side, side), np.uint8)
    for number in np.flatnonzero(_has_cancer(rows)):
        at = side // 3 + int(rows[number]) % 97 * side // 400
        made[number, at : at + side // 16, at : at + side // 16] = 1
    return made


def _has_cancer(row_N: np.ndarray) -> np.ndarray:
    """Whether slices with these numbers are of a patient with cancer, as each fifth is."""
    has_N: np.ndarray = row_N // 20 % 5 == 0
    return has_N


def write_generated(
    folder: Path, slices: int, side: int = 64, modalities: tuple[str, ...] = PAIR, tested: int = 0
) -> None:
    """A cohort in shards, 20 slices a patient. The last ``tested`` patients are test; where there are such, slices have
    ground truth."""

    def generated(shape: tuple[int, ...], kind: type, read: Callable[[np.ndarray], np.ndarray]) -> StoredRows:
        return StoredRows([MadePiece((slices, *shape), np.dtype(kind), read)])

    numbers = np.arange(slices)
    patient_N = numbers // 20
    truth = {"tissue": _tissue, "lesion": _lesion} if tested else {}
    write_cohort(
        Cohort(
            modalities={
                name: Modality(
                    values=generated((1, side, side), np.float32, partial(_images, side, scale)),
                    unit=unit,
                    present=numbers >= 0,
                )
                for name, (scale, unit) in SCALES.items()
                if name in modalities
            },
            labels={"cs": _has_cancer(numbers).astype(np.int8)},
            patient=patient_N.astype(str),
            split=np.where(patient_N < patient_N.max() + 1 - tested, "train", "test"),
            truth={name: generated((side, side), np.uint8, partial(read, side)) for name, read in truth.items()},
            tissues=("outside", "gland") if truth else (),
        ),
        folder,
    )


# Ways to draw ---------------------------------------------------------------------------------------------


class Pairs(Dataset):
    """Pairs for torch's DataLoader, read from the same shards; workers inherit nothing but where they are."""

    def __init__(self, cohort: TrainingCohort, pool: str):
        self.cohort, self.members = cohort, cohort.members(pool, PAIR)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {name: self.cohort.images[name][self.members[[index]]][0] for name in PAIR}


def _gathered(cohort: TrainingCohort, step: int) -> object:
    draws = Draws(0, step)
    return cohort.gather(PAIR, draws.choose("slices", cohort.members("noncs", PAIR), BATCH), draws, "slices")


def _of_loader(cohort: TrainingCohort, batches: int) -> Callable[[], object]:
    pairs = Pairs(cohort, "noncs")
    sampler = RandomSampler(pairs, replacement=True, num_samples=BATCH * batches)
    loader = DataLoader(pairs, BATCH, sampler=sampler, num_workers=2, persistent_workers=True)
    return lambda: list(loader)


HOW = ("resident", "mapped", "DataLoader, 2 workers")


def drawing(how: str, folder: Path, batches: int) -> Callable[[], object]:
    """A function that draws so many batches."""
    recipe, cohort = load_recipe("mpmri-paper"), read_cohort(folder)
    made = (resident_cohort if how == "resident" else mapped_cohort)(recipe, cohort, CPU)
    if how.startswith("DataLoader"):
        return _of_loader(made, batches)
    return lambda: [_gathered(made, step) for step in range(batches)]


def measure(how: str, folder: str, batches: str) -> None:
    """Print, as JSON, pairs a second (the best of five rounds) and the peak of memory, in MB, above that of imports."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    draw, walls = drawing(how, Path(folder), int(batches)), []
    for _ in range(5):
        start = time.perf_counter()
        draw()
        walls.append(time.perf_counter() - start)
    own, workers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        json.dumps(
            {
                "pairs_per_s": BATCH * int(batches) / min(walls),
                "peak_mb": (own - before) / 1024,
                "peak_of_a_worker_mb": workers / 1024,
            }
        )
    )


def main(what: str, folder: str, *numbers: str) -> None:
    """Write a cohort of three modalities, a tenth of its patients test, or measure a way to draw from one."""
    if what == "write":
        slices, side = map(int, numbers)
        write_generated(Path(folder), slices, side, tuple(SCALES), tested=slices // 200)
    else:
        measure(what, folder, *numbers)


if __name__ == "__main__":
    main(*sys.argv[1:])
