"""The check of metrics passes on those that we ship, and finds what is planted."""

import attrs
import pytest

from gankit import Candidate, Evaluation, load_model, load_plugins
from gankit.plugin.components import AbstractMetric
from gankit.testing import check_metric
from tests.testing.planted_metrics import SEEN, Metric

REGISTRY = load_plugins().registry
QUICK = {"width": 2, "steps": 3, "hidden": 4}


def quick(name):
    """The metric, its networks as small as they get."""
    metric = REGISTRY.find(name, AbstractMetric.kind)
    return metric(**{option: value for option, value in QUICK.items() if option in attrs.fields_dict(metric)})


@pytest.mark.parametrize("name", [entry.name for entry in REGISTRY.entries(AbstractMetric.kind)])
def test_every_metric_keeps_its_promises(name, monkeypatch):
    """Each registered metric passes on candidates without a model; features are learnt in moments."""
    monkeypatch.setattr("gankit_metrics._extractor._STEPS", 5)
    check_metric(quick(name))


def test_a_metric_of_the_model_keeps_its_promises_on_one(trained, tiny_cohort, tmp_path):
    """Beside the model, what is measured can be given: here lesions survive, or not, in reconstructions."""
    model = load_model(trained)
    lesion = (tiny_cohort.modalities["adc"].values[:, 0] < 1000) & (tiny_cohort.labels["cs"] == 1)[:, None, None]
    real = attrs.evolve(tiny_cohort, truth={"lesion": lesion.astype("uint8")})
    evaluation = Evaluation(
        real=real, modalities=model.recipe.modalities, label="cs", replicates=20, cache=tmp_path / "unused"
    )
    candidate = Candidate(name="model", cohort=model.cohort(12), model=model)
    check_metric(quick("lesion-contrast"), candidate, evaluation)
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("absent file", "names no/such/weights.pt, which is not there"),
        ("file as text", "is no tuple of paths"),
        ("outside of its range", r"'mean' has value -?0\.\d+, but its metric's `ranges` say \(5.0, 6.0\)"),
        ("range turned round", r"has \(1.0, -1.0\) for 'mean'; a range is \(lowest, highest\)"),
        ("draws", "draws from a global random generator"),
        ("writes into candidates", "writes into the candidate"),
        ("writes into truth", "writes into the real slices"),
        ("unseeded training", "'mean' differs when the same is measured again from an empty cache"),
        ("memory", "'mean' differs when the same is measured again after another candidate"),
        ("no readings", "returns no reading"),
        ("twice", "returns reading 'mean' twice"),
        ("needs truth", r"measures \(without ground truth\): KeyError"),
        ("needs fresh patients", r"measures \(without fresh patients\): TypeError"),
        ("needs a test", r"measures \(without a test\): InputError"),
        ("needs two modalities", r"measures \(of one modality\): KeyError"),
        ("needs many slices", r"measures \(of three slices\): LinAlgError"),
        ("needs large slices", r"measures \(of four pixels a side\): IndexError"),
        ("needs contrast", r"measures \(of one value everywhere\): ZeroDivisionError"),
    ],
)
def test_a_planted_defect_of_a_metric_is_found(plant, found):
    """The message is one line that says what is wrong."""
    SEEN.clear()
    with pytest.raises(AssertionError, match=rf"^Metric(\.files|\.ranges)?: .*{found}"):
        check_metric(Metric(plant=plant))


@pytest.mark.parametrize(
    "plant",
    ["not finite", "no note", "text", "another way", "no name", "interval elsewhere", "interval turned round"],
)
def test_a_reading_that_is_none_is_found(plant):
    """Whether the reading can be made at all or not."""
    with pytest.raises(AssertionError, match=r"^Metric: (reading '|breaks the promise that it measures)"):
        check_metric(Metric(plant=plant))


def test_without_a_defect_the_same_metric_passes():
    """What the check finds is the plant, not what it is planted in."""
    check_metric(Metric())
