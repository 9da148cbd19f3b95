"""What critics read: images, and labels beside them where the critic projects on labels."""

from __future__ import annotations

from collections.abc import Iterator

from gankit import Problem, Shape, Shapes, joined, shape_text


def image_shape(source: Shapes, projection: bool) -> Shape:
    """Shape (C, *S) of the images that a critic reads, taken together along channels.

    Args:
        source: place to shape without batch.
        projection: whether vectors are labels to project on. Without, they are constant maps among the channels.
    """
    return joined({place: shape for place, shape in source.items() if len(shape) > 1}) if projection else joined(source)


def classes(source: Shapes, projection: bool) -> int:
    """K, the number of values of the labels that a critic projects on; 0 where it projects on none."""
    return sum(shape[0] for shape in source.values() if len(shape) == 1) if projection else 0


def check_ends(source: Shapes, target: Shapes, projection: bool) -> Iterator[Problem]:
    """Yield a problem where a critic cannot score what it is given."""
    images = {place: shape for place, shape in source.items() if len(shape) > 1}
    if not images or not 2 <= len(joined(source)) <= 4:
        yield Problem("use", f"scores images (C, *S) of 1 to 3 dimensions, not {shape_text(joined(source))}")
    elif projection and len(images) == len(source):
        given = ", ".join(source)
        yield Problem(
            "projection", f"needs a label beside the images, as in on = ['adc', 'cs']; its terms have {given}"
        )
    if joined(target) != ():
        yield Problem("use", f"returns one score per sample or patch, not {shape_text(joined(target))}")
