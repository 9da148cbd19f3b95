"""Check of export formats."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from unittest import mock

import attrs
import numpy as np

from gankit._errors import InputError
from gankit._shapes import Shape, shape_text
from gankit.recipe.recipe import ModalitySpec
from gankit.run.export import Encode, SyntheticSlice
from gankit.testing._promises import no_global_draws, promise, require

DIGEST = "0123456789abcdef" * 2
SPEC = ModalitySpec(shape=(1, 12, 20), range=(0.0, 3000.0), unit="1e-6 mm2/s")
TICK = 1.1
"""Seconds to wait until a clock that shows whole seconds shows another time."""
UNPACK: tuple[Callable[[bytes], bytes], ...] = (gzip.decompress, zlib.decompress, bz2.decompress, lzma.decompress)


def check_export_format(encode: Encode, words: Callable[[str, bytes], str] | None = None) -> None:
    """Check that a format writes files which say that the slice is synthetic, with the same bytes every time.

    For a slice of two modalities, with one channel and square pixels of known size:

    - There are files, and their names have no folder.
    - The same slice gives the same bytes, also at another time.
    - No global random generator is used, and the slice is not changed.
    - Every file has the model's digest and the word "synthetic".
    - A change of any modality changes the files.

    For other slices (several channels, volumes, signals, pixels of unknown size) the same holds, or the function raises
    ``InputError``.

    Args:
        encode: the function that the hook ``export_formats`` names.
        words: a function of file name and content that returns the text in a file. It is needed only where the text is
            not in the bytes as UTF-8 or UTF-16, plain or compressed by gzip, zlib, bzip2, xz or ZIP.

    Raises:
        AssertionError: a promise is broken.
    """
    who = f"{encode.__module__.rpartition('.')[2]}:{getattr(encode, '__name__', type(encode).__name__)}"
    said = words or _words
    plain = _slice((1, 12, 20))
    files = _check_files(who, encode, plain, said)
    _check_same_again(who, encode, plain, files)
    for name in plain.images:
        changed = attrs.evolve(plain, images={**plain.images, name: plain.images[name][..., ::-1].copy()})
        require(encode(changed) != files, who, f"modality {name!r} is not in the files")
    for what, odd in _odd_slices(plain):
        try:
            _check_files(who, encode, odd, said)
        except AssertionError as error:
            if not isinstance(error.__cause__, InputError):
                raise AssertionError(f"{error} (a slice {what}; raise InputError for what it cannot hold)") from error


def _check_files(
    who: str, encode: Encode, synthetic: SyntheticSlice, words: Callable[[str, bytes], str]
) -> Mapping[str, bytes]:
    """The files of a slice, after they were checked. Where the format raises InputError, so does this, as the cause of
    an AssertionError."""
    before = {name: image.copy() for name, image in synthetic.images.items()}
    with promise(who, "writes a slice"), no_global_draws(who):
        files = encode(synthetic)
    require(isinstance(files, Mapping) and files, who, f"returns {files!r}, not file name to bytes")
    for name, image in synthetic.images.items():
        require(np.array_equal(image, before[name]), who, f"writes into the image {name!r} that it is given")
    for name, content in files.items():
        plain = isinstance(name, str) and name == PurePosixPath(name).name == PureWindowsPath(name).name != ".."
        require(plain, who, f"{name!r} is not the plain name of a file")
        require(isinstance(content, bytes), who, f"{name!r} holds {type(content).__name__}, not bytes")
        text = words(name, content).lower()
        require("synthetic" in text, who, f"{name!r} does not say that it is synthetic")
        require(synthetic.digest in text, who, f"{name!r} does not say by which model: its digest is not in it")
    require(len({name.lower() for name in files}) == len(files), who, "names of its files differ in case alone")
    return files


def _check_same_again(who: str, encode: Encode, synthetic: SyntheticSlice, files: Mapping[str, bytes]) -> None:
    require(encode(synthetic) == files, who, "gives other bytes for the same slice")
    tomorrow = time.time() + 86400
    with mock.patch("time.time", return_value=tomorrow), mock.patch("time.time_ns", return_value=int(tomorrow * 1e9)):
        same = encode(synthetic) == files
    time.sleep(TICK)
    require(same and encode(synthetic) == files, who, "gives other bytes at another time")


def _odd_slices(plain: SyntheticSlice) -> Iterator[tuple[str, SyntheticSlice]]:
    """Slices that a format may refuse, each in words and as a slice."""
    for shape in ((3, 12, 20), (1, 20), (1, 6, 12, 20), (2, 6, 12, 20)):
        yield f"of {shape_text(shape)}", _slice(shape)
    yield "whose pixels have no known size", attrs.evolve(plain, spacing_mm={})
    yield "with oblong pixels", attrs.evolve(plain, spacing_mm=dict.fromkeys(plain.images, (2.0, 0.5)))
    yield "of one modality", attrs.evolve(plain, images={"adc": plain.images["adc"]})
    yield "of one value", attrs.evolve(plain, images={n: np.full_like(i, 7) for n, i in plain.images.items()})
    yield "beyond its range", attrs.evolve(plain, images={n: 9 * i - 5000 for n, i in plain.images.items()})
    yield "of a recipe with a long name", attrs.evolve(plain, recipe="a-recipe-with-a-long-name-" * 4)
    foreign = {name: attrs.evolve(spec, unit="µm²/ms") for name, spec in plain.modalities.items()}
    yield "with a unit beyond ASCII", attrs.evolve(plain, modalities=foreign)


def _slice(shape: Shape) -> SyntheticSlice:
    numbers = np.random.default_rng(0)
    names = ("adc", "t2w")
    return SyntheticSlice(
        images={name: numbers.uniform(0, 3000, shape).astype(np.float32) for name in names},
        modalities=dict.fromkeys(names, attrs.evolve(SPEC, shape=shape)),
        spacing_mm=dict.fromkeys(names, (1.5, 1.5)),
        recipe="checked",
        step=12,
        digest=DIGEST,
        seed=3,
        index=45,
    )


def _words(name: str, content: bytes) -> str:
    """Everything in a file that may be text."""
    return "\n".join(
        part.decode(encoding, errors="ignore") for part in _unpacked(content) for encoding in ("utf-8", "utf-16-le")
    )


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    for unpack in UNPACK:
        try:
            yield unpack(content)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
            continue
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(each) for each in archive.namelist())
