"""Inputs of every kind that imports read, and how what they hold is mutated; see ``tests.faults.mutants``."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.mutants import Kind
from tests.faults.mutations import ANYWHERE, NUMBERS, WORDS, turn_bits

# Sound inputs ---------------------------------------------------------------------------------------------


def _small(pixel_mm: float, slices: int = 8) -> Any:
    from tests.plugins.dicom.scans import Grid

    return Grid(size=24, pixel_mm=pixel_mm, slices=slices, gap_mm=3.0)


def write_dicom(folder: Path) -> None:
    """Files of one image each in explicit and implicit VR, one of them packed by run lengths."""
    import pydicom
    from pydicom.uid import ImplicitVRLittleEndian, RLELossless

    from tests.plugins.dicom import scans

    t2w = scans.write_t2w(folder / "scans", 2, _small(1.0))
    adc = scans.write_adc(folder / "scans", 4, _small(1.5))
    for file in adc[:3]:
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        dataset.save_as(file, implicit_vr=True, little_endian=True)
    for file in t2w[:1]:
        dataset = pydicom.dcmread(file)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(file)


def write_enhanced(folder: Path) -> None:
    """All images of a series in one file."""
    from tests.plugins.dicom import scans

    t2w, adc = _small(1.0), _small(1.5)
    echo = {"RepetitionTime": 3000.0, "EffectiveEchoTime": 104.0}
    for number, grid, values, kind in (
        (2, t2w, scans.t2w_values(t2w.places()), {"ScanningSequence": "SE", "ImageType": ["ORIGINAL", "PRIMARY", "M"]}),
        (4, adc, scans.adc_values(adc.places()), {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}),
    ):
        frames = [(place, image, {}) for place, image in enumerate(values)]
        scans.write_enhanced(folder / "scans", number, frames, grid, shared=echo, **kind)


def write_volumes(ending: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        from tests.plugins.dicom import scans

        t2w, adc = _small(1.0), _small(1.5)
        scans.write_volume(folder / "scans" / f"1_1_t2w{ending}", scans.t2w_values(t2w.places()), t2w)
        scans.write_volume(folder / "scans" / f"1_1_adc{ending}", scans.adc_values(adc.places()), adc)
        scans.write_volume(folder / "masks" / f"1_1_gland{ending}", scans.gland(t2w.places()), t2w)
        scans.write_volume(folder / "masks" / f"1_1_lesion{ending}", 3.0 * scans.lesion(t2w.places()), t2w)

    return write


def write_tables(folder: Path) -> None:
    write_volumes(".nii")(folder)
    x, y, z = 12, -20, 31
    (folder / "findings.csv").write_text(f"ProxID,fid,pos,zone,ClinSig\n1,1,{x} {y} {z},PZ,TRUE\n1,2,0 0 0,TZ,FALSE\n")
    (folder / "marks.csv").write_text("patient_id,study_id,case_csPCa\n1,1,YES\n2,7,NO\n")
    (folder / "split.csv").write_text("patient_id,split\n1,train\n2,test\n")


def write_arrays(folder: Path) -> None:
    numbers = np.random.default_rng(0)
    images = {name: numbers.random((8, 16, 16), dtype=np.float32) for name in ("adc", "t2w")}
    facts = {"cs": np.arange(8) % 2, "patient": np.array([f"p{i}" for i in range(8)]), "mm": np.full(8, 0.5)}
    np.savez_compressed(folder / "a.npz", **images, **facts)
    np.savez(folder / "b.npz", **images, **facts)


# Mutations ------------------------------------------------------------------------------------------------


def change_dicom(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The value of an element, or its length."""
    import pydicom

    from gankit_dicom._dicom.modes import lenient_pydicom

    with lenient_pydicom():
        try:
            dataset = pydicom.dcmread(io.BytesIO(content))
            raw = {int(tag): dataset.get_item(tag) for tag in dataset.keys()}  # noqa: SIM118
            place = chance.choice([element.value_tell for element in raw.values() if element.value_tell])
        except Exception:
            return turn_bits(content, chance, others)
    if chance.random() < 0.4:
        length = struct.pack("<H", chance.choice((0, 1, 3, 8, 255, 65535)))
        return content[: place - 2] + length + content[place:]
    said = str(chance.choice(chance.choice((NUMBERS, WORDS)))).encode("utf-8", "replace")[
        : chance.choice((2, 4, 8, 16))
    ]
    number = chance.choice((said.ljust(4), struct.pack("<d", chance.choice(NUMBERS[:6])), b"\xff\xff", b"\0\0"))
    return content[:place] + number + content[place + len(number) :]


