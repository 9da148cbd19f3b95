"""What can be judged: candidates that do not fit are refused before any work."""

import shutil

import attrs
import numpy as np
import pytest
import tomli_w

from gankit import CohortError, FileWarning, InputError, Modality, train, write_cohort
from gankit.recipe.structure import to_document
from tests.damage import rewrite_arrays
from tests.evaluation.small import written
from tests.toy import MEASURED

REFUSED = {
    "a candidate without a modality": (
        lambda c: {"modalities": {"adc": c.modalities["adc"], "dwi": c.modalities["t2w"]}, "synthetic": True},
        "has modality 'dwi', the real cohort has adc, t2w",
    ),
    "a candidate in another unit": (
        lambda c: {"modalities": c.modalities | {"adc": Modality.of(c.modalities["adc"].values, "mm2/s")}},
        "adc is in 'mm2/s', wanted '1e-6 mm2/s'",
    ),
    "a candidate that is larger": (
        lambda c: {
            "modalities": {name: Modality.of(np.zeros((24, 32, 32)), m.unit) for name, m in c.modalities.items()},
            "synthetic": True,
        },
        "the real cohort: modalities.adc.shape: the cohort's slices are 1 x 16 x 16, wanted are 1 x 32 x 32",
    ),
    "a candidate whose modalities differ in size": (
        lambda c: {
            "modalities": c.modalities | {"adc": Modality.of(np.zeros((24, 8, 8)), "1e-6 mm2/s")},
            "synthetic": True,
        },
        "judged together at one size, found adc 1 x 8 x 8, t2w 1 x 16 x 16; choose those of one size with `modalities`",
    ),
    "a real candidate without the label": (lambda c: {"labels": {}}, "no label 'cs'; it has none"),
    "a real candidate without slices of the label": (
        lambda c: {"labels": {"cs": 0 * c.labels["cs"]}},
        "none of its 18 complete slices is with label 'cs' = 1",
    ),
    "a real candidate with test patients in training": (
        lambda c: {"split": np.full(24, "train")},
        "1 of its train patients are in the test split of the real or the fresh cohort, the first is 'p6'",
    ),
    "a candidate of too few slices": (lambda c: {"synthetic": True}, "12 slices can be judged, 3 disjoint sets of 12"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_candidate_that_does_not_fit_is_refused_before_work(what, judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """One line that says what was found."""
    changes, message = REFUSED[what]
    candidate = written(tiny_cohort, tmp_path / "candidate.safetensors", **changes(tiny_cohort))
    with pytest.raises(InputError, match=message) as caught:
        judge(candidate, cohort=tiny_cohort_file)
    assert "\n" not in str(caught.value)
    assert MEASURED == []
    assert not (tmp_path / "out").exists()


def test_too_few_volumes_are_called_volumes(judge, tiny_cohort, tmp_path):
    """Slices of one plane, as volumes."""
    modalities = {name: attrs.evolve(m, values=m.values[:, :, None]) for name, m in tiny_cohort.modalities.items()}
    real = written(tiny_cohort, tmp_path / "real.safetensors", modalities=modalities)
    candidate = written(tiny_cohort, tmp_path / "made.safetensors", modalities=modalities, synthetic=True)
    with pytest.raises(InputError, match="12 volumes can be judged, 3 disjoint sets of 12"):
        judge(candidate, cohort=real)


def test_a_real_cohort_whose_test_slices_a_model_was_trained_on_is_refused(judge, trained, tiny_cohort, tmp_path):
    """Its train and test exchanged; names of patients are no help where another import gave others."""
    swapped = np.where(tiny_cohort.split == "train", "test", "train")
    renamed = np.char.add("other-", tiny_cohort.patient)
    real = written(tiny_cohort, tmp_path / "swapped.safetensors", split=swapped, patient=renamed)
    with pytest.raises(InputError, match="was trained on 18 test slices of the real cohort, the first of patient"):
        judge(trained, cohort=real)
    assert MEASURED == []


def test_where_the_training_cohort_is_gone_the_row_says_what_was_not_looked_at(
    judge, plugins, tiny_recipe, tiny_cohort, tiny_cohort_file, tmp_path
):
    """A model that somebody else trained can be judged on one's own patients."""
    recipe = tiny_recipe(**{"training.steps": 2, "cohort.path": "gone.safetensors"})
    run = train(recipe, tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    note = judge(run.path, cohort=tiny_cohort_file).row("run").note
    assert note == "its training cohort is not at hand: whether test slices are in it is unknown"


def test_a_recipes_cohort_is_looked_through_as_a_file_is(judge, trained, plugins, tiny_recipe, tiny_cohort, tmp_path):
    """``--recipe`` names another real side as well as ``--cohort`` does."""
    swapped = np.where(tiny_cohort.split == "train", "test", "train")
    file = written(tiny_cohort, tmp_path / "swapped.safetensors", split=swapped)
    other = tmp_path / "other.toml"
    other.write_text(tomli_w.dumps(to_document(tiny_recipe(**{"cohort.path": str(file)}), plugins.registry)))
    with pytest.raises(InputError, match="was trained on 18 test slices of the real cohort"):
        judge(trained, recipe=str(other))


def test_a_model_whose_pools_hold_test_slices_is_refused(judge, plugins, tiny_recipe, tiny_cohort, tmp_path):
    """A recipe may train on everything, but is not judged on it then."""
    recipe = tiny_recipe(**{"training.steps": 2, "pools.cs.split": "all"})
    run = train(recipe, tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    with pytest.raises(InputError, match="was trained on 3 test slices of the real cohort"):
        judge(run.path)


def test_a_cohort_that_has_changed_since_training_is_said_in_the_row(
    judge, plugins, tiny_recipe, tiny_cohort, tmp_path
):
    """Imported anew, its test slices may be what the run was trained on."""
    file = written(tiny_cohort, tmp_path / "cohort.safetensors")
    recipe = tiny_recipe(**{"training.steps": 2, "cohort.path": str(file)})
    run = train(recipe, tmp_path / "run", plugins=plugins, quiet=True)
    assert judge(run.path).row("run").note == ""
    written(tiny_cohort, file, split=np.where(tiny_cohort.split == "train", "test", "train"))
    assert judge(run.path).row("run").note.startswith("its cohort has changed since it was trained")


def test_real_candidates_of_fresh_test_patients_are_refused(judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """They would be judged on themselves."""
    others = np.char.add("f", tiny_cohort.patient)
    fresh = written(tiny_cohort, tmp_path / "fresh.safetensors", patient=others)
    tested = others[tiny_cohort.split == "test"]
    split = np.where(np.isin(others, tested), "train", "test")
    candidates = written(tiny_cohort, tmp_path / "candidates.safetensors", patient=others, split=split)
    with pytest.raises(InputError, match="train patients are in the test split of the real or the fresh cohort"):
        judge(candidates, cohort=tiny_cohort_file, fresh=fresh, sets=None, per_set=None)


def test_a_model_of_another_label_is_refused(judge, trained):
    """It makes slices with cancer."""
    with pytest.raises(InputError, match="its recipe makes slices with 'cs' = 1, asked for are slices with 'cs' = 0"):
        judge(trained, label="cs=0")


def test_modalities_that_are_not_judged_may_be_others(judge, tiny_cohort, tmp_path):
    """A candidate may have one that the real cohort lacks, or has on no slice."""
    adc, t2w = (tiny_cohort.modalities[name] for name in ("adc", "t2w"))
    absent = attrs.evolve(adc, present=np.zeros(len(tiny_cohort), dtype=bool))
    write_cohort(
        attrs.evolve(tiny_cohort, modalities={"adc": adc, "t2w": t2w, "dce": t2w}), tmp_path / "own.safetensors"
    )
    write_cohort(attrs.evolve(tiny_cohort, modalities={"adc": absent, "t2w": t2w}), tmp_path / "real.safetensors")
    asked = {"cohort": tmp_path / "real.safetensors"}
    with pytest.raises(CohortError, match="has modality 'adc', which no slice of the real cohort has; choose those to"):
        judge(tmp_path / "own.safetensors", **asked)
    with pytest.raises(CohortError, match="has modality 'dce', the real cohort has adc, t2w"):
        judge(tmp_path / "own.safetensors", modalities=("t2w", "dce"), **asked)
    document = judge(tmp_path / "own.safetensors", modalities=("t2w",), sets=None, per_set=None, **asked)
    assert list(document.settings.modalities) == ["t2w"]


def test_nan_images_are_refused(judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """A cohort that a later program has spoilt is named with its slice."""
    shutil.copy(tiny_cohort_file, tmp_path / "nan.safetensors")
    rewrite_arrays(tmp_path / "nan.safetensors", lambda arrays, header: arrays["modality.adc"][3].fill(np.nan))
    with (
        pytest.warns(FileWarning, match=r"nan\.safetensors: has no digest"),
        pytest.raises(
            InputError, match=r"nan\.safetensors: .*'adc' has NaN or infinite values in 1 slices, the first is slice 3"
        ),
    ):
        judge(tmp_path / "nan.safetensors", cohort=tiny_cohort_file)
