"""The check of cohort sources passes on those that we ship, and finds what is planted."""

import pytest

from gankit import AbstractCohortSource, load_plugins, write_cohort
from gankit.testing import check_cohort_source
from tests.testing.planted_cohorts import Source, sound

REGISTRY = load_plugins().registry
FEW = dict.fromkeys(("patients_cs", "patients_noncs", "train_cs", "train_noncs", "test_cs", "test_noncs"), 2)
OPTIONS = {"phantom": {"size": 32, **FEW}, "file": {"path": "cohort.safetensors"}}


@pytest.mark.parametrize("name", [entry.name for entry in REGISTRY.entries(AbstractCohortSource.kind)])
def test_every_cohort_source_keeps_its_promises(name, tmp_path, monkeypatch):
    """Each registered source passes, with few and small slices."""
    monkeypatch.chdir(tmp_path)
    write_cohort(sound("p", seed=0), "cohort.safetensors")
    check_cohort_source(REGISTRY.find(name, AbstractCohortSource.kind)(**OPTIONS[name]))


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("draws", "load: draws from a global random generator"),
        ("python draws", "load: draws from a global random generator"),
        ("other images", "load: gives another cohort when called again: modality 'adc' differs"),
        ("other truth", "load: gives another cohort when called again: truth 'tissue' differs"),
        ("other source", "load: gives another cohort when called again: source differs"),
        ("float64", "load: values of modality 'adc' is float64, not float32"),
        (
            "presence as numbers",
            "load: breaks the promise that it returns a cohort: .* presence of 'adc' must be truth",
        ),
        ("long labels", "load: label 'cs' is int64, not int8"),
        ("no unit", "load: modality 'adc' has no unit"),
        ("filled where absent", "load: modality 't2w' is not zero where it is absent"),
        ("not finite", "load: breaks the promise that it returns a cohort: CohortError: .* NaN or infinite"),
        ("a patient in two splits", "load: breaks the promise that it returns a cohort: CohortError: .* one split"),
        ("truth of another size", r"load: truth 'tissue' is \(3, 4\) in space, as no modality is"),
        ("unnamed tissue", "load: truth 'tissue' has value 2, but tissues names 2"),
        ("no size", "load: spacing_mm is not positive"),
        ("no source", "load: source is empty"),
        ("fresh: known patients", "fresh: has 4 patients of load, the first is 'p0'"),
        ("fresh: known images", "fresh: has 8 images of load in modality 'adc'"),
        ("fresh: draws", "fresh: draws from a global random generator"),
        ("fresh: other images", "fresh: gives another cohort when called again"),
        ("fresh: no source", "fresh: source is empty"),
        ("fresh: other unit", "fresh: has units .*, load has"),
        ("fresh: other size", "fresh: has sizes .*, load has"),
        ("fresh: other label", "fresh: has labels .*, load has"),
        ("fresh: synthetic", "fresh: is marked synthetic"),
    ],
)
def test_a_planted_defect_of_a_cohort_source_is_found(plant, found):
    """The message is one line that says what is wrong."""
    with pytest.raises(AssertionError, match=rf"^Source\.{found}"):
        check_cohort_source(Source(plant=plant))


def test_without_a_defect_the_same_source_passes():
    """What the check finds is the plant, not what it is planted in."""
    check_cohort_source(Source())
