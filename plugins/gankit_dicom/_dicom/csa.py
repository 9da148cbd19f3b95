"""Siemens' CSA header: named values in a private element (0029,xx10)."""

from __future__ import annotations

import struct

CREATOR = "SIEMENS CSA HEADER"
GROUP, ELEMENT = 0x0029, 0x10


def csa_values(header: bytes, name: str) -> tuple[str, ...]:
    """Texts of a named value in a CSA header, of its first form or its second ("SV10"); none where it is not there.

    A header is a count of names; for each name its text (64 bytes), multiplicity, VR, type and count of items; and for
    each item four numbers, of which the second (in the first form the first, less an offset) is its length, and the
    item, filled up to 4 bytes.
    """
    try:
        return _values(header, name.encode("ascii"))
    except struct.error:
        return ()


def _values(header: bytes, name: bytes) -> tuple[str, ...]:
    second = header.startswith(b"SV10")
    place = 8 if second else 0
    (count,) = struct.unpack_from("<I", header, place)
    place += 8
    offset = None
    for _ in range(min(count, 1024)):
        named, _, _, _, items, _ = struct.unpack_from("<64si4siii", header, place)
        place += 84
        offset = items if offset is None else offset
        values = []
        for _ in range(items):
            lengths = struct.unpack_from("<4i", header, place)
            length = lengths[1] if second else lengths[0] - offset
            if not 0 <= length <= len(header) - place:
                return ()
            place += 16
            values.append(header[place : place + length])
            place += (length + 3) // 4 * 4
        if named.split(b"\0", 1)[0] == name:
            texts = (value.split(b"\0", 1)[0].decode("ascii", "replace").strip() for value in values)
            return tuple(text for text in texts if text)
    return ()
