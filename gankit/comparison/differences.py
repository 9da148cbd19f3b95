"""Tests of the differences between methods, each pair on each reading; see ``_compare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from gankit.evaluation.statistics import holm, mean_and_sd, welch
from gankit.evaluation.summary import Entry


def tested(methods: Sequence[Entry], shown: Sequence[str], real: Mapping[str, float | None]) -> list[Entry]:
    """Welch's test for every pair of methods and reading, with Holm's correction over all of them together.

    Args:
        methods: with their summaries, ``values`` being the samples.
        shown: ids of the readings.
        real: id to the value of real slices, for readings of which the nearer to it is better.
    """
    tests = [_pair(name, first, second, real.get(name)) for name in shown for first, second in combinations(methods, 2)]
    possible = [test for test in tests if test["p"] is not None]
    for test, corrected in zip(possible, holm([test["p"] for test in possible]), strict=True):
        test["p_holm"] = corrected
    return tests


def _pair(name: str, first: Entry, second: Entry, real: float | None) -> Entry:
    one, two = (_entry(method, name) for method in (first, second))
    samples = [entry["values"] if entry else [] for entry in (one, two)]
    test = {"id": name, "a": first["name"], "b": second["name"], "n": [len(values) for values in samples]}
    nothing = dict.fromkeys(("difference", "t", "df", "p", "p_holm", "better"))
    if not all(samples) or one is None:
        return {**test, **nothing, "note": "not measured for both"}
    means = [mean_and_sd(values)[0] for values in samples]
    test |= {**nothing, "difference": means[0] - means[1], "better": _better(one["better"], means, real)}
    if min(test["n"]) < 2:
        return {**test, "note": "needs two values of each method"}
    if (found := welch(*samples)) is None:
        return {**test, "note": "no spread in either method"}
    return {**test, "t": found.t, "df": found.df, "p": found.p, "note": ""}


def _entry(method: Entry, name: str) -> Entry | None:
    return next((entry for entry in method["summary"] if entry["id"] == name), None)


def _better(direction: str, means: Sequence[float], real: float | None) -> str | None:
    """Which mean is better, whether or not the difference could be chance."""
    if direction == "real":
        if real is None:
            return None
        first, second = (-abs(mean - real) for mean in means)
    else:
        first, second = (mean if direction == "higher" else -mean for mean in means)
    return None if first == second else "a" if first > second else "b"
