"""The phantom: patients, their slices, and the images of those, from a seed alone.

Every number comes from ``gankit.Draws``, keyed by (seed, purpose), so one seed gives the same bytes every time.
Slices of one patient share tissue values, the size of the gland and the strength of the bias field. Volumes of one
patient show one gland with one set of findings, and differ by the scanner's noise.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np

from gankit import Draws, cached_arrays, progress
from gankit_phantom._anatomy import Anatomy, Gland, labelled_gland, procedural_gland
from gankit_phantom._findings import benign, diffuse, focus
from gankit_phantom._masks import smooth_noise
from gankit_phantom._plan import Plan, SliceCounts, anatomy_plan, procedural_plan
from gankit_phantom._signals import adc_map, bias_field, enhancement_map, t2w_image
from gankit_phantom._surroundings import surroundings
from gankit_phantom._tissue import TABLE, TISSUES, index
from gankit_phantom._volume import HEIGHT_MM, PICTURE_MM, AnyGenerator, Array, Planes, VolumeDraws

CHUNK = 64
"""Slices painted at a time: the masks of more do not fit the cache."""

T2W_NOISE, DWI_NOISE, DCE_NOISE = 0.010, 0.011, 0.05


@attrs.frozen(eq=False)
class PhantomSlices:
    """N slices of the phantom, arrays aligned along the first axis; of volumes the images are (N, D, S, S)."""

    adc: Array
    """(N, S, S) float32, 1e-6 mm2/s."""
    t2w: Array
    """(N, S, S) float32, scanner units."""
    dce: Array
    """(N, S, S) float32, early relative enhancement, unitless."""
    cs: Array
    """(N,) int8: 1 where the slice shows clinically significant cancer."""
    patient: Array
    """(N,) str."""
    split: Array
    """(N,) str, "train", "test" or "validation", by patient."""
    spacing_mm: Array
    """(N,) float32."""
    slice_spacing_mm: Array | None
    """(N,) float32 for volumes."""
    tissue: Array
    """(N, S, S) uint8: value in ``TISSUES`` of the tissue that dominates the pixel."""
    lesion: Array
    """(N, S, S) uint8: 1 inside a CS lesion."""


def draw_phantom(
    seed: int = 0,
    size: int = 64,
    counts: SliceCounts | None = None,
    anatomy: Anatomy | None = None,
    *,
    at_most: bool = False,
    depth: int | None = None,
    slice_spacing_mm: float | None = None,
) -> PhantomSlices:
    """Draw the phantom, or read its images from the user's cache, where it was drawn before.

    Args:
        seed: gives the patients and everything about their slices.
        size: pixels a side; a pixel is 70 mm / size, or what the anatomy says.
        counts: slices of each class and split; default: the paper's.
        anatomy: real label maps to draw over instead of procedural glands.
        at_most: take as many maps as there are where the anatomy has fewer than ``counts`` asks for.
        depth: planes of a volume; then counts are of volumes, and there may be no anatomy. Default: slices.
        slice_spacing_mm: of volumes, from plane to plane; default: 72 mm / depth.

    Raises:
        ValueError: the counts are impossible, or the anatomy has too few slices.
    """
    plan = phantom_plan(seed, size, counts or SliceCounts(), anatomy, at_most=at_most)
    patients = _Patients.draw(Draws(seed).generator("patients"), plan.patient_number.max() + 1)
    planes = None if depth is None else Planes(depth, slice_spacing_mm or HEIGHT_MM / depth, PICTURE_MM / size)

    def chunk(start: int) -> dict[str, Array]:
        chosen = slice(start, start + CHUNK)
        labels = None if anatomy is None or plan.map_number is None else anatomy.labels[plan.map_number[chosen]]
        generator = Draws(seed).generator(f"slices/{start}")
        return _draw_chunk(generator, generator, size, plan.select(chosen), patients, labels)

    def volume(number: int) -> dict[str, Array]:
        assert planes is not None, "slices have no planes"
        return _draw_volume(seed, number, size, planes, plan, patients)

    def images() -> dict[str, Array]:
        starts = range(0, len(plan.cs), 1 if planes else CHUNK)
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets go of the interpreter while it computes
            drawn = pool.map(volume if planes else chunk, starts)
            parts = list(progress(drawn, "drawing the phantom", len(starts)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    drawn = cached_arrays("phantom", _depends(seed, size, plan, anatomy, planes), images)
    return PhantomSlices(
        **drawn,
        cs=plan.cs,
        patient=plan.patient,
        split=plan.split,
        spacing_mm=plan.spacing_mm,
        slice_spacing_mm=None if planes is None else np.full(len(plan.cs), planes.slice_spacing_mm, dtype=np.float32),
    )


def _depends(seed: int, size: int, plan: Plan, anatomy: Anatomy | None, planes: Planes | None) -> dict[str, Any]:
    """What the images of a plan depend on."""
    arrays = {field.name: getattr(plan, field.name) for field in attrs.fields(Plan)}
    arrays |= {} if anatomy is None else {"labels": anatomy.labels}
    digest = hashlib.blake2b(digest_size=16)
    for name, array in arrays.items():
        if array is not None:
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    volumes = {} if planes is None else {"depth": planes.depth, "slice_spacing_mm": planes.slice_spacing_mm}
    return {"seed": seed, "size": size, "plan": digest.hexdigest(), **volumes}


def phantom_plan(seed: int, size: int, counts: SliceCounts, anatomy: Anatomy | None, *, at_most: bool = False) -> Plan:
    """Who the patients of ``draw_phantom`` are, and what their slices show. Raises what ``draw_phantom`` raises."""
    generator = Draws(seed).generator("plan")
    if anatomy is None:
        return procedural_plan(counts, generator, PICTURE_MM / size)
    return anatomy_plan(counts, generator, anatomy, 64 / size, at_most=at_most)


@attrs.frozen(eq=False)
class _Patients:
    """What slices of one patient share; arrays over P patients."""

    tissue_PT4: Array
    """(P, tissues, 4): T2 in ms, ADC in 1e-6 mm2/s, proton density, wash-in."""
    bulk_P: Array
    """Enlargement of the transition zone, 0 to 1."""
    bias_P: Array
    """Strength of the bias field."""

    @classmethod
    def draw(cls, generator: np.random.Generator, count: int) -> _Patients:
        mean_T4 = np.array([[t.t2_ms, t.adc_um2_s, t.proton_density, t.wash_in] for t in TABLE])
        spread_T4 = np.array([[t.spread, t.spread, 0.02, 0.15] for t in TABLE])
        gland_P11 = generator.normal(0, 0.03, (count, 1, 1))  # age and vendor move all tissues together
        factor_PT4 = np.exp(spread_T4 * np.clip(generator.standard_normal((count, *mean_T4.shape)), -2.2, 2.2))
        factor_PT4[..., :2] *= np.exp(gland_P11)
        return cls(
            (mean_T4 * factor_PT4).astype(np.float32),
            generator.beta(1.6, 1.6, count),
            generator.uniform(0.05, 0.14, count),
        )


def _draw_volume(
    seed: int, number: int, size: int, planes: Planes, plan: Plan, patients: _Patients
) -> dict[str, Array]:
    """Images and ground truth of one volume of a plan, by name: (1, D, S, S) each."""
    patient = plan.patient_number[number]
    first = int(np.argmax(plan.patient_number == patient))  # gives the place and the finding of all of its volumes
    whole = plan.select(np.full(planes.depth, first))
    level_D = planes.levels(patients.bulk_P[patient], plan.level[first])
    anatomy = VolumeDraws(Draws(seed).generator(f"volumes/{patient}"), planes)
    scanner = Draws(seed).generator(f"volumes/{patient}/scans/{number - first}")
    images = _draw_chunk(anatomy, scanner, size, attrs.evolve(whole, level=level_D), patients, None)
    return {name: image[None] for name, image in images.items()}


def _draw_chunk(
    generator: AnyGenerator,
    scanner: np.random.Generator,
    size: int,
    plan: Plan,
    patients: _Patients,
    labels_NHW: Array | None,
) -> dict[str, Array]:
    """Images and ground truth of the slices of a plan, by name: (N, S, S) each.

    Args:
        generator: of what is there.
        scanner: of noise; for slices the same generator.
    """
    # Where things are.
    number_N = plan.patient_number
    bulk_N, level_N = patients.bulk_P[number_N], plan.level
    if labels_NHW is None:
        gland = procedural_gland(generator, size, bulk_N, level_N)
    else:
        gland = labelled_gland(labels_NHW, size)
    lesion = _lesions(generator, size, gland, plan)

    # Layers of tissue, each painted over those before it.
    layers = surroundings(generator, size, gland, level_N)
    layers += [("peripheral zone", gland.whole), ("transition zone", gland.transition)]
    layers += benign(generator, size, gland, bulk_N, plan.finding == "stromal")
    layers += _mimics(generator, size, gland, plan)
    layers.append(("CS lesion", lesion))

    # What a scanner makes of them.
    maps_4NHW, tissue = _paint(generator, size, layers, patients.tissue_PT4[number_N])
    t2_ms, adc_um2_s, proton_density, wash_in = maps_4NHW
    bias = bias_field(generator, len(number_N), size, 1.0) ** patients.bias_P[number_N][:, None, None]
    return {
        "adc": adc_map(scanner, proton_density, t2_ms, adc_um2_s, DWI_NOISE),
        "t2w": t2w_image(scanner, proton_density, t2_ms, bias, T2W_NOISE).astype(np.float32),
        "dce": enhancement_map(scanner, wash_in, DCE_NOISE),
        "tissue": tissue,
        "lesion": (lesion > 0.5).astype(np.uint8),
    }


def _lesions(generator: AnyGenerator, size: int, gland: Gland, plan: Plan) -> Array:
    """CS lesions (N, S, S): the label map's, or an index lesion and sometimes a second and third."""
    cs = plan.cs.astype(np.float32)[:, None, None]
    if gland.lesion is not None:
        return gland.lesion * cs
    lesion = focus(generator, size, gland, 0.7, 0.135)
    for chance in (0.25, 0.08):
        more = (generator.random(len(plan.cs)) < chance).astype(np.float32)[:, None, None]
        lesion = np.maximum(lesion, more * focus(generator, size, gland, 0.7, 0.10))
    return lesion * cs


