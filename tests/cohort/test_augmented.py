"""Augmented real slices: rotated, moved, scaled and bent, all modalities and the ground truth alike."""

import attrs
import numpy as np
import pytest

from gankit import Cohort, Evaluation, Modality, ModalitySpec
from gankit.cohort import augmented as module
from gankit.cohort.augmented import augmented
from gankit.evaluation.judging import Sets
from gankit.evaluation.subjects import references


def cohort_of(values, size=None, **others):
    """Slices with one modality, or the same one twice, each a patient of its own."""
    count = len(values)
    return Cohort(
        modalities={"adc": Modality.of(values), **{name: Modality.of(array) for name, array in others.items()}},
        labels={"cs": np.ones(count, dtype=np.int8)},
        patient=np.array([f"p{number}" for number in range(count)]),
        split=np.full(count, "train"),
        truth={"lesion": (values > 0.5).astype(np.uint8)} if values.ndim == 3 else {},
    )


def ramp(size=32):
    """x and y, from -1 to 1, as two slices' worth of images (1, size, size)."""
    line = (np.arange(size) + 0.5) / size * 2 - 1
    return np.broadcast_to(line, (1, size, size)), np.broadcast_to(line[:, None], (1, size, size))


def disc(count=3, size=32, radius=0.5):
    x, y = ramp(size)
    return np.repeat((np.hypot(x, y) < radius).astype(np.float32), count, axis=0)


@pytest.fixture
def only(monkeypatch):
    """``only(ANGLE=10)``: every change off but these."""

    def off(**kept):
        for name in ("ANGLE", "SHIFT", "SCALE", "BEND"):
            monkeypatch.setattr(module, name, kept.get(name, 0.0))

    return off


def test_without_changes_slices_stay_what_they_are(only):
    """Resampling at the pixels' own places gives the pixels."""
    only()
    values = np.random.default_rng(0).random((4, 16, 16)).astype(np.float32)
    found = augmented(cohort_of(values), 4, np.random.default_rng(1))
    order = [int(patient[1:]) for patient in found.patient]
    np.testing.assert_allclose(found.modalities["adc"].values[:, 0], values[order], atol=1e-5)


def test_modalities_and_truth_move_together():
    """The same image as two modalities stays the same, and the ground truth stays on it; sizes may differ."""
    small = disc()
    large = np.repeat(np.repeat(small, 2, axis=1), 2, axis=2)
    found = augmented(cohort_of(small, t2w=small, dce=large), 20, np.random.default_rng(0))
    adc, t2w, dce = (found.modalities[name].values[:, 0] for name in ("adc", "t2w", "dce"))
    np.testing.assert_array_equal(adc, t2w)
    assert ((adc > 0.5) == found.truth["lesion"]).mean() > 0.97
    halved = dce.reshape(20, 32, 2, 32, 2).mean(axis=(2, 4))
    assert np.abs(halved - adc).mean() < 0.02
    assert np.abs(adc - small[0]).mean() > 0.02


def test_rotation_keeps_shape_and_size(only):
    """Rotated by up to 10 degrees, coordinates keep their distance from the centre and none turns further."""
    only(ANGLE=10.0)
    x, y = ramp()
    pair = cohort_of(np.concatenate([x, x]), t2w=np.concatenate([y, y]))
    found = augmented(pair, 50, np.random.default_rng(0))
    u, v = found.modalities["adc"].values[:, 0], found.modalities["t2w"].values[:, 0]
    inner = np.hypot(x, y)[0] < 0.8
    np.testing.assert_allclose(
        np.hypot(u, v)[:, inner], np.broadcast_to(np.hypot(x, y)[0][inner], (50, inner.sum())), atol=0.01
    )
    turned = np.degrees(np.angle((u + 1j * v) / (x + 1j * y))[:, inner].mean(axis=1))
    assert np.abs(turned).max() <= 10.1
    assert turned.std() == pytest.approx(20 / np.sqrt(12), rel=0.25)


@pytest.mark.parametrize(("change", "limit"), [({"SHIFT": 0.05}, 0.1), ({"SCALE": 0.1}, 0.12)])
def test_translation_and_scaling_stay_within_bounds(only, change, limit):
    """Coordinates move by up to the share of the side (2 long) that is named, and some do."""
    only(**change)
    x, _ = ramp()
    found = augmented(cohort_of(np.concatenate([x, x])), 50, np.random.default_rng(0))
    moved = np.abs(found.modalities["adc"].values[:, 0] - x)[:, :, 4:-4].max(axis=(1, 2))
    assert moved.max() <= limit
    assert moved.max() > 0.6 * limit


def test_bending_is_not_rigid(only):
    """Displacements differ within a slice, smoothly: neighbours move alike."""
    only(BEND=0.02)
    x, _ = ramp()
    moved = (
        augmented(cohort_of(np.concatenate([x, x])), 20, np.random.default_rng(0)).modalities["adc"].values[:, 0] - x
    )
    assert moved.std(axis=(1, 2)).min() > 0.005
    assert np.abs(np.diff(moved[:, :, 2:-2], axis=2)).max() < 0.05


def test_the_same_generator_gives_the_same_slices():
    """And another seed others."""
    pair = cohort_of(disc())
    first, again, other = (augmented(pair, 7, np.random.default_rng(seed)).digest() for seed in (0, 0, 1))
    assert first == again != other


def test_slices_are_used_evenly_and_stay_with_their_patients():
    """7 slices of 3: each twice or three times; labels and units go with them."""
    found = augmented(cohort_of(disc()), 7, np.random.default_rng(0))
    assert sorted(np.unique(found.patient, return_counts=True)[1]) == [2, 2, 3]
    assert len(found) == 7
    assert found.modalities["adc"].values.shape == (7, 1, 32, 32)
    assert (found.labels["cs"] == 1).all()


def test_volumes_are_augmented_too():
    """Three spatial axes; rotation is in the plane of the last two."""
    volumes = np.random.default_rng(0).random((2, 1, 6, 16, 16)).astype(np.float32)
    found = augmented(attrs.evolve(cohort_of(volumes), truth={}), 3, np.random.default_rng(0))
    assert found.modalities["adc"].values.shape == (3, 1, 6, 16, 16)


def test_lines_have_no_augmented_row(tmp_path):
    """There is no plane to turn them in; the row of real ones stays."""
    real = cohort_of(np.zeros((4, 16), dtype=np.float32))
    real = attrs.evolve(real, truth={}, split=np.array(["train", "train", "test", "test"]))
    evaluation = Evaluation(
        real=real, modalities={"adc": ModalitySpec(shape=(1, 16), range=(0, 1))}, label="cs", cache=tmp_path
    )
    assert [subject.name for subject in references(evaluation, Sets(count=1, size=2))] == ["real"]
