"""``score_readers``: the figures of a reader study, from the answers of its readers and its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError
from gankit.evaluation.statistics import require_scipy
from gankit.files.atomic import write_bytes, write_text
from gankit.files.json_file import write_document
from gankit.files.paths import given_path, is_file
from gankit.files.tables import latex, markdown
from gankit.reader.agreements import between_readers, within_readers
from gankit.reader.answers import read_answers
from gankit.reader.figures import Figures
from gankit.reader.key import Key, read_key
from gankit.reader.lesions import lesion_figures, place_figures
from gankit.reader.levels import level_figures
from gankit.reader.make import KEY
from gankit.reader.origin import origin_figures
from gankit.reader.readings import Readings
from gankit.reader.results import Figure, ReaderScore
from gankit.reader.score_tables import score_page, score_tables
from gankit.report.page import rendered

FORMAT = "gankit-reader-score-1"


def score_readers(
    answers: str | Path | Iterable[str | Path], *, key: str | Path | None = None, out: str | Path | None = None
) -> ReaderScore:
    """Score the answers of the readers of one study.

    Args:
        answers: files that the pages have saved, one for each reader.
        key: the study's ``key.json``; default: ``key/key.json`` in the folder of the answers, or in the one above.
        out: folder that gets score.json, score.md, score.tex and score.html; default: nothing is written.

    Returns: all figures.

    Raises:
        InputError: answers are incomplete, doubled, edited, damaged or of another study, or the key cannot be found or
            read. Nothing has been written then.
        RunError: the folder cannot be written.
    """
    require_scipy()
    given = [answers] if isinstance(answers, str | Path) else list(answers)
    files = [given_path("answers", each) for each in given]
    if not files:
        raise InputError("`answers`: name at least one file that a page has saved")
    for file in files:
        _require_file(file)
    study = read_key(key_file(files[0]) if key is None else given_path("key", key))
    readings = Readings.of(study, read_answers(files, study))
    score = _score(readings)
    if out is not None:
        _write(given_path("out", out), score, study)
    return score


def key_file(answers: Path) -> Path:
    """The key beside a file of answers. Raises InputError: there is no such file, or no key."""
    _require_file(answers)
    folder = answers.resolve().parent
    for file in (folder / KEY, folder.parent / KEY):
        if is_file(file):
            return file
    raise InputError(f"{answers}: no {KEY} beside it; put answers into the folder of the study, or name its `key`")


def _require_file(answers: Path) -> None:
    """Raise InputError where there is no such file."""
    if not is_file(answers):
        what = "is a folder" if answers.is_dir() else "no such file"
        raise InputError(f"{answers}: {what}; name the files that the pages have saved, as in study/*.json")


def _score(readings: Readings) -> ReaderScore:
    figures = Figures(readings)
    return ReaderScore(
        study=readings.key.study,
        readers=readings.readers,
        seconds=tuple(float(each) for each in readings.seconds()),
        figures=tuple(_answered(figures)),
        between=tuple(between_readers(figures)),
        within=tuple(within_readers(figures)),
    )


def _answered(figures: Figures) -> Iterator[Figure]:
    questions = figures.readings.key.questions
    if questions.origin is not None:
        yield from origin_figures(figures)
    if questions.lesion is not None:
        yield from lesion_figures(figures)
        yield from place_figures(figures)
    yield from level_figures(figures)


def _write(folder: Path, score: ReaderScore, key: Key) -> None:
    tables = score_tables(score, key)
    document: dict[str, Any] = {"format": FORMAT, **attrs.asdict(score)}
    contents = {"score.md": markdown(tables), "score.tex": latex(tables)}
    for name, text in contents.items():
        write_text(folder / name, text)
    write_bytes(folder / "score.html", rendered(score_page(score, key)))
    write_document(folder / "score.json", document)
