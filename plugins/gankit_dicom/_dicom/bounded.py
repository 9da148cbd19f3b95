"""Files of which no more is read than there is."""

from __future__ import annotations

import io
import os
from pathlib import Path

LARGE = 2**20
"""Bytes that are not worth a look at what is left."""


class Bounded(io.BufferedReader):
    """A file that takes memory for the bytes that it has, whatever length a damaged header asks for."""

    def __init__(self, file: Path) -> None:
        super().__init__(io.FileIO(file))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > LARGE:
            size = min(size, max(0, self._size - self.tell()))
        return super().read(size)
