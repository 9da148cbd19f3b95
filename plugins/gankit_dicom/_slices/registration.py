"""Refinement of what physical coordinates align already: Mattes mutual information, kept only where it improves."""

from __future__ import annotations

import attrs
import numpy as np
import SimpleITK as sitk

MAX_SHIFT_MM = 12.0
"""Patients move less between series; a larger shift is a failed registration."""
BINS = 32
PIXEL_MM = 1.0
"""T2w is thinned out to pixels of about this size, since the other images are coarser."""
SAMPLES = 8000
"""Voxels that a step of the optimisation looks at."""


@attrs.frozen(eq=False)
class Registration:
    """What was tried and what is used."""

    transform: sitk.Transform | None
    """From T2w to the other image; none where nothing improved."""
    kept: str
    figures: tuple[tuple[str, float], ...]
    """Step to mutual information, nats; "header" is without refinement."""
    shift_mm: float
    """Largest movement of the box that is looked at."""


def refine(
    t2w: sitk.Image, moving: sitk.Image, box: tuple[slice, slice, slice], method: str, seed: int
) -> Registration:
    """Align ``moving`` to ``t2w`` within a box of T2w voxels (slices, rows, columns): rigid, then B-spline.

    Each step starts from the result of the step before. It is kept only if it raises the mutual information over the
    box (Mattes et al. 2003) and moves no place by more than 12 mm.
    """
    # 1. What the headers give is the figure to beat.
    fixed = _cut(t2w, box)
    used = sitk.Transform()
    best = mutual_information(fixed, moving, used)
    figures, kept = [("header", best)], "header"

    # 2. Each step is tried on top of what is used so far.
    for step in {"none": (), "rigid": ("rigid",), "deformable": ("rigid", "deformable")}[method]:
        tried = _optimised(fixed, moving, used, step, seed)
        found = mutual_information(fixed, moving, tried) if tried is not None else float("-inf")
        if tried is not None:
            figures.append((step, found))
        if tried is not None and found > best and largest_shift(fixed, tried) <= MAX_SHIFT_MM:
            used, best, kept = tried, found, step
    shift = 0.0 if kept == "header" else largest_shift(fixed, used)
    return Registration(None if kept == "header" else used, kept, tuple(figures), shift)


def mutual_information(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    """Mattes mutual information in nats over all voxels of ``fixed``; larger is better."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(transform)
    try:
        return -method.MetricEvaluate(fixed, moving)
    except RuntimeError:  # too few voxels overlap
        return float("-inf")


def largest_shift(fixed: sitk.Image, transform: sitk.Transform) -> float:
    """Largest distance in mm that the transform moves a place of the box, looked at every few voxels."""
    steps = [np.linspace(0, size - 1, min(size, 6)) for size in fixed.GetSize()]
    places = [
        fixed.TransformContinuousIndexToPhysicalPoint((x, y, z)) for x in steps[0] for y in steps[1] for z in steps[2]
    ]
    return max(float(np.linalg.norm(np.subtract(transform.TransformPoint(place), place))) for place in places)


def _optimised(
    fixed: sitk.Image, moving: sitk.Image, before: sitk.Transform, step: str, seed: int
) -> sitk.Transform | None:
    """The transform ``before``, refined by one step; None where the images stop overlapping."""
    # 1. Mutual information over a random part of the voxels; with one thread, sums come in one order.
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, SAMPLES / fixed.GetNumberOfPixels()), seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetMovingInitialTransform(before)

    # 2. What may move: six numbers from coarse to fine, or the points of a B-spline.
    if step == "rigid":
        middle = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
        start: sitk.Transform = sitk.Euler3DTransform(middle, 0.0, 0.0, 0.0)
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 80)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([2, 1])
        method.SetSmoothingSigmasPerLevel([1, 0])
    else:
        start = sitk.BSplineTransformInitializer(fixed, [4, 4, 2])
        method.SetOptimizerAsLBFGSB(
            numberOfIterations=15, maximumNumberOfCorrections=5, maximumNumberOfFunctionEvaluations=40
        )

    # 3. The optimiser changes ``start`` in place.
    method.SetInitialTransform(start, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # the images do not overlap any more
        return None
    return sitk.CompositeTransform([before, start])


def _cut(image: sitk.Image, box: tuple[slice, slice, slice]) -> sitk.Image:
    z, y, x = box
    cut = image[x, y, z]
    return sitk.Shrink(cut, [max(1, int(PIXEL_MM / size)) for size in cut.GetSpacing()[:2]] + [1])


def box_around(mask: np.ndarray, image: sitk.Image, margin_mm: float) -> tuple[slice, slice, slice]:
    """The bounding box of a mask (slices, rows, columns), wider by a margin in the plane, within the image."""
    columns, rows, slices = image.GetSize()
    x_mm, y_mm, _ = image.GetSpacing()
    spans = []
    for places, margin, size in zip(
        np.nonzero(mask), (1, margin_mm / y_mm, margin_mm / x_mm), (slices, rows, columns), strict=True
    ):
        spans.append(slice(max(0, int(places.min() - margin)), min(size, int(places.max() + margin) + 1)))
    return spans[0], spans[1], spans[2]
