"""Messages of core are read in a notebook, where nobody has typed a flag."""

import ast
import re
from pathlib import Path

import pytest

from gankit._errors import said

CORE = Path(__file__).parents[1] / "gankit"
SPEAKING = {"say", "warn"}
FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
OF_OTHERS = {"--nproc-per-node"}
"""Flags of torchrun, which has no other name for them."""


def spoken(tree):
    """The texts of errors that are raised and of lines that are said, each with its line."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if name in SPEAKING or name.endswith(("Error", "Problem")):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(CORE.rglob("*.py")) if file.relative_to(CORE).parts[0] != "cli"],
    ids=lambda file: str(file.relative_to(CORE)),
)
def test_no_message_of_core_names_a_flag(file):
    """It names the parameter in backticks; the command line says its flag."""
    found = [
        (line, flag)
        for line, text in spoken(ast.parse(file.read_text(encoding="utf-8")))
        for flag in FLAG.findall(text)
        if flag not in OF_OTHERS
    ]
    assert found == []


def test_what_a_library_says_is_one_short_line():
    """Its text may repeat a key of thousands of characters, or have several lines."""
    assert said(ValueError("a\n  key " + "x" * 5000)) == f"a key {'x' * 291}..."
    assert said(KeyError()) == "KeyError"
