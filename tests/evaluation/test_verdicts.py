"""The verdicts of a comparison: which method is best on a reading, and which are not shown to be worse."""

import attrs
import pytest

from gankit import Difference, MethodResult
from gankit.evaluation.verdicts import standing_words, verdicts
from tests.evaluation.test_differences import method


@attrs.frozen
class Compared:
    """What verdicts read of a comparison."""

    methods: tuple[MethodResult, ...]
    tests: tuple[Difference, ...]
    headline: tuple[str, ...] = ("m.r",)
    rows: tuple = ()


def pair(a, b, p, better="a", **given):
    return Difference(id="m.r", a=a, b=b, n=(3, 3), p=p, p_holm=p, better=better, **given)


def verdict(better, *tests):
    """The verdict on three methods of which the first has the best mean."""
    means = {"higher": (0.9, 0.8, 0.7), "lower": (0.7, 0.8, 0.9), "real": (0.9, 0.8, 0.7)}[better]
    methods = tuple(method(name, mean, better) for name, mean in zip(("one", "two", "three"), means, strict=True))
    return verdicts(Compared(methods, tests))[0]


CLEAR, CHANCE = 0.001, 0.4


@pytest.mark.parametrize(
    ("p_values", "marks", "words"),
    [
        ((CLEAR, CLEAR, CLEAR), ("best", "worse", "worse"), "Best: one; worse: two, three."),
        (
            (CHANCE, CLEAR, CLEAR),
            ("best", "tie", "worse"),
            "Best: one; not shown to be worse than any: two; worse: three.",
        ),
        ((CHANCE, CHANCE, CHANCE), ("best", "tie", "tie"), "No method is shown to be better than another."),
        (
            (CHANCE, CHANCE, CLEAR),
            ("best", "tie", "worse"),
            "Best: one; not shown to be worse than any: two; worse: three.",
        ),
    ],
)
def test_a_method_is_worse_only_where_it_is_shown_to_be(p_values, marks, words):
    """Than the best or than any other: the best may scatter so much that it beats no method."""
    pairs = (("one", "two"), ("one", "three"), ("two", "three"))
    found = verdict("higher", *[pair(*both, p) for both, p in zip(pairs, p_values, strict=True)])
    assert tuple(found.marks.values()) == marks
    assert found.words == words


def test_methods_as_far_from_real_are_called_so():
    """Not better, and not a mere tie."""
    far = {"of": "distances to real", "p_alike": CLEAR, "p_alike_holm": CLEAR}
    found = verdict("real", pair("one", "two", CHANCE, **far), pair("one", "three", CLEAR), pair("two", "three", CLEAR))
    assert found.words == "Nearest to real: one; as far from real: two; farther: three."


def test_what_was_not_tested_is_not_ranked():
    """No method is best by its mean alone."""
    found = verdict("higher", attrs.evolve(pair("one", "two", None), p_holm=None))
    assert set(found.marks.values()) == {""}
    assert found.words == "Not tested."
    assert standing_words([found]) == ""


def test_one_sentence_counts_the_readings_on_which_none_is_better():
    """The method with most comes first."""
    found = [
        verdict("higher", pair("one", "two", CLEAR), pair("one", "three", CHANCE), pair("two", "three", CHANCE)),
        verdict("higher", pair("one", "two", CHANCE), pair("one", "three", CLEAR), pair("two", "three", CHANCE)),
    ]
    assert standing_words(found).endswith(
        "of 2, on which no other method is shown to be better: one 2, two 1, three 1."
    )


def test_a_method_without_a_figure_has_no_place():
    """As where its recipe has no encoder."""
    lacking = attrs.evolve(method("two", 0.5), summary=())
    (found,) = verdicts(Compared((method("one", 0.5), lacking), ()))
    assert list(found.marks) == ["one"]
    assert found.words == ""
