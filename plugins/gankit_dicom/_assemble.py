"""Parts of studies to one cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gankit import Cohort, InputError, Modality, split_patients
from gankit_dicom._options import MODALITIES, UNITS
from gankit_dicom._part import Part
from gankit_dicom._study import TISSUES


def assemble(
    parts: Sequence[Part],
    patients: Sequence[str],
    given: Mapping[str, str],
    test_fraction: float,
    seed: int,
    source: str,
) -> Cohort:
    """The cohort of all parts that have slices.

    Args:
        patients: the real id of each part's patient, by which the split is drawn, so that it does not depend on
            the salt.
        given: "train" or "test" by real id; patients that it lacks are refused.
    """
    kept = [(part, patient) for part, patient in zip(parts, patients, strict=True) if len(part)]
    counts = [len(part) for part, _ in kept]
    real_N = np.repeat([patient for _, patient in kept], counts)
    cs = np.concatenate([part.cs for part, _ in kept])
    return Cohort(
        modalities=_modalities([part for part, _ in kept]),
        labels={"cs": cs},
        patient=np.repeat([part.record["patient"] for part, _ in kept], counts),
        split=_given_split(real_N, given) if given else split_patients(real_N, cs, test_fraction, seed),
        spacing_mm=np.repeat([part.spacing_mm for part, _ in kept], counts).astype(np.float32),
        truth=_truth([part for part, _ in kept]),
        tissues=TISSUES,
        source=source,
    )


def _given_split(real_N: np.ndarray, given: Mapping[str, str]) -> np.ndarray:
    if missing := len(set(real_N) - set(given)):
        raise InputError(f"`split`: {missing} imported patients are not in the table; each needs train or test")
    return np.array([given[patient] for patient in real_N])


def _modalities(parts: Sequence[Part]) -> dict[str, Modality]:
    modalities = {}
    for name in MODALITIES:
        if not any(name in part.modalities for part in parts):
            continue
        images = [part.modalities.get(name, np.zeros_like(part.modalities["t2w"])) for part in parts]
        present = [part.present.get(name, np.zeros(len(part), dtype=bool)) for part in parts]
        modalities[name] = Modality.of(np.concatenate(images), UNITS[name], np.concatenate(present))
    return modalities


def _truth(parts: Sequence[Part]) -> dict[str, np.ndarray]:
    truth = {}
    for name in ("tissue", "lesion"):
        if any(getattr(part, name) is not None for part in parts):
            blank = [np.zeros(part.modalities["t2w"].shape, dtype=np.uint8) for part in parts]
            given = [getattr(part, name) for part in parts]
            truth[name] = np.concatenate([b if g is None else g for b, g in zip(blank, given, strict=True)])
    return truth
