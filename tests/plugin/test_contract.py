"""What a component raises, or takes, against its contract: one line that names it."""

import attrs
import pytest
import torch

from gankit import AbstractTranslator, InputError, PluginError
from gankit.plugin.contract import blaming, raised, require_call


@attrs.frozen(kw_only=True)
class Theirs(AbstractTranslator):
    """A stranger's component."""

    def build(self, source, target):
        raise ZeroDivisionError("first line\nsecond line")

    def silent(self):
        raise ValueError

    def deep(self):
        self.silent()


def elsewhere():
    """A component of a package that none of this code belongs to."""
    kind = attrs.make_class("Elsewhere", {}, bases=(Theirs,), frozen=True)
    kind.__module__ = "somebody_else.networks"
    return kind()


WHERE, SPEC = "networks.theirs", Theirs()
WHOSE = rf"^networks\.theirs: translator {__name__}\.Theirs"


def line_of(function, offset=1):
    """``file:line`` of a line of a function."""
    return f"{__file__}:{function.__code__.co_firstlineno + offset}"


def test_what_a_component_raises_is_one_line_with_its_cause():
    """Its type, the first line of what it says, file and line of the innermost code of its package."""
    message = rf"{WHOSE} raised ZeroDivisionError: first line \({line_of(Theirs.build)}\)$"
    with pytest.raises(PluginError, match=message) as caught, blaming(WHERE, SPEC):
        SPEC.build({}, {})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(PluginError, match=rf"raised ValueError \({line_of(Theirs.silent)}\)$"), blaming(WHERE, SPEC):
        SPEC.deep()


@pytest.mark.parametrize(
    "error", [InputError("said"), MemoryError("no room"), torch.OutOfMemoryError("no room"), KeyboardInterrupt()]
)
def test_what_says_enough_by_itself_passes(error):
    """gankit's own errors, memory that ran out, and Ctrl-C."""
    with pytest.raises(type(error)) as caught, blaming(WHERE, SPEC):
        raise error
    assert caught.value is error


def test_what_no_code_of_others_took_part_in_is_a_bug(monkeypatch):
    """It keeps its traceback; the component is not blamed."""
    monkeypatch.setitem(globals(), "__name__", "gankit.elsewhere")  # as if the code below were gankit's
    with pytest.raises(ZeroDivisionError), blaming(WHERE, elsewhere()):
        raise ZeroDivisionError


def test_an_error_of_another_place_is_laid_to_where_it_was_raised():
    """As one that autograd raises, far from the code that is at fault."""
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2) + torch.ones(3)
    place = f"{__file__}:{caught.traceback[-1].lineno + 1}"
    assert str(raised(WHERE, elsewhere(), caught.value)).endswith(f"({place})")


def test_a_function_must_take_what_it_is_called_with():
    """In this order; of functions not written in Python nothing is known, and nothing said."""
    require_call(WHERE, SPEC, "loss", lambda candidate, reference: 0, "candidate", "reference")
    require_call(WHERE, SPEC, "loss", lambda *given: 0, "candidate", "reference")
    require_call(WHERE, SPEC, "loss", max, "candidate", "reference")
    message = rf"{WHOSE} is called as loss\(candidate, reference\), but is defined as loss\(candidate\)$"
    with pytest.raises(PluginError, match=message):
        require_call(WHERE, SPEC, "loss", lambda candidate: 0, "candidate", "reference")
