"""``utility``: what slices are worth to a classifier, on slices of which that is known."""

from functools import cache

import attrs
import numpy as np
import pytest
import torch

from gankit import Candidate, Cohort, InputError, Judging, Modality, evaluate
from gankit.testing import check_metric
from gankit_metrics import _utility_training
from gankit_metrics._utility_figures import Figure, RealCurve, increasing, patients_for, sensitivities
from gankit_metrics._utility_patients import Patients
from gankit_metrics._utility_training import Slices
from gankit_metrics._varied import varied
from gankit_metrics.utility import Utility
from tests.evaluation.small import written

QUICK = Utility(shares=(25, 100), repeats=2, steps=120)


@pytest.fixture(scope="module")
def first_alone(evaluation):
    """Of the first modality, with enough draws for intervals."""
    name, spec = next(iter(evaluation.modalities.items()))
    return attrs.evolve(evaluation, modalities={name: spec}, replicates=100)


def read(candidate, evaluation, metric=QUICK):
    candidate = candidate if isinstance(candidate, Candidate) else Candidate(name="control", cohort=candidate)
    return {reading.name: reading for reading in metric.measure(candidate, evaluation)}


# Controls -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def read_control(controls, first_alone):
    """``read_control(name)``: readings of slices of which it is known what they are worth."""
    subset = Patients.of(first_alone).subset(25, 0, first_alone)
    generator = np.random.default_rng(0)

    def noise(value=1):
        cohort = controls["right" if value else "without the label"]
        values = {
            name: attrs.evolve(modality, values=generator.uniform(0, 3000, modality.values.shape).astype(np.float32))
            for name, modality in cohort.modalities.items()
        }
        return attrs.evolve(cohort, modalities=values)

    candidates = {
        "fresh real": Candidate(
            name="fresh", cohort=controls["right"], of_value=lambda value: controls["without the label"]
        ),
        "copies": Candidate(name="copies", cohort=first_alone.pool("train")),
        "copies of a quarter": Candidate(name="copies", cohort=subset.wanted),
        "noise": Candidate(name="noise", cohort=noise(), of_value=noise),
    }
    metrics = {"copies of a quarter": attrs.evolve(QUICK, repeats=1)}
    return cache(lambda name: read(candidates[name], first_alone, metrics.get(name, QUICK)))


def test_fresh_real_slices_of_both_classes_reach_the_curve_of_more_patients(read_control):
    """The known upper bound: with them a quarter of the patients is as good as all, or better."""
    found = read_control("fresh real")
    assert found["fresh.added.25.gain"].interval[0] > 0.02
    assert found["fresh.added.25.auc"].value > found["fresh.alone.100.auc"].value - 0.02
    more = found["fresh.added.25.patients"]
    assert more.value is None or more.value > 40
    assert more.value is not None or more.note.startswith("more than 80; beyond the curve of 27 to 107 patients")


@pytest.mark.parametrize(("control", "share"), [("noise", 25), ("noise", 100), ("copies", 100)])
def test_noise_and_copies_are_worth_nothing(read_control, control, share):
    """The interval of the gain has 0 or lies below it."""
    assert read_control(control)[f"fresh.added.{share}.gain"].interval[0] <= 0


def test_copies_of_the_very_patients_of_a_share_are_worth_nothing(read_control):
    """Copies of others' slices would bring what those others have."""
    assert read_control("copies of a quarter")["fresh.added.25.gain"].interval[0] <= 0


def test_real_slices_alone_do_better_with_more_patients(read_control):
    """The curve that gains are read from; it is the same whatever is added."""
    found = read_control("noise")
    assert found["fresh.alone.100.auc"].value > found["fresh.alone.25.auc"].value + 0.02
    for name, reading in found.items():
        if ".alone." in name or ".augmented." in name:
            assert reading == read_control("copies")[name]


def test_every_figure_has_its_value_within_its_interval(read_control):
    """Where it has one; the largest share is first, since it decides."""
    found = read_control("fresh real")
    assert list(found)[:5] == [
        "fresh.added.100.gain",
        "fresh.added.100.patients",
        "fresh.added.100.auc",
        "fresh.added.100.sensitivity",
        "fresh.added.25.gain",
    ]
    assert len(found) == 20
    for reading in found.values():
        if reading.interval is not None:
            assert reading.interval[0] <= reading.value <= reading.interval[1]
    assert found["fresh.added.25.auc"].note == "27 patients, 2 repeats, at 32 x 32; 150 + 150 test slices"


