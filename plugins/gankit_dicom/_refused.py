"""Why a file, a series or a study is not used."""

from __future__ import annotations


class Refused(Exception):
    """Something that cannot be used; the message is a reason that the report prints.

    A reason is made of our own words and of numbers, never of text from a header, a file name or a library's error,
    for those can name a patient.
    """
