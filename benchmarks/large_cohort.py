"""A cohort of any size that is made by a generator, and what it takes to draw batches from it: pairs a second and peak
memory of a process of its own."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from gankit import Cohort, Draws, Modality, StoredRows, load_recipe, read_cohort, write_cohort
from gankit.training.cohort import TrainingCohort
from gankit.training.mapped import mapped_cohort
from gankit.training.resident import resident_cohort

CPU = torch.device("cpu")
PAIR = ("adc", "t2w")
BATCH = 64


@attrs.frozen(eq=False)
class Generated:
    """Rows that are made when they are read: one row of noise, moved, brighter or darker by its number."""

    shape: tuple[int, ...]
    scale: float
    dtype: np.dtype[np.float32] = np.dtype(np.float32)

    def read(self, rows: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(0).random(self.shape[1:], dtype=np.float32)
        return np.stack([np.roll(noise, row, axis=-1) * (0.5 + row % 97 / 194) for row in rows.tolist()]) * self.scale


def write_generated(folder: Path, slices: int, side: int = 64) -> None:
    """A cohort in shards, of ``slices`` pairs, 20 a patient."""
    numbers, shape = np.arange(slices), (slices, 1, side, side)
    modalities = {
        name: Modality(values=StoredRows([Generated(shape, scale)]), unit=unit, present=numbers >= 0)
        for name, scale, unit in (("adc", 3000.0, "1e-6 mm2/s"), ("t2w", 1000.0, "1"))
    }
    write_cohort(
        Cohort(
            modalities=modalities,
            labels={"cs": (numbers // 20 % 5 == 0).astype(np.int8)},
            patient=(numbers // 20).astype(str),
            split=np.full(slices, "train"),
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


def main(how: str, folder: str, batches: str) -> None:
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


if __name__ == "__main__":
    main(*sys.argv[1:])
