"""Batch normalisation over the global batch."""

import torch

from gankit import BatchNorm


def test_running_statistics_follow_the_batches():
    """In evaluation an image is normalised by the mean and the variance that training saw, not by its own."""
    norm = BatchNorm(2, momentum=1.0)
    seen_BCS = 3 * torch.randn(64, 2, 4, 4, generator=torch.Generator().manual_seed(0)) + 5
    in_training = norm(seen_BCS)
    torch.testing.assert_close(norm.eval()(seen_BCS), in_training)