# Patients -------------------------------------------------------------------------------------------------


def test_shares_are_nested_and_of_both_classes_alike(evaluation):
    """A tenth of the patients are among the quarter; another repeat has others."""
    patients = Patients.of(evaluation)
    tenth, quarter = (patients.subset(share, 0, evaluation) for share in (10, 25))
    other = patients.subset(10, 1, evaluation)
    for side in ("wanted", "other"):
        few, more, another = (set(getattr(each, side).patient) for each in (tenth, quarter, other))
        assert few < more
        assert few != another
    assert patients.counts(10) == (5, 6)  # of 52 and 55
    assert (set(tenth.wanted.labels["cs"]), set(tenth.other.labels["cs"])) == ({1}, {0})


def test_a_patient_brings_all_slices_whose_label_is_known(evaluation):
    """Those without the label too; of a patient with cancer, healthy slices are slices without it."""
    real = evaluation.real
    first = real.patient == real.patient[0]
    label_N = np.where(first, np.resize([1, 0, -1], len(real)), real.labels["cs"]).astype(np.int8)
    mixed = attrs.evolve(evaluation, real=attrs.evolve(real, labels={"cs": label_N}, split=np.full(len(real), "train")))
    whole = Patients.of(mixed).subset(100, 0, mixed)
    for side, value in ((whole.wanted, 1), (whole.other, 0)):
        assert (side.patient == real.patient[0]).sum() == (label_N[first] == value).sum()


def test_the_seed_draws_the_patients(evaluation):
    """The same seed the same."""
    subsets = [
        set(Patients.of(each).subset(10, 0, each).wanted.patient)
        for each in (evaluation, evaluation, attrs.evolve(evaluation, seed=1))
    ]
    assert subsets[0] == subsets[1] != subsets[2]


# Figures --------------------------------------------------------------------------------------------------


def test_sensitivity_is_at_ninety_percent_specificity():
    """Of ten slices without the label nine score 8 or less; three of four with it score more."""
    wanted, other = np.array([8.0, 8.5, 9.0, 10.0]), np.arange(10.0)
    once = np.ones((1, 4)), np.ones((1, 10))
    assert sensitivities(wanted, other, *once) == pytest.approx([0.75])
    heavier = np.where(other == 9, 2, 1)[None]  # of eleven, ten must be at or below the threshold, which is 9
    assert sensitivities(wanted, other, once[0], heavier) == pytest.approx([0.25])


def test_sensitivity_follows_the_weights_of_a_replicate():
    """It is what the slices that were drawn give when they are written out."""
    generator = np.random.default_rng(0)
    wanted, other = generator.normal(1, 1, 40).round(1), generator.normal(0, 1, 30).round(1)
    times = generator.integers(0, 3, (5, 40)), generator.integers(0, 3, (5, 30))
    found = sensitivities(wanted, other, *times)
    for row in range(5):
        drawn = np.repeat(wanted, times[0][row]), np.sort(np.repeat(other, times[1][row]))
        threshold = drawn[1][int(np.ceil(0.9 * len(drawn[1]))) - 1]
        assert found[row] == pytest.approx((drawn[0] > threshold).mean())


def test_a_curve_that_falls_is_levelled():
    """By the mean of the points that are out of order."""
    found = increasing(np.array([[0.5, 0.7, 0.6, 0.9], [0.9, 0.6, 0.3, 0.6]]))
    assert found == pytest.approx(np.array([[0.5, 0.65, 0.65, 0.9], [0.6, 0.6, 0.6, 0.6]]))


@pytest.mark.parametrize(
    ("area", "patients"),
    [(0.5, 10), (0.6, 20), (0.65, 20 * 2**0.5), (0.7, 40), (0.8, np.inf), (0.4, -np.inf)],
)
def test_an_area_stands_for_patients(area, patients):
    """Between points along the logarithm, the fewest on a level, and nothing beyond the ends."""
    assert patients_for(area, np.array([0.5, 0.6, 0.7, 0.7]), np.array([10.0, 20, 40, 80])) == pytest.approx(patients)


