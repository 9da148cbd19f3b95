"""The tables of a score, its verdicts in words, and its page."""

from __future__ import annotations

from collections.abc import Sequence

from gankit.cohort.titles import real_title
from gankit.evaluation.tables import ABSENT
from gankit.files.tables import Table
from gankit.reader.key import Key, Source
from gankit.reader.questions import Origin
from gankit.reader.results import Figure, ReaderScore
from gankit.report.page import Facts, Page, Section, TableBlock, Text

SHORT = "Value [95% interval] (number of cases)."

BETWEEN, WITHIN = "Agreement between readers", "Agreement with the first answer"
"""Titles of tables."""


def score_tables(score: ReaderScore, key: Key) -> list[Table]:
    """The tables of a score: what readers answered, how they agree, and the study itself."""
    ratings = [rating.name for rating in key.questions.ratings]
    parts = {
        "Real or synthetic": ["origin"],
        "Lesions": ["lesion"],
        "Places of lesions": ["place"],
        "Ratings": ratings,
    }
    tables = [
        _pivot(title, [each for each in score.figures if each.part in names], _note(title, key), key)
        for title, names in parts.items()
    ]
    tables += [
        _pivot(BETWEEN, score.between, "Intervals are over cases, for these readers.", key),
        _pivot(WITHIN, score.within, "Cases that were shown twice.", key),
    ]
    return [*(table for table in tables if table.rows), _study(score, key)]


def score_page(score: ReaderScore, key: Key) -> Page:
    """The page of a score."""
    *tables, study = score_tables(score, key)
    agreement = [table for table in tables if table.title in (BETWEEN, WITHIN)]
    answers = [table for table in tables if table not in agreement]
    return Page(
        title=f"Score: {key.questions.title}",
        summary=f"Study {score.study}, {_counted(len(score.readers), 'reader')}.",
        sections=(
            Section("Verdicts", tuple(map(Text, verdicts(score, key)))),
            Section("Answers", tuple(map(TableBlock, answers))),
            Section("Agreement", tuple(map(TableBlock, agreement))),
            Section(study.title, (Facts(tuple((row[0], row[1]) for row in study.rows)),)),
        ),
        footer="Made from the answers of the readers and the key of the study.",
    )


# Words ----------------------------------------------------------------------------------------------------


def verdicts(score: ReaderScore, key: Key) -> list[str]:
    """What the figures of all readers say, or those of the only reader, in sentences."""
    who = "all readers" if len(score.readers) > 1 else f"reader {score.readers[0]}"
    found = {(each.part, each.measure, each.among): each for each in score.figures if each.who == who}
    said = []
    if (accuracy := found.get(("origin", "accuracy", "all cases"))) is not None:
        said.append(_against_chance(accuracy, worded("real and synthetic cases", key)))
    for among in ("real cases", "synthetic cases"):
        if (share := found.get(("lesion", "sensitivity", among))) is not None:
            said.append(f"Lesions of {worded(among, key)} were found at a rate of {cell(share)}.")
    if len(score.readers) == 1:
        said.append("One reader has answered: the figures do not speak for other readers.")
    return said


def _against_chance(accuracy: Figure, cases: str) -> str:
    """The verdict on accuracy, whose chance level is one half."""
    begin = f"{cases[0].upper()}{cases[1:]} were told apart at a rate of {cell(accuracy)}, where chance gives 0.50"
    if accuracy.interval is None:
        return f"{begin}; there are too few cases for an interval."
    low, high = accuracy.interval
    if low > 0.5:
        return f"{begin}: better than chance."
    if high < 0.5:
        return f"{begin}: worse than chance, so readers saw a difference and took it for the opposite."
    return (
        f"{begin}: not told from chance, which is no proof that nobody can; rates up to {high:.2f} are not ruled out."
    )


