"""The slices of the sources of a reader study, of one label value at a time."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from gankit._draws import Draws
from gankit._errors import CohortError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import area_average
from gankit.evaluation.evaluation import complete
from gankit.evaluation.target import CohortTarget, ModelTarget, Target
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import ModalitySpec


@attrs.frozen(eq=False, kw_only=True)
class Wanted:
    """What a source is asked for."""

    specs: Mapping[str, ModalitySpec]
    """Modality to the size and unit in which it is shown."""
    label: str | None
    """Label of the study; None where it has none."""
    counts: Mapping[int | None, int]
    """Value of the label to the number of slices; None where the study has no label."""
    seed: int


def made_values(target: Target, label: str) -> set[int]:
    """The values of a label that the slices of a target have or can be asked for."""
    if isinstance(target, CohortTarget):
        return {int(value) for value in np.unique(target.cohort.labels.get(label, [])) if value >= 0}
    given = {place.label: place.classes for place in target.recipe.labels().values()}
    approached = target.recipe.approached_label()
    return set(range(given[label])) if label in given else {approached[label]} if label in approached else set()


def synthetic_slices(
    name: str, target: Target, wanted: Wanted, device: str, plugins: Plugins
) -> dict[int | None, Cohort]:
    """Label value to synthetic slices of a source.

    Raises:
        InputError: there is no such device.
        CohortError: slices do not fit, or there are too few.
    """
    if isinstance(target, CohortTarget):
        return cohort_slices(target.cohort, wanted, str(target.path), f"synthetic/{name}")
    return _sampled(name, target, wanted, device, plugins)


def cohort_slices(
    cohort: Cohort, wanted: Wanted, whose: str, stream: str, remedy: str = ""
) -> dict[int | None, Cohort]:
    """Label value to slices of a cohort, from as many patients as can be.

    Args:
        cohort: the slices to draw from.
        wanted: what is asked for.
        whose: the begin of messages.
        stream: end of the name of the draw's stream.
        remedy: what else than another number the user can choose, for the message about too few slices.

    Raises:
        CohortError: slices do not fit, or there are too few.
    """
    slices = complete(cohort, wanted.specs, whose)
    drawn = {}
    for value, count in wanted.counts.items():
        indices = np.arange(len(slices)) if value is None else np.flatnonzero(slices.labels[str(wanted.label)] == value)
        if len(indices) < count:
            which = "" if value is None else f" with {wanted.label!r} = {value}"
            other = remedy if value is None else f"{remedy}, or balance by no label with `label` none"
            raise CohortError(
                f"{whose}: {len(indices)} complete slices{which}, {count} are needed; lower `count`{other}"
            )
        generator = Draws(wanted.seed).generator(f"reader/cases/{stream}/{value}")
        drawn[value] = slices.select(spread(slices.patient, indices, count, generator))
    return drawn


def spread(patient_N: np.ndarray, indices: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw ``count`` of the ``indices`` so that no patient has two more slices among them than another could give.

    Patients are taken in random order, a random slice of each, then a second slice of each, and so on.
    """
    shuffled = generator.permutation(indices)
    taken: dict[str, int] = {}
    turn = np.array([taken.setdefault(patient, -1) for patient in patient_N[shuffled]])
    for position, patient in enumerate(patient_N[shuffled]):
        taken[patient] += 1
        turn[position] = taken[patient]
    return shuffled[np.argsort(turn, kind="stable")][:count]


def lesion_masks(slices: Cohort, truth: str, size: tuple[int, int]) -> np.ndarray | None:
    """The true lesions (N, *size) bool; None where the cohort has no such ground truth, or not in a size that fits.

    A pixel is of the lesion where any of the pixels is that become one.
    """
    if truth not in slices.truth:
        return None
    mask = (np.asarray(slices.truth[truth]) > 0).astype(np.float32)[:, None]
    try:
        return area_average(mask, (1, *size), truth)[:, 0] > 0
    except CohortError:
        return None


def _sampled(name: str, target: ModelTarget, wanted: Wanted, device: str, plugins: Plugins) -> dict[int | None, Cohort]:
    """Label value to slices that a model makes."""
    from gankit.processes.device import choose_device
    from gankit.run.model import load_model

    model = load_model(target.file, choose_device(device), plugins)
    places = [place for place, label in target.recipe.labels().items() if label.label == wanted.label]
    drawn = {}
    for value, count in wanted.counts.items():
        seed = Draws(wanted.seed).torch_seed(f"reader/cases/synthetic/{name}/{value}")
        made = model.cohort(count, seed, given={} if value is None else dict.fromkeys(places, value))
        try:
            drawn[value] = complete(made, wanted.specs, name)
        except CohortError as error:
            raise CohortError(f"{name}: the model makes slices that cannot be shown: {error}") from error
    return drawn