def test_a_gain_is_counted_from_the_patients_that_there_are():
    """An area of 40 patients, reached with 10, is worth 30; of a replicate by the curve of that replicate."""
    areas = [Figure(value, np.array([value, value + 0.1])) for value in (0.5, 0.6, 0.7)]
    more = RealCurve.of([10, 20, 40], areas).more(Figure(0.7, np.array([0.7, 0.7])), 10)
    assert (more.value, *more.replicates_R) == pytest.approx((30, 30, 10))


# Training -------------------------------------------------------------------------------------------------


def test_added_slices_are_half_of_their_class_in_every_batch():
    """However many there are; the other class fills its half alone."""
    images = [np.zeros((count, 1, 8, 8), np.float32) for count in (3, 5, 70)]
    slices = Slices(images[0], images[1]).with_added(images[2], None)
    everything, label_N, groups = slices.groups()
    assert len(everything) == 78
    assert [len(group) for group in groups] == [3, 70, 5, 5]
    assert [set(label_N[group]) for group in groups] == [{1}, {1}, {0}, {0}]
    both = slices.with_added(images[2], images[2] + 1).groups()
    assert [len(group) for group in both[2]] == [3, 70, 5, 70]
    assert [set(both[1][group]) for group in both[2]] == [{1}, {1}, {0}, {0}]


def test_every_arm_has_as_many_steps_and_the_same_first_weights(controls, first_alone, monkeypatch, tmp_path):
    """A gain is not one of longer training or of luck."""
    seen = []

    def watched(network, loss, tensors, groups, schedule, generator, change=None):
        seen.append((schedule.steps, next(network.parameters()).sum().item(), change is varied, len(groups)))
        network.eval()

    monkeypatch.setattr(_utility_training, "fit", watched)
    read(controls["right"], attrs.evolve(first_alone, cache=tmp_path), Utility(shares=(50,), repeats=2, steps=7))
    (alone, again), (augmented, _), (added, _) = (seen[start : start + 2] for start in (0, 2, 4))
    assert alone[:2] == augmented[:2] == added[:2] == (7, alone[1])
    assert again[1] != alone[1]
    assert [each[2:] for each in (alone, augmented, added)] == [(False, 2), (True, 2), (False, 4)]


def test_augmented_slices_are_those_slices_moved_a_little():
    """Each in its own way, within the range; signals and volumes too."""
    generator = np.random.default_rng(0)
    for shape in ((6, 2, 16), (6, 2, 16, 16), (6, 1, 8, 16, 16)):
        image = torch.zeros(shape) - 1
        image[..., 4:12] = 0.5
        found = varied(image, generator)
        assert found.shape == image.shape
        assert (found[0] != found[1]).any()
        assert 0 < (found - image).abs().mean() < 0.5


def test_curves_without_candidates_are_made_once(controls, first_alone, monkeypatch, tmp_path):
    """They are kept for the next set and the next method."""
    calls = []
    monkeypatch.setattr(_utility_training, "fit", lambda network, *rest: calls.append(network.eval()))
    kept = attrs.evolve(first_alone, cache=tmp_path)
    for count in (6, 2):
        calls.clear()
        read(controls["right"], kept, Utility(shares=(50, 100), repeats=1, steps=1))
        assert len(calls) == count


# What cannot be measured ----------------------------------------------------------------------------------


def test_too_few_test_patients_give_no_interval(controls, first_alone):
    """The note says so; the figures stay."""
    real, few = first_alone.fresh, []
    for value in (1, 0):
        names = np.unique(real.patient[(real.split == "test") & (real.labels["cs"] == value)])
        few.append(np.isin(real.patient, names[:4]))
    small = attrs.evolve(first_alone, fresh=real.select(few[0] | few[1]))
    for reading in read(controls["right"], small, Utility(shares=(50, 100), repeats=1, steps=1)).values():
        assert reading.interval is None
        assert "no interval from fewer than 5 test patients of a class" in reading.note


def test_too_few_candidates_leave_the_real_curves(controls, first_alone):
    """Nothing is added of three slices."""
    found = read(controls["right"].select(np.arange(3)), first_alone, Utility(shares=(100,), repeats=1, steps=1))
    assert found["fresh.alone.100.auc"].value is not None
    assert found["fresh.added.100.auc"].value is None
    assert found["fresh.added.100.auc"].note == "needs 8 slices to add, there are 3"


