"""What a user gives as a path."""

from pathlib import Path

import pytest

from gankit import InputError
from gankit.files.paths import is_file, is_folder


def test_a_file_and_a_folder_are_told_apart(tmp_path):
    """And from what is not there."""
    (tmp_path / "file").touch()
    assert (is_file(tmp_path / "file"), is_folder(tmp_path / "file")) == (True, False)
    assert (is_file(tmp_path), is_folder(tmp_path)) == (False, True)
    assert not is_file(tmp_path / "none")
    assert not is_folder(tmp_path / "none")


@pytest.mark.parametrize("look", [is_file, is_folder])
def test_a_name_that_no_disk_can_hold_is_refused(look):
    """On one line, which does not repeat the name whole."""
    with pytest.raises(InputError, match=r"^'x{96}\.\.\.: File name too long; name another file$"):
        look(Path("x" * 300))
