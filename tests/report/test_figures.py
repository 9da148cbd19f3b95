"""Pictures of a report."""

import base64
import io

import attrs
import numpy as np
import pytest
from PIL import Image

from gankit.recipe.recipe import ModalitySpec
from gankit.report.figures import pair_blocks, sheet_row


@pytest.mark.parametrize("layout", [sheet_row, pair_blocks])
@pytest.mark.parametrize(("aspects", "height"), [({}, 8), ({"adc": 3.0}, 12), ({"t2w": 3.0}, 8)])
def test_planes_of_a_volume_are_drawn_as_far_apart_as_they_are(layout, aspects, height):
    """Four planes, three pixels apart, are twelve pixels high beside rows of eight."""
    volumes = np.zeros((1, 1, 4, 8, 8), dtype=np.float32)
    panel = layout("real", {"adc": volumes}, {"adc": ModalitySpec(shape=(1, 4, 8, 8), range=(0.0, 1.0))}, aspects)
    [[strip]] = panel.groups
    content = base64.b64decode(strip.source.partition("base64,")[2])
    assert Image.open(io.BytesIO(content)).height == height


@pytest.mark.parametrize("layout", [sheet_row, pair_blocks])
def test_planes_of_a_volume_go_through_its_lesion(layout):
    """Here in its first plane, which is bright; the middle one is dark."""
    adc, lesion = np.zeros((2, 1, 1, 4, 8, 8), dtype=np.float32)
    adc[0, 0, 0], lesion[0, 0, 0, 2, 5] = 1, 1
    spec = ModalitySpec(shape=(1, 4, 8, 8), range=(0.0, 1.0))
    specs = {"adc": spec, "lesion": attrs.evolve(spec, mask="lesion")}
    first, *_ = (strip for group in layout("real", {"adc": adc, "lesion": lesion}, specs, {}).groups for strip in group)
    content = base64.b64decode(first.source.partition("base64,")[2])
    axial = np.asarray(Image.open(io.BytesIO(content)))[:, :8, 0]
    assert (axial == 255).all()
