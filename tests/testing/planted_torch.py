"""Components whose module imports torch, which the tests beside it must find."""

import attrs
import torch

from gankit import AbstractPairedLoss
from tests.testing.planted_phases import Phase


@attrs.frozen(kw_only=True)
class ImportsTorch(AbstractPairedLoss):
    """Mean square."""

    def build(self):
        return lambda candidate, reference: torch.square(candidate - reference).flatten(1).mean(dim=1)


@attrs.frozen(kw_only=True)
class PhaseImportsTorch(Phase):
    """As planted."""
