"""What metrics get: a candidate, and the real slices that it is compared with."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs
import numpy as np

from gankit._draws import Draws
from gankit._errors import CohortError, InputError, nearest
from gankit.cohort.cohort import Cohort, Modality
from gankit.evaluation.intervals import bootstrap
from gankit.files.rows import BLOCK, MadePiece, Rows, StoredRows, blocks
from gankit.files.user_cache import code_digest, kept_arrays
from gankit.recipe.recipe import ModalitySpec

if TYPE_CHECKING:
    from gankit.run.model import Model

Split = Literal["train", "test", "validation"]
Found = TypeVar("Found")


@attrs.frozen(eq=False, kw_only=True)
class Candidate:
    """A set of slices to judge, synthetic or real."""

    name: str
    cohort: Cohort
    """The slices: all modalities of the evaluation are present, in its size and units."""
    model: Model | None = None
    """The model that made them, for metrics of the model itself; None where there is none."""
    of_value: Callable[[int], Cohort] | None = None
    """Makes as many slices with another value of the label, where the model is given the label; else None."""
    _found: dict[Hashable, Any] = attrs.field(factory=dict, init=False, repr=False)

    def once(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """What several metrics need to know of these slices, such as where the gland is: found for the first that asks,
        and kept in memory as long as the slices are judged.

        Args:
            key: names what is found, with all that it depends on besides the slices: options, and the evaluation.
            find: called where no metric has asked with this key yet.
        """
        if key not in self._found:
            self._found[key] = find()
        found: Found = self._found[key]
        return found


@attrs.frozen(eq=False, kw_only=True)
class Evaluation:
    """The real side of an evaluation. ``evaluate`` and ``compare`` make it, and give it to metrics.

    ``real`` is the cohort that training saw, with its test split. Metrics judge nothing on its validation split; where
    settings are chosen, its slices stand as the test split of a cohort that lacks the test slices. ``fresh`` is a
    cohort of patients whom no training saw and who were not used to choose settings. The train split of ``fresh`` is
    judged as if it were synthetic, which shows the reading of a perfect synthesizer. Its test split is a large test
    set. ``external`` is a cohort of another clinic or scanner, which serves as a test as a whole.

    All cohorts have only slices with every modality, in the unit and size that ``modalities`` gives.
    """

    real: Cohort
    fresh: Cohort | None = None
    external: Cohort | None = None
    modalities: Mapping[str, ModalitySpec]
    """Modality to size, unit and range of the slices that are judged."""
    label: str
    """Name of the label that candidates should have."""
    value: int = 1
    """The value that candidates should have of it: 1 or 0, or the number of a class."""
    seed: int = 0
    """Seed of ``draws``."""
    replicates: int = 200
    """Number of draws of each bootstrap interval."""
    cache: Path
    """Folder for ``kept``."""

    def pool(self, split: Split, wanted: bool = True) -> Cohort:
        """Real slices of a split that have the label value of the candidates.

        With ``wanted=False``, slices that have another value. Slices whose label is unknown are in neither.

        Raises:
            InputError: there are none.
        """
        if (slices := self._of(self.real, split, wanted)) is None:
            sign = "=" if wanted else "other than"
            raise InputError(
                f"the real cohort has no complete {split} slice with label {self.label!r} {sign} {self.value}, which a"
                " metric needs; see 'gankit cohort info'"
            )
        return slices

    def fresh_pool(self, split: Split, wanted: bool = True) -> Cohort | None:
        """The same slices of the fresh cohort; None where there are none."""
        return None if self.fresh is None else self._of(self.fresh, split, wanted)

    def external_pool(self, wanted: bool = True) -> Cohort | None:
        """The same slices of the external cohort, of every split; None where there are none."""
        return None if self.external is None else self._of(self.external, None, wanted)

    def _of(self, cohort: Cohort, split: Split | None, wanted: bool) -> Cohort | None:
        label_N = cohort.labels[self.label]
        chosen_N = label_N == self.value if wanted else (label_N != self.value) & (label_N >= 0)
        if split is not None:
            chosen_N &= cohort.split == split
        return cohort.select(chosen_N) if chosen_N.any() else None

    def stacked(self, cohort: Cohort, *modalities: str) -> np.ndarray:
        """Modalities of a cohort, concatenated along channels.

        Args:
            cohort: a candidate's cohort or a pool of this evaluation.
            modalities: which ones; default: all.

        Returns: (N, C, *S) float32 in [-1, 1]; values outside of a modality's range are clipped to it.
        """
        names = modalities or tuple(self.modalities)
        made = np.empty((len(cohort), *self._shape(names)), np.float32)
        first = 0
        for name in names:
            end = first + self.modalities[name].shape[0]
            for place, block in blocks(cohort.modalities[name].values):
                made[place, first:end] = self.modalities[name].to_network(block).clip(-1, 1)
            first = end
        return made

    def rows(self, cohort: Cohort, *modalities: str) -> Rows:
        """The same for a cohort that may be larger than memory; see ``rows_of``."""
        return rows_of(cohort, lambda part: self.stacked(part, *modalities))

    def _shape(self, names: Iterable[str]) -> tuple[int, ...]:
        """The shape of a slice with these modalities."""
        shapes = [self.modalities[name].shape for name in names]
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def draws(self, stream: str) -> np.random.Generator:
        """A new random generator, which depends on the evaluation's seed and the name of the stream alone."""
        return Draws(self.seed).generator(f"evaluation/{stream}")

    def interval(self, statistic: Callable[..., float], *samples: Cohort) -> tuple[float, float]:
        """The 95% bootstrap interval of a statistic of one or more samples, by drawing patients; see ``bootstrap``.

        ``statistic`` is called with one array of indices for each sample.
        """
        return bootstrap(
            statistic,
            *[sample.patient for sample in samples],
            replicates=self.replicates,
            generator=self.draws("bootstrap"),
        )

    def kept(
        self, what: str, depends: Mapping[str, Any], make: Callable[[], dict[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """Arrays that are made once for this real side and kept in the cache, such as a trained extractor's weights.

        Args:
            what: name of the file, in letters, digits and dashes.
            depends: what else the arrays depend on, as JSON. The real slices, their ground truth, sizes, ranges, label,
                seed, the versions of gankit, numpy and torch and the sources of the package of ``make`` need not be
                named.
            make: makes the arrays by name; called where the cache has none. Where it has no package, as in a notebook,
                nothing is kept.

        Raises:
            RunError: the cache cannot be written.
        """
        if (code := code_digest(make)) is None:
            return make()
        sizes = [[name, attrs.asdict(spec)] for name, spec in self.modalities.items()]
        known = [version("gankit"), code, self.digest, sizes, self.label, self.value, self.seed]
        return kept_arrays(self.cache, what, {"known": known, "depends": depends}, make)

    digest: str = attrs.field(init=False)
    """Digest of the real slices and their ground truth."""

    @digest.default
    def _digest(self) -> str:
        digest = hashlib.blake2b(self.real.digest().encode(), digest_size=16)
        for name, values in self.real.truth.items():
            digest.update(f"{name} {values.shape}".encode())
            for _, block in blocks(values):
                digest.update(block.tobytes())
        return digest.hexdigest()


LARGEST = 1_000_000_000
"""Bytes up to which ``rows_of`` makes all rows at once."""


def rows_of(cohort: Cohort, make: Callable[[Cohort], np.ndarray]) -> Rows:
    """What a function makes of each slice of a cohort, which may be larger than memory.

    Args:
        cohort: N slices.
        make: gives an array (n, ...) for n of them, whose rows each depend on one slice alone.

    Returns: (N, ...). Where images are still in their files and the rows would take more than 10^9 bytes, these are
        ``StoredRows``, made whenever they are read. Else they are an array, made of some 10^7 bytes of the cohort at a
        time.
    """
    first = make(cohort.select(slice(1)))
    shape = (len(cohort), *first.shape[1:])
    if math.prod(shape) * first.dtype.itemsize > LARGEST and _in_files(cohort):
        return StoredRows([MadePiece(shape, first.dtype, lambda rows: make(cohort.select(rows)))])
    made = np.empty(shape, first.dtype)
    for place, part in parts_of(cohort):
        made[place] = make(part)
    return made


def parts_of(cohort: Cohort) -> Iterator[tuple[slice, Cohort]]:
    """Yield consecutive slices of a cohort, some 10^7 bytes of them at a time but at least one, and where they are."""
    at_once = max(1, BLOCK // sum(math.prod(each.shape[1:]) * each.dtype.itemsize for each in _arrays(cohort)))
    for start in range(0, len(cohort), at_once):
        place = slice(start, min(start + at_once, len(cohort)))
        yield place, cohort.select(place)


def _in_files(cohort: Cohort) -> bool:
    return any(isinstance(each, StoredRows) for each in _arrays(cohort))


def _arrays(cohort: Cohort) -> list[Rows]:
    """Images and ground truth."""
    return [*(modality.values for modality in cohort.modalities.values()), *cohort.truth.values()]


def complete(cohort: Cohort, modalities: Mapping[str, ModalitySpec], whose: str) -> Cohort:
    """The slices of a cohort that have every modality, averaged down to the size at which they are judged.

    Args:
        cohort: real or synthetic slices.
        modalities: modality to its size and unit; the result has these alone.
        whose: the begin of messages, as in ``"the real cohort"``.

    Raises:
        CohortError: a modality is missing, in another unit or of another size, or no slice has them all.
    """
    from gankit.cohort.fit import averaged_rows

    # Which slices have all modalities?
    present_N = np.ones(len(cohort), dtype=bool)
    for name, spec in modalities.items():
        if name not in cohort.modalities:
            known = ", ".join(cohort.modalities)
            raise CohortError(f"{whose}: no modality {name!r}{nearest(name, cohort.modalities)}; it has {known}")
        if (unit := cohort.modalities[name].unit) != spec.unit:
            raise CohortError(f"{whose}: {name} is in {unit!r}, wanted {spec.unit!r}; convert its values")
        present_N &= cohort.modalities[name].present
    if not present_N.any():
        raise CohortError(f"{whose}: no slice has every one of {', '.join(modalities)}")

    # Bring them to one size.
    chosen = cohort.select(present_N)
    try:
        averaged = {
            name: Modality(
                values=averaged_rows(chosen.modalities[name].values, spec.shape, name),
                unit=spec.unit,
                present=np.ones(len(chosen), dtype=bool),
            )
            for name, spec in modalities.items()
        }
    except CohortError as error:
        raise CohortError(f"{whose}: {error}") from error
    return attrs.evolve(chosen, modalities=averaged)
