"""The modality graph for people: as text and as a Mermaid diagram."""

from __future__ import annotations

import attrs

from gankit._shapes import Shapes, shape_text
from gankit.files.toml_types import key_of
from gankit.plugin.components import AbstractAdversarialLoss, AbstractLoss, AbstractPhase, Component
from gankit.plugin.options import default_of
from gankit.plugin.registry import Registry
from gankit.recipe.recipe import Recipe, critics, network_uses, optimizers_of


def graph_text(recipe: Recipe, registry: Registry) -> str:
    """The graph as text: one line for each edge in the order in which they run, then a block for each phase, and a line
    for each optimizer that phases name.

    Options are shown where they differ from their default.
    """
    lines = [f"{recipe.name}: {recipe.summary}".rstrip(": "), ""]
    lines += [f"  {_places(recipe.shapes((name,)))}  {way}" for name, way in _not_made(recipe).items()]
    for edge, made in recipe.edges():
        lines.append(_run(recipe, registry, edge.network, recipe.shapes(edge.from_), recipe.shapes(made)))
    for phase in recipe.phases:
        lines += ["", f"phase {phase.name}{_schedule(phase)}: updates {', '.join(phase.players(recipe))}"]
        if given := _options(phase, registry, _SAID_OF_PHASE | set(phase.uses(recipe))):
            lines.append(f"  {given}")
        for use in network_uses(phase, recipe):
            ends = (recipe.shapes_in(phase, places) for places in (use.from_, use.to))
            lines.append(_run(recipe, registry, use.network, *ends))
        if named := critics(phase):
            count = "1 step" if phase.critic_steps == 1 else f"{phase.critic_steps} steps"
            lines.append(f"  critics, {count}: {', '.join(named)}")
        lines += [_term(registry, term) for term in phase.terms]
    lines += ["", *(_optimizer(recipe, registry, name) for name in recipe.optimizers)] if recipe.optimizers else []
    return "\n".join(lines)


_SAID_OF_PHASE = {"name", "terms", "every", "start", "stop", "critic_steps"}
_SAID_OF_TERM = {"name", "on", "weight", "critic", "against", "alongside", "augment", "adapt"}
"""Keys that the text of a phase or a term shows in words, so that they are not listed with the options."""


def _not_made(recipe: Recipe) -> dict[str, str]:
    """Place of the graph that no network makes, but for the latent, to where it is from."""
    labels = {name: f"is given: label {place.label}" for name, place in recipe.labels().items()}
    return {
        **dict.fromkeys(recipe.noise(), "is random"),
        **{name: labels.get(name, "is given") for name in recipe.given()},
    }


def _run(recipe: Recipe, registry: Registry, name: str, source: Shapes, target: Shapes) -> str:
    """One line: what a network reads, the network, what it makes."""
    return f"  {_places(source)}  --  {name} [{_component(recipe.networks[name], registry)}]  ->  {_places(target)}"


def _optimizer(recipe: Recipe, registry: Registry, name: str) -> str:
    """One line: an optimizer, and what it moves."""
    roles = [
        f"{role} of {phase.name}"
        for phase in recipe.phases
        for role, named in optimizers_of(phase).items()
        if named == name
    ]
    return f"optimizer {name} [{_component(recipe.optimizers[name], registry)}]: {', '.join(roles)}"


def _schedule(phase: AbstractPhase) -> str:
    said = [f"every {phase.every} steps"] if phase.every > 1 else []
    said += [f"from step {phase.start}"] if phase.start else []
    said += [f"until step {phase.stop}"] if phase.stop is not None else []
    return f" ({', '.join(said)})" if said else ""


def _term(registry: Registry, term: AbstractLoss) -> str:
    pools, augmented = "", ""
    if isinstance(term, AbstractAdversarialLoss):
        named = {"against": term.against, "alongside": term.alongside}
        pools = "".join(f" {key} {pool}" for key, pool in named.items() if pool)
        augmented = _augmented(registry, term)
    given = _options(term, registry, _SAID_OF_TERM)
    return (
        f"  {term.weight:g} x {registry.name_of(type(term))} on {' + '.join(term.on)}{pools}"
        + (f" ({given})" if given else "")
        + augmented
    )


def _augmented(registry: Registry, term: AbstractAdversarialLoss) -> str:
    """What the critic's images go through, as in ", augmented by mirror, translation (share 0.25)"."""
    named = []
    for spec in term.augment or ():
        given = _options(spec, registry, set())
        named.append(f"{registry.name_of(type(spec))} ({given})" if given else registry.name_of(type(spec)))
    adaptive = f", adaptive to {term.adapt.target:g}" if term.adapt else ""
    return f", augmented by {', '.join(named)}{adaptive}" if named else ""


def _component(component: Component, registry: Registry) -> str:
    """A component's name, and the options that differ from their defaults."""
    return f"{registry.name_of(type(component))} {_options(component, registry, set())}".rstrip()


def _options(component: Component, registry: Registry, said: set[str]) -> str:
    """``key value`` of the options that differ from their defaults, without those in ``said``."""
    given = []
    options = component.options()
    for field in attrs.fields(type(component)):
        value = options[field.name]
        if key_of(field) not in said and value not in (None, default_of(field)):
            given.append(f"{key_of(field)} {_shown(value, registry)}")
    return ", ".join(given)


def _shown(value: object, registry: Registry) -> object:
    if isinstance(value, Component):
        return f"({_component(value, registry)})"
    return list(value) if isinstance(value, tuple) else value


def graph_mermaid(recipe: Recipe, registry: Registry) -> str:
    """A Mermaid flowchart of places and networks."""
    lines = ["flowchart LR"]
    for place in recipe.places():
        lines.append(f'  {place}(["{_places(recipe.shapes((place,)))}"])')
    for edge, made in recipe.edges():
        lines.append(f'  {edge.network}["{edge.network}: {registry.name_of(type(recipe.networks[edge.network]))}"]')
        lines += [f"  {place} --> {edge.network}" for place in edge.from_]
        lines += [f"  {edge.network} --> {place}" for place in made]
    return "\n".join(lines)


def _places(shapes: Shapes) -> str:
    return " + ".join(f"{place} ({shape_text(shape)})" for place, shape in shapes.items())