def change_nifti(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A field of the header: sizes, type, spacing, offset, scale, codes, affine."""
    packed = content[:2] == b"\x1f\x8b"
    try:
        changed = bytearray(gzip.decompress(content) if packed else content)
    except Exception:
        return turn_bits(content, chance, others)
    fields = [(40 + 2 * i, "h") for i in range(8)] + [(70, "h"), (72, "h"), (252, "h"), (254, "h"), (0, "i")]
    fields += [(76 + 4 * i, "f") for i in range(8)] + [(108, "f"), (112, "f"), (116, "f")]
    fields += [(256 + 4 * i, "f") for i in range(18)]
    for _ in range(chance.choice((1, 1, 2, 4))):
        place, form = chance.choice(fields)
        low, high = {"h": (-(2**15), 2**15 - 1), "i": (-(2**31), 2**31 - 1), "f": (-3e38, 3e38)}[form]
        number = chance.choice((*NUMBERS, 4, 7, 16, 256, 512, 30000, 0.5, 1e-3))
        number = number if number != number and form == "f" else min(max(number, low), high) if number == number else 0
        if len(changed) >= place + 4:
            struct.pack_into(f"<{form}", changed, place, number if form == "f" else int(number))
    return gzip.compress(bytes(changed), 1) if packed else bytes(changed)


def change_lines(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Words of a header of lines, as MetaImage has one, or cells of a table."""
    end = content.find(b"ElementDataFile")
    head, rest = (content, b"") if end < 0 else (content[: end + 40], content[end + 40 :])
    lines = head.split(b"\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        index = chance.randrange(len(lines))
        separator = chance.choice((b" ", b",", b"=", b";"))
        cells = lines[index].split(separator)
        word = str(chance.choice(chance.choice((NUMBERS, WORDS)))).encode()
        cells[chance.randrange(len(cells))] = chance.choice(
            (word, word, b"100000 100000 100000", b"LIST", b"MET_DOUBLE")
        )
        action = chance.random()
        lines[index : index + 1] = (
            [separator.join(cells)] if action < 0.8 else [b""] if action < 0.9 else [lines[index], lines[index]]
        )
    return b"\n".join(lines) + rest


HEADERS = (
    (b"(8, 16, 16)", b"(800000000, 16, 16)"), (b"(8, 16, 16)", b"(8, 16)"), (b"(8,)", b"(9,)"), (b"(8,)", b"(8,8,8)"),
    (b"<f4", b"<f8"), (b"<f4", b"|O"), (b"<f4", b"<c8"), (b"<i8", b"<M8"), (b"False", b"True"), (b"'descr'", b"'x'"),
    (b"\x93NUMPY\x01", b"\x93NUMPY\x09"), (b"(8", b"(-8"),
)  # fmt: skip
"""Words of an array's header, and what they become."""


def change_npz(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """An array's header, or how it is stored in the archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return turn_bits(content, chance, others)
    name = chance.choice(list(arrays))
    old, new = chance.choice(HEADERS)
    arrays[name] = arrays[name].replace(old, new)
    if chance.random() < 0.3:
        arrays[name] = chance.choice(ANYWHERE)(arrays[name] or b"\0", chance, list(arrays.values()))
    if chance.random() < 0.2:
        arrays.pop(chance.choice(list(arrays)))
    packing = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", packing) as archive:
        for each, array in arrays.items():
            archive.writestr(each, array)
    whole = written.getvalue()
    return turn_bits(whole, chance, others) if chance.random() < 0.3 else whole


# Kinds ----------------------------------------------------------------------------------------------------

VOLUMES = ("import", "volumes", "{}/scans", "--masks", "{}/masks", "--size", "16", "-o", "{}/out/c.safetensors")
TABLES = ("--findings", "{}/findings.csv", "--marksheet", "{}/marks.csv", "--split", "{}/split.csv")
ARRAYS = ("--modality", "adc=adc", "--modality", "t2w=t2w", "--label", "cs=cs", "--patient", "patient", "--spacing",
          "mm", "-o", "{}/out/c.safetensors")  # fmt: skip
KINDS = {
    "dicom": Kind(
        ("import", "dicom", "{}/scans", "--size", "16", "-o", "{}/out/c.safetensors"),
        "scans/*",
        write_dicom,
        (change_dicom,),
    ),
    "enhanced": Kind(
        ("import", "dicom", "{}/scans", "--size", "16", "-o", "{}/out/c.safetensors"),
        "scans/*",
        write_enhanced,
        (change_dicom,),
    ),
    "nii": Kind(VOLUMES, "*.nii", write_volumes(".nii"), (change_nifti,)),
    "nii.gz": Kind(VOLUMES, "*.nii.gz", write_volumes(".nii.gz"), (change_nifti,)),
    "mha": Kind(VOLUMES, "*.mha", write_volumes(".mha"), (change_lines,)),
    "mhd": Kind(VOLUMES, "*.*", write_volumes(".mhd"), (change_lines,)),
    "csv": Kind((*VOLUMES, *TABLES), "*.csv", write_tables, (change_lines,)),
    "npz": Kind(("import", "arrays", "{}/a.npz", *ARRAYS), "a.npz", write_arrays, (change_npz,)),
    "npz, not compressed": Kind(("import", "arrays", "{}/b.npz", *ARRAYS), "b.npz", write_arrays, (change_npz,)),
}
