"""Counter-based random draws: every number is a function of (seed, step, stream name).

No state is kept between draws, so a resumed run, a replayed step and any number of ranks see the same numbers.
The counter-based generator is Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Its key is a
128-bit hash of seed and stream name. The third of its four 64-bit counter words is the step, so the numbers of two
steps are the same stream 2**128 blocks apart and never overlap.
"""

import hashlib

import attrs
import numpy as np


@attrs.frozen
class Draws:
    """All random draws of one training step. A stream name tells what a draw is for, as in ``"latent"``."""

    seed: int
    """Seed of the run, >= 0."""
    step: int = 0
    """Training step, counted from 0."""

    def generator(self, stream: str) -> np.random.Generator:
        """A new generator at the start of this stream; two calls give the same numbers."""
        digest = hashlib.blake2b(f"{self.seed}/{stream}".encode(), digest_size=16).digest()
        bits = np.random.Philox(key=int.from_bytes(digest, "little"), counter=[0, 0, self.step, 0])
        return np.random.Generator(bits)

    def normal(self, stream: str, *shape: int) -> np.ndarray:
        """Standard normal numbers of shape ``shape``, float32."""
        return self.generator(stream).standard_normal(shape, dtype=np.float32)

    def uniform(self, stream: str, *shape: int) -> np.ndarray:
        """Uniform numbers in [0, 1) of shape ``shape``, float32."""
        return self.generator(stream).random(shape, dtype=np.float32)

    def choose(self, stream: str, indices: np.ndarray, count: int) -> np.ndarray:
        """Draw ``count`` of the ``indices`` uniformly, with replacement: (count,)."""
        return indices[self.generator(stream).integers(len(indices), size=count)]

    def torch_seed(self, stream: str) -> int:
        """A seed in [0, 2**63) for torch's generator, which draws the initial weights."""
        return int(self.generator(stream).integers(2**63))
