"""``lesion-contrast``: whether lesions survive reconstruction."""

from types import SimpleNamespace

import attrs
import numpy as np
import pytest
import torch
from scipy import ndimage

from gankit import Candidate, Cohort, Modality
from gankit_metrics._regions import Regions, dilated, lesion_fraction, lesion_regions, tissues_around
from gankit_metrics.lesion import LesionContrast

ENCODER = SimpleNamespace(from_=("adc",))


def read_by(encoder, modalities):
    """A recipe of these modalities with this encoder, and with nothing that its graph is given."""
    return SimpleNamespace(
        name="stub",
        encoder=lambda: encoder,
        modalities=modalities,
        images=lambda: modalities,
        labels=lambda: {},
        given=lambda: (),
    )


def stub(evaluation, change, encoder=ENCODER):
    """A model that rebuilds slices as ``change(values, modality)``."""
    recipe = read_by(encoder, evaluation.modalities)
    return SimpleNamespace(
        recipe=recipe,
        reconstruct=lambda slices: {
            name: torch.as_tensor(change(modality.values, name)) for name, modality in slices.modalities.items()
        },
    )


def read(model, evaluation):
    candidate = Candidate(name="stub", cohort=evaluation.pool("train"), model=model)
    return {reading.name: reading for reading in LesionContrast().measure(candidate, evaluation)}


@pytest.mark.parametrize(("factor", "contrast"), [(1.0, 1.0), (0.5, 0.5), (-1.0, -1.0)])
def test_the_reading_is_the_factor_of_contrast(evaluation, factor, contrast):
    """Reconstructions ``factor * slice + 40`` have that contrast, in every modality and split, in every bootstrap."""
    found = read(stub(evaluation, lambda values, _: factor * values + 40), evaluation)
    assert list(found) == ["adc.train", "t2w.train", "adc.test", "t2w.test"]
    for reading in found.values():
        assert reading.value == pytest.approx(contrast, abs=1e-4)
        assert reading.interval == pytest.approx((contrast, contrast), abs=1e-4)
        assert reading.better == "real"


def test_bright_lesions_are_lesions(evaluation):
    """Turned round, as enhancement is, ADC reads what it read before."""
    dark = evaluation.real.modalities
    turned = dark | {"adc": attrs.evolve(dark["adc"], values=3000 - dark["adc"].values)}
    bright = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, modalities=turned))
    found = read(stub(bright, lambda values, _: 0.5 * values), bright)
    assert [reading.value for reading in found.values()] == pytest.approx([0.5] * 4, abs=1e-4)


def test_without_test_slices_the_training_slices_are_still_measured(evaluation):
    """The readings of the test split say that there are none."""
    train = evaluation.real.select(evaluation.real.split == "train")
    found = read(stub(evaluation, lambda values, _: values), attrs.evolve(evaluation, real=train))
    assert [reading.value for reading in found.values()] == pytest.approx([1.0, 1.0, None, None])
    assert found["adc.test"].note.startswith("the real cohort has no complete test slice with label 'cs' = 1")


def test_a_model_that_loses_lesions_is_seen(evaluation):
    """Low-pass filtered, slices keep their gland and lose what is focal."""
    found = read(stub(evaluation, lambda values, _: ndimage.gaussian_filter(values, (0, 0, 4, 4))), evaluation)
    for reading in found.values():
        assert -0.1 < reading.value < 0.25


def test_faint_and_tiny_lesions_are_left_out_and_counted(evaluation):
    """Of 160 training slices the ratio of some would be noise."""
    note = read(stub(evaluation, lambda values, _: values), evaluation)["adc.train"].note
    taken, left = (int(word) for word in note.replace(",", "").split() if word.isdigit() and word != "1")
    assert taken + left == 160
    assert taken > 100


