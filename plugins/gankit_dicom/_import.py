"""The whole of an import: find, run, assemble, report."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import attrs

from gankit import (
    Cohort,
    CohortError,
    Held,
    InputError,
    RunError,
    locked,
    read_cohort,
    refuse_other_cohort,
    say,
    watched,
    write_bytes,
    write_cohort,
)
from gankit_dicom._options import Options

if TYPE_CHECKING:
    from gankit_dicom._inputs import Request
    from gankit_dicom._part import Kept

PACKAGES = ("nibabel", "pydicom", "SimpleITK", "scipy")
LOCK = ".lock"
OF_OPTIONS = tuple(field.name for field in attrs.fields(Options))


@attrs.frozen(eq=False)
class Imported:
    """What an import gave."""

    request: Request
    cohort: Cohort
    parts: list[Kept]


def imported(
    kind: str, *, folder: str | Path, out: str | Path | None = None, quiet: bool = False, **asked: Any
) -> Imported:
    """Import a folder by the parameters of ``import_dicom`` or ``import_volumes``: to a cohort and, where ``out`` is
    given, to its file, a report and sheets.

    Args:
        kind: "DICOM" or "volumes".

    Raises:
        InputError: a parameter cannot be used, or a package is missing.
        CohortError: nothing could be imported; with ``out`` the report is written all the same.
        RunError: another process writes to ``out``, or what it has written is gone.
    """
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise InputError(f"an import needs {package}; pip install 'gankit[dicom]'")
    from gankit_dicom._inputs import Request

    options = Options(**{name: asked.pop(name) for name in OF_OPTIONS if name in asked})
    kept = out is not None
    with ExitStack() as stack:
        if out is None:
            out = Path(stack.enter_context(TemporaryDirectory(prefix="gankit-import-"))) / "cohort.safetensors"
        refuse_other_cohort(out, kind)
        request = Request(kind=kind, folder=folder, out=Path(out), kept=kept, options=options, **asked)
        stack.enter_context(_alone(request))
        return _imported(request, quiet)


@contextmanager
def _alone(request: Request) -> Iterator[None]:
    """A context in which no other process writes the cohort, its parts or its salt."""
    parts = request.beside(".parts")
    try:
        with locked(parts / LOCK, wait=False, elsewhere="give another `out`"):
            try:
                yield
            finally:
                if [file.name for file in parts.glob("*")] == [LOCK]:  # it failed before anything was kept
                    shutil.rmtree(parts, ignore_errors=True)
    except Held as error:
        raise RunError(f"{request.out}: another process imports into it; wait for it, or give another `out`") from error


def _imported(request: Request, quiet: bool) -> Imported:
    from gankit_dicom._assemble import assemble
    from gankit_dicom._inputs import find
    from gankit_dicom._log import counted_warnings
    from gankit_dicom._report import report_html
    from gankit_dicom._run import mapper, run_studies

    # Every study to a part, in a file of its own until all are done.
    with watched(not quiet), mapper(request.jobs) as mapped:
        inputs = find(request, mapped)
        parts = run_studies(inputs.tasks, mapped, quiet)

    # The parts to one cohort, if there are any.
    cohort = None
    if used := [part for part in parts if len(part)]:
        people = len({part.record["patient"] for part in used})
        source = f"{request.kind} of {people} patients, import protocol {request.protocol_name}"
        seed, shape = request.options.seed, request.options.shape
        cohort = assemble(parts, inputs.patients, inputs.split, request.fractions, seed, source, shape)

    warnings = [*inputs.warnings, *counted_warnings(part.record for part in parts)]

    # What is kept: the cohort and its report, which is there for what was refused as well.
    if request.kept:
        if cohort is not None:
            write_cohort(cohort, request.out)
            cohort = read_cohort(request.out)  # the parts, where its images are, will be gone
        write_bytes(request.report, report_html(request, inputs, parts, cohort, warnings).encode())
        shutil.rmtree(request.beside(".parts"), ignore_errors=True)
    for sentence in warnings:
        say(f"warning: {sentence}", quiet)
    if cohort is None:
        why = f"{request.report} says why" if request.kept else "with `out` a report says why"
        raise CohortError(f"{request.folder}: nothing could be imported; {why} of each file and series")
    return Imported(request, cohort if request.kept else cohort.loaded(), parts)
