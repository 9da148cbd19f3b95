"""Tissues of the pelvis at 3 T and what they measure. Values follow the literature's means, rounded."""

from __future__ import annotations

import attrs


@attrs.frozen
class Tissue:
    """Means of one tissue, and how far they differ between patients."""

    name: str
    t2_ms: float
    adc_um2_s: float  # 1e-6 mm2/s
    proton_density: float
    wash_in: float  # early relative enhancement, unitless
    spread: float = 0.04  # relative standard deviation of T2 and ADC between patients
    texture: float = 0.06  # relative standard deviation of T2 and ADC between pixels


TABLE = (
    Tissue("fat", 150, 300, 0.95, 0.05, spread=0.08, texture=0.09),
    Tissue("muscle", 38, 1250, 0.90, 0.20, texture=0.10),
    Tissue("bone", 60, 500, 0.45, 0.12, texture=0.12),
    Tissue("bladder", 420, 2700, 1.00, 0.02, spread=0.03, texture=0.01),
    Tissue("rectal wall", 62, 1250, 0.90, 0.45, texture=0.08),
    Tissue("rectal content", 60, 700, 0.35, 0.02, spread=0.35, texture=0.12),
    Tissue("periprostatic veins", 190, 1700, 1.00, 0.60, texture=0.10),
    Tissue("peripheral zone", 150, 1700, 1.00, 0.30, spread=0.07, texture=0.07),
    Tissue("transition zone", 98, 1320, 0.95, 0.45, spread=0.06, texture=0.08),
    Tissue("anterior stroma", 52, 1050, 0.90, 0.25, texture=0.06),
    Tissue("stromal nodule", 74, 1090, 0.97, 0.62, spread=0.06, texture=0.06),
    Tissue("glandular nodule", 145, 1620, 0.97, 0.42, spread=0.06, texture=0.10),
    Tissue("prostatitis", 112, 1340, 0.97, 0.55, spread=0.08, texture=0.08),
    Tissue("indolent lesion", 106, 1180, 0.97, 0.55, spread=0.07, texture=0.06),
    Tissue("CS lesion", 82, 820, 0.95, 0.85, spread=0.09, texture=0.06),
    Tissue("capsule", 60, 1150, 0.90, 0.30, texture=0.04),
)
"""Every tissue; the index of a tissue here is its value in the tissue map."""

TISSUES: tuple[str, ...] = tuple(tissue.name for tissue in TABLE)


def index(name: str) -> int:
    """The value of a tissue in the tissue map."""
    return TISSUES.index(name)
