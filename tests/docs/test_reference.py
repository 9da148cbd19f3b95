"""The reference is what the code says, and the pages that people write name what there is."""

import importlib
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

from gankit.run.directory import MAY_CHANGE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FORMATS = {
    found
    for file in (ROOT / "gankit").rglob("*.py")
    for found in re.findall(r"gankit-[a-z]+-\d+", file.read_text(encoding="utf-8"))
}


@pytest.fixture(scope="module")
def generate():
    """``docs/generate.py`` as a module."""
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("generate")
    sys.path.remove(str(DOCS))


def pinned(package):
    """Whether the installed version is the one in ``constraints.txt``."""
    return f"{package}=={importlib.metadata.version(package)}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_no_page_of_the_reference_is_stale(generate):
    """After a change of what is public, ``python docs/generate.py`` writes the pages anew. What ``--help`` looks like
    depends on click, so the page of commands is compared under the version that wrote it."""
    made = generate.pages()
    written = {f"reference/{path.name}": path.read_text(encoding="utf-8") for path in DOCS.glob("reference/*")}
    assert written.keys() == made.keys()
    skipped = set() if pinned("click") else {"reference/commands.md"}
    stale = [path for path in made if path not in skipped and written[path] != made[path]]
    assert stale == [], "run python docs/generate.py"


def test_the_architecture_names_every_wing():
    """In words and in the picture."""
    wings = {path.stem for path in (ROOT / "gankit").iterdir() if path.is_dir() or path.suffix == ".py"}
    wings -= {"__init__", "__main__", "__pycache__"}
    page, picture = ((DOCS / name).read_text(encoding="utf-8") for name in ("architecture.md", "wings.svg"))
    assert {wing for wing in wings if f"`{wing}`" not in page} == set()
    assert {wing for wing in wings - {"testing", "imports"} if f">{wing}<" not in picture} == set()


def test_the_architecture_names_what_may_differ_when_a_run_goes_on():
    """Every key, and no other."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"alone may differ.*?:(.*?)\. In the code", page, flags=re.DOTALL)
    assert set(re.findall(r"`([\w.]+)`", listed)) == MAY_CHANGE


@pytest.mark.parametrize("page", ["docs/architecture.md", "CHANGELOG.md"])
def test_every_format_is_explained(page):
    """The formats that the code writes, in the table of formats."""
    explained = set(re.findall(r"^\| `(gankit-[a-z]+-\d+)`", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
    assert {"gankit-model-2", "gankit-cohort-1", "gankit-checkpoint-1"} <= FORMATS
    assert explained == FORMATS


def test_the_citation_is_of_this_version():
    """``CITATION.cff`` and ``pyproject.toml`` agree."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


def test_links_of_the_readme_lead_somewhere():
    """Pages, folders and pictures."""
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
