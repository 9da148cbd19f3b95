"""The nearest training slices in the report of a run."""

from types import SimpleNamespace

import attrs
import numpy as np
import pytest
import torch

from gankit import load_recipe
from gankit.report.nearest import nearest_section
from gankit.report.page import Absent, Pictures, TableBlock, Text


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    return tiny_recipe()


def model_of(recipe, images):
    """A model that makes these slices, over and over."""

    def sample(count, seed):
        return {
            name: torch.from_numpy(values[np.arange(count) % len(values)].copy()) for name, values in images.items()
        }

    return SimpleNamespace(recipe=recipe, sample=sample, aspects={})


def values_of(cohort):
    return {name: modality.values for name, modality in cohort.modalities.items()}


def parts(section):
    caption, pictures, table = section.blocks
    assert isinstance(caption, Text)
    assert isinstance(pictures, Pictures)
    assert isinstance(table, TableBlock)
    return caption.text, pictures, table.table.rows


def test_a_mirrored_copy_stands_first(recipe, tiny_cohort):
    """Of the patient who was copied, at a share of 0; the others follow by their distance."""
    copied = tiny_cohort.select(tiny_cohort.patient == "p3")
    mirrored = {name: values[..., ::-1] for name, values in values_of(copied).items()}
    _, _, rows = parts(nearest_section(model_of(recipe, mirrored), tiny_cohort))
    assert rows[0] == ("p3", "0.000", "0.00", "yes", "0, 0")
    shares = [float(row[2]) for row in rows]
    assert shares == sorted(shares)
    assert shares[1] > 0.5


def test_slices_of_new_patients_are_no_nearer_than_test_slices(recipe, tiny_cohort):
    """The same discs with other noise."""
    numbers = np.random.default_rng(5)
    new = {
        name: (values + 0.05 * values.max() * numbers.standard_normal(values.shape)).astype(np.float32)
        for name, values in values_of(tiny_cohort.select(tiny_cohort.split == "test")).items()
    }
    _, _, rows = parts(nearest_section(model_of(recipe, new), tiny_cohort))
    assert all(float(row[2]) > 0.8 for row in rows)


def test_every_patient_is_shown_once(recipe, tiny_cohort):
    """Six train; a picture of each modality has a slice of each, synthetic above real."""
    caption, pictures, rows = parts(nearest_section(model_of(recipe, values_of(tiny_cohort)), tiny_cohort))
    assert sorted(row[0] for row in rows) == ["p0", "p1", "p2", "p3", "p4", "p5"]
    assert [panel.title for panel in pictures.panels] == ["synthetic", "nearest training slice"]
    assert {strip.count for panel in pictures.panels for group in panel.groups for strip in group} == {6}
    assert "18 training slices of 6 patients" in caption


def test_without_test_slices_there_is_no_share(recipe, tiny_cohort):
    """The caption says so."""
    whole = attrs.evolve(tiny_cohort, split=np.full(len(tiny_cohort), "train"))
    caption, _, rows = parts(nearest_section(model_of(recipe, values_of(tiny_cohort)), whole))
    assert "no test slices" in caption
    assert {row[2] for row in rows} == {"–"}


def test_slices_that_are_made_of_real_ones_are_not_compared(plugins, tiny_cohort):
    """They are meant to be near to those."""
    recipe = load_recipe("pix2pix-quick", (), plugins)
    (block,) = nearest_section(model_of(recipe, {}), tiny_cohort).blocks
    assert "made of real ones (adc)" in block.text


def test_what_cannot_be_read_is_said(recipe, tiny_cohort):
    """Each reason is a sentence."""
    (block,) = nearest_section(Absent("No samples: damaged."), tiny_cohort).blocks
    assert block.text == "No samples: damaged."
