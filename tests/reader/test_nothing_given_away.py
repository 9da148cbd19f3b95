"""Nothing in a page tells real from synthetic but what can be seen in the images.

Real and synthetic slices here are draws from the same distribution, so that nothing can be seen. They are stored as a
scanner's and as a network's are: whole numbers at twice the size with values beyond the range, and any numbers that do
not reach the ends of the range.
"""

import zlib

import attrs
import numpy as np
import pytest

from gankit import read_cohort, write_cohort
from gankit.evaluation.real_side import RANGE
from gankit.reader import encoding, make
from gankit.reader.design import ReaderDesign
from gankit.reader.key import read_key
from gankit.reader.make import make_reader_study
from tests.reader.pages import codes, page_data
from tests.reader.slices import blobs, changed

CASES = 200
FOUR_SD = 4 * np.sqrt((CASES + 1) / (12 * (CASES / 2) ** 2))
"""Of the area under the ROC curve of a number that tells nothing."""


def bright(values: np.ndarray) -> np.ndarray:
    """Slices in which a few pixels are far brighter than the others, as vessels are."""
    return np.where(values > np.quantile(values, 0.98), 1.6 * values, values)


def scanned(values: np.ndarray) -> np.ndarray:
    """Whole numbers at twice the size, which are averaged down; some are beyond the range that a page shows."""
    return np.rint(bright(values)).repeat(2, axis=-1).repeat(2, axis=-2)


def generated(values: np.ndarray) -> np.ndarray:
    """What a network with a tanh makes of them: it comes near to the ends of the range and does not reach them."""
    high = np.percentile(bright(values), RANGE[1])
    return (0.5 + 0.497 * (2 * bright(values).clip(0, high) / high - 1)) * high


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """Files of the two kinds."""
    folder = tmp_path_factory.mktemp("alike")
    real = changed(blobs(120, 10), scanned)
    truth = {"lesion": real.truth["lesion"].repeat(2, axis=-1).repeat(2, axis=-2)}
    write_cohort(attrs.evolve(real, truth=truth), folder / "hospital.safetensors")
    write_cohort(changed(blobs(120, 11, synthetic=True), generated), folder / "network.safetensors")
    return folder / "hospital.safetensors", folder / "network.safetensors"


@pytest.fixture
def studied(cohorts, plugins, tmp_path):
    """``studied()``: the key of a study of them, and its folder."""

    def run():
        design = ReaderDesign(count=CASES, readers=2, repeats=20)
        return make_reader_study(*cohorts, tmp_path / "study", design=design, plugins=plugins, quiet=True), (
            tmp_path / "study"
        )

    return run


def told(values: np.ndarray, synthetic: np.ndarray) -> float:
    """The area under the ROC curve by which a number tells synthetic from real, less one half."""
    above = values[synthetic][:, None] > values[~synthetic]
    same = values[synthetic][:, None] == values[~synthetic]
    return float((above + 0.5 * same).mean() - 0.5)


def numbers_of_a_file(data: dict) -> dict[str, np.ndarray]:
    """Numbers that can be computed of each image without looking at it: places, sizes, statistics of the coding."""
    images = codes(data)
    times = np.bincount(data["order"], minlength=len(images))
    found = {
        "position": np.arange(len(images)),
        "showings": times,
        "characters": np.array([len(image) for image in data["images"]]),
        "compressed": np.array([len(zlib.compress(image.tobytes(), 9)) for image in images]),
    }
    for number, modality in enumerate(data["modalities"]):
        pixels = images[:, number].reshape(len(images), -1)
        counts = np.stack([np.bincount(row, minlength=data["levels"]) for row in pixels])
        spectrum = np.abs(np.fft.rfft((counts > 0).astype(float), axis=1))
        found |= {
            f"{modality['name']} {name}": values
            for name, values in {
                "different codes": (counts > 0).sum(axis=1),
                "least": pixels.min(axis=1),
                "greatest": pixels.max(axis=1),
                "commonest": counts.max(axis=1),
                "at an end": counts[:, [0, -1]].sum(axis=1),
                "odd": (pixels % 2).mean(axis=1),
                "of four": (pixels % 4 == 0).mean(axis=1),
                "of sixteen": (pixels % 16 == 0).mean(axis=1),
                "near the low end": (pixels < 80).mean(axis=1),
                "comb": spectrum[:, 100:].max(axis=1),
                "equal neighbours": (np.diff(images[:, number], axis=2) == 0).mean(axis=(1, 2)),
                "equal rows": (np.diff(images[:, number], axis=1) == 0).mean(axis=(1, 2)),
            }.items()
        }
    return found


def told_by(key, folder) -> dict[str, float]:
    """Name of a number to how well it tells synthetic from real, on the page of the first reader."""
    first = list(key.readers[0].first())
    synthetic = np.array([key.cases[case].origin == "synthetic" for case in first])
    numbers = numbers_of_a_file(page_data(folder / "pages/reader-1.html"))
    return {name: abs(told(np.asarray(values, dtype=float), synthetic)) for name, values in numbers.items()}


