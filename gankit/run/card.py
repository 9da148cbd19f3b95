"""The card of a model: a document that says what it was trained on, how good it is, and what it is not for.

It can be kept in the model's file, beside what the digest of the model covers, so that the model stays the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gankit.files.attached import attach, attached
from gankit.files.digest import Altered, text_digest, verified, warn_of_file, with_digest
from gankit.files.documents import parse_json
from gankit.files.header import header

FORMAT = "gankit-card-1"
ATTACHED = "card"
"""The key of the card in the metadata of a model file."""


def card_text(document: Mapping[str, Any]) -> str:
    """A card as JSON, with the digest of the text under ``digest``."""
    return with_digest(document, lambda each: json.dumps(each, indent=1, allow_nan=False) + "\n")


def keep_card(model: Path, document: Mapping[str, Any]) -> None:
    """Keep a card in a sound model file, in the place of an earlier one. Raises RunError: it cannot be written."""
    attach(model, ATTACHED, card_text(document))


def kept_card(model: Path) -> dict[str, Any] | None:
    """The card in a model file; None where it has none.

    Warns with ``FileWarning`` of a card that is damaged or of another model, which is left out.
    """
    if (text := attached(model, ATTACHED)) is None:
        return None
    try:
        document = parse_json(text)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise Altered
        card = verified(document, lambda _, digest: text_digest(text, digest), (), model)
    except ValueError:
        warn_of_file(model, "the card in it is damaged and left out; make it again with 'gankit card'")
        return None
    if card["model"]["digest"] != header(model).get("digest"):
        warn_of_file(model, "the card in it is of another model and left out; make it again with 'gankit card'")
        return None
    return card
