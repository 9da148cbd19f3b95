"""What real slices allow the descriptors of a slice to be. Letters as in ``_descriptors``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import numpy as np

from gankit_metrics._descriptors import Described

CAUSES = ("gland", "area", "place", "shape", "unsure")
FAILING = 0.02
"""About this share of real slices is called malformed, an equal part of it by each cause."""
LEAST_SPREAD = 0.02
"""Of descriptors that hardly vary in real slices."""
LACKING = 0.01
"""A structure may be absent where more than this share of real slices lacks it."""


@attrs.frozen(eq=False)
class Limits:
    """How far each descriptor may be from its median, in the spread of real slices.

    The spread is the distance from the median to the 2nd or 98th percentile. The distance of a slice by a cause is the
    largest of those of its descriptors. A slice fails where it is larger than in all but a small share of the real
    slices with the wanted label. As the network was not trained on those, real slices that nobody has seen fail as
    seldom (split conformal prediction: Papadopoulos et al. 2002, "Inductive confidence machines for regression").
    """

    middle: Mapping[str, float]
    below: Mapping[str, float]
    above: Mapping[str, float]
    """Spreads to either side of the median."""
    optional: frozenset[str]
    """Descriptors of structures that real slices may lack."""
    largest: Mapping[str, float]
    """Cause to the largest distance that is plausible."""

    @classmethod
    def of(cls, real: Described, wanted_N: np.ndarray) -> Limits:
        """The limits of real slices, those (N,) with the wanted label among them."""
        middle, below, above = {}, {}, {}
        for what, values_N in real.items():
            known_N = values_N[~np.isnan(values_N)]
            low, middle[what], high = np.quantile(known_N, (0.02, 0.5, 0.98)) if len(known_N) else (0.0, 0.0, 0.0)
            below[what], above[what] = (max(by, LEAST_SPREAD) for by in (middle[what] - low, high - middle[what]))
        optional = frozenset(what for what, values_N in real.items() if np.isnan(values_N).mean() > LACKING)
        free = cls(middle, below, above, optional, {})
        share = 1 - FAILING / len(CAUSES)
        distances = {cause: distance_N[wanted_N] for cause, distance_N in free._distances(real)}
        largest = {cause: float(np.quantile(d_N, share, method="higher")) for cause, d_N in distances.items()}
        return attrs.evolve(free, largest=largest)

    def broken(self, slices: Described) -> dict[str, np.ndarray]:
        """Cause to the slices (N,) that are implausible by it."""
        return {cause: distance_N > self.largest[cause] for cause, distance_N in self._distances(slices)}

    def _distances(self, slices: Described) -> Iterator[tuple[str, np.ndarray]]:
        """Each cause, and the distance of slices (N,) by it."""
        for cause in CAUSES:
            of_cause = [self._distance(what, of_N) for what, of_N in slices.items() if what.startswith(f"{cause}/")]
            yield cause, np.max(of_cause, axis=0)

    def _distance(self, what: str, values_N: np.ndarray) -> np.ndarray:
        off_N = values_N - self.middle[what]
        distance_N = np.where(off_N > 0, off_N / self.above[what], -off_N / self.below[what])
        return np.where(np.isnan(values_N), 0 if what in self.optional else np.inf, distance_N)
