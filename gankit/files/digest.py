"""How content is digested. A file carries the digest of the rest of it, by which it is verified when it is read.

Digests are BLAKE2b of 16 bytes, in hexadecimal. Files of earlier versions have none; they are read with a warning.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from gankit._errors import FileWarning

KEY = "digest"
"""The key of the digest in a document, in a row and in the header of a file of tensors."""


class Altered(ValueError):
    """Content that does not match its digest."""

    def __init__(self) -> None:
        super().__init__("its content does not match its digest; the file was altered or damaged")


def verified(
    document: Mapping[str, Any],
    recompute: Callable[[dict[str, Any], str], str],
    known: Container[str],
    file: Path,
) -> dict[str, Any]:
    """A document or header without its digest, once its digest has been found right.

    Args:
        document: as it was read.
        recompute: gives the digest of what was read, from the document without digest, and the digest that it has.
        known: keys that a document of before digests may have. One with other keys and no digest is damaged.
        file: where it was read.

    Warns with ``FileWarning`` of a document of before digests.

    Raises:
        Altered: what was read is not what was written.
    """
    rest = {key: value for key, value in document.items() if key != KEY}
    if KEY not in document and all(key in known for key in rest):
        warn_of_file(file, "has no digest, as files of earlier versions, so damage to it would go unnoticed")
    elif not isinstance(digest := document.get(KEY), str) or recompute(rest, digest) != digest:
        raise Altered
    return rest


def warn_of_file(file: Path, what: str) -> None:
    """Warn of a file that is read though nothing proves its content, or that is made again since it is damaged."""
    warnings.warn(f"{file}: {what}", FileWarning, stacklevel=3)


def content_digest(content: Any) -> str:
    """The digest of what JSON can hold; the order of keys does not matter."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


# Texts ----------------------------------------------------------------------------------------------------


def with_digest(document: Mapping[str, Any], write: Callable[[Mapping[str, Any]], str], owner: str = "") -> str:
    """The text of a document that has, under ``digest``, the digest of the text.

    Args:
        document: what to write. The digest comes last, or where the document has its key.
        write: makes the text of a document.
        owner: whose document it is; see ``text_digest``.
    """
    blank = write({**document, KEY: ""})
    return write({**document, KEY: text_digest(blank, owner=owner)})


def text_digest(text: str, digest: str = "", owner: str = "") -> str:
    """The digest of a text that has it in itself: of all but the digest and white space.

    So another indentation, or the line ends of another system, are no damage. With an ``owner`` it is another one, so
    that the same text of another owner is told.
    """
    content = owner + "".join(text.replace(digest, "").split())
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


# Tensors --------------------------------------------------------------------------------------------------

Values = tuple[str, str, tuple[int, ...], Iterable[Any]]
"""A tensor: its name, its type as in ``"float32"``, its shape, and its values in one buffer or several."""


def tensors_digest(header: Mapping[str, Any], tensors: Iterable[Values]) -> str:
    """The digest of a JSON header, and of names, types, shapes and values of tensors."""
    digest = hashlib.blake2b(json.dumps(header, sort_keys=True).encode(), digest_size=16)
    for name, kind, shape, values in sorted(tensors, key=lambda tensor: tensor[0]):
        digest.update(f"{name} torch.{kind} {shape}".encode())
        for part in values:
            digest.update(part)
    return digest.hexdigest()