def test_a_share_without_patients_is_not_measured(controls, first_alone):
    """The others are."""
    metric = Utility(shares=(0 + 1, 100), repeats=1, steps=1)
    eight = np.isin(first_alone.real.patient, np.unique(first_alone.real.patient)[::12])
    found = read(controls["right"], attrs.evolve(first_alone, real=first_alone.real.select(eight)), metric)
    assert found["fresh.alone.1.auc"].value is None
    assert "leaves a class without slices; give shares of" in found["fresh.alone.1.auc"].note
    assert found["fresh.alone.100.auc"].value is not None


OPTIONS = {
    "shares=[1]": "utility.shares: 1% of the real training patients, 0 of 3 with cs = 1 and 0 of 3 without, leaves a"
    " class without slices; give shares of 17 or more",
    "shares=[100, 50]": r"utility.shares: must be one percentage or more, increasing, got \[100, 50\]",
    "shares=[50, 50]": r"utility.shares: must be one percentage or more, increasing, got \[50, 50\]",
    "shares=[]": r"utility.shares: must be one percentage or more, increasing, got \[\]",
    "shares=[0]": "utility.shares: must be >= 1, got 0",
    "shares=[101]": "utility.shares: must be <= 100, got 101",
}


@pytest.fixture
def judged(tiny_cohort, tiny_cohort_file, plugins, tmp_path):
    """``judged(*options, **judging)``: a small evaluation of slices of a file."""
    made = written(tiny_cohort, tmp_path / "made.safetensors", synthetic=True)

    def run(*options, **judging):
        asked = Judging(
            cohort=tiny_cohort_file,
            metrics="utility",
            options=("utility.steps=1", "utility.repeats=1", *[f"utility.{each}" for each in options]),
            replicates=20,
            **judging,
        )
        return evaluate(made, tmp_path / "out", judging=asked, plugins=plugins, quiet=True)

    return run


@pytest.mark.parametrize("option", OPTIONS)
def test_shares_that_do_not_fit_are_one_line_and_nothing_is_overwritten(option, judged, tmp_path):
    """Before any work."""
    judged("shares=[50,100]")
    there = (tmp_path / "out/evaluation.json").read_bytes()
    with pytest.raises(InputError, match=OPTIONS[option]):
        judged(option)
    assert (tmp_path / "out/evaluation.json").read_bytes() == there


# Elsewhere ------------------------------------------------------------------------------------------------


def _scanner(cohort: Cohort) -> Cohort:
    """The same patients under another scanner: another gain, and noise."""
    generator = np.random.default_rng(0)
    return attrs.evolve(
        cohort,
        modalities={
            name: Modality.of(
                (0.8 * each.values + 0.05 * each.values.max() * generator.standard_normal(each.values.shape)).clip(0),
                unit=each.unit,
                channels="first",
            )
            for name, each in cohort.modalities.items()
        },
        source="another scanner",
    )


def test_an_external_cohort_is_a_test_of_its_own(controls, first_alone):
    """Beside that of fresh patients; of another scanner, it is harder."""
    external = _scanner(first_alone.fresh.select(first_alone.fresh.split == "test"))
    found = read(
        controls["right"], attrs.evolve(first_alone, external=external), Utility(shares=(100,), repeats=1, steps=150)
    )
    tests = {name.partition(".")[0] for name in found}
    assert tests == {"fresh", "external"}
    assert found["external.alone.100.auc"].value < found["fresh.alone.100.auc"].value - 0.02
    assert "150 + 150 test slices" in found["external.alone.100.auc"].note


def test_an_external_cohort_without_one_class_is_refused_before_work(judged, tiny_cohort, tmp_path):
    """Nothing can be tested on it."""
    others = attrs.evolve(_scanner(tiny_cohort), labels={"cs": np.ones(24, np.int8)})
    external = written(others, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="utility: the external cohort has no complete slice without cs = 1"):
        judged("shares=[50,100]", external=external)


def test_the_result_has_both_tests(judged, tiny_cohort, tmp_path):
    """In one file, with the digest of the cohort from elsewhere."""
    external = _scanner(tiny_cohort)
    result = judged("shares=[50,100]", external=written(external, tmp_path / "other.safetensors"))
    names = {summary.name for summary in result.row("made").summary}
    assert {"test.added.100.gain", "external.added.100.gain", "external.alone.50.sensitivity"} <= names
    assert result.settings.external.digest == external.digest()
    assert "utility.test.added.100.gain" in result.headline


def test_the_metric_keeps_its_promises():
    """Those of every metric."""
    check_metric(Utility(shares=(50, 100), repeats=1, steps=2))
