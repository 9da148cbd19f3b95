"""The cases of a reader study: as many real as synthetic slices, with each value of a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from gankit._errors import CohortError, InputError, nearest
from gankit._shapes import shape_text
from gankit.cohort.channels import shown_channel
from gankit.cohort.cohort import Cohort
from gankit.evaluation.real_side import chosen_modalities
from gankit.evaluation.target import Target
from gankit.plugin.plugins import Plugins
from gankit.reader.design import ReaderDesign
from gankit.reader.key import Case, Shown, Source, packed
from gankit.reader.slices import Wanted, cohort_slices, lesion_masks, made_values, synthetic_slices
from gankit.recipe.recipe import ModalitySpec

NO_LABEL = "none"
"""In the place of a label: balance by none."""
WINDOW = (0.5, 99.5)
"""Percentiles of the values of all cases together that are black and white at first."""


@attrs.frozen(eq=False, kw_only=True)
class Cases:
    """Cases with their images, those of one source after those of another."""

    modalities: dict[str, Shown]
    label: str | None
    sources: tuple[Source, ...]
    cases: tuple[Case, ...]
    images: dict[str, np.ndarray]
    """Modality to (cases, rows, columns) in its unit."""


def make_cases(
    real: Cohort, source: Source, targets: Mapping[str, Target], design: ReaderDesign, truth: str, plugins: Plugins
) -> Cases:
    """Draw the cases of a study.

    Args:
        real: the real cohort.
        source: the real source.
        targets: name of each source of synthetic slices to what gives them.
        design: counts, label, split, modalities and seed.
        truth: name of the ground truth of lesions.
        plugins: what is installed.

    Raises:
        InputError: there are too few cases for the sources and labels, or modalities cannot be shown.
        CohortError: slices do not fit, or there are too few.
    """
    # How many of what
    specs = _common(targets, real, design.modalities)
    label = _label(design.label, targets, real)
    counts = _counts(design.count, _makers(label, targets, real))

    # The slices of each source, real ones first
    totals = {value: sum(each.values()) for value, each in counts.items()}
    wanted = Wanted(specs=specs, label=label, counts=totals, seed=design.seed)
    drawn = [(source, _real_slices(real, wanted, design.split))]
    for name, target in targets.items():
        own = attrs.evolve(wanted, counts={value: each[name] for value, each in counts.items() if name in each})
        made = synthetic_slices(name, target, own, design.device, plugins)
        _refuse_shared(name, made, drawn[0][1])
        drawn.append((Source(name=name, origin="synthetic", path=str(target.path), about=_about(made)), made))

    # All of them in one list
    parts = [(each, value, slices) for each, by_value in drawn for value, slices in by_value.items()]
    size = _size(next(iter(specs.values())))
    images = {
        name: np.concatenate([slices.modalities[name].values[:, shown_channel(spec.shape[0])] for *_, slices in parts])
        for name, spec in specs.items()
    }
    return Cases(
        modalities={name: _shown(spec, images[name]) for name, spec in specs.items()},
        label=label,
        sources=tuple(each for each, _ in drawn),
        cases=tuple(case for part in parts for case in _cases(*part, truth, size)),
        images=images,
    )


def _real_slices(real: Cohort, wanted: Wanted, split: str) -> dict[int | None, Cohort]:
    """Label value to real slices of a split. Raises CohortError: there are too few."""
    if split == "all":
        return cohort_slices(real, wanted, "the real cohort", "real")
    if split not in real.split:
        raise CohortError(f"the real cohort has no slice in split {split!r}; choose another `split`")
    of_split = real.select(real.split == split)
    return cohort_slices(of_split, wanted, f"the real cohort, split {split}", "real", ", or give `split` all")


def _cases(source: Source, value: int | None, slices: Cohort, truth: str, size: tuple[int, int]) -> list[Case]:
    masks = lesion_masks(slices, truth, size)
    return [
        Case(
            source=source.name,
            origin=source.origin,
            label=value,
            patient=f"{source.name}/{patient}",
            lesion="" if masks is None else packed(masks[index]),
        )
        for index, patient in enumerate(slices.patient)
    ]


def _about(made: Mapping[int | None, Cohort]) -> str:
    """Where synthetic slices came from, in one sentence."""
    return "; ".join(dict.fromkeys(slices.source for slices in made.values()))


def _refuse_shared(name: str, made: Mapping[int | None, Cohort], real: Mapping[int | None, Cohort]) -> None:
    """Raise CohortError where a source that is not marked synthetic has patients of the real cases."""
    ours = {str(patient) for slices in real.values() for patient in slices.patient}
    theirs = {str(patient) for slices in made.values() if not slices.synthetic for patient in slices.patient}
    if shared := sorted(ours & theirs):
        raise CohortError(
            f"{name}: is not marked synthetic and shares {len(shared)} patients with the real cases, the first is"
            f" '{shared[0]}'; give other slices, or another `split`"
        )


# What all sources have in common --------------------------------------------------------------------------


def _common(targets: Mapping[str, Target], real: Cohort, names: Sequence[str]) -> dict[str, ModalitySpec]:
    """The modalities that every source has, each at the smallest of their sizes.

    Raises:
        InputError: there is none, one is no picture with a single channel, or sizes differ.
    """
    if unknown := next((name for name in names if name not in real.modalities), None):
        known = f"{nearest(unknown, real.modalities)}; known: {', '.join(real.modalities)}"
        raise InputError(f"`modalities` {unknown}: no such modality{known}")
    offered = [target.modalities(None, real, names) for target in targets.values()]
    common = [name for name in offered[0] if all(name in specs for specs in offered)]
    if not common:
        listed = "; ".join(f"{name} has {', '.join(specs)}" for name, specs in zip(targets, offered, strict=True))
        raise InputError(f"every source of synthetic slices must have a modality in common: {listed}")
    smallest = {name: min((specs[name] for specs in offered), key=lambda spec: spec.shape) for name in common}
    chosen = chosen_modalities(smallest, names)
    for name, spec in chosen.items():
        if len(spec.shape) != 3 or spec.shape[0] != 1:
            raise InputError(
                f"{name} is {shape_text(spec.shape)}; a page shows slices of one channel with two axes; choose others"
                " with `modalities`"
            )
    if len({spec.shape for spec in chosen.values()}) > 1:
        sizes = ", ".join(f"{name} {shape_text(spec.shape)}" for name, spec in chosen.items())
        raise InputError(f"modalities are shown side by side at one size, found {sizes}; choose with `modalities`")
    return chosen


def _shown(spec: ModalitySpec, images_NHW: np.ndarray) -> Shown:
    """How a modality is shown. Where the recipe has no window, it is where the middle of the values of all cases is."""
    low, high = (float(end) for end in np.percentile(images_NHW.clip(*spec.range), WINDOW))
    window = spec.window or ((low, high) if high > low else spec.range)
    return Shown(unit=spec.unit, size=_size(spec), range=spec.range, window=window)


def _size(spec: ModalitySpec) -> tuple[int, int]:
    return spec.shape[1], spec.shape[2]


def _label(asked: str | None, targets: Mapping[str, Target], real: Cohort) -> str | None:
    """The label by which cases are balanced: the one that is asked for, else the first that every source has; None for
    none.

    Raises:
        CohortError: the real cohort lacks the label that is asked for.
        InputError: a source of synthetic slices lacks it.
    """
    if asked is None:
        return next(
            (label for label in real.labels if all(made_values(each, label) for each in targets.values())), None
        )
    if asked == NO_LABEL and asked not in real.labels:
        return None
    if asked not in real.labels:
        known = ", ".join(real.labels) or "none"
        raise CohortError(
            f"`label` {asked}: the real cohort has no such label{nearest(asked, real.labels)}; it has {known}"
        )
    for name, target in targets.items():
        if not made_values(target, asked):
            raise InputError(f"`label` {asked}: slices of {name} have no such label; leave it or `label` out")
    return asked


def _makers(label: str | None, targets: Mapping[str, Target], real: Cohort) -> dict[int | None, list[str]]:
    """Label value that the real cohort has, too, to the names of the sources that make it; None without a label.

    Raises:
        InputError: a source makes no value that the real cohort has.
    """
    if label is None:
        return {None: list(targets)}
    values = sorted(set(map(int, np.unique(real.labels[label]))) - {-1})
    made = {name: made_values(target, label).intersection(values) for name, target in targets.items()}
    if lacking := [name for name, each in made.items() if not each]:
        raise InputError(
            f"{lacking[0]}: its slices have no value of label {label!r} that real slices have, which are"
            f" {', '.join(map(str, values)) or 'none'}; leave it out, or balance by another `label`"
        )
    makers = {value: [name for name, each in made.items() if value in each] for value in values}
    return {value: names for value, names in makers.items() if names}


def _counts(count: int, makers: Mapping[int | None, Sequence[str]]) -> dict[int | None, dict[str, int]]:
    """Label value to the number of synthetic cases of each source, half of ``count`` in all, as even as can be.

    Raises:
        InputError: a source would have no case of a value that it makes.
    """
    if count < (least := 2 * len(makers) * max(map(len, makers.values()))):
        raise InputError(
            f"`count` {count}: too few cases; as many real as synthetic ones, from every source with every value of the"
            f" label, are {least} at least"
        )
    shares = _evenly(count // 2, len(makers), 0)
    return {
        value: dict(zip(names, _evenly(share, len(names), turn), strict=True))
        for turn, ((value, names), share) in enumerate(zip(makers.items(), shares, strict=True))
    }


def _evenly(count: int, parts: int, turn: int) -> list[int]:
    """``count`` in parts that differ by one at most; the larger parts begin at ``turn``."""
    return [count // parts + ((part - turn) % parts < count % parts) for part in range(parts)]
