"""``Judging``: what is measured and how, as people give it."""

from pathlib import Path

import pytest

from gankit import InputError, Judging
from gankit.evaluation.judging import Sets


def test_judging_takes_names_and_options_as_people_give_them():
    """One name or several; options as texts or as a mapping."""
    assert Judging(metrics="sca").metrics == ("sca",)
    assert Judging(metrics=["sca", "oracle"]).metrics == ("sca", "oracle")
    assert Judging(options=["oracle.steps=5"]) == Judging(options={"oracle.steps": 5})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sets": 0}, "`sets` must be a whole number of at least 1 and at most 1000, got 0"),
        ({"sets": 10**9}, "`sets` must be a whole number of at least 1 and at most 1000, got 1000000000"),
        ({"per_set": 10**12}, "`per_set` must be a whole number of at least 1 and at most 10000000, got"),
        ({"replicates": 10**12}, "`replicates` must be a whole number of at least 20 and at most 1000000, got"),
        ({"per_set": 2.5}, "`per_set` must be a whole number of at least 1 and at most 10000000, got 2.5"),
        ({"replicates": 5}, "`replicates` must be a whole number of at least 20 and at most 1000000, got 5"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0, got -1"),
        ({"options": "oracle=5"}, "`options` oracle=5: must be METRIC.OPTION=VALUE"),
    ],
)
def test_judging_that_cannot_be_is_refused_when_it_is_made(given, message):
    """By the parameter that is wrong."""
    with pytest.raises(InputError, match=message):
        Judging(**given)


def test_names_texts_and_paths_are_what_they_mean():
    """A path may be given as text, a headline or modality alone; None is the default."""
    judging = Judging(cohort="a.safetensors", headline="oracle.*", modalities="adc")
    assert (judging.cohort, judging.fresh) == (Path("a.safetensors"), None)
    assert (judging.headline, judging.modalities) == (("oracle.*",), ("adc",))


@pytest.mark.parametrize("text", ["oracle=5", "oracle.=5", ".steps=5", "oracle.steps"])
def test_an_option_has_metric_name_and_value(text):
    """With all three it is a TOML value, or text."""
    with pytest.raises(InputError, match="must be METRIC.OPTION=VALUE"):
        Judging(options=text)
    assert Judging(options="oracle.steps=5").options == {"oracle.steps": 5}
    assert Judging(options=["a.b=c", "a.d=true"]).options == {"a.b": "c", "a.d": True}


def test_sets_have_defaults_and_the_seed_of_the_evaluation():
    """What is not asked for is that of ``Sets``."""
    assert Judging().sample_sets == Sets()
    assert Judging(sets=2, per_set=7, seed=3).sample_sets == Sets(count=2, size=7, seed=3)
