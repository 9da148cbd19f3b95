"""Small cohorts for reader studies: slices of one and the same kind, stored in different ways."""

import attrs
import numpy as np

from gankit import Cohort, Modality

SIZE = 16


def blobs(patients: int, seed: int, *, split: str = "test", synthetic: bool = False, slices: int = 2) -> Cohort:
    """Slices of ``patients`` with smooth grey values and noise, half of the patients with a spot and the label for it.

    Two cohorts of different seeds are draws from the same distribution.
    """
    numbers = np.random.default_rng(seed)
    count = patients * slices
    patient_N = np.repeat(np.arange(patients), slices)
    cs_N = (patient_N % 2).astype(np.int8)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    centre_N = 0.3 + 0.4 * numbers.random((count, 2))
    spot_N = np.hypot(y - centre_N[:, :1, None], x - centre_N[:, 1:, None]) < 0.15
    lesion_N = (spot_N & (cs_N == 1)[:, None, None]).astype(np.uint8)
    phase_N = numbers.random((count, 1, 1))
    tissue_N = 0.5 + 0.2 * np.sin(6 * (x + phase_N)) * np.cos(5 * y) - 0.25 * lesion_N
    tissue_N[:, :, :3] = 0
    tissue_N += 0.03 * numbers.standard_normal(tissue_N.shape) * (tissue_N > 0)
    name = "made" if synthetic else "patient"
    return Cohort(
        modalities={
            "adc": Modality.of(3000 * tissue_N.clip(0, 1), unit="1e-6 mm2/s"),
            "t2w": Modality.of(600 * tissue_N.clip(0, 1)),
        },
        labels={"cs": cs_N},
        patient=np.array([f"{name}-{seed}-{number}" for number in patient_N]),
        split=np.full(count, split),
        truth={"lesion": lesion_N},
        synthetic=synthetic,
        source=f"blobs of seed {seed}",
    )


def changed(cohort: Cohort, change) -> Cohort:
    """The cohort with ``change(values)`` in place of the values of each modality."""
    modalities = {
        name: attrs.evolve(modality, values=change(modality.values).astype(np.float32))
        for name, modality in cohort.modalities.items()
    }
    return attrs.evolve(cohort, modalities=modalities)
