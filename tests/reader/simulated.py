"""Studies without pictures, and readers of known skill who answer them."""

from pathlib import Path

import attrs
import numpy as np

from gankit.files.json_file import write_document
from gankit.reader.answers import Answer, Answers, Mark
from gankit.reader.key import Case, Key, Reader, Shown, Source, packed, write_key
from gankit.reader.order import reading_order, repeated
from gankit.reader.page import ANSWERS
from gankit.reader.questions import Lesion, Origin, Questions, Rating

SIZE = (16, 16)
SPOT = np.zeros(SIZE, dtype=bool)
SPOT[8:11, 4:7] = True
"""The lesion of every case that has one."""
INSIDE, OUTSIDE = Mark(x=5.5 / 16, y=9.5 / 16), Mark(x=0.9, y=0.1)
QUESTIONS = Questions(
    origin=Origin(),
    lesion=Lesion(),
    ratings=(Rating(name="quality", ask="How good?", levels=("poor", "fair", "good", "very good")),),
)


def study(count: int = 60, readers: int = 3, repeats: int = 12, sources: tuple[str, ...] = ("model",), seed: int = 0):
    """A key: half of the cases real, half of those of each origin with a lesion, each case of a patient of its own."""
    cases = tuple(
        Case(
            source=(name := "real" if number % 2 else sources[number // 4 % len(sources)]),
            origin="real" if number % 2 else "synthetic",
            label=number // 2 % 2,
            patient=f"{name}/{number}",
            lesion=packed(SPOT) if number // 2 % 2 else "",
        )
        for number in range(count)
    )
    numbers = np.random.default_rng(seed)
    again = repeated(cases, repeats, numbers)
    return Key(
        study=f"study-{seed}",
        seed=seed,
        label="cs",
        modalities={"adc": Shown(unit="1", size=SIZE, range=(0, 1), window=(0, 1))},
        sources=(
            Source(name="real", origin="real", path="real.safetensors", about="simulated patients"),
            *(Source(name=name, origin="synthetic", path=name, about="simulated model") for name in sources),
        ),
        questions=QUESTIONS,
        cases=cases,
        readers=tuple(
            Reader(number=number, page=f"reader-{number}.html", order=reading_order(count, again, numbers))
            for number in range(1, readers + 1)
        ),
    )


@attrs.frozen(kw_only=True)
class Skill:
    """What a simulated reader can do."""

    apart: float = 0.0
    """Distance of the means of what is felt for real and for synthetic cases, in standard deviations. The chance that a
    synthetic case feels more so than a real one is Phi(apart / sqrt 2)."""
    sensitivity: float = 0.8
    specificity: float = 0.9
    place: float = 0.75
    """Chance that a mark is in the lesion."""
    steady: float = 1.0
    """Chance that the answer to a repeated case is the first one."""


def answered(key: Key, number: int, skill: Skill, numbers: np.random.Generator) -> Answers:
    """The answers of a reader, drawn from the skill."""
    first: dict[int, Answer] = {}
    answers = []
    for case in key.readers[number - 1].order:
        if case not in first or numbers.random() > skill.steady:
            answer = _answer(key.cases[case], skill, numbers)
            first.setdefault(case, answer)
        else:
            answer = first[case]
        answers.append(answer)
    return Answers(study=key.study, reader=number, answers=tuple(answers))


def _answer(case: Case, skill: Skill, numbers: np.random.Generator) -> Answer:
    felt = numbers.standard_normal() + (0.5 if case.origin == "synthetic" else -0.5) * skill.apart
    found = numbers.random() < (skill.sensitivity if case.label else 1 - skill.specificity)
    mark = (INSIDE if numbers.random() < skill.place else OUTSIDE) if found else None
    return Answer(
        origin="synthetic" if felt > 0 else "real",
        confidence=1 + int(np.searchsorted([0.5, 1.2], abs(felt))),
        lesion=bool(found),
        mark=mark,
        ratings={"quality": int(numbers.integers(1, 5))},
        seconds=5.0,
    )


def written(answers: Answers, file: Path) -> Path:
    """Answers as a page saves them."""
    document = attrs.asdict(answers, filter=lambda _, value: value is not None)
    write_document(file, {"format": ANSWERS, **document})
    return file


def written_study(key: Key, folder: Path, skill: Skill = Skill(), seed: int = 0) -> list[Path]:
    """The key and the answers of all readers, as they lie in the folder of a study."""
    write_key(folder / "key" / "key.json", key)
    numbers = np.random.default_rng(seed)
    return [
        written(answered(key, reader.number, skill, numbers), folder / f"reader-{reader.number}.json")
        for reader in key.readers
    ]
