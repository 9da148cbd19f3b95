"""The documentation builds without a warning and without a network."""

import re
import socket
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

DOCS = Path(__file__).parents[2] / "docs"
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(https?:)?//|<link\b[^>]*\bhref=\"(https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; a socket that is opened on the way is an error."""
    build = pytest.importorskip("sphinx.cmd.build")
    out = tmp_path_factory.mktemp("site")

    def refuse(*arguments, **settings):
        raise AssertionError("the build opens a socket")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        assert build.main(["-W", "-q", str(DOCS), str(out)]) == 0
    return out


def test_every_page_is_built(site):
    """Warnings are errors, so every link leads somewhere and every page is in the menu."""
    assert {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")} <= {
        path.relative_to(site) for path in site.rglob("*.html")
    }


def test_pages_load_nothing_from_elsewhere(site):
    """No font, script, style or picture: the folder can be read on a machine without a network."""
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert [path.name for path, text in pages.items() if LOADED.search(text)] == []
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert [text for text in styles if re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text)] == []
