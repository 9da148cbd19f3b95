"""What real slices allow the descriptors of a slice to be. Letters as in ``_descriptors``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from gankit_metrics._descriptors import Described

CAUSES = ("gland", "area", "place", "shape", "unsure")
FAILING = 0.03
"""Share of the real slices that limits are taken from which break one."""
LEAST_SPREAD = 0.02
"""Of descriptors that hardly vary in real slices."""


@attrs.frozen(eq=False)
class Limits:
    """How far each descriptor may be from its median, in the spread of real slices.

    The spread is the distance from the median to the 2nd or 98th percentile. The distance of a slice by a cause is the
    largest of those of its descriptors; one that cannot be told adds nothing. A slice fails where it is larger than in
    all but a small share of the real slices with the wanted label, the same share for each cause, and such that
    ``FAILING`` of these slices fail by one cause or more. They are described by a network that was not trained on them,
    so real slices that nobody has seen fail about as often (cross-conformal prediction: Vovk 2015).
    """

    middle: Mapping[str, float]
    below: Mapping[str, float]
    above: Mapping[str, float]
    """Spreads to either side of the median."""
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
        free = cls(middle, below, above, {})
        distances = {cause: free._by(cause, real)[wanted_N] for cause in CAUSES}
        nearer = [np.searchsorted(np.sort(d_N), d_N) / len(d_N) for d_N in distances.values()]
        share = np.quantile(np.max(nearer, axis=0), 1 - FAILING, method="higher")
        largest = {cause: float(np.quantile(d_N, share, method="higher")) for cause, d_N in distances.items()}
        return attrs.evolve(free, largest=largest)

    def broken(self, *views: Described) -> dict[str, np.ndarray]:
        """Cause to the slices (N,) that are implausible by it, in the mean of the distances that each view gives."""
        return {
            cause: np.mean([self._by(cause, view) for view in views], axis=0) > self.largest[cause] for cause in CAUSES
        }

    def _by(self, cause: str, slices: Described) -> np.ndarray:
        """Distance of slices (N,) by a cause."""
        of_cause = [self._distance(what, of_N) for what, of_N in slices.items() if what.startswith(f"{cause}/")]
        distance_N: np.ndarray = np.max(of_cause, axis=0)
        return distance_N

    def _distance(self, what: str, values_N: np.ndarray) -> np.ndarray:
        off_N = values_N - self.middle[what]
        distance_N = np.where(off_N > 0, off_N / self.above[what], -off_N / self.below[what])
        return np.nan_to_num(distance_N)
