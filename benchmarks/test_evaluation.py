"""What metrics do on every set of slices, beside the same done slice by slice or pair by pair."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from gankit_metrics._features_diversity import _similarities
from gankit_metrics._training import applied, drawn
from gankit_metrics._unet import SmallUNet


@pytest.mark.parametrize("how", ["pair by pair", "blurred once"])
def test_similarities(benchmark, how):
    """MS-SSIM of every pair of slices, as ``diversity`` compares them."""
    benchmark.group = "similarity of all pairs of slices of 64 x 64"
    noise = np.random.default_rng(0).standard_normal((64 if benchmark.enabled else 4, 1, 64, 64))
    images = gaussian_filter(noise, (0, 0, 2, 2)).clip(-0.5, 0.5).astype(np.float32)

    def each_pair():
        i, j = np.array(list(combinations(range(len(images)), 2))).T
        one, other = (torch.from_numpy(images[side]) for side in (i, j))
        multiscale_structural_similarity_index_measure(
            one, other, sigma=0.8, kernel_size=7, reduction="none", data_range=2.0, betas=(0.1, 0.4, 0.5)
        )

    benchmark(each_pair if how == "pair by pair" else partial(_similarities, images))


@pytest.mark.parametrize("how", ["256 at a time", "as many as fit the cache"])
def test_small_network(benchmark, how):
    """Slices of 64 x 64 through the U-Net of ``anatomy``, ``oracle`` and ``pair-consistency``."""
    benchmark.group = "the small U-Net on slices of 64 x 64"
    network = drawn(partial(SmallUNet, 2, 8, 2, 12), np.random.default_rng(0)).eval()
    images = np.zeros((256 if benchmark.enabled else 2, 2, 64, 64), np.float32)

    def at_once():
        with torch.inference_mode():
            network(torch.from_numpy(images))

    benchmark(at_once if how == "256 at a time" else partial(applied, network, images))
