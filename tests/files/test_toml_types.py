"""TOML tables to attrs classes: all problems at once, each with its place and the nearest name."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs
import pytest

from gankit import structure_table


@attrs.frozen(kw_only=True)
class Mask:
    """A table in a list."""

    words: tuple[str, ...]
    values: dict[str, int] = attrs.field(factory=dict)


def _positive(instance, attribute, value):
    if not value > 0:
        raise ValueError(f"must be > 0, got {value}")


@attrs.frozen(kw_only=True)
class Site:
    """What a stranger's file may hold."""

    name: str
    from_: str = ""
    scale: float = attrs.field(default=1.0, validator=_positive)
    median: tuple[float, float] | None = None
    plane: Literal["axial", "coronal"] = "axial"
    folder: Path = Path()
    masks: tuple[Mask, ...] = ()
    files: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)


def problems(text):
    """What is wrong with a file, as a person reads it."""
    value, found = structure_table(tomllib.loads(text), Site)
    assert value is None
    return [str(problem) for problem in found]


def test_a_table_becomes_its_class():
    """Nested tables, tables in lists, mappings and paths; a whole number is a float where one is wanted."""
    text = 'name = "a"\nfrom = "b"\nscale = 2\nmedian = [1, 2.5]\nfolder = "x"\nfiles.t2w = ["y"]\n'
    text += "[[masks]]\nwords = []"
    value, found = structure_table(tomllib.loads(text), Site)
    assert not found
    masks = (Mask(words=()),)
    assert value == Site(
        name="a", from_="b", scale=2.0, median=(1.0, 2.5), folder=Path("x"), files={"t2w": ("y",)}, masks=masks
    )


def test_every_problem_is_found_with_its_place():
    """A user mends a file once."""
    text = "scal = 1\nscale = -1\n[[masks]]\nwords = []\n[[masks]]\nvalues.a = true\n[files]\nt2w = 'T2'"
    assert problems(text) == [
        "name: required, but missing",
        "scale: must be > 0, got -1.0",
        "masks.1.words: required, but missing",
        "masks.1.values.a: must be a whole number, got True",
        "files.t2w: must be a list, got 'T2'",
        "scal: unknown key; did you mean 'scale'?; accepted: name, from, scale, median, plane, folder, masks, files",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("name = 3", "name: must be text, got 3"),
        ("scale = true", "scale: must be a number, got True"),
        ("scale = nan", "scale: must be a finite number, got nan"),
        (f"scale = 1{'0' * 400}", "scale: must be a number, got one too large for a float"),
        ("median = [1]", "median: must be a list of 2, got [1]"),
        ("median = ['a', 'b']", "median: must be a number, got 'a'"),
        ("plane = 'axail'", "plane: must be one of 'axial', 'coronal', got 'axail'; did you mean 'axial'?"),
        ("masks = 3", "masks: must be a list, got 3"),
        ("masks = [3]", "masks.0: must be a table, got 3"),
        ("files = 3", "files: must be a table, got 3"),
        ("files.t2w = [3]", "files.t2w: must be text, got 3"),
    ],
)
def test_nothing_is_taken_for_another_type(line, message):
    """A text is no list of letters, a truth value no number."""
    assert message in problems(line)


def test_a_bug_in_a_validator_is_raised():
    """It is no problem of the file."""

    @attrs.frozen
    class Faulty:
        number: int = attrs.field(validator=lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        structure_table({"number": 1}, Faulty)
