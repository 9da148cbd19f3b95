"""Counter-based random draws: every number is a function of (seed, step, stream name).

Nothing is kept between draws, so a resumed run, a replayed step and any number of ranks see the same numbers.
The counter-based generator is Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

import hashlib

import attrs
import numpy as np


@attrs.frozen
class Draws:
    """All the draws of one training step, told apart by stream name."""

    seed: int
    step: int = 0

    def generator(self, stream: str) -> np.random.Generator:
        """A fresh generator at the start of this stream."""
        digest = hashlib.blake2b(f"{self.seed}/{stream}".encode(), digest_size=16).digest()
        bits = np.random.Philox(key=int.from_bytes(digest, "little"), counter=[0, 0, self.step, 0])
        return np.random.Generator(bits)

    def normal(self, stream: str, *shape: int) -> np.ndarray:
        """Standard normal numbers, float32."""
        return self.generator(stream).standard_normal(shape, dtype=np.float32)

    def uniform(self, stream: str, *shape: int) -> np.ndarray:
        """Uniform numbers in [0, 1), float32."""
        return self.generator(stream).random(shape, dtype=np.float32)

    def choose(self, stream: str, indices: np.ndarray, count: int) -> np.ndarray:
        """``count`` of ``indices``, with replacement."""
        return indices[self.generator(stream).integers(len(indices), size=count)]

    def torch_seed(self, stream: str) -> int:
        """A 63-bit seed for torch, for what only torch can draw: the initial weights."""
        return int(self.generator(stream).integers(2**63))
