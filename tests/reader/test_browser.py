"""The page of a reader in a browser without a window: by keys, by touch, on a phone, kept and saved.

These tests need a Chromium of the system and the package playwright, which drives it; without them they are skipped.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gankit.reader.answers import Mark, read_answers
from gankit.reader.key import read_key
from gankit.reader.score import score_readers
from tests.reader.pages import codes, page_data

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine: install chromium")

DESKTOP = {"viewport": {"width": 1200, "height": 900}}
PHONE = {"viewport": {"width": 400, "height": 800}, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, study):
    """``opened(reader=1, **settings)``: the page of a reader, from a file. An error or a request ends the test."""
    contexts, problems = [], []

    def run(reader=1, **settings):
        context = browser.new_context(**{**DESKTOP, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: problems.append(request.url) if "http" in request.url[:5] else None)
        page.goto((study / "pages" / f"reader-{reader}.html").as_uri())
        return page

    yield run
    for context in contexts:
        context.close()
    assert problems == []


def saved(page, file: Path) -> Path:
    """The answers that the page saves."""
    if page.locator("#end").is_hidden():
        page.click("#pause")
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(file)
    return file


def answer_by_keys(page, at: int) -> None:
    """Answer a case as keys do: real or synthetic, confidence, a lesion or none, its mark, the quality."""
    lesion = at % 3 == 0
    for key in ("12"[at % 2], "123"[at % 3], "1" if lesion else "2"):
        page.keyboard.press(key)
    if lesion:
        page.locator("canvas").first.focus()
        for key in ("ArrowLeft", "ArrowUp", "Space"):
            page.keyboard.press(key)
    page.keyboard.press("12345"[at % 5])
    page.keyboard.press("Enter")


def test_a_study_is_answered_by_keys_alone_and_scored(opened, study, tmp_path):
    """From the first case to the figures; what is saved is what was pressed."""
    key, file = read_key(study / "key/key.json"), tmp_path / "reader-1.json"
    page = opened()
    page.keyboard.press("Tab")  # the button of the header
    page.locator("#begin").press("Enter")
    for at in range(30):
        assert page.inner_text("#place") == f"Case {at + 1} of 30, {at} answered"
        answer_by_keys(page, at)
    assert "All 30 cases are answered" in page.inner_text("#done")
    saved(page, file)
    (answers,) = read_answers([file], key).values()
    assert [answer.origin for answer in answers.answers[:2]] == ["real", "synthetic"]
    assert [answer.confidence for answer in answers.answers[:3]] == [1, 2, 3]
    assert answers.answers[0].mark == Mark(x=pytest.approx(0.5 - 1 / 64, abs=1e-4), y=pytest.approx(0.4844, abs=1e-4))
    assert [answer.ratings["quality"] for answer in answers.answers[:5]] == [1, 2, 3, 4, 5]
    assert sum(answer.seconds for answer in answers.answers) > 0
    score = score_readers(file, key=study / "key/key.json", out=tmp_path / "score")
    truth = [key.cases[case].origin for case in key.readers[0].order]
    first = list(key.readers[0].first().values())
    right = np.mean([answers.answers[at].origin == truth[at] for at in first])
    assert next(each.value for each in score.figures if each.measure == "accuracy") == pytest.approx(right)


def test_a_phone_answers_by_touch_in_the_dark_and_nothing_is_out_of_reach(opened, tmp_path):
    """Modalities stand side by side; no part is wider than the screen; a tap marks the lesion in all modalities."""
    page = opened(2, **PHONE)
    page.tap("#begin")
    boxes = [canvas.bounding_box() for canvas in page.locator("canvas").all()]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 26)"
    for name in ("synthetic", "certain", "yes"):
        page.locator("label", has_text=name).first.tap()
    box = boxes[1]
    page.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    assert page.inner_text(".hint") == "The place is marked. Click again to move it."
    answer = json.loads(saved(page, tmp_path / "one.json").read_text())["answers"][0]
    assert (answer["origin"], answer["confidence"], answer["lesion"]) == ("synthetic", 3, True)
    assert answer["mark"] == {"x": pytest.approx(0.25, abs=0.01), "y": pytest.approx(0.75, abs=0.01)}


def test_answers_are_kept_when_the_page_is_closed_and_in_a_file(opened, study, tmp_path):
    """A reload goes on where the reader was; so does another browser, with the saved file."""
    page = opened()
    page.click("#begin")
    for at in range(3):
        answer_by_keys(page, at)
    page.reload()
    assert page.inner_text("#begin") == "Go on with case 4"
    page.click("#begin")
    assert page.inner_text("#place") == "Case 4 of 30, 3 answered"
    file = saved(page, tmp_path / "reader-1-incomplete.json")

    elsewhere = opened()
    elsewhere.set_input_files("#restore", file)
    elsewhere.wait_for_selector("#case:not([hidden])")
    assert elsewhere.inner_text("#place") == "Case 4 of 30, 3 answered"
    other = opened(2)
    other.set_input_files("#restore", file)
    other.wait_for_selector("#warning:not([hidden])")
    assert other.inner_text("#warning") == "This file has the answers of another page."
    with pytest.raises(Exception, match="27 of 30 cases are not answered, the first is case 4"):
        read_answers([file], read_key(study / "key/key.json"))


def test_zoom_is_linked_and_windows_are_in_units(opened, study):
    """The wheel over one modality moves all; the sliders and the value under the pointer say the unit."""
    page = opened()
    page.click("#begin")
    data = page_data(study / "pages/reader-1.html")
    pixel, (low, high) = codes(data)[0, 0, 8, 8], data["modalities"][0]["range"]
    box = page.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 8.5 / 16, box["y"] + box["height"] * 8.5 / 16)
    said = page.locator("figcaption output").first.inner_text()
    assert said.endswith("×10⁻⁶ mm²/s")
    assert float(said.split()[0]) == pytest.approx(low + pixel * (high - low) / 4095, abs=1)
    before = [canvas.screenshot() for canvas in page.locator("canvas").all()]
    page.mouse.wheel(0, -300)
    zoomed = [canvas.screenshot() for canvas in page.locator("canvas").all()]
    assert all(one != other for one, other in zip(before, zoomed, strict=True))
    page.keyboard.press("0")
    page.locator("input[type=range]").first.fill(str((low + high) / 4 // 1))
    assert page.locator(".window output").first.inner_text().endswith("×10⁻⁶ mm²/s")
    after = [canvas.screenshot() for canvas in page.locator("canvas").all()]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]


def test_a_page_shows_nothing_of_a_case_but_its_place(opened):
    """A reader who looks at the text of the page sees the same for every case."""
    page = opened()
    page.click("#begin")
    first = page.inner_text("main")
    page.click("#next")
    assert page.inner_text("main") == first
    page.click("#back")
    assert page.inner_text("#place") == "Case 1 of 30, 0 answered"
