"""Cohort files as the source of a recipe, and the import of plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gankit import Registry, hookimpl

if TYPE_CHECKING:
    from gankit import Cohort


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("cohort", "file", "gankit_arrays.source:CohortFile")


@hookimpl
def commands() -> Mapping[str, str]:
    return {"import arrays": "gankit_arrays.command:arrays"}


@hookimpl
def importers() -> Mapping[str, str]:
    return {"arrays": "gankit_arrays:import_arrays"}


def import_arrays(
    file: str | Path,
    *,
    modality: Mapping[str, str],
    patient: str,
    label: Mapping[str, str] = {},
    truth: Mapping[str, str] = {},
    unit: Mapping[str, str] = {},
    channels: Mapping[str, str] = {},
    present: Mapping[str, str] = {},
    spacing: str | None = None,
    slice_spacing: str | None = None,
    split: str | None = None,
    test_fraction: float | None = None,
    validation_fraction: float = 0.0,
    seed: int | None = None,
    out: str | Path | None = None,
) -> Cohort:
    """Make a cohort from a .npz of arrays that are aligned along their first axis, the slices (N).

    Names on the left of a mapping are the cohort's, those on the right are arrays of the file::

        gankit.imports.arrays("pairs.npz", modality={"adc": "adc"}, label={"cs": "is_cs"}, patient="patient_id")

    Args:
        file: the .npz; arrays of Python objects are refused.
        modality: name to array: signals (N, L), images (N, H, W) or volumes (N, D, H, W), with channels or without.
        patient: array of patient ids (N,), texts or numbers; 1.0 is read as 1, and no slice may be without one.
        label: name to array (N,): 1 or true yes, 0 or false no, or the number of a class up to 127; negative or NaN
            unknown.
        truth: name to array (N, *S) of ground truth, 0 or the number of a structure up to 255, as masks of lesions.
        unit: modality to the unit of its values, which are not converted; default: 1e-6 mm2/s for adc, 1 (arbitrary)
            for others.
        channels: modality to where its axis of channels is: "none", "first" or "last". Needed where the shape alone
            does not tell, as for volumes (N, D, H, W); see ``gankit.Modality.of``.
        present: modality to array (N,): whether the slice has it; default: where it is not wholly NaN.
        spacing: array (N,) of pixel spacings in mm.
        slice_spacing: array (N,) of distances of neighbouring planes in mm, for volumes.
        split: array (N,) of "train", "test" and, where settings are to be chosen on patients of their own,
            "validation"; default: drawn by patient, stratified by the first label.
        test_fraction: share of patients in the test split that is drawn, at least 0 and below 1; default: 0.2. With
            ``split`` neither fraction is accepted.
        validation_fraction: the same of the validation split; the test patients do not depend on it.
        seed: of the split that is drawn; default: 0. With ``split`` it is not accepted.
        out: cohort file to write, ending with .safetensors, or folder of shards, ending with .shards; default: none.

    Returns: the cohort. Ids of patients are as they are in the file, without blanks around them.

    Raises:
        InputError: a parameter cannot be used.
        CohortError: the file cannot be read, lacks an array, or the arrays do not fit together.
        RunError: ``out`` cannot be written.
    """
    from gankit import InputError, asked_fractions, refuse_other_cohort, require_cohort_name, write_cohort
    from gankit_arrays._arrays import MAKER, Names, read_arrays

    fractions = asked_fractions(test_fraction, validation_fraction, split)
    if split is not None and seed is not None:
        raise InputError(f"`seed` {seed}: `split` {split} draws nothing; leave one of them out")
    if out is not None:
        require_cohort_name(Path(out))
    names = Names(
        modality=modality,
        unit=unit,
        channels=channels,
        present=present,
        label=label,
        truth=truth,
        patient=patient,
        spacing=spacing,
        slice_spacing=slice_spacing,
        split=split,
    )
    if out is not None:
        refuse_other_cohort(out, MAKER)
    cohort = read_arrays(Path(file), names, fractions, seed or 0)
    if out is not None:
        write_cohort(cohort, out)
    return cohort
