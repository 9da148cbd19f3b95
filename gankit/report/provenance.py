"""How slices were judged, as facts of a report."""

from __future__ import annotations

from gankit.evaluation.results import RealSlices, Settings


def judging_facts(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Pairs of name and value: sets, label, draws, the real sides, and versions."""
    return (
        ("slices judged", f"{settings.sets} sets of {settings.per_set} from each run, seed {settings.seed}"),
        ("meant to have", f"{settings.label} = {settings.value}"),
        ("bootstrap draws", str(settings.replicates)),
        ("real slices", _real(settings.real)),
        ("fresh patients", "none" if settings.fresh is None else _real(settings.fresh)),
        *([] if settings.external is None else [("patients from elsewhere", _real(settings.external))]),
        *settings.versions.items(),
    )


def _real(side: RealSlices) -> str:
    return f"{side.source} ({side.slices} slices of {side.patients} patients), digest {side.digest}"
