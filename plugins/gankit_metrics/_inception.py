"""The Inception network that published figures use, from a local TorchScript file.

Letters: N slices, B batch.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import attrs
import numpy as np
import torch

from gankit import InputError, Rows
from gankit_metrics._training import chunks
from gankit_metrics.features import ENVIRONMENT


@attrs.frozen(eq=False)
class Inception:
    """The network, called as NVIDIA's metrics call it: ``network(x)`` with (B, 3, H, W) uint8 gives class
    probabilities, with ``return_features=True`` the 2,048 features of the last pooling; it resizes to 299 itself."""

    network: torch.jit.ScriptModule

    def features(self, x_N3HW: Rows) -> np.ndarray:
        """(N, D) float64."""
        return self._batches(x_N3HW, return_features=True)

    def probabilities(self, x_N3HW: Rows) -> np.ndarray:
        """(N, K) float64. The last layer's biases are left out, as in the published score's network."""
        return self._batches(x_N3HW, no_output_bias=True)

    def _batches(self, x_N3HW: Rows, **options: bool) -> np.ndarray:
        with torch.no_grad():
            found = [self.network(x_B3HW, **options) for x_B3HW in chunks(x_N3HW, 32)]
        return torch.cat(found).double().numpy()


def load_inception(path: Path, sha256: str) -> Inception:
    """Read the network, after its hash was checked: TorchScript is code.

    Raises:
        InputError: there is no such file, its hash is another, or it is no TorchScript.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; set inception's weights, or {ENVIRONMENT}, to the TorchScript file")
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != sha256.lower():
        raise InputError(f"{path}: SHA-256 is {found}, accepted: {sha256.lower()}; the file is another or damaged")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript itself; the published file is one
            return Inception(torch.jit.load(io.BytesIO(content), map_location="cpu").eval())
    except RuntimeError as error:
        raise InputError(f"{path}: not a TorchScript file ({str(error).splitlines()[0]})") from error
