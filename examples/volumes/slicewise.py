"""Volumes from a model of slices, to compare a model of volumes with.

    python slicewise.py planes VOLUMES PLANES
    python slicewise.py stack MODEL 200 STACKED

VOLUMES, PLANES and STACKED are cohort files. The first command writes the planes of volumes as slices with the label
``level``, on which ``planes.toml`` trains. The second makes volumes with a run of it: each plane for its level, from a
latent of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import attrs
import numpy as np

from gankit import Cohort, Modality, load_model, read_cohort, write_cohort


def planes_of(volumes: Cohort) -> Cohort:
    """The planes (N D, C, H, W) of volumes (N, C, D, H, W) as slices; the label of a volume is that of its planes."""
    count = len(volumes)
    depth = next(iter(volumes.modalities.values())).values.shape[2]

    def planes(values: np.ndarray) -> np.ndarray:
        return np.moveaxis(values, 2, 1).reshape(count * depth, -1, *values.shape[3:])

    def repeated(value_N: np.ndarray) -> np.ndarray:
        return np.repeat(value_N, depth)

    return attrs.evolve(
        volumes,
        modalities={
            name: Modality.of(planes(modality.values), modality.unit, channels="first")
            for name, modality in volumes.modalities.items()
        },
        labels={
            **{name: repeated(label_N) for name, label_N in volumes.labels.items()},
            "level": np.tile(np.arange(depth, dtype=np.int8), count),
        },
        patient=repeated(volumes.patient),
        split=repeated(volumes.split),
        spacing_mm=None if volumes.spacing_mm is None else repeated(volumes.spacing_mm),
        slice_spacing_mm=None,
        truth={name: values.reshape(count * depth, *values.shape[2:]) for name, values in volumes.truth.items()},
    )


def stacked(name: str, count: int, seed: int = 0) -> Cohort:
    """``count`` volumes, whose planes a model of slices makes one by one."""
    model = load_model(name)
    depth = model.recipe.synthesizer["level"].classes
    made = model.sample(count * depth, seed, given={"level": np.tile(np.arange(depth), count)})

    def volumes(values_BCHW: np.ndarray) -> np.ndarray:
        return np.moveaxis(values_BCHW.reshape(count, depth, *values_BCHW.shape[1:]), 1, 2)

    return Cohort(
        modalities={
            modality: Modality.of(volumes(values.numpy()), model.recipe.modalities[modality].unit, channels="first")
            for modality, values in made.items()
        },
        labels={"cs": np.ones(count, dtype=np.int8)},
        patient=np.array([f"stacked-{number:06d}" for number in range(count)]),
        split=np.full(count, "train"),
        synthetic=True,
        source=f"planes of {name}, stacked",
    )


def main(task: str, source: str, *words: str) -> None:
    """Write what the command line asks for."""
    *count, out = words
    cohort = planes_of(read_cohort(source)) if task == "planes" else stacked(source, *map(int, count))
    write_cohort(cohort, Path(out))
    print(f"{out}: {len(cohort)} {'slices' if task == 'planes' else 'volumes'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
