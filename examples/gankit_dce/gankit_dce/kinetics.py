"""From tissue to early enhancement: arterial input, Tofts model, spoiled gradient echo. No torch.

Times are minutes inside this module, concentrations mmol/L, rates 1/min; TR and T1 are seconds, r1 is L/(mmol s).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

Array = Any
"""Numbers of NumPy or of torch."""

STEP_MIN = 1 / 60
"""Step of the integral over time: 1 s, a third of the width of the first pass."""

HEMATOCRIT = 0.42


def arterial_plasma(t_min: np.ndarray) -> np.ndarray:
    """Concentration of contrast agent in arterial plasma (mmol/L), ``t_min`` after injection.

    Parker et al. 2006 (Magn Reson Med 56:993), Eq. 1 and Table 1, for whole blood: two Gaussians for the first pass
    and recirculation, an exponential behind a sigmoid for the wash-out; divided by 1 - hematocrit.
    """
    passes = ((0.809, 0.17046, 0.0563), (0.330, 0.365, 0.132))  # mmol min / L, min, min
    blood = sum(
        area / (width * np.sqrt(2 * np.pi)) * np.exp(-((t_min - centre) ** 2) / (2 * width**2))
        for area, centre, width in passes
    )
    blood = blood + 1.050 * np.exp(-0.1685 * t_min) / (1 + np.exp(-38.078 * (t_min - 0.483)))
    return blood / (1 - HEMATOCRIT)


@attrs.frozen(kw_only=True)
class Acquisition:
    """When and how the early phase is imaged."""

    after_s: float
    """Seconds from injection to the image."""
    repetition_s: float
    """TR."""
    flip_deg: float
    t1_s: float
    """T1 of tissue without contrast agent."""
    relaxivity: float
    """r1, L/(mmol s)."""

    def delays_min(self) -> np.ndarray:
        """How long before the image (T,) each moment since the injection was."""
        count = max(2, round(self.after_s / 60 / STEP_MIN) + 1)
        return np.linspace(self.after_s / 60, 0, count)

    def doses(self) -> np.ndarray:
        """Trapezoidal weights times plasma concentration (T,) at these moments, mmol min / L."""
        delays_T = self.delays_min()
        widths_T = np.full(len(delays_T), delays_T[0] - delays_T[1])
        widths_T[[0, -1]] /= 2
        return widths_T * arterial_plasma(self.after_s / 60 - delays_T)

    def concentration(
        self, ktrans: Array, ve: Array, delays_T: Array, doses_T: Array, exp: Callable[[Array], Array]
    ) -> Array:
        """Concentration in tissue (mmol/L) when the image is made.

        Tofts et al. 1999 (J Magn Reson Imaging 10:223), the standard model:
        ``C_t(T) = Ktrans ∫ C_p(τ) exp(-kep (T - τ)) dτ`` from 0 to T with ``kep = Ktrans / ve``.

        Args:
            ktrans: transfer constant, 1/min, any shape (...).
            ve: volume fraction of the extravascular extracellular space, same shape.
            delays_T, doses_T: ``delays_min`` and ``doses``, of the same library as ``ktrans``.
            exp: ``numpy.exp`` or ``torch.exp``.
        """
        kep = (ktrans / ve)[..., None]
        return ktrans * (exp(-kep * delays_T) * doses_T).sum(-1)

    def enhancement(self, concentration: Array, exp: Callable[[Array], Array]) -> Array:
        """Signal over baseline, minus 1, of a spoiled gradient echo; T2* is neglected.

        ``S ∝ (1 - E) / (1 - E cos α)`` with ``E = exp(-TR / T1)`` and ``1 / T1 = 1 / T1_0 + r1 C``.
        """
        cosine = float(np.cos(np.deg2rad(self.flip_deg)))
        rest = float(np.exp(-self.repetition_s / self.t1_s))
        baseline = (1 - rest) / (1 - rest * cosine)
        left = rest * exp(-self.repetition_s * self.relaxivity * concentration)
        return (1 - left) / (1 - left * cosine) / baseline - 1

    def highest(self, ktrans: float, ve: float) -> float:
        """The highest enhancement of any tissue with at most this transfer constant and this volume fraction.

        More volume means less wash-out, so it is at the largest ``ve``; of ``Ktrans`` a grid is tried.
        """
        tried = np.linspace(ktrans / 1000, ktrans, 1000)
        reached = self.concentration(tried, np.full(1000, ve), self.delays_min(), self.doses(), np.exp)
        return float(self.enhancement(reached, np.exp).max())
