"""A message names a parameter in backticks, and the command line says its own flag instead."""

from gankit._wording import command_line, speak_flags, worded

MESSAGE = "`device` tpu: unknown, see `other` and ``code``"


def test_a_notebook_user_reads_the_parameter():
    """As it was written."""
    assert worded(MESSAGE) == MESSAGE


def test_a_command_says_its_flags_and_leaves_what_has_none():
    """Until it ends; commands within it do not change what it says."""
    with command_line():
        assert worded(MESSAGE) == MESSAGE
        speak_flags({"device": "--device", "out": "-o"})
        assert worded(MESSAGE) == "--device tpu: unknown, see `other` and ``code``"
        with command_line():
            assert worded("`out` a") == "`out` a"
            speak_flags({"out": "--out"})
        assert worded("`out` a") == "-o a"
    assert worded(MESSAGE) == MESSAGE
