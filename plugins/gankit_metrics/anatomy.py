"""``anatomy``: the share of candidates whose anatomy is malformed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Cohort, Evaluation, InputError, Reading, option
from gankit_metrics._plausible import CAUSES
from gankit_metrics._sizes import unfit
from gankit_metrics._structures import Structures, halves, outlined
from gankit_metrics.classification import NO_TEST, SHARES, largest_test

if TYPE_CHECKING:
    from gankit_metrics._segmenter import Seen, Segmenter

CLEAR = 8
"""Slices with the wanted label that each half of the train patients must have, to learn from and for limits."""


@attrs.frozen(kw_only=True)
class Anatomy(AbstractMetric):
    """The share of candidates whose anatomy is malformed: half a bladder, two glands or none, a gland in pieces, zones
    out of place, smeared mixtures of several anatomies.

    Two networks that were trained on the real train slices and their ground truth ``tissue`` segment the candidates.
    A slice is malformed where its segmentation is implausible by one of five causes, each a reading:

    - ``gland``: the size, the symmetry and the border of the gland, and its share outside its largest piece;
    - ``area``: the size of each structure, 0 where it is absent;
    - ``place``: the middle of each structure from that of the gland, in radii of the gland;
    - ``shape``: the symmetry and the border of each structure that is no zone of the gland;
    - ``unsure``: the entropy of the segmentation, in the picture and in each structure.

    Readings, all of the share of slices: ``malformed`` of candidates, ``malformed.{cause}``, and for comparison
    ``real.malformed``, of real test slices with the wanted label. A good synthesizer is near ``real.malformed``, which
    is about 3%, since limits are set so that 3% of the real slices that they come from break one. Of fresh slices with
    the label, 2 to 3% were seen to fail on the phantom with 341 train patients, and 1 to 2% over real label maps with
    737; with fewer patients more fail.

    Each network is trained on half of the train patients, and limits come from what it makes of the others, mirrored
    and moved by a pixel; the distance of a candidate from real slices is the mean over both. A structure of less than
    1% of the picture is judged by its size alone. Structures are the parts of the gland that ``gland`` names, and the
    other tissues of which slices agree where they are: at some pixel, 60% of the slices with the tissue have it. Both
    have 1% of the picture or more in the median slice. Pixels of other tissues, as of lesions, nodules and thin
    tissues, belong to the nearest structure. Train slices without a part of the gland in the ground truth are not used.
    Where some outline the whole gland and others its zones, the zones count as gland.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = SHARES

    width: int = option(12, ge=1, le=16_384, help="channels of the segmentation network, a U-Net, at full size")
    steps: int = option(500, ge=1, help="training steps of 32 slices")
    learning_rate: float = option(4e-3, gt=0, help="largest step size of AdamW")
    gland: tuple[str, ...] = option(
        ("gland", "peripheral zone", "transition zone", "anterior stroma"),
        help="tissues of the ground truth that make up the gland; those that a cohort lacks are ignored",
    )

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        try:
            if (test := largest_test(evaluation)) is None:
                raise InputError(NO_TEST["test"])
            broken = self.seen(candidate, evaluation).broken
        except InputError as error:
            for name in ("malformed", *_NAMES.values(), "real.malformed"):
                yield Reading(name=name, value=None, better="lower", note=str(error))
            return
        which, real = test[:2]
        every = {"malformed": _any(broken)} | {_NAMES[cause]: broken_N for cause, broken_N in broken.items()}
        for name, broken_N in every.items():
            yield _share(name, broken_N, candidate.cohort, "candidates", evaluation)
        kept = evaluation.kept(
            "malformed",
            attrs.asdict(self) | {"slices": real.digest()},
            lambda: {"broken": _any(self.segmenter(evaluation).seen(evaluation.rows(real)).broken)},
        )
        yield _share("real.malformed", kept["broken"], real, f"real {which} slices with the label", evaluation)

    def seen(self, candidate: Candidate, evaluation: Evaluation) -> Seen:
        """What the networks see in the candidates, found once. Raises InputError: anatomy cannot be judged."""

        def find() -> Seen:
            return self.segmenter(evaluation).seen(evaluation.rows(candidate.cohort))

        return candidate.once(("anatomy", self, evaluation), find)

    def segmenter(self, evaluation: Evaluation) -> Segmenter:
        """The networks, trained once for each real side. Raises InputError: anatomy cannot be judged."""
        from gankit_metrics._segmenter import segmenter
        from gankit_metrics._training import Schedule

        train, structures = self._train_side(evaluation)
        schedule = Schedule(steps=self.steps, batch=32, learning_rate=self.learning_rate, shift=1)
        return segmenter(evaluation, structures, train, self.width, schedule)

    def _train_side(self, evaluation: Evaluation) -> tuple[Cohort, Structures]:
        """The train slices, and their structures. Raises InputError: anatomy cannot be judged."""
        real = evaluation.real
        if "tissue" not in real.truth:
            raise InputError("the real cohort has no ground truth 'tissue'")
        if not set(self.gland) & set(real.tissues):
            known = ", ".join(real.tissues) or "no names"
            raise InputError(f"the ground truth 'tissue' has no part of the gland but {known}; name some in `gland`")
        if why := unfit(evaluation, multiple=4):
            raise InputError(why)
        train = outlined(evaluation, self.gland)
        wanted_N = train.labels[evaluation.label] == evaluation.value
        found = min(int(wanted_N[half_N].sum()) for half_N in halves(train, evaluation))
        if found < CLEAR:
            raise InputError(
                f"needs {CLEAR} outlined train slices with the label in each half of patients, found {found}"
            )
        structures = Structures.of(train, self.gland, next(iter(evaluation.modalities.values())).shape[1:])
        if not structures.zones:
            raise InputError("no part of the gland has 1% of the picture in the train slices")
        return train, structures


_NAMES = {cause: f"malformed.{cause}" for cause in CAUSES}


def _any(broken: Mapping[str, np.ndarray]) -> np.ndarray:
    """Slices (N,) that are implausible by one cause or more."""
    found_N: np.ndarray = np.any(list(broken.values()), axis=0)
    return found_N


def _share(name: str, broken_N: np.ndarray, cohort: Cohort, of: str, evaluation: Evaluation) -> Reading:
    return Reading(
        name=name,
        value=float(broken_N.mean()),
        interval=evaluation.interval(partial(_mean, broken_N), cohort),
        better="lower",
        note=f"{len(cohort)} {of}",
    )


def _mean(broken_N: np.ndarray, chosen: np.ndarray) -> float:
    return float(broken_N[chosen].mean())
