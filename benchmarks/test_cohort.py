"""Making a cohort, and drawing batches from one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.utils.data import DataLoader, Dataset, RandomSampler

from gankit import Draws, load_recipe, read_cohort, write_cohort
from gankit.cli import main
from gankit.training.resident import resident_cohort
from gankit.training.train import choose_device
from gankit_phantom.source import Phantom

SMALL = {"train_cs": 8, "train_noncs": 8, "test_cs": 4, "test_noncs": 4}


def phantom(benchmark) -> Phantom:
    """The paper's counts where time is measured, a few slices elsewhere."""
    return Phantom() if benchmark.enabled else Phantom(**SMALL)


# Making one -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made():
    """Cohorts that other benchmarks need, drawn once."""
    return {}


def cohort_of(benchmark, made):
    """The phantom that fits this run."""
    if benchmark.enabled not in made:
        made[benchmark.enabled] = phantom(benchmark).load()
    return made[benchmark.enabled]


making = pytest.mark.benchmark(group="making a cohort: 2,525 slices of 64 x 64")


@making
def test_read_file(benchmark, made, tmp_path):
    """Reading a cohort file: what the others are compared with."""
    cohort = cohort_of(benchmark, made)
    write_cohort(cohort, tmp_path / "cohort.safetensors")
    read = benchmark.pedantic(read_cohort, (tmp_path / "cohort.safetensors",), rounds=5, warmup_rounds=1)
    assert len(read) == len(cohort)


@making
def test_import_arrays(benchmark, made, tmp_path):
    """`gankit import arrays`, from a .npz of plain arrays to a cohort file on disk."""
    cohort = cohort_of(benchmark, made)
    images = {name: modality.values for name, modality in cohort.modalities.items()}
    np.savez(tmp_path / "pairs.npz", **images, cs=cohort.labels["cs"], patient=cohort.patient)
    words = ["import", "arrays", str(tmp_path / "pairs.npz"), "--patient", "patient", "--label", "cs=cs"]
    words += ["--modality", "adc=adc", "--modality", "t2w=t2w", "-o", str(tmp_path / "cohort.safetensors")]
    result = benchmark.pedantic(CliRunner().invoke, (main, words), rounds=5, warmup_rounds=1)
    assert result.output.startswith(f"{tmp_path / 'cohort.safetensors'}: {len(cohort)} slices")


@making
def test_phantom(benchmark):
    """All slices of the paper's counts: under 5 s on 2 cores."""
    cohort = benchmark.pedantic(phantom(benchmark).load, rounds=3, warmup_rounds=0)
    assert len(cohort) == (2525 if benchmark.enabled else 24)


# Drawing from one -----------------------------------------------------------------------------------------


class Pairs(Dataset):
    """A pool's pairs for torch's DataLoader, each mirrored half of the time where the recipe says so."""

    def __init__(self, resident, pool):
        self.mirror = 0.5 if resident.augmentation.mirror else 0
        self.members = resident.members(pool, ("adc", "t2w"))
        self.images = {name: resident.images[name].cpu() for name in ("adc", "t2w")}

    def __len__(self):
        return len(self.members)

    def __getitem__(self, index):
        pair = {name: images[self.members[index]] for name, images in self.images.items()}
        return {name: image.flip(-1) for name, image in pair.items()} if torch.rand(()) < self.mirror else pair


def from_loader(resident, device, batch, batches, workers):
    """A function that draws so many batches from a DataLoader whose workers stay."""
    pairs = Pairs(resident, "noncs")
    sampler = RandomSampler(pairs, replacement=True, num_samples=batch * batches)
    loader = DataLoader(pairs, batch, sampler=sampler, num_workers=workers, persistent_workers=workers > 0)
    return lambda: [{name: image.to(device) for name, image in drawn.items()} for drawn in loader]


def from_resident(resident, batch, batches):
    """A function that draws so many batches as a training step does."""
    members = resident.members("noncs", ("adc", "t2w"))

    def draw():
        for step in range(batches):
            draws = Draws(0, step)
            resident.gather(("adc", "t2w"), draws.choose("slices", members, batch), draws, "slices")

    return draw


@pytest.mark.parametrize("mirror", [False, True], ids=["plain", "mirrored"])
@pytest.mark.parametrize("how", ["DataLoader, 0 workers", "DataLoader, 2 workers", "resident"])
def test_batches(benchmark, made, how, mirror):
    """Batches gathered from tensors on the device, against a DataLoader over the same tensors."""
    benchmark.group = f"batches: 32 of 64 pairs of 64 x 64{', mirrored' if mirror else ''}"
    device = choose_device("auto")
    recipe = load_recipe("mpmri-paper", {"augmentation.mirror": mirror})
    resident = resident_cohort(recipe, cohort_of(benchmark, made), device)
    batch, batches = (64, 32) if benchmark.enabled else (4, 2)
    if how == "resident":
        draw = from_resident(resident, batch, batches)
    else:
        draw = from_loader(resident, device, batch, batches, workers=int(how.split()[1]))

    def drawn():
        draw()
        if device.type == "cuda":
            torch.cuda.synchronize()

    benchmark.pedantic(drawn, rounds=7, warmup_rounds=1)
    if benchmark.enabled:
        benchmark.extra_info["pairs_per_s"] = batch * batches / benchmark.stats.stats.median
