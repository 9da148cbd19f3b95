"""What each augmentation does to images whose result is known."""

import math

import pytest
import torch
from pytest import approx

from gankit_augmentation.geometry import Mirror, Rotation, Translation
from gankit_augmentation.values import Cutout, Intensity


def uniform(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_translation_moves_along_each_axis_by_its_draw_and_repeats_the_edge(rank):
    """The least draw moves by minus a quarter of the side, the greatest by plus a quarter, each axis by its own."""
    image = uniform(1, 2, *[8] * rank)
    moves = torch.tensor([[0.0, 0.999, 0.5]], dtype=torch.float64)  # by -2, 2 and 0 of 8 pixels
    moved = Translation(share=0.25).build()(image, {"move": moves})
    expected = image
    for axis, move in zip(range(2, 2 + rank), (-2, 2, 0), strict=False):
        at = [min(max(pixel - move, 0), 7) for pixel in range(8)]
        expected = torch.stack([expected.select(axis, pixel) for pixel in at], dim=axis)
    assert torch.equal(moved, expected)


def test_translation_is_uniform_over_whole_pixels():
    """Every move from -1 to 1 pixel is as frequent as the others."""
    at = torch.arange(8.0).view(1, 1, 8).expand(3000, 1, 8)
    moved = Translation().build()(at, {"move": torch.rand(3000, 3, generator=torch.Generator().manual_seed(0))})
    counts = [(moved[:, 0, 4] == 4 - move).float().mean().item() for move in (-1, 0, 1)]
    assert counts == approx([1 / 3] * 3, abs=0.03)


def test_mirror_turns_left_and_right_for_half_of_the_draws():
    """The last axis alone, by the sample's own draw."""
    image = uniform(2, 1, 4, 5)
    turned = Mirror().build()(image, {"side": torch.tensor([0.49, 0.5])})
    assert torch.equal(turned[0], image[0].flip(-1))
    assert torch.equal(turned[1], image[1])


@pytest.mark.parametrize("shape", [(9, 11), (3, 9, 11)])
def test_rotation_turns_a_plane_by_its_angle(shape):
    """A linear image stays linear under bilinear values: turned by t, its slope is turned by t, away from the edge."""
    y, x = torch.meshgrid(torch.arange(9.0) - 4, torch.arange(11.0) - 5, indexing="ij")
    image = (0.3 * y + 0.1 * x).double().expand(2, 1, *shape)
    draws = {"angle": torch.tensor([0.5, 1.0], dtype=torch.float64)}  # 0 and 20 degrees
    turned = Rotation(degrees=20).build()(image, draws)
    assert torch.allclose(turned[0], image[0])
    t, (middle_y, middle_x) = math.radians(20), (4, 5)
    slope_y = (turned[1, ..., middle_y + 1, middle_x] - turned[1, ..., middle_y - 1, middle_x]) / 2
    slope_x = (turned[1, ..., middle_y, middle_x + 1] - turned[1, ..., middle_y, middle_x - 1]) / 2
    assert slope_y.flatten().tolist() == approx([0.3 * math.cos(t) - 0.1 * math.sin(t)] * slope_y.numel())
    assert slope_x.flatten().tolist() == approx([0.3 * math.sin(t) + 0.1 * math.cos(t)] * slope_x.numel())


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_cutout_makes_a_box_of_zeros_around_its_centre(rank):
    """Half of each side around the middle; in the corner a quarter of each side is left of it."""
    image = torch.ones(2, 1, *[8] * rank)
    centres = torch.tensor([[0.5] * 3, [0.0] * 3])
    cut = Cutout(share=0.5).build()(image, {"centre": centres})
    zeros = [(sample == 0).sum().item() for sample in cut]
    assert zeros == [4**rank, 2**rank]
    assert set(cut.unique().tolist()) == {0.0, 1.0}


def test_intensity_changes_mean_and_spread_by_its_draws():
    """The greatest draws add the brightness to the mean and multiply the spread; the middle ones change nothing."""
    image = uniform(2, 2, 6, 6) * 2 - 1
    draws = {name: torch.tensor([1.0, 0.5], dtype=torch.float64) for name in ("brightness", "contrast")}
    changed = Intensity(brightness=0.3, contrast=0.4).build()(image, draws)
    assert changed[0].mean().item() == approx(image[0].mean().item() + 0.3)
    assert changed[0].std().item() == approx(1.4 * image[0].std().item())
    assert torch.allclose(changed[1], image[1])
