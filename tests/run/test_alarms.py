"""Alarms as functions of rows: what is said of curves that were written by hand."""

import re
from pathlib import Path

import pytest

from gankit import load_recipe
from gankit.run.health import watch
from gankit.run.health.measures import LATENT_DEVIATION, LATENT_MEAN, MOVED, NEW, SLOPE, VARIED
from gankit.run.health.thresholds import FEWEST
from gankit.run.health.watch import FINDERS, Watch

CRITIC = "unsupervised.wgan-gp-adc.critic"
SOUND = {
    CRITIC: -2.0,
    "unsupervised.wgan-gp-adc": 400.0,
    "unsupervised.jsd-auxiliary-adc.critic": 1.38,
    "supervised.l2-adc": 0.02,
    f"{MOVED}adc_critic": 0.4,
    f"{SLOPE}unsupervised.wgan-gp-adc": 1.1,
    LATENT_MEAN: 0.1,
    LATENT_DEVIATION: 1.0,
    f"{VARIED}t2w": 0.8,
    f"{NEW}t2w": 1.0,
}
SICK = {
    "negative distance": {CRITIC: 0.5},
    "slope of a critic": {f"{SLOPE}unsupervised.wgan-gp-adc": 5.0},
    "flat critic": {"unsupervised.jsd-auxiliary-adc.critic": 1.3863},
    "loss that jumped": {"supervised.l2-adc": 3000.0},
    "still network": {f"{MOVED}adc_critic": 1e-7},
    "runaway network": {f"{MOVED}adc_critic": 40.0},
    "latent off the prior": {LATENT_MEAN: 1.0, LATENT_DEVIATION: 0.06},
    "repeated samples": {f"{VARIED}t2w": 0.01},
    "copied samples": {f"{NEW}t2w": 0.2},
}
"""Alarm to the numbers that raise it, in place of those of ``SOUND``."""


@pytest.fixture(scope="module")
def recipe(plugins):
    """``mpmri-paper``, all of whose phases begin with the first step."""
    begin = {f"phases.{phase}.start": 0 for phase in ("supervised", "unsupervised")}
    return load_recipe("mpmri-paper", {**begin, "phases.warm-up.stop": 1}, plugins)


def rows(numbers, first=1, count=30, every=20):
    """Rows in which the numbers swing by 5 per cent, but for one that is 1.3863, which does not."""
    for number in range(first, first + count):
        swing = 1.05 if number % 2 else 0.95
        values = {name: value if value == 1.3863 else value * swing for name, value in numbers.items()}
        yield {"step": number * every, "steps_per_s": 3.0, "wall_s": 9.0, **values}


def heard(watch):
    return {alarm.name for alarm in watch.alarms}


def test_a_sound_run_raises_none(recipe):
    """Whatever its players' mean scores are."""
    assert heard(Watch(recipe, rows(SOUND))) == set()


@pytest.mark.parametrize("name", SICK)
def test_each_alarm_is_raised_by_its_illness_alone(recipe, name):
    """It says where and since when, with figures, and what to do."""
    watch = Watch(
        recipe, [*rows(SOUND, count=10 if name == "loss that jumped" else 0), *rows({**SOUND, **SICK[name]}, 11)]
    )
    (alarm,) = watch.alarms
    assert alarm.name == name
    assert alarm.where.partition(".")[0] in ("phases", "networks", "modalities")
    assert re.search(r"\d", alarm.seen)
    assert alarm.step > 0
    assert all(part in str(alarm) for part in (name, alarm.where, str(alarm.step), alarm.seen, alarm.remedy))


@pytest.mark.parametrize("name", sorted(SICK.keys() - {"loss that jumped"}))
def test_a_run_of_twenty_steps_is_not_judged(recipe, name):
    """Nothing has settled yet, whatever it shows."""
    assert heard(Watch(recipe, rows({**SOUND, **SICK[name]}, count=20, every=1))) == set()


def test_a_long_run_costs_no_more_than_a_short_one(recipe, monkeypatch):
    """Finders get the two ends of a curve."""
    lengths = []
    monkeypatch.setattr(watch, "FINDERS", (lambda _, curves: iter(lengths.append(len(curves[LATENT_MEAN])) or ()),))
    Watch(recipe, rows(SOUND, count=200))
    assert max(lengths) == lengths[-1] < 50


def test_swings_of_an_estimate_are_no_alarm(recipe):
    """One row in three below 0 is the game of two players."""
    swinging = [{**row, CRITIC: 0.5 if row["step"] % 60 == 0 else -2.0} for row in rows(SOUND)]
    assert heard(Watch(recipe, swinging)) == set()


def test_one_bad_batch_is_no_jump(recipe):
    """A loss has jumped when it stays up."""
    spiked = [{**row, "supervised.l2-adc": 1e5 if row["step"] == 600 else 0.02} for row in rows(SOUND)]
    assert heard(Watch(recipe, spiked)) == set()


def test_a_critic_that_has_jumped_before_the_first_row_is_seen(recipe):
    """There is nothing to compare it with, but its objective is a mean over scores."""
    assert heard(Watch(recipe, rows({**SOUND, "unsupervised.jsd-auxiliary-adc.critic": 1e6}))) == {"loss that jumped"}


def test_a_critic_without_penalty_may_be_flat(plugins):
    """Spectral normalisation bounds slopes from above alone."""
    keys = {"phases.unsupervised.start": 0, "phases.unsupervised.terms.wgan-gp-adc.penalty": 0.0}
    recipe = load_recipe("mpmri-paper", keys, plugins)
    flat, steep = ({**SOUND, f"{SLOPE}unsupervised.wgan-gp-adc": slope} for slope in (0.01, 5.0))
    assert heard(Watch(recipe, rows(flat))) == set()
    assert heard(Watch(recipe, rows(steep))) == {"slope of a critic"}


def test_an_alarm_is_said_as_it_begins_and_once_as_it_is_over(recipe):
    """One that comes and goes is one alarm; the step is that of the first time."""
    watch, sick = Watch(recipe, rows(SOUND)), {**SOUND, **SICK["repeated samples"]}
    coming = [watch.see({**row, "step": 600 + number}) for number, row in enumerate([*rows(sick, count=3)])]
    assert [len(lines) for lines in coming] == [1, 0, 0]
    assert coming[0][0].startswith("alarm: repeated samples: modalities.t2w: since step 600")
    (alarm,) = watch.alarms
    assert alarm.step == 600
    going = [watch.see(row) for row in rows(SOUND, 31, FEWEST)]
    assert [len(lines) for lines in going] == [0] * (FEWEST - 1) + [1]
    assert going[-1][0] == "alarm is over: repeated samples: modalities.t2w: last seen at step 602"
    assert watch.alarms == ()
    (past,) = watch.past
    assert (past.alarm.step, past.last) == (600, 602)


def test_numbers_that_are_none_are_left_out(recipe):
    """A row may hold anything that JSON does."""
    strange = {CRITIC: None, f"{MOVED}adc_critic": "far", LATENT_MEAN: float("nan"), f"{VARIED}t2w": True}
    assert heard(Watch(recipe, [{}, {"step": "1"}, *({**row, **strange} for row in rows(SOUND))])) == set()


def test_every_alarm_is_explained():
    """The page on following a training has a row for each, and for no other."""
    page = (Path(__file__).parents[2] / "docs/tutorials/tracking.md").read_text(encoding="utf-8")
    section = page.partition("## Alarms\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| \*\*(.+?)\*\* \|", section, re.MULTILINE)
    assert explained == [find.__name__.replace("_", " ") for find in FINDERS]
    assert set(explained) == SICK.keys()
