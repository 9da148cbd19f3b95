"""Mutated inputs: each import ends in time and within memory, with an exit code and at most one line."""

import pytest

from tests.faults.mutants import tried

KINDS = "tests.plugins.dicom.mutants:KINDS"
"""DICOM, NIfTI, MetaImage, tables and arrays in turn."""


def test_500_mutants_end_with_a_line_each():
    """And the inputs before mutation are imported."""
    assert tried(KINDS, 500).problems == []


@pytest.mark.slow
def test_10000_mutants_end_with_a_line_each():
    """The same with others beside them."""
    assert tried(KINDS, 10_000).problems == []
