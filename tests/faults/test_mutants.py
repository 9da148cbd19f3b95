"""Mutated files: each command that reads one ends in time and within memory, on one line and without a traceback."""

import pytest

from tests.faults.mutants import tried

KINDS = ("recipes", "models", "cohorts", "results")


@pytest.mark.parametrize("kind", KINDS)
def test_500_mutants_end_with_a_line_each(kind):
    """And the sound files are read."""
    assert tried(f"tests.faults.written:{kind}", 500).problems == []


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_10000_mutants_end_with_a_line_each(kind):
    """The same with others beside them, as in ``docs/faults.md``."""
    assert tried(f"tests.faults.written:{kind}", 10_000).problems == []