def test_no_number_of_a_file_tells_real_from_synthetic(studied):
    """Position, size, repetition, distinct codes, ends of the range, parity, combs, what can be compressed."""
    key, folder = studied()
    telling = {name: by for name, by in told_by(key, folder).items() if by > FOUR_SD}
    assert telling == {}


def test_the_numbers_would_tell_if_values_were_coded_as_they_are(studied, monkeypatch):
    """Without noise and without the edge some of them tell, so the test above can fail."""
    as_they_are(monkeypatch)
    key, folder = studied()
    telling = {name for name, by in told_by(key, folder).items() if by > 2 * FOUR_SD}
    assert {"adc least", "adc at an end", "t2w different codes"} <= telling


def as_they_are(monkeypatch) -> None:
    """Code values from now on without noise, up to the ends of the range."""
    monkeypatch.setattr(encoding, "EDGE", 0.0)
    monkeypatch.setattr(make, "noise_sd", lambda *_: 0.0)


def lattice(key, folder) -> float:
    """The strongest period in the histogram of all real images together, in that of all synthetic ones as unit."""
    first = list(key.readers[0].first())
    synthetic = np.array([key.cases[case].origin == "synthetic" for case in first])
    pixels = codes(page_data(folder / "pages/reader-1.html"))[:, 1]
    counts = [np.bincount(pixels[synthetic == side].ravel(), minlength=encoding.LEVELS) for side in (False, True)]
    middle = [each[400:-400] - each[400:-400].mean() for each in counts]
    real, made = (np.abs(np.fft.rfft(each))[300:].max() for each in middle)
    return real / made


def test_all_images_together_show_no_lattice(studied):
    """Whole numbers are hidden, also from whoever adds up the histograms of all cases."""
    assert lattice(*studied()) < 1.5


def test_a_lattice_would_be_seen_if_values_were_coded_as_they_are(studied, monkeypatch):
    """So the test above can fail."""
    as_they_are(monkeypatch)
    assert lattice(*studied()) > 5


def test_a_page_has_the_questions_the_images_and_nothing_else(studied):
    """Its data have these keys alone; no name of a source, a patient or a label is anywhere in the file."""
    key, folder = studied()
    data = page_data(folder / "pages/reader-1.html")
    assert set(data) == {"format", "study", "reader", "questions", "levels", "modalities", "images", "order"}
    assert {name for each in data["modalities"] for name in each} == {"name", "unit", "size", "range", "window"}
    assert set(data["questions"]["origin"]) == {"ask", "words", "confidence"}
    assert set(data["questions"]["lesion"]) == {"ask", "mark"}
    page = (folder / "pages/reader-1.html").read_text()
    secrets = {each.path for each in key.sources} | {each.about for each in key.sources}
    secrets |= {case.patient for case in key.cases} | {"hospital", "network", "blobs"}
    assert [secret for secret in secrets if secret in page] == []


def test_all_images_have_the_same_size_in_the_file(studied):
    """Each is as many characters of base64."""
    _, folder = studied()
    data = page_data(folder / "pages/reader-2.html")
    assert len({len(image) for image in data["images"]}) == 1
    assert len(data["images"]) == CASES
    assert len(data["order"]) == CASES + 20


def test_images_stand_in_the_order_of_the_page(studied):
    """Else their order in the file could be that of the sources."""
    key, folder = studied()
    order = page_data(folder / "pages/reader-1.html")["order"]
    assert list(dict.fromkeys(order)) == list(range(CASES))
    assert order[:CASES] != list(key.readers[0].order[:CASES])


def test_a_case_looks_the_same_to_every_reader(studied):
    """The same pixels, in another order."""
    key, folder = studied()
    by_reader = []
    for reader in key.readers:
        images = codes(page_data(folder / "pages" / reader.page))
        by_reader.append({case: images[place].tobytes() for place, case in enumerate(reader.first())})
    assert by_reader[0] == by_reader[1]


def test_the_image_is_kept_but_for_what_cannot_be_seen(studied, cohorts):
    """The codes are the values, within 1% of the range at its ends and 4 standard deviations of the noise elsewhere."""
    key, folder = studied()
    shown = key.modalities["adc"]
    data = page_data(folder / "pages/reader-1.html")
    low, high = shown.range
    values = low + codes(data)[:, 0] * (high - low) / (data["levels"] - 1)
    made = read_cohort(cohorts[1])
    for place, case in list(enumerate(key.readers[0].first()))[:20]:
        if key.cases[case].origin == "synthetic":
            patient = key.cases[case].patient.removeprefix("network/")
            own = made.modalities["adc"].values[made.patient == patient][:, 0]
            error = min(np.abs(values[place] - each.clip(low, high)).max() for each in own)
            assert error < (0.01 + 5 * encoding.GRAIN) * (high - low)
    assert read_key(folder / "key/key.json") == key


def test_a_lattice_is_found_and_a_continuum_has_none():
    """Steps of whole numbers, of quarters, and of nothing."""
    numbers = np.random.default_rng(0).random((32, 32)) * 500
    assert encoding.lattice_step(np.rint(numbers), 600) == 1
    assert encoding.lattice_step(np.rint(4 * numbers) / 4, 600) == 0.25
    assert encoding.lattice_step(numbers, 600) < 0.15
    assert encoding.lattice_step(np.full((4, 4), 7.0), 600) == 0
