"""Patients under other names: salted hashes."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from gankit import InputError, write_bytes

DIGITS = 12


def alias(patient: str, salt: bytes) -> str:
    """A name that tells nothing without the salt, and the same for one patient and salt.

    The first 12 hexadecimal digits of keyed BLAKE2b. Without the key, ids could be guessed by hashing every
    plausible one.
    """
    return "p" + hashlib.blake2b(patient.encode(), key=salt[:64], digest_size=DIGITS // 2).hexdigest()


def read_or_make_salt(file: Path) -> bytes:
    """The salt in a file; a fresh one is written where there is none.

    Raises:
        InputError: the file is too short to keep a secret, or cannot be read.
    """
    try:
        if not file.exists():
            write_bytes(file, secrets.token_hex(32).encode())
            file.chmod(0o600)
        salt = file.read_bytes().strip()
    except OSError as error:
        raise InputError(f"{file}: the salt cannot be read or kept: {error.strerror}") from error
    if len(salt) < 16:
        raise InputError(f"{file}: a salt needs 16 bytes or more, found {len(salt)}; remove it and a new one is made")
    return salt
