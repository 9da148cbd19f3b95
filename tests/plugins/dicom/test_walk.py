"""Every file under a folder is found once, through links as well."""

import pytest

from gankit_dicom._scan import files_under


@pytest.fixture
def store(tmp_path):
    for name in ("store/a/1", "store/b/deep/2", "picked/own/3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def names(folder):
    return [file.relative_to(folder).as_posix() for file in files_under(folder)]


def test_links_to_folders_and_files_are_followed(store):
    """As people pick patients out of a store."""
    (store / "picked" / "patient").symlink_to(store / "store" / "b")
    (store / "picked" / "file").symlink_to(store / "store" / "a" / "1")
    (store / "picked" / "broken").symlink_to(store / "nowhere")
    assert names(store / "picked") == ["file", "own/3", "patient/deep/2"]


def test_links_that_lead_round_end(store):
    """To the folder itself, to what holds it, and from one to another and back."""
    (store / "picked" / "own" / "again").symlink_to(store / "picked")
    (store / "picked" / "up").symlink_to(store)
    (store / "picked" / "there").symlink_to(store / "store" / "a")
    (store / "store" / "a" / "back").symlink_to(store / "picked" / "own")
    assert names(store / "picked") == ["own/3", "there/1"]


def test_a_folder_that_several_links_lead_to_is_taken_once(store):
    """Under its own path where it has one."""
    (store / "picked" / "before").symlink_to(store / "picked" / "own")
    (store / "picked" / "x").symlink_to(store / "store" / "a")
    (store / "picked" / "y").symlink_to(store / "store" / "a")
    assert names(store / "picked") == ["own/3", "x/1"]
