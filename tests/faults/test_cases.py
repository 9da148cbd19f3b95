"""Whatever goes wrong, the same command again leaves what an undisturbed one leaves, or is refused on one line."""

import pytest

from tests.faults.cases import CASES, case, outcome
from tests.faults.operations import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """The inputs of the operations, and what each leaves undisturbed."""
    return Bench(tmp_path_factory.mktemp("bench"))


def survives(number, bench):
    """Carry out a case; nothing may be wrong."""
    chosen = case(number)
    if why := chosen.impossible():
        pytest.skip(why)
    assert outcome(chosen, bench).problems == ()


@pytest.mark.faults
@pytest.mark.parametrize("number", range(CASES))
def test_every_case(number, bench):
    """All of them, as in ``docs/faults.md``."""
    survives(number, bench)


def test_a_case_is_a_function_of_its_number():
    """So that a line of the table can be tried alone."""
    assert [case(number) for number in range(CASES)] == [case(number) for number in range(CASES)]
    assert len({case(number).name for number in range(CASES)}) == CASES
