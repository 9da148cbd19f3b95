"""The modality graph for people: as text and as a Mermaid diagram."""

from __future__ import annotations

from gankit._recipe import Recipe, critics, phase_edges
from gankit._registry import Registry
from gankit._shapes import LATENT, shape_text


def graph_text(recipe: Recipe, registry: Registry) -> str:
    """One line an edge in the order in which they run, then one line a phase."""
    lines = [f"{recipe.name}: {recipe.summary}".rstrip(": "), ""]
    for edge, made in recipe.edges():
        component = registry.name_of(type(recipe.networks[edge.network]))
        lines.append(f"  {_places(recipe, edge.from_)}  --  {edge.network} [{component}]  ->  {_places(recipe, made)}")
    for phase in recipe.phases:
        lines += ["", f"phase {phase.name}: updates {', '.join(phase.players(recipe))}"]
        for edge in phase_edges(phase):
            component = registry.name_of(type(recipe.networks[edge.network]))
            lines.append(
                f"  {_places(recipe, edge.from_)}  --  {edge.network} [{component}]  ->  {_places(recipe, (LATENT,))}"
            )
        if named := critics(phase):
            lines.append(f"  critics, {phase.critic_steps} steps: {', '.join(named)}")
        for term in phase.terms:
            pool = getattr(term, "against", None)
            against = f" against {pool}" if pool else ""
            lines.append(f"  {term.weight:g} x {registry.name_of(type(term))} on {' + '.join(term.on)}{against}")
    return "\n".join(lines)


def graph_mermaid(recipe: Recipe, registry: Registry) -> str:
    """A Mermaid flowchart of places and networks."""
    lines = ["flowchart LR"]
    for place in (LATENT, *recipe.modalities):
        lines.append(f'  {place}(["{_places(recipe, (place,))}"])')
    for edge, made in recipe.edges():
        lines.append(f'  {edge.network}["{edge.network}: {registry.name_of(type(recipe.networks[edge.network]))}"]')
        lines += [f"  {place} --> {edge.network}" for place in edge.from_]
        lines += [f"  {edge.network} --> {place}" for place in made]
    return "\n".join(lines)


def _places(recipe: Recipe, places: tuple[str, ...]) -> str:
    return " + ".join(f"{place} ({shape_text(recipe.shape(place))})" for place in places)
