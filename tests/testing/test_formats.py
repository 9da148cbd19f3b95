"""The check of export formats passes on those that we ship, and finds what is planted."""

import json
import time
import zipfile
from io import BytesIO

import numpy as np
import pytest

from gankit import InputError, load_plugins
from gankit.run.export import find_format
from gankit.testing import check_export_format

PLUGINS = load_plugins()


@pytest.mark.parametrize("name", sorted(PLUGINS.export_formats))
def test_every_export_format_keeps_its_promises(name):
    """Each format that is installed passes."""
    check_export_format(find_format(name, PLUGINS))


def sound(synthetic, comment=""):
    """One file with everything, in which words are easy to find; images of two axes."""
    if any(image.ndim != 3 for image in synthetic.images.values()):
        raise InputError("two axes in space are all that this format holds")
    images = {name: image.tolist() for name, image in synthetic.images.items()}
    return {"slice.json": json.dumps([synthetic.statement(), images, comment]).encode()}


def zipped(synthetic, comment=""):
    """The same in an archive."""
    with zipfile.ZipFile(made := BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("slice.json"), sound(synthetic)["slice.json"])
    return {"slice.zip": made.getvalue()}


@pytest.mark.parametrize("encode", [sound, zipped])
def test_without_a_defect_the_same_format_passes(encode):
    """What the check finds is the plant, not what it is planted in; words are found in an archive as well."""
    check_export_format(encode)


def test_words_that_bytes_do_not_show_are_read_by_the_author():
    """A format whose text is encoded in a way of its own brings a function that reads it."""

    def mirrored(synthetic):
        return {"mirrored": sound(synthetic)["slice.json"][::-1]}

    with pytest.raises(AssertionError, match="'mirrored' does not say that it is synthetic"):
        check_export_format(mirrored)
    check_export_format(mirrored, words=lambda name, content: content[::-1].decode())


def writes_into_it(synthetic):
    synthetic.images["adc"][:] = 0
    return sound(synthetic)


def counted(synthetic, count=iter(range(10**6))):  # noqa: B008
    return sound(synthetic, comment=next(count))


def drawn(synthetic):
    np.random.rand()
    return sound(synthetic)


def from_a_shape_on(limit):
    """A format that takes every slice and fails at some."""

    def encode(synthetic):
        if limit(synthetic):
            raise ValueError("cannot")
        return sound(synthetic)

    return encode


def renamed(name):
    return lambda synthetic: {name: sound(synthetic)["slice.json"]}


FAULTS = {
    "returns one file": (lambda s: sound(s)["slice.json"], "not file name to bytes"),
    "returns nothing": (lambda s: {}, "not file name to bytes"),
    "returns text": (lambda s: {"a": sound(s)["slice.json"].decode()}, "'a' holds str, not bytes"),
    "a path for a name": (renamed("folder/slice.json"), "'folder/slice.json' is not the plain name of a file"),
    "a way out": (renamed(".."), "'..' is not the plain name of a file"),
    "a path of Windows": (renamed("C:\\slice.json"), "is not the plain name of a file"),
    "names of one letter case": (lambda s: renamed("a")(s) | renamed("A")(s), "differ in case alone"),
    "says nothing": (lambda s: {"a": b"pixels"}, "'a' does not say that it is synthetic"),
    "a second file says nothing": (lambda s: sound(s) | {"b": b"pixels"}, "'b' does not say that it is synthetic"),
    "does not name the model": (lambda s: {"a": b"SYNTHETIC, " + s.recipe.encode()}, "does not say by which model"),
    "one modality alone": (
        lambda s: {"a": f"{s.statement()} {np.ravel(s.images['adc'])[0]}".encode()},
        "'t2w' is not in the",
    ),
    "writes into it": (writes_into_it, "writes into the image 'adc'"),
    "draws": (drawn, "draws from a global random generator"),
    "counts": (counted, "gives other bytes for the same slice"),
    "tells the time": (lambda s: sound(s, time.time() // 60), "gives other bytes at another time"),
    "tells the second": (lambda s: sound(s, time.strftime("%H:%M:%S")), "gives other bytes"),
    "refuses all": (from_a_shape_on(lambda s: True), "writes a slice: ValueError"),
    "fails at channels": (from_a_shape_on(lambda s: len(s.images["adc"]) == 3), r"a slice of 3 x 12 x 20; raise Input"),
    "fails at signals": (from_a_shape_on(lambda s: s.images["adc"].ndim == 2), r"a slice of 1 x 20; raise InputError"),
    "fails at volumes": (from_a_shape_on(lambda s: s.images["adc"].ndim == 4), r"a slice of 1 x 6 x 12 x 20; raise In"),
    "fails without a size": (lambda s: sound(s, s.spacing_mm["adc"]), r"KeyError.*whose pixels have no known size"),
    "fails without t2w": (lambda s: sound(s, float(np.ravel(s.images["t2w"])[0])), r"KeyError.*of one modality"),
    "fails at one value": (from_a_shape_on(lambda s: not np.ptp(s.images["adc"])), r"a slice of one value"),
    "fails at a unit": (lambda s: sound(s, str(s.modalities["adc"].unit.encode("ascii"))), "with a unit beyond ASCII"),
    "fails at a name": (from_a_shape_on(lambda s: len(s.recipe) > 64), "of a recipe with a long name"),
    "fails beyond the range": (from_a_shape_on(lambda s: s.images["adc"].min() < 0), "a slice beyond its range"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_planted_defect_of_a_format_is_found(what):
    """The message is one line that says what is wrong."""
    encode, found = FAULTS[what]
    with pytest.raises(AssertionError, match=rf"^test_formats:[^\n]*{found}"):
        check_export_format(encode)
