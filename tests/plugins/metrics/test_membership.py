"""``critic-membership``: critics that know their training slices are found, and others are not."""

from functools import cache

import attrs
import numpy as np
import pytest

from gankit import Candidate, Cohort, Evaluation, Modality, load_model, load_recipe, train
from gankit.testing import check_metric
from gankit_metrics.membership import CriticMembership, _Area, _highest

SMALL = {
    "modalities.adc.shape": [1, 16, 16],
    "latent.dim": 4,
    "networks.adc_decoder.width": 4,
    "networks.adc_critic.width": 8,
    "training.batch": 10,
    "augmentation.mirror": False,
    "phases.unsupervised.critic_learning_rate": 2e-3,
}


def noise(patients, whose, seed):
    """Two slices of white noise of each patient: there is nothing to learn of them but themselves."""
    count = 2 * patients
    values = np.random.default_rng(seed).uniform(200, 2800, (count, 16, 16)).astype(np.float32)
    return Cohort(
        modalities={"adc": Modality.of(values, unit="1e-6 mm2/s")},
        labels={"cs": np.ones(count, dtype=np.int8)},
        patient=np.repeat([f"{whose}{number}" for number in range(patients)], 2),
        split=np.full(count, "train"),
        source="noise",
    )


SEEN, OTHERS = noise(10, "seen-", 0), noise(60, "other-", 1)


@pytest.fixture(scope="module")
def trained_on_noise(plugins, tmp_path_factory):
    """``trained_on_noise(steps)``: the model of a training of so many steps on the 20 slices."""

    @cache
    def of_steps(steps):
        recipe = load_recipe("adc-only-quick", {**SMALL, "training.steps": steps}, plugins)
        out = tmp_path_factory.mktemp("noise") / "run"
        return load_model(
            train(recipe, out, device="cpu", cohort=SEEN, plugins=plugins, quiet=True).path, "cpu", plugins
        )

    return of_steps


@pytest.fixture
def measured(trained_on_noise, tmp_path):
    """``measured(steps)``: the readings of the critic after so many steps."""

    def of_steps(steps, fresh=OTHERS):
        model = trained_on_noise(steps)
        evaluation = Evaluation(
            real=SEEN, fresh=fresh, modalities=model.recipe.images(), label="cs", replicates=100, cache=tmp_path
        )
        candidate = Candidate(name="noise", cohort=OTHERS, model=model)
        return {reading.name: reading for reading in CriticMembership().measure(candidate, evaluation)}

    return of_steps


def test_an_overfitted_critic_is_caught(measured):
    """After 100 steps on 20 slices."""
    found = measured(100)
    assert list(found) == ["highest", "adc_critic"]
    assert found["adc_critic"].value > 0.9
    assert found["adc_critic"].interval[0] > 0.7
    assert found["highest"].value == found["adc_critic"].value
    assert "20 training slices of 10 patients against 120 slices of 60 patients" in found["adc_critic"].note


def test_an_untrained_critic_betrays_nothing(measured):
    """One step: 1/2 is within the interval."""
    low, high = measured(1)["adc_critic"].interval
    assert low < 0.5 < high


def test_patients_that_the_critic_was_trained_on_are_not_the_others(measured):
    """Else the reading would be too good."""
    found = measured(1, fresh=attrs.evolve(SEEN, source="again"))
    assert found["highest"].value is None
    assert "trained on 10 patients of fresh patients" in found["adc_critic"].note


def test_without_fresh_patients_the_test_split_is_the_others(measured):
    """And where there is none, there is no reading."""
    found = measured(1, fresh=None)
    assert found["adc_critic"].value is None
    assert "no slice of the test split" in found["adc_critic"].note


def test_slices_alone_have_no_critics(evaluation, candidate):
    """One reading says so."""
    (reading,) = CriticMembership().measure(candidate, evaluation)
    assert (reading.name, reading.value) == ("highest", None)
    assert "needs the run of a model" in reading.note


def test_every_critic_of_a_run_is_measured(trained, tiny_cohort, plugins, tmp_path):
    """Those of latents too, and auxiliary ones against slices without cancer."""
    others = attrs.evolve(tiny_cohort, patient=np.array([f"fresh-{name}" for name in tiny_cohort.patient]))
    model = load_model(trained, plugins=plugins)
    whole = attrs.evolve(tiny_cohort, split=np.full(len(tiny_cohort), "train"))
    evaluation = Evaluation(
        real=whole, fresh=others, modalities=model.recipe.images(), label="cs", replicates=20, cache=tmp_path
    )
    found = {
        reading.name: reading
        for reading in CriticMembership().measure(Candidate(name="tiny", cohort=others, model=model), evaluation)
    }
    assert list(found) == ["highest", "latent_critic", "adc_critic", "t2w_critic", "adc_auxiliary", "t2w_auxiliary"]
    for reading in found.values():
        assert reading.value == pytest.approx(0.5)  # the same slices on both sides
        assert reading.interval[0] < 0.5 < reading.interval[1]


def test_the_highest_of_many_critics_that_know_nothing_is_not_above_chance():
    """Each of 20 areas varies by chance, and the largest is above 1/2; its lower end is not."""
    generator = np.random.default_rng(0)
    areas = [
        _Area(f"critic{number}", value, value + 0.05 * generator.standard_normal(2000), "")
        for number, value in enumerate(0.5 + 0.05 * np.linspace(-2.3, 2.3, 20))
    ]
    reading = _highest(areas)
    assert reading.value == max(area.value for area in areas) > 0.55
    assert reading.interval[0] < 0.5 < reading.value < reading.interval[1]


def test_the_metric_keeps_its_promises():
    """Those of every metric."""
    check_metric(CriticMembership())
