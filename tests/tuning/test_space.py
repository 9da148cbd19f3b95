"""What ``--over`` takes: its grammar, and which keys and values of a recipe."""

import pytest

from gankit import InputError, load_recipe
from gankit.recipe.structure import to_document
from gankit.tuning.keys import fitting
from gankit.tuning.space import Choice, Range, parse_space

RATE = "phases.unsupervised.learning_rate"


def only(text):
    """The axis of one text."""
    (axis,) = parse_space(text)
    return axis


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("1..8", {"low": 1, "high": 8}),
        ("0.1..0.9", {"low": 0.1, "high": 0.9}),
        (".1...9", {"low": 0.1, "high": 0.9}),
        ("-3..-1", {"low": -3, "high": -1}),
        ("-1..+1", {"low": -1, "high": 1}),
        ("1e-5..1E-3", {"low": 1e-5, "high": 1e-3}),
        ("log:1e-5..1e-3", {"low": 1e-5, "high": 1e-3, "log": True}),
        ("log: 1e-5 .. 1e-3", {"low": 1e-5, "high": 1e-3, "log": True}),
        ("1..9:2", {"low": 1, "high": 9, "step": 2}),
        ("0..1:0.1", {"low": 0, "high": 1, "step": 0.1}),
        (" 1 .. 9 : 2 ", {"low": 1, "high": 9, "step": 2}),
    ],
)
def test_a_range(spec, expected):
    """Two numbers, in steps or by decades."""
    axis = only(f"training.ema={spec}")
    assert axis == Range(key="training.ema", spec=spec.strip(), **expected)


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("a|b", ["a", "b"]),
        ("1|2|8", [1, 2, 8]),
        ("1|2.5", [1, 2.5]),
        ("1|true", [1, True]),
        ("true|false", [True, False]),
        ('"1"|1', ["1", 1]),
        ("[0.0, 0.9]|[0.5, 0.9]", [[0.0, 0.9], [0.5, 0.9]]),
        (" a | b ", ["a", "b"]),
        ("1..2|a", ["1..2", "a"]),
    ],
)
def test_choices_are_values_as_set_takes_them(spec, values):
    """TOML, and what is not TOML is text."""
    axis = only(f"k={spec}")
    assert isinstance(axis, Choice)
    assert list(axis.values.values()) == values
    assert [type(value) for value in axis.values.values()] == [type(value) for value in values]


def test_a_mapping_is_the_same():
    """As a notebook gives it."""
    assert parse_space({"a.b": "1..2", "c": "x|y"}) == parse_space(["a.b=1..2", "c=x|y"])