def test_what_cannot_be_measured_says_why(evaluation):
    """No truth, no model, no encoder, another size."""
    blind = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth={}))
    model = stub(evaluation, lambda values, _: values)
    sized = {name: attrs.evolve(spec, shape=(1, 16, 16)) for name, spec in evaluation.modalities.items()}
    other_size = SimpleNamespace(recipe=read_by(ENCODER, sized))
    for given, where, note in (
        (model, blind, "the real cohort has no ground truth 'lesion'"),
        (None, evaluation, "needs the model, not its slices alone"),
        (stub(evaluation, None, encoder=None), evaluation, "recipe 'stub' has no encoder"),
        (stub(evaluation, None, SimpleNamespace(from_=("dwi",))), evaluation, "the model reads 'dwi', which is not"),
        (other_size, evaluation, "the model's modalities differ in name or size from those that are judged"),
    ):
        for reading in read(given, where).values():
            assert reading.value is None
            assert reading.note.startswith(note)


def test_without_lesions_of_some_size_there_is_no_median(evaluation):
    """The note still counts them."""
    none = {"lesion": np.zeros_like(evaluation.real.truth["lesion"])}
    empty = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth=none))
    reading = read(stub(evaluation, lambda values, _: values), empty)["adc.test"]
    assert reading.value is None
    assert reading.note == "0 slices, 24 left out: lesion too small or too faint"


# Regions --------------------------------------------------------------------------------------------------


def test_ground_truth_of_twice_the_size_is_averaged_down():
    """A pixel is core where three of its four are lesion, and ring where none is but a neighbour has some."""
    lesion = np.zeros((1, 8, 8), dtype=np.uint8)
    lesion[0, 2:4, 2:4] = 1
    lesion[0, 2:4, 4] = 1
    fraction = lesion_fraction(cohort_of(lesion), (4, 4))
    assert fraction[0, 1].tolist() == [0, 1, 0.5, 0]
    regions = lesion_regions(fraction)
    assert np.argwhere(regions.core[0]).tolist() == [[1, 1]]
    assert np.argwhere(regions.ring[0]).tolist() == [[0, 1], [0, 2], [1, 0], [1, 3], [2, 1], [2, 2]]


def test_growing_stays_within_the_slice():
    """No pixel comes in from the other side, and slices do not touch each other."""
    mask = np.zeros((2, 4, 4), dtype=bool)
    mask[0, 0, 0] = True
    assert np.argwhere(dilated(mask, 2)).tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 0], [0, 1, 1], [0, 2, 0]]


def test_contrast_is_ring_minus_core():
    """In the image's unit; undefined where one of them is empty."""
    image = np.array([[[[5.0, 1.0, 9.0, 0.0]]], [[[1.0, 1.0, 1.0, 1.0]]]])
    core = np.array([[[False, True, False, False]], [[False] * 4]])
    ring = np.array([[[True, False, True, False]], [[True] * 4]])
    contrast = Regions(core, ring).contrast(image)
    assert contrast[0] == 6
    assert np.isnan(contrast[1])


def test_tissues_around_lesions_are_those_of_the_gland(evaluation):
    """Not fat, which is common everywhere, nor lesion."""
    real = evaluation.pool("train")
    names = {real.tissues[value] for value in tissues_around(real)}
    assert {"peripheral zone", "transition zone"} <= names
    assert not {"fat", "muscle", "bone", "CS lesion"} & names


def cohort_of(lesion):
    return Cohort(
        modalities={"a": Modality.of(np.zeros((1, 4, 4)))},
        patient=np.array(["p"]),
        split=np.array(["train"]),
        truth={"lesion": lesion},
    )


def test_lesions_without_a_tissue_of_their_own_grow_in_the_gland(evaluation):
    """Masks of gland and lesion from patients give lesion pixels the value of the gland."""
    real = evaluation.real
    gland = np.isin(real.truth["tissue"], [*tissues_around(real), real.truth["tissue"][real.truth["lesion"] > 0][0]])
    masked = attrs.evolve(real, truth=real.truth | {"tissue": gland.astype(np.uint8)}, tissues=("outside", "gland"))
    assert tissues_around(masked).tolist() == [1]


def test_tissues_may_have_any_number(evaluation):
    """Ground truth of an atlas has values far beyond 255."""
    real = evaluation.real
    numbered = attrs.evolve(real, truth=real.truth | {"tissue": real.truth["tissue"].astype(np.int32) * 100})
    assert tissues_around(numbered).tolist() == [100 * value for value in tissues_around(real)]