def _mimics(generator: AnyGenerator, size: int, gland: Gland, plan: Plan) -> list[tuple[str, Array]]:
    """What looks like a CS lesion and is none, in the slices whose finding it is: (tissue, mask (N, S, S))."""

    def where(finding: str) -> Array:
        return (plan.finding == finding).astype(np.float32)[:, None, None]

    strength = generator.uniform(0.6, 1, (len(plan.cs), 1, 1)).astype(np.float32)
    return [
        ("prostatitis", strength * where("prostatitis") * diffuse(generator, size, gland)),
        ("indolent lesion", where("indolent") * focus(generator, size, gland, 0.7, 0.105)),
    ]


def _paint(
    generator: AnyGenerator, size: int, layers: list[tuple[str, Array]], tissue_NT4: Array
) -> tuple[Array, Array]:
    """Paint layers over fat: tissue properties (4, N, S, S) with texture, and the dominant tissue (N, S, S)."""
    # Each tissue's share of each pixel: the topmost layer takes what it covers, the next one what is left, and so on.
    count, tissues = tissue_NT4.shape[:2]
    weight_NTHW = np.zeros((count, tissues, size, size), dtype=np.float32)
    bare = np.ones((count, size, size), dtype=np.float32)
    for name, mask in reversed(layers):
        covered = mask * bare
        weight_NTHW[:, index(name)] += covered
        bare -= covered
    weight_NTHW[:, index("fat")] += bare

    # A pixel's properties are the weighted mean of its tissues' properties.
    texture_NT1 = np.broadcast_to(np.array([[[t.texture] for t in TABLE]], dtype=np.float32), (count, tissues, 1))
    mixed = np.concatenate([tissue_NT4, texture_NT1], axis=2).transpose(0, 2, 1) @ weight_NTHW.reshape(
        count, tissues, -1
    )
    *maps, texture = mixed.reshape(count, 5, size, size).swapaxes(0, 1)
    tissue = weight_NTHW.argmax(axis=1).astype(np.uint8)

    # Grain changes T2 and ADC in one direction and wash-in in the other.
    fine, coarse = (smooth_noise(generator, count, size, wavelength) for wavelength in (size / 26, size / 11))
    grain = texture * (0.8 * fine + 0.6 * coarse)
    factor = np.exp(np.clip(grain, -0.4, 0.4))
    t2_ms, adc_um2_s, proton_density, wash_in = maps
    return np.stack([t2_ms * factor, adc_um2_s * factor, proton_density, wash_in / factor]), tissue


__all__ = ["TISSUES", "Anatomy", "PhantomSlices", "SliceCounts", "draw_phantom", "phantom_plan"]
