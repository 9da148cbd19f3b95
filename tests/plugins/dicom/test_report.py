"""The report of many studies: what needs a look first, sheets beside it, and a page that a browser opens."""

import re
from urllib.parse import unquote

import pytest

from gankit_dicom._inputs import Inputs, Request
from gankit_dicom._options import Options
from gankit_dicom._part import Kept
from gankit_dicom._report import INSIDE, problems, report_html

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + (640).to_bytes(4) + (480).to_bytes(4)


@pytest.fixture
def page(part, tmp_path):
    """``page(records)``: the report on studies like the made-up one, whose records differ as given."""

    def made(*changes):
        request = Request(
            kind="DICOM",
            folder=tmp_path,
            out=tmp_path / "a cohort.safetensors",
            protocol="prostatex",
            options=Options(),
        )
        sheets = request.beside(".sheets")
        sheets.mkdir(exist_ok=True)
        parts = []
        for number, change in enumerate(changes, start=1):
            record = {**part.record, "study": number, "sheet": f"{number}.png", **change}
            (sheets / f"{number}.png").write_bytes(PNG)
            if record["why"]:
                del record["sheet"]
                record["items"] = 0
            parts.append(Kept(tmp_path / "none.safetensors", record))
        inputs = Inputs(files=10 * len(parts), refused_files=[], warnings=[])
        return report_html(request, inputs, parts, None, inputs.warnings)

    return made


def test_sheets_of_a_few_studies_are_inside(page):
    """So that the one file can be sent."""
    html = page(*[{}] * INSIDE)
    assert html.count('src="data:image/png;base64,') == INSIDE


def test_sheets_of_many_studies_are_shown_from_their_folder(page, tmp_path):
    """By relative links, which a browser follows when it comes to them, and whose places keep their size."""
    html = page(*[{}] * (INSIDE + 1))
    pictures = re.findall(r'<img loading="lazy" [^>]*width="640" height="480" src="([^"]*)"', html)
    assert len(pictures) == INSIDE + 1
    assert "data:" not in html
    assert all((tmp_path / unquote(picture)).is_file() for picture in pictures)
    assert "The sheets are in the folder a cohort.sheets beside this page" in html


def test_studies_that_need_a_look_are_named_first(page):
    """Refused ones, then those with warnings, then those without labels; each problem links to its studies."""
    unknown = {"labels": {"by": "no mask and no table", "yes": 0, "no": 0, "unknown": 12}, "items": 12}
    html = page({}, unknown, {"warnings": ["Something odd."]}, {"why": "no T2w"}, {"warnings": ["Something odd."]})
    assert re.findall(r'<section class="study" id="s(\d)"', html) == ["4", "3", "5", "2", "1"]
    assert '1 study: Refused: no T2w.</span> <a href="#s4">4</a>' in html
    assert '2 studies: Something odd.</span> <a href="#s3">3</a>, <a href="#s5">5</a>' in html
    assert '1 study: All labels are unknown.</span> <a href="#s2">2</a>' in html


def test_where_nothing_is_wrong_nothing_is_to_look_at_first(page):
    """The section is left out."""
    assert "To look at first" not in page({})
    assert problems([]) == []


def test_series_that_differ_in_their_number_alone_are_one_row(page, part):
    """As the phases of a dynamic series, each of which is a series of its own."""
    row = {"number": 1, "looks": "spin echo", "grid": "3 x 3 x 3", "used": "T2w", "reasons": []}
    phase = {**row, "looks": "gradient echo", "used": "DCE"}
    phases = [{**phase, "number": number} for number in (2, 3, 4, 6, 8, 9)]
    html = page({"series": [row, *phases, {**row, "number": 5}]})
    assert "<td>1, 5<td>spin echo<td>" in html
    assert "<td>2 to 4, 6, 8, 9<td>gradient echo<td>" in html
    assert "8 series" in html


def test_the_page_of_1500_studies_has_about_3_mb(page):
    """A browser opens it at once."""
    assert len(page(*[{}] * 1500).encode()) < 3.5e6
