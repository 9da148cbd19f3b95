"""The whole of an import: find, run, assemble, report."""

from __future__ import annotations

import click

from gankit import Cohort, CohortError, empty_strata, write_bytes, write_cohort
from gankit_dicom._assemble import assemble
from gankit_dicom._inputs import Request, find
from gankit_dicom._part import Part
from gankit_dicom._report import report_html
from gankit_dicom._run import forget_parts, mapper, run_studies


def run_import(request: Request) -> None:
    """Import a folder to a cohort file, a report and sheets.

    Raises:
        InputError: wrong options.
        CohortError: nothing could be imported; the report is written all the same.
    """
    with mapper(request.jobs) as mapped:
        inputs = find(request, mapped)
        parts = run_studies(inputs.tasks, mapped)
    imported = [part for part in parts if len(part)]
    cohort = None
    if imported:
        people = len({part.record["patient"] for part in imported})
        source = f"{request.kind} of {people} patients, import protocol {request.protocol_name}"
        cohort = assemble(parts, inputs.patients, inputs.split, request.test_fraction, request.options.seed, source)
        write_cohort(cohort, request.out)
    report = request.beside(".report.html")
    write_bytes(report, report_html(request, inputs, parts, cohort).encode())
    forget_parts(request.beside(".parts"))
    for note in inputs.notes:
        click.echo(f"warning: {note}", err=True)
    if cohort is None:
        raise CohortError(f"{request.folder}: nothing could be imported; {report} says why of each file and series")
    _say(request, parts, cohort)


def _say(request: Request, parts: list[Part], cohort: Cohort) -> None:
    refused, patients = sum(not len(part) for part in parts), len(set(cohort.patient))
    click.echo(
        f"{request.out}: {len(cohort)} slices of {patients} {'patient' if patients == 1 else 'patients'};"
        f" {refused} of {len(parts)} {'study' if len(parts) == 1 else 'studies'} refused"
    )
    click.echo(f"{request.beside('.report.html')}: what was chosen and refused, and why")
    if not request.options.keep_ids and request.salt is None:
        click.echo(
            f"{request.beside('.salt')}: the secret behind the patients' names; keep it, and keep it to yourself"
        )
    for warning in empty_strata(cohort):
        click.echo(f"warning: {warning}; change --test-fraction, --seed or --split", err=True)
