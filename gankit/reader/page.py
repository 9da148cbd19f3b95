"""The page of a reader: one HTML file, which needs no other file and no network.

It has what a reader may know: the questions, how modalities are shown, and the images in the order of the reader. What
a case is stands in the key alone.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

from gankit.reader.encoding import LEVELS
from gankit.reader.key import Key, Reader
from gankit.reader.questions import Questions

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

ANSWERS = "gankit-reader-answers-1"
"""The ``format`` of the answers that a page exports."""


def rendered_page(key: Key, reader: Reader, codes: Sequence[bytes]) -> bytes:
    """The page of a reader as HTML in UTF-8.

    Args:
        key: the study.
        reader: whose page.
        codes: for each case of the key its pixels, uint16 little-endian, one modality after the other.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("gankit.reader", "templates"), autoescape=True, auto_reload=False)
    template = environment.get_template("reader.html.j2")
    return template.render(title=key.questions.title, data=_script_text(_data(key, reader, codes))).encode()


def _data(key: Key, reader: Reader, codes: Sequence[bytes]) -> dict[str, Any]:
    """What the page's script reads. Images stand in the order in which they are shown first."""
    shown_first = list(reader.first())
    return {
        "format": ANSWERS,
        "study": key.study,
        "reader": reader.number,
        "questions": _questions(key.questions),
        "levels": LEVELS,
        "modalities": [
            {
                "name": name,
                "unit": unit_as_printed(shown.unit),
                "size": shown.size,
                "range": shown.range,
                "window": shown.window,
            }
            for name, shown in key.modalities.items()
        ],
        "images": [base64.b64encode(codes[case]).decode() for case in shown_first],
        "order": [shown_first.index(case) for case in reader.order],
    }


def _questions(questions: Questions) -> dict[str, Any]:
    """The questions without what is for scoring alone."""
    origin, lesion = questions.origin, questions.lesion
    return {
        "title": questions.title,
        "instructions": [part.strip() for part in questions.instructions.split("\n\n") if part.strip()],
        "origin": origin
        and {"ask": origin.ask, "words": [origin.real, origin.synthetic], "confidence": origin.confidence},
        "lesion": lesion and {"ask": lesion.ask, "mark": lesion.mark},
        "ratings": [{"name": rating.name, "ask": rating.ask, "levels": rating.levels} for rating in questions.ratings],
        "comment": questions.comment,
    }


def unit_as_printed(unit: str) -> str:
    """A UCUM-like unit as it is printed: ``×10⁻⁶ mm²/s`` for ``1e-6 mm2/s``, ``a.u.`` for ``1``."""
    if unit == "1":
        return "a.u."
    scaled = re.sub(r"^1e(-?\d+)\b", lambda found: "×10" + found[1].translate(_RAISED), unit)
    return re.sub(r"(?<=[A-Za-z])-?\d+", lambda found: found[0].translate(_RAISED), scaled)


def _script_text(data: Any) -> str:
    """JSON that can stand in a script element: no text in it can end the element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
