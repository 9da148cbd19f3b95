"""A cohort source that breaks one promise, for the tests beside it to find."""

from __future__ import annotations

import random
import uuid

import attrs
import numpy as np

from gankit import AbstractCohortSource, Cohort, Modality


@attrs.frozen(kw_only=True)
class Source(AbstractCohortSource):
    """Eight slices of four patients with the defect that ``plant`` names."""

    plant: str = "none"

    def load(self) -> Cohort:
        return planted(self.plant, sound("p", seed=0))

    def fresh(self) -> Cohort | None:
        plant = self.plant.removeprefix("fresh: ") if self.plant.startswith("fresh: ") else "none"
        known = sound("p", seed=0)
        if plant == "known patients":
            return sound("p", seed=1)
        if plant == "known images":
            return attrs.evolve(known, patient=np.char.add("q", known.patient))
        return planted(plant, sound("q", seed=1))


def sound(patients: str, seed: int) -> Cohort:
    """A cohort without a defect: the last slice has no ``t2w``."""
    numbers = np.random.default_rng(seed)
    present_N = np.arange(8) < 7
    return Cohort(
        modalities={
            "adc": Modality.of(numbers.random((8, 4, 4))),
            "t2w": Modality.of(numbers.random((8, 4, 4)) * present_N[:, None, None], present=present_N),
        },
        labels={"cs": np.array([1, 0, -1, 1, 0, -1, 1, 0], dtype=np.int8)},
        patient=np.array([f"{patients}{number // 2}" for number in range(8)]),
        split=np.array(["train"] * 6 + ["test"] * 2),
        spacing_mm=np.array([1.5] * 7 + [np.nan], dtype=np.float32),
        truth={"tissue": (numbers.random((8, 4, 4)) > 0.5).astype(np.uint8)},
        tissues=("outside", "gland"),
        source="random numbers",
    )


def planted(plant: str, cohort: Cohort) -> Cohort:
    """The cohort with a defect."""
    adc, t2w = cohort.modalities["adc"], cohort.modalities["t2w"]
    if plant == "draws":
        np.random.rand()
    if plant == "python draws":
        random.random()
    changed = {
        "other images": {"modalities": {"adc": Modality.of(np.random.default_rng().random((8, 4, 4))), "t2w": t2w}},
        "other truth": {"truth": {"tissue": np.random.default_rng().integers(0, 2, (8, 4, 4), dtype=np.uint8)}},
        "other source": {"source": str(uuid.uuid4())},
        "float64": {"modalities": {"adc": attrs.evolve(adc, values=adc.values.astype(float)), "t2w": t2w}},
        "presence as numbers": {"modalities": {"adc": attrs.evolve(adc, present=adc.present.astype(int)), "t2w": t2w}},
        "long labels": {"labels": {"cs": cohort.labels["cs"].astype(int)}},
        "no unit": {"modalities": {"adc": attrs.evolve(adc, unit=""), "t2w": t2w}},
        "filled where absent": {"modalities": {"adc": adc, "t2w": attrs.evolve(t2w, values=t2w.values + 1)}},
        "not finite": {"modalities": {"adc": attrs.evolve(adc, values=adc.values * np.float32(np.inf)), "t2w": t2w}},
        "a patient in two splits": {"split": np.array(["train", "test"] * 4)},
        "truth of another size": {"truth": {"tissue": np.zeros((8, 3, 4), np.uint8)}},
        "unnamed tissue": {"truth": {"tissue": np.full((8, 4, 4), 2, np.uint8)}},
        "no size": {"spacing_mm": np.zeros(8, np.float32)},
        "no source": {"source": ""},
        "other unit": {"modalities": {"adc": attrs.evolve(adc, unit="mm2/s"), "t2w": t2w}},
        "other size": {"modalities": {"adc": Modality.of(np.ones((8, 8, 4))), "t2w": t2w}, "truth": {}},
        "other label": {"labels": {"cancer": cohort.labels["cs"]}},
        "synthetic": {"synthetic": True},
    }
    with np.errstate(invalid="ignore"):
        return attrs.evolve(cohort, **changed.get(plant, {}))
