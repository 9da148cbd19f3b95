"""Patients under other names: salted hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

from gankit import InputError, locked, write_bytes

DIGITS = 12
SALT = 64
"""Bytes of a salt that count: hexadecimal digits."""
CHECK = 13
"""Digits that are kept behind a salt. Nobody's own secret is likely to have as many bytes as both together."""


def alias(patient: str, salt: bytes) -> str:
    """A name that tells nothing without the salt, and the same for one patient and salt.

    The first 12 hexadecimal digits of keyed BLAKE2b. Without the key, ids could be guessed by hashing every
    plausible one.
    """
    return "p" + hashlib.blake2b(patient.encode(), key=salt[:SALT], digest_size=DIGITS // 2).hexdigest()


def read_or_make_salt(file: Path, users: bool) -> bytes:
    """The salt in a file; a fresh one is written where there is none. Of several imports at once, one makes it.

    Args:
        file: where the salt is kept.
        users: whether the user names the file, which may then hold a secret of the user's own.

    Raises:
        InputError: the file is too short to keep a secret, is damaged, or cannot be read.
        RunError: it cannot be written.
    """
    if not file.exists():
        lock = file.with_name(f".{file.name}.lock")
        with locked(lock, wait=True):
            if not file.exists():
                write_bytes(file, _with_check(secrets.token_hex(SALT // 2).encode()), mode=0o600)
            lock.unlink(missing_ok=True)  # whoever waits for it finds the salt
    try:
        salt = file.read_bytes().strip()
    except OSError as error:
        raise InputError(f"{file}: the salt cannot be read: {error.strerror}") from error
    if not (_is_made(salt) or (users and len(salt) != SALT + CHECK)):
        raise InputError(
            f"{file}: the salt is damaged or not one of gankit's, so patients would get other names; restore it, name a"
            " secret of your own by `salt`, or remove it and patients get new names"
        )
    if len(salt) < 16:
        raise InputError(f"{file}: a salt needs 16 bytes or more, found {len(salt)}; remove it and a new one is made")
    return salt


def _with_check(salt: bytes) -> bytes:
    """A salt with the digits by which damage to it is found. They come after those that ``alias`` uses."""
    return salt + hashlib.blake2b(salt).hexdigest()[:CHECK].encode()


def _is_made(salt: bytes) -> bool:
    """Whether a salt is one that gankit made; those of earlier versions have no digits of a check."""
    return salt == _with_check(salt[:SALT]) or re.fullmatch(rb"[0-9a-f]{%d}" % SALT, salt) is not None
