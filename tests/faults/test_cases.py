"""Whatever goes wrong, the same command again leaves what an undisturbed one leaves, or is refused on one line."""

import pytest

from tests.faults.__main__ import PAGE
from tests.faults.cases import CASES, QUICK_CASES, case, outcome
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


@pytest.mark.parametrize("number", range(QUICK_CASES))
def test_the_first_cases(number, bench):
    """A part of all, which takes about a minute."""
    survives(number, bench)


@pytest.mark.faults
@pytest.mark.parametrize("number", range(CASES))
def test_every_case(number, bench):
    """All of them, as in ``docs/faults.md``."""
    survives(number, bench)


def test_a_case_is_a_function_of_its_number():
    """So that a line of the table can be tried alone."""
    assert [case(number) for number in range(CASES)] == [case(number) for number in range(CASES)]
    assert len({case(number).name for number in range(CASES)}) == CASES


def test_the_page_has_the_table_of_the_cases():
    """In their order, each with the command of its case; the first ones at least."""
    table = PAGE.read_text().partition("<!-- cases -->")[2].partition("<!-- end of cases -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines()[3:]]
    assert rows == [[str(number), case(number).operation.name] for number in range(len(rows))]
    assert QUICK_CASES <= len(rows) <= CASES
