"""The answers of all readers as arrays, beside what the cases are.

Letters: R readers, N cases, A cases that are shown again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from gankit.reader.answers import Answer, Answers
from gankit.reader.key import Key


@attrs.frozen(eq=False, kw_only=True)
class Readings:
    """The answers of the readers of a study, and what its cases are."""

    key: Key
    readers: tuple[int, ...]
    synthetic_N: np.ndarray
    """(N,) bool: whether the case is synthetic."""
    lesion_N: np.ndarray
    """(N,) bool: whether the label of the case says that it has a lesion."""
    patient_N: np.ndarray
    """(N,) str: the patient of the case."""
    source_N: np.ndarray
    """(N,) str: the source of the case."""
    first: list[list[Answer]]
    """For each reader the answer to each case as it was first shown."""
    again: list[list[Answer]]
    """For each reader the answer to each case that was shown again."""
    again_A: np.ndarray
    """(A,) indices of these cases."""

    @classmethod
    def of(cls, key: Key, answers: Mapping[int, Answers]) -> Readings:
        """The answers of the readers, whose numbers are given."""
        pages = {reader.number: reader for reader in key.readers}
        first, again = [], []
        repeated = sorted(key.readers[0].second())
        for number, given in answers.items():
            at_first, at_second = pages[number].first(), pages[number].second()
            first.append([given.answers[at_first[case]] for case in range(len(key.cases))])
            again.append([given.answers[at_second[case]] for case in repeated])
        return cls(
            key=key,
            readers=tuple(answers),
            synthetic_N=np.array([case.origin == "synthetic" for case in key.cases]),
            lesion_N=np.array([(case.label or 0) > 0 for case in key.cases]),
            patient_N=np.array([case.patient for case in key.cases]),
            source_N=np.array([case.source for case in key.cases]),
            first=first,
            again=again,
            again_A=np.array(repeated, dtype=int),
        )

    def array(self, get: Callable[[Answer], Any], *, again: bool = False) -> np.ndarray:
        """(R, N), or (R, A) with ``again``: what ``get`` gives for each answer."""
        return np.array([[get(answer) for answer in row] for row in (self.again if again else self.first)])

    def seconds(self) -> np.ndarray:
        """(R,): the median time of a showing, in seconds."""
        pairs = zip(self.first, self.again, strict=True)
        return np.array([np.median([answer.seconds for answer in (*first, *again)]) for first, again in pairs])
