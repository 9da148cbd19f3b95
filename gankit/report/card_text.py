"""A card as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gankit.evaluation.tables import ABSENT, ARROWS, duration

Document = Mapping[str, Any]


def markdown(card: Document) -> str:
    """The card of a model for people, from its document."""
    return "\n".join(
        [
            f"# {card['model']['name']}",
            "",
            f"{card['model']['summary']}.",
            "",
            *_listed("Intended use", card["intended_use"]),
            *_listed("Not to be used for", card["not_for"]),
            *_listed("Limits", card["limits"]),
            *_audit(card),
            *_metrics(card),
            *_model(card["model"]),
            *_data(card["data"]),
            *_recipe(card),
            *_people(card),
        ]
    )


def _listed(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield from (f"## {title}", "", *[f"- {sentence}" for sentence in sentences], "")


def _facts(title: str, facts: Mapping[str, object]) -> Iterator[str]:
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    yield from (f"## {title}", "", "| | |", "|---|---|")
    yield from (f"| {name} | {_cell(str(value))} |" for name, value in known.items())
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


# Readings -------------------------------------------------------------------------------------------------


def _audit(card: Document) -> Iterator[str]:
    yield from ("## Audit for copies", "")
    if not card["audit"]:
        yield from ("Not audited: no metric that audits was measured.", "")
        return
    yield from _table([reading for reading in card["audit"] if reading["mean"] is not None])
    lacking: dict[str, None] = {}
    for reading in card["audit"]:
        if reading["mean"] is None:
            lacking[f"`{reading['id']}`: not measured: {'; '.join(reading['notes'])}."] = None
    yield from (line for sentence in lacking for line in (sentence, ""))


def _metrics(card: Document) -> Iterator[str]:
    yield from ("## Metrics", "")
    if not card["metrics"]:
        yield from ("Not judged.", "")
        return
    yield from _table(card["metrics"])
    yield from (card["judged"], "")


def _table(readings: Sequence[Document]) -> Iterator[str]:
    if not readings:
        return
    yield from ("| reading | this model | real slices | better | how |", "|---|---:|---:|---|---|")
    for reading in readings:
        unit = "" if reading["unit"] == "1" else f" {reading['unit']}"
        beside = reading["real"] or {"mean": None, "interval": None}
        cells = (f"`{reading['id']}`{unit}", _figure(reading), _figure(beside), ARROWS[reading["better"]])
        yield "| " + " | ".join((*cells, _cell("; ".join(reading["notes"])))) + " |"
    yield from ("", "Means, with 95% intervals in brackets.", "")


def _figure(figures: Document) -> str:
    if figures["mean"] is None:
        return ABSENT
    text = f"{figures['mean']:.3g}"
    if figures["interval"] is not None:
        low, high = figures["interval"]
        text += f" [{low:.3g}, {high:.3g}]"
    return text


# What it is -----------------------------------------------------------------------------------------------


def _model(model: Document) -> Iterator[str]:
    made = "; ".join(
        f"{each['name']}, {' x '.join(map(str, each['shape']))},"
        f" {each['range'][0]:g} to {each['range'][1]:g} {'a.u.' if each['unit'] == '1' else each['unit']}"
        for each in model["modalities"]
    )
    facts = {
        "makes": made,
        "recipe": model["recipe"],
        "training": f"{model['steps']:,} steps of {model['batch']} slices or latents, seed {model['seed']},"
        f" {model['precision']}",
        "training took": None if model["wall_s"] is None else duration(model["wall_s"]),
        "device": model["device"],
        "versions": ", ".join(f"{name} {number}" for name, number in model["versions"].items()),
        "parameters": f"{model['parameters']:,}",
        "digest": model["digest"],
    }
    yield from _facts("Model", facts)


def _data(data: Document) -> Iterator[str]:
    counts = None if data["slices"] is None else f"{data['slices']:,} slices of {data['patients']:,} patients"
    yield from _facts("Training data", {"source": data["source"], "cohort": counts, "digest": data["digest"]})
    if data["pools"]:
        yield from ("| pool | slices with | split | slices | patients |", "|---|---|---|---:|---:|")
        for pool in data["pools"]:
            cells = (pool["name"], pool["selects"], pool["split"], f"{pool['slices']:,}", f"{pool['patients']:,}")
            yield f"| {' | '.join(cells)} |"
        yield ""
    for sentence in (*data["said"], *([f"{data['note'][0].upper()}{data['note'][1:]}."] if data["note"] else [])):
        yield from (sentence, "")


def _recipe(card: Document) -> Iterator[str]:
    """The phases of the training, a line each; the document has the whole recipe."""
    yield from ("## Recipe", "", "| phase | component | terms |", "|---|---|---|")
    for name, phase in card["recipe"]["phases"].items():
        terms = "; ".join(_term(term) for term in phase["terms"].values())
        yield f"| {name} | {phase['use']} | {_cell(terms)} |"
    yield from ("", "The model file and the JSON form of this card hold every option.", "")


def _term(term: Document) -> str:
    on = term["on"]
    return f"{term['use']} on {on if isinstance(on, str) else '+'.join(on)}, weight {term['weight']:g}"


def _people(card: Document) -> Iterator[str]:
    known = {name: card[name] for name in ("license", "contact", "citation") if card[name]}
    if known:
        yield from _facts("License and contact", known)