def cell(figure: Figure) -> str:
    """A figure as text: ``0.71 [0.62, 0.80] (60)``, with its p-value where it has one."""
    if figure.value is None:
        return ABSENT
    text = f"{figure.value:.2f}"
    if figure.interval is not None:
        text += f" [{figure.interval[0]:.2f}, {figure.interval[1]:.2f}]"
    text += f" ({figure.n})"
    if figure.p is None:
        return text
    return f"{text}, p = {figure.p:.3f}" if figure.p >= 0.001 else f"{text}, p < 0.001"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _note(title: str, key: Key) -> str:
    """What a table of answers must say."""
    lesion = key.questions.lesion
    if title == "Real or synthetic":
        return (
            "Accuracy of a single reader has an exact interval and an exact test against chance, 0.50. The AUC is by"
            " confidence."
        )
    if title == "Lesions":
        return f"The truth is the label {key.label!r}; for synthetic cases it is what was asked for."
    if title == "Places of lesions" and lesion is not None:
        return f"Marks agree within {lesion.radius:g} of the width of the image."
    return "Levels count from 1."


# Tables ---------------------------------------------------------------------------------------------------


def _pivot(title: str, figures: Sequence[Figure], note: str, key: Key) -> Table:
    """A table with a row for each question, reader and group of cases, and a column for each measure."""
    measures = list(dict.fromkeys(each.measure for each in figures))
    several = len({each.part for each in figures}) > 1
    rows: dict[str, dict[str, str]] = {}
    for each in figures:
        rows.setdefault(_row(each, several, key), {})[each.measure] = cell(each)
    lacking: dict[str, dict[str, None]] = {}
    for each in figures:
        if each.note:
            lacking.setdefault(each.note, {})[_row(each, several, key)] = None
    over = "; ".join(dict.fromkeys(each.interval_of for each in figures if each.interval_of))
    notes = (
        f"{SHORT} {note}",
        *((f"Intervals: {over}.",) if over else ()),
        *(f"{why.capitalize()}: {'; '.join(names)}." for why, names in lacking.items()),
    )
    return Table(
        title=title,
        columns=("", *measures),
        rows=tuple((name, *(cells.get(measure, ABSENT) for measure in measures)) for name, cells in rows.items()),
        notes=notes,
    )


def _row(figure: Figure, several: bool, key: Key) -> str:
    """The name of a figure's row."""
    named = [figure.part] if several else []
    among = [] if figure.among == "all cases" else [worded(figure.among, key)]
    return ", ".join([*named, figure.who, *among])


def worded(among: str, key: Key) -> str:
    """Which cases, in the words of the page, where ``real`` may be ``phantom``."""
    about = next((source.about for source in key.sources if source.origin == "real"), "")
    origin = key.questions.origin or Origin(real=real_title(about))
    words = {"real": origin.real, "synthetic": origin.synthetic}
    return " ".join(words.get(word, word) for word in among.split(" "))


def _study(score: ReaderScore, key: Key) -> Table:
    """What the study was."""
    rows = [
        ("readers", f"{len(score.readers)} of {len(key.readers)}: {', '.join(map(str, score.readers))}"),
        ("cases", f"{len(key.cases)}, of which {key.repeats} were shown twice"),
        *(
            (f"cases of {worded(each.name, key) if each.origin == 'real' else each.name}", _of_source(each, key))
            for each in key.sources
        ),
        ("modalities", ", ".join(key.modalities)),
        *(
            (f"reader {number}", f"{seconds:.0f} s for a case, the median")
            for number, seconds in zip(score.readers, score.seconds, strict=True)
        ),
    ]
    return Table(title="The study", columns=("", "what"), rows=tuple(rows))


def _of_source(source: Source, key: Key) -> str:
    """How many cases a source has, of how many patients, with which labels, and where they came from."""
    own = [case for case in key.cases if case.source == source.name]
    patients = len({case.patient for case in own})
    values = sorted({case.label for case in own if case.label is not None})
    labels = ", ".join(f"{key.label} = {value}: {sum(case.label == value for case in own)}" for value in values)
    return "; ".join(filter(None, (f"{len(own)} of {_counted(patients, 'patient')}", labels, source.about)))
