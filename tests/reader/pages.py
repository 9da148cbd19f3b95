"""What can be read off the page of a reader."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)


def page_data(file: Path) -> dict[str, Any]:
    """All that the script of the page reads."""
    (found,) = _DATA.findall(file.read_text(encoding="utf-8"))
    return json.loads(found)


def codes(data: dict[str, Any]) -> np.ndarray:
    """The pixels of every image, in the order of the page, (images, modalities, rows, columns)."""
    size = data["modalities"][0]["size"]
    raw = [np.frombuffer(base64.b64decode(image), dtype="<u2") for image in data["images"]]
    return np.stack(raw).reshape(len(raw), len(data["modalities"]), *size)
