"""A component whose module imports torch, which the tests beside it must find."""

import attrs
import torch

from gankit import AbstractPairedLoss


@attrs.frozen(kw_only=True)
class ImportsTorch(AbstractPairedLoss):
    """Mean square."""

    def build(self):
        return lambda candidate, reference: torch.square(candidate - reference).flatten(1).mean(dim=1)