REFUSED = {
    "no equals sign": ("training.batch", "must be KEY=SPEC with LOW..HIGH, LOW..HIGH:STEP, log:LOW..HIGH or A|B|C"),
    "no key": ("=1..2", "must be KEY=SPEC"),
    "an empty part of a key": ("training..batch=1..2", "must be KEY=SPEC"),
    "a blank part of a key": ("training. .batch=1..2", "must be KEY=SPEC"),
    "a dot at the end": ("training.=1..2", "must be KEY=SPEC"),
    "no spec": ("k=", "must be KEY=SPEC"),
    "a blank spec": ("k=  ", "must be KEY=SPEC"),
    "one number": ("k=3", "is one value; to set it, give it in `overrides`"),
    "one word": ("k=unet", "is one value; to set it, give it in `overrides`"),
    "a comma between values": ("k=1,2", "is one value"),
    "words as ends": ("k=a..b", "its ends must be numbers"),
    "no low end": ("k=..3", "its ends must be numbers"),
    "no high end": ("k=3..", "its ends must be numbers"),
    "three ends": ("k=1..2..3", "its ends must be numbers"),
    "another scale": ("k=lin:1..2", "its ends must be numbers"),
    "a scale in capitals": ("k=LOG:1..2", "its ends must be numbers"),
    "digits of another script": ("k=١..٢", "its ends must be numbers"),
    "an underscore": ("k=1_0..2_0", "its ends must be numbers"),
    "an empty step": ("k=1..9:", "its ends must be numbers"),
    "a word as step": ("k=1..9:x", "its ends must be numbers"),
    "infinite": ("k=1..1e999", "its numbers must be finite"),
    "an infinite step": ("k=1..2:1e999", "its numbers must be finite"),
    "inf": ("k=1..inf", "its ends must be numbers"),
    "nan": ("k=nan..1", "its ends must be numbers"),
    "turned round": ("k=8..1", "the low end must be below the high end, got 8 and 1"),
    "one point": ("k=3..3", "the low end must be below the high end, got 3 and 3"),
    "decades from 0": ("k=log:0..1", "a range by decades must begin above 0, got 0"),
    "decades from below 0": ("k=log:-1..1", "a range by decades must begin above 0, got -1"),
    "decades in steps": ("k=log:1..9:2", "a range by decades has no step"),
    "a step of 0": ("k=1..9:0", "the step must be above 0, got 0"),
    "a step down": ("k=1..9:-2", "the step must be above 0, got -2"),
    "a step that does not end there": ("k=1..9:3", "steps of 3 from 1 do not end at 9"),
    "a step beyond": ("k=1..9:20", "steps of 20 from 1 do not end at 9"),
    "an empty choice": ("k=a||b", "a choice is empty"),
    "an empty choice at the end": ("k=a|", "a choice is empty"),
    "a bar alone": ("k=|", "a choice is empty"),
    "a choice twice": ("k=a|b|a", "a is given twice"),
    "a choice twice in other words": ("k=1e1|10.0", "10.0 is given twice"),
    "a choice with a comment": ("k=1 # one|2", "has a comment"),
    "several lines": ("k=1|2\n3", "has several lines"),
    "control characters": ("k\0=1..2", "must be KEY=SPEC"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_text_that_says_no_axis_is_refused(what):
    """On one line, with the text and what is accepted."""
    text, message = REFUSED[what]
    with pytest.raises(InputError) as refused:
        parse_space([text])
    assert str(refused.value).startswith("`over` ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("over", [[], (), {}, 3, None, [3], {"k": 3}, {3: "1..2"}, {"k": [1, 2]}, b"k=1..2"], ids=repr)
def test_what_is_neither_texts_nor_a_mapping_is_refused(over):
    """With an example."""
    with pytest.raises(InputError, match="`over` must be one or more texts KEY=SPEC, or KEY to SPEC, as in phases"):
        parse_space(over)


def test_a_key_is_searched_once():
    """Neither twice, nor with a key within it."""
    with pytest.raises(InputError, match="`over` k: is given twice; give it one range"):
        parse_space(["k=1..2", "k=3..4"])
    with pytest.raises(InputError, match=r"`over` a.b: a.b.c lies within it; search one of the two"):
        parse_space(["a.b.c=1..2", "a.b=x|y"])


# Keys and values of a recipe ------------------------------------------------------------------------------


@pytest.fixture
def fitted(plugins):
    """``fitted(*texts, **common)``: the axes of a search of ``mpmri-quick``."""

    def fit(*texts, **common):
        document = to_document(load_recipe("mpmri-quick", common, plugins), plugins.registry)
        return fitting(parse_space(texts), "mpmri-quick", common, document, plugins)

    return fit


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("training.batch=8..64", True),
        ("training.batch=log:8..64", True),
        ("training.batch=8..64:8", True),
        ("training.batch=8e0..64", True),
        (f"{RATE}=1..2", False),  # a rate, written without a point
        ("training.ema=0.9..0.999", False),
        ("phases.unsupervised.critic_learning_rate=1..2", False),
        ("phases.supervised.stop=400..500", True),  # which has no value in the recipe
    ],
)
def test_numbers_are_whole_where_the_key_is(fitted, text, whole):
    """Whether or not they are written with a point, and whether or not the recipe gives the key a value."""
    assert fitted(text)[0].whole is whole


MISFITS = {
    "a section": ("trainin.batch=8..16", "trainin: unknown key; did you mean 'training'?"),
    "a key": ("training.batc=8..16", "training.batc: unknown key; did you mean 'batch'?"),
    "a phase": (f"{RATE.replace('sed', 'sd')}=1e-4..1e-3", "is 'unsupervisd' misspelt; did you mean 'unsupervised'?"),
    "a network": ("networks.encodr.width=8..16", "is 'encodr' misspelt; did you mean 'encoder'?"),
    "a key of a phase": ("phases.unsupervised.learning_rat=1..2", "did you mean 'learning_rate'?"),
    "a term": ("phases.unsupervised.terms.wgan-gp-ad.weight=1..2", "phases.unsupervised.terms.wgan-gp-ad.use"),
    "an optimizer": ("optimizers.players.learning_rate=1..2", "optimizers.players.use: required"),
    "a table": ("latent=3..4", "latent: must be a table, got 3"),
    "a low end": ("latent.dim=0..64", "0 does not fit mpmri-quick: latent.dim: must be >= 1, got 0"),
    "a high end": ("training.ema=0.5..2", "2 does not fit mpmri-quick: training.ema: "),
    "a part of a whole": ("training.batch=8.5..16", "the recipe's key is a whole number, so its ends must be, got 8.5"),
    "a step of a part": ("training.batch=8..16:0.5", "so its step must be, got 0.5"),
    "more than a float counts": ("training.batch=8..1e300", "so its ends must be, got 1e+300"),
    "a choice": ("networks.t2w_translator.use=unet|unnet", "'unnet' does not fit mpmri-quick: networks.t2w_translator"),
    "a text for a number": (
        "training.batch=8|many",
        "'many' does not fit mpmri-quick: training.batch: must be a whole",
    ),
    "a number for a switch": ("augmentation.mirror=0..1", "augmentation.mirror"),
    "a number for a text": ("training.precision=1..2", "training.precision"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_what_does_not_fit_the_recipe_is_refused(fitted, what):
    """On one line, with the text, the place and the nearest name."""
    text, message = MISFITS[what]
    with pytest.raises(InputError) as refused:
        fitted(text)
    assert str(refused.value).startswith(f"`over` {text.partition('=')[0]}")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


FIXED = {
    "cohort.seed=1..5": "all trials must have the same slices",
    "cohort=a|b": "all trials must have the same slices",
    "pools.cs.label=a|b": "all trials must have the same slices",
    "modalities.adc.range=[0,1]|[0,2]": "all trials must be judged at one size, unit and range",
    "training.seed=0..5": "seeds are counted up; give `seeds` and `first_seed`",
    "training.engine=auto|eager": "it changes nothing that is computed",
    "training.log_every=1..5": "it changes nothing that is computed",
    "training.track=a|b": "it changes nothing that is computed",
    "summary=a|b": "it changes nothing that is computed",
    "name=a|b": "it changes nothing that is computed",
    "extends=a|b": "it names another recipe",
    "remove=a|b": "a list of keys is not a setting",
}


@pytest.mark.parametrize("text", FIXED)
def test_what_all_trials_have_in_common_is_not_searched(fitted, text):
    """It says why."""
    with pytest.raises(InputError, match="cannot be searched: ") as refused:
        fitted(text)
    assert FIXED[text] in str(refused.value)


@pytest.mark.parametrize(
    ("text", "common", "message"),
    [
        ("training.batch=8..16", {"training.batch": 8}, "training.batch is set for all trials (`overrides`)"),
        ("training.steps=8..16", {"training.steps": 8}, "training.steps is set for all trials (`steps`)"),
        ("latent.dim=8..16", {"latent": {"dim": 8}}, "latent is set for all trials (`overrides`)"),
        ("latent=a|b", {"latent.dim": 8}, "latent.dim is set for all trials (`overrides`)"),
    ],
)
def test_a_key_is_searched_or_set(fitted, text, common, message):
    """Not both, nor a table around it."""
    with pytest.raises(InputError) as refused:
        fitted(text, **common)
    assert message in str(refused.value)


def test_the_number_of_steps_can_be_searched(fitted):
    """It changes what is computed."""
    assert fitted("training.steps=1000..4000:1000")[0].whole
