"""One process at a time, and the lock ends with it."""

import threading

import pytest

from gankit import RunError
from gankit.files.lock import Held, locked


def test_a_second_one_is_told_at_once_or_waits(tmp_path):
    """As it asks; the folder is made."""
    file = tmp_path / "new" / ".lock"
    order = []

    def second():
        with locked(file, wait=True):
            order.append("second")

    with locked(file, wait=False):
        with pytest.raises(Held), locked(file, wait=False):
            pass
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(timeout=0.3)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_an_error_within_lets_go(tmp_path):
    """Whoever comes next may have it."""
    with pytest.raises(ZeroDivisionError), locked(tmp_path / ".lock", wait=False):
        raise ZeroDivisionError
    with locked(tmp_path / ".lock", wait=False):
        pass


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path):
    """A file where a folder is needed."""
    (tmp_path / "file").write_text("")
    held = locked(tmp_path / "file" / "run" / ".lock", wait=False, elsewhere="give another one")
    with pytest.raises(RunError, match="file/run: cannot be written: .*give another one"), held:
        pass
