"""A small phantom, judged at 32 x 32: real slices, fresh patients, and the evaluation that they make."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from scipy import ndimage

from gankit import Candidate, Cohort, Evaluation, ModalitySpec
from gankit_phantom.source import Phantom

MODALITIES = {
    "adc": ModalitySpec(shape=(1, 32, 32), unit="1e-6 mm2/s", range=(0.0, 3000.0)),
    "t2w": ModalitySpec(shape=(1, 32, 32), range=(0.0, 700.0)),
}


@pytest.fixture(scope="session")
def small_real() -> Cohort:
    """160 + 240 training and 24 + 24 test slices."""
    counts = {"train_cs": 160, "train_noncs": 240, "test_cs": 24, "test_noncs": 24}
    return Phantom(seed=0, size=32, patients_cs=60, patients_noncs=60, **counts).load()


@pytest.fixture(scope="session")
def small_fresh() -> Cohort:
    """340 CS slices to set beside synthetic ones, 150 + 150 for testing."""
    counts = {"train_cs": 340, "train_noncs": 4, "test_cs": 150, "test_noncs": 150}
    return Phantom(seed=1, size=32, patients_cs=150, patients_noncs=60, **counts).load()


@pytest.fixture(scope="session")
def evaluation(small_real: Cohort, small_fresh: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Both, judged for label ``cs``; its cache lasts as long as the tests."""
    return Evaluation(
        real=small_real,
        fresh=small_fresh,
        modalities=MODALITIES,
        label="cs",
        replicates=20,
        cache=tmp_path_factory.mktemp("cache"),
    )


@pytest.fixture(scope="session")
def candidate(evaluation: Evaluation) -> Candidate:
    """Fresh real CS slices in the place of synthetic ones, each a patient of its own."""
    cohort = evaluation.fresh_pool("train")
    return Candidate(
        name="fresh real", cohort=attrs.evolve(cohort, patient=np.array([f"s{i}" for i in range(len(cohort))]))
    )


@pytest.fixture(scope="session")
def controls(evaluation: Evaluation) -> dict[str, Cohort]:
    """Fresh real slices that are right, or wrong in one known way."""
    wanted = evaluation.fresh_pool("train")
    counts = {"train_cs": 1, "train_noncs": 340, "test_cs": 1, "test_noncs": 1}
    others = Phantom(seed=2, size=32, patients_cs=2, patients_noncs=150, **counts).load()
    others = others.select((others.split == "train") & (others.labels["cs"] == 0))
    return {
        "right": wanted,
        "with a grid": _with_grid(wanted),
        "blurred": _changed(wanted, lambda values, _: ndimage.gaussian_filter(values, (0, 0, 1, 1))),
        "without lesions": _without_lesions(wanted),
        "shuffled": _shuffled(wanted),
        "without the label": others,
        "without the label, with a grid": _with_grid(others),
    }


def _changed(cohort: Cohort, change: Callable[[np.ndarray, str], np.ndarray]) -> Cohort:
    modalities = {
        name: attrs.evolve(cohort.modalities[name], values=change(cohort.modalities[name].values, name))
        for name in MODALITIES
    }
    return attrs.evolve(cohort, modalities=modalities)


def _with_grid(cohort: Cohort) -> Cohort:
    """A checkerboard of 3% of the range."""
    board = np.where(np.indices((32, 32)).sum(axis=0) % 2, 0.03, -0.03).astype(np.float32)
    return _changed(cohort, lambda values, name: values + board * MODALITIES[name].range[1])


def _shuffled(cohort: Cohort) -> Cohort:
    """T2w of another slice."""
    return _changed(cohort, lambda values, name: np.roll(values, 7, axis=0) if name == "t2w" else values)


def _without_lesions(cohort: Cohort) -> Cohort:
    """Lesions, and a pixel around, as bright as the median of the gland beside them."""
    lesion = ndimage.binary_dilation(cohort.truth["lesion"] > 0, np.ones((1, 3, 3)))
    zones = [cohort.tissues.index(name) for name in ("peripheral zone", "transition zone")]
    beside = ndimage.binary_dilation(lesion, np.ones((1, 5, 5))) & ~lesion & np.isin(cohort.truth["tissue"], zones)

    def refilled(values: np.ndarray, _: str) -> np.ndarray:
        values = values.copy()
        for image, hole, gland in zip(values[:, 0], lesion, beside, strict=True):
            image[hole] = np.median(image[gland]) if gland.any() else image[hole].max()
        return values

    return _changed(cohort, refilled)
