"""Checks of a typed recipe, before its cohort is loaded and its networks are built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from gankit._errors import Problem, nearest, shown
from gankit._shapes import LATENT, SCORE, Shapes, joined, shape_text
from gankit.files.toml_types import key_of
from gankit.plugin.components import (
    AbstractAdversarialLoss,
    AbstractAugmentation,
    AbstractDiscriminator,
    AbstractFeatureLoss,
    AbstractLoss,
    AbstractPairedLoss,
    AbstractPhase,
    NetworkUse,
)
from gankit.plugin.plugins import Plugins
from gankit.plugin.questions import ask, problems_of
from gankit.recipe.recipe import (
    Edge,
    GivenLabel,
    GivenModality,
    RandomPlace,
    Recipe,
    UnknownPlaceError,
    coupled,
    critics,
    feature_networks,
    judges,
    optimizers_of,
    real_places,
)

LONGEST_NAME = 100
"""Bytes of a name. File systems take 255 for the name of a file, which may have several names in it."""
GRAPH = "synthesizer"
"""Place of the problems of the modality graph as a whole."""


def check_recipe(recipe: Recipe) -> list[Problem]:
    """Every problem of a typed recipe that can be found without its cohort.

    Raises:
        PluginError: a method of a component that is called for this returns something else than it promises, or fails.
    """
    # 1. Names: everything below needs names that exist, and places with a shape.
    if empty := [*_check_empty(recipe)]:
        return [*_check_names(recipe), *empty]
    names = [*_check_names(recipe), *_check_modalities(recipe), *_check_named(recipe)]
    problems = [*names, *_check_references(recipe)]
    if problems:
        return problems

    # 2. Shapes: phases need a graph that can be walked.
    sizes = {name: spec.shape for name, spec in recipe.modalities.items()}
    problems = [*problems_of("cohort", recipe.cohort, {"modalities": sizes}), *_check_shapes(recipe)]
    if any(problem.place == GRAPH for problem in problems):
        return problems

    # 3. Phases and their terms, and then which optimizer updates which network.
    problems += [*_check_phases(recipe), *_check_optimizers(recipe)]
    return problems or [*_check_updates(recipe)]


def check_trackers(recipe: Recipe, plugins: Plugins) -> Iterator[Problem]:
    """Names in ``training.track`` that no plugin offers."""
    for name in recipe.training.track or ():
        if name not in plugins.trackers:
            yield Problem("training.track", _unknown("tracker", name, plugins.trackers) + plugins.perhaps(name))


def recipe_warnings(recipe: Recipe) -> Iterator[str]:
    """A sentence for each setting that is allowed but probably a mistake."""
    for phase in recipe.phases:
        if phase.start >= recipe.training.steps:
            yield (
                f"phases.{phase.name} starts at step {phase.start}, but training ends at step {recipe.training.steps}"
                " (training.steps), so this phase never runs"
            )
    read = {place for edge, _ in recipe.edges() for place in edge.from_}
    drawn_with = any(place in recipe.modalities for place in recipe.given())
    for name in recipe.labels():
        if name not in read and not drawn_with:
            yield (
                f"{GRAPH}.{name}: no network of the graph reads it, so samples are the same whatever it is; name it in"
                " a 'from'"
            )
    yield from _warn_of_sides(recipe)


def _warn_of_sides(recipe: Recipe) -> Iterator[str]:
    """Terms whose critic sees the same slices on both sides, or that drive samples away from where others draw them."""
    for phase in recipe.phases:
        for term in phase.terms:
            if not isinstance(term, AbstractAdversarialLoss) or term.against is None:
                continue
            where, against = f"phases.{phase.name}.terms.{term.name}", recipe.pools[term.against]
            if term.alongside is not None and recipe.pools[term.alongside].within(against):
                yield (
                    f"{where}.alongside: {term.alongside!r} has no slice that 'against' = {term.against!r} lacks, so"
                    " the critic sees the same slices on both sides; name the pool of the other class in one of them"
                )
            drawn = [name for name in recipe.approached_pools() if recipe.pools[name].within(against)]
            if term.moves_players and not term.approaches and drawn:
                yield (
                    f"{where}.against: this term drives samples away from {term.against!r}, which has the slices that"
                    f" others approach (pool {drawn[0]!r}); name the pool of the other class"
                )


def _unknown(what: str, name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    return f"no {what} {name!r}{nearest(name, known)}; known: {', '.join(known) or 'none'}"


def _check_names(recipe: Recipe) -> Iterator[Problem]:
    """Names can be parts of key paths and of file names, and none of them is a reserved place."""
    named = {"name": recipe.name}  # the run directory gets this name
    for section in ("pools", "modalities", "networks", "synthesizer", "optimizers"):
        named |= {f"{section}.{name}": name for name in getattr(recipe, section)}
    for phase in recipe.phases:
        named[f"phases.{phase.name}"] = phase.name
        named |= {f"phases.{phase.name}.terms.{term.name}": term.name for term in phase.terms}
    for place, name in named.items():
        if not name.replace("_", "").replace("-", "").isalnum():
            yield Problem(place, f"a name has letters, digits, '_' and '-' only, got {shown(name)}")
        elif len(name.encode()) > LONGEST_NAME:
            yield Problem(
                place, f"a name has at most {LONGEST_NAME} bytes, since files are named by it, got {len(name)}"
            )
    for section in ("modalities", "synthesizer"):
        for reserved in {LATENT, SCORE} & set(getattr(recipe, section)):
            yield Problem(f"{section}.{reserved}", "is the name of a place of every graph; choose another")
    if not recipe.phases:
        yield Problem("phases", "a recipe needs at least one phase")


def _check_empty(recipe: Recipe) -> Iterator[Problem]:
    """Places whose shape has no number."""
    shapes = {f"modalities.{name}.shape": modality.shape for name, modality in recipe.modalities.items()}
    shapes |= {f"{GRAPH}.{name}.random": shape for name, shape in recipe.noise().items()}
    for place, shape in shapes.items():
        if not shape:
            yield Problem(place, "must be channels and 1 to 3 spatial sizes, got []")


def _check_modalities(recipe: Recipe) -> Iterator[Problem]:
    """Shapes, ranges and windows of modalities; every modality is made by an edge of the graph, or given."""
    for name, modality in recipe.modalities.items():
        if not 2 <= len(modality.shape) <= 4:
            yield Problem(
                f"modalities.{name}.shape",
                f"must be channels and 1 to 3 spatial sizes, got {list(modality.shape)}",
            )
        for key in ("range", "window"):
            bounds = getattr(modality, key)
            if bounds is not None and not bounds[0] < bounds[1]:
                yield Problem(f"modalities.{name}.{key}", f"must be [low, high] with low < high, got {list(bounds)}")
        if modality.mask is not None and modality.unit != "1":
            yield Problem(f"modalities.{name}.unit", f"a mask has no unit, got {modality.unit!r}; remove the key")
        if name not in recipe.synthesizer:
            yield Problem(
                GRAPH,
                f"nothing makes modality {name!r}; add {name} = {{ network = ..., from = ... }}, or {name} ="
                " { given = true } where the cohort's slices give it",
            )

    # A shift is drawn in pixels, once for all modalities of a slice.
    sizes = {name: modality.shape[1:] for name, modality in recipe.modalities.items()}
    if recipe.augmentation.shift and len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {shape_text(size)}" for name, size in sizes.items())
        yield Problem(
            "augmentation.shift", f"moves modalities of one size only, so that they stay together; found {found}; set 0"
        )


def _check_graph(recipe: Recipe) -> Iterator[Problem]:
    """Each place of the graph comes to be in a way that fits it, and something reads what is random or given."""
    edges = {name: place for name, place in recipe.synthesizer.items() if isinstance(place, Edge)}
    read = {place for edge in edges.values() for place in edge.from_}
    read |= {place for phase in recipe.phases for place in phase.judged()}
    for name, place in recipe.synthesizer.items():
        where = f"{GRAPH}.{name}"
        if isinstance(place, Edge | GivenModality) and name not in recipe.modalities:
            yield Problem(where, _unknown("modality", name, recipe.modalities))
        elif isinstance(place, RandomPlace | GivenLabel) and name in recipe.modalities:
            yield Problem(where, "is a modality, which a network makes or the cohort gives; give this place a new name")
        elif isinstance(place, RandomPlace) and len(place.random) > 4:
            yield Problem(f"{where}.random", f"has channels and up to 3 spatial sizes, got {list(place.random)}")
        elif name not in edges and name not in read:
            yield Problem(where, f"no network and no term reads it; name it in a 'from', or remove {name!r}")
    for name, edge in edges.items():
        where = f"{GRAPH}.{name}"
        yield from _check_places(edge.from_, tuple(recipe.places()), f"{where}.from")
        yield from _check_kind(recipe, edge.network, f"{where}.network", _kind_between(recipe, edge.from_, (name,)))
    if not edges:
        yield Problem(GRAPH, "makes nothing; add a modality as { network = ..., from = ... }")


def _check_named(recipe: Recipe) -> Iterator[Problem]:
    """The networks that ``[weights]`` and ``training.recompute`` name."""
    for name in recipe.training.recompute or ():
        if name not in recipe.networks:
            yield Problem("training.recompute", _unknown("network", name, recipe.networks))
    for name in recipe.weights:
        if name not in recipe.networks:
            yield Problem(f"weights.{name}", _unknown("network", name, recipe.networks))


def _check_references(recipe: Recipe) -> Iterator[Problem]:
    """Every name that the graph or a phase refers to exists and is of the right kind."""
    yield from _check_graph(recipe)
    for phase in recipe.phases:
        yield from _check_phase_references(recipe, phase, f"phases.{phase.name}")


def _check_phase_references(recipe: Recipe, phase: AbstractPhase, where: str) -> Iterator[Problem]:
    """The pools, networks and places that a phase and its terms name."""
    # Pools
    for key, pool in ask(where, phase, "pools").items():
        if pool not in recipe.pools:
            yield Problem(f"{where}.{key}", _unknown("pool", pool, recipe.pools))

    # Places and networks. The shape of a place of the phase's own may be that of a modality which an option names, so a
    # misspelt option may raise here.
    try:
        own = ask(where, phase, "places", {"recipe": recipe}, UnknownPlaceError)
        known = tuple(dict.fromkeys((*recipe.places(), *own)))
        uses = ask(where, phase, "uses", {"recipe": recipe}, UnknownPlaceError)
        counterparts = ask(where, phase, "counterparts", {"recipe": recipe}, UnknownPlaceError)
    except UnknownPlaceError as error:
        yield Problem(where, _unknown("place", error.args[0], tuple(recipe.places())))
        return
    yield from _check_own_places(recipe, own, counterparts, where)
    for key, at in uses.items():
        found = (problem for use in at for problem in _check_use(recipe, phase, use, known, f"{where}.{key}", key))
        yield from dict.fromkeys(found)  # several uses of one network share its problems

    for term in phase.terms:
        here = f"{where}.terms.{term.name}"
        yield from _check_places(term.on, known, f"{here}.on")
        if isinstance(term, AbstractAdversarialLoss):
            yield from _check_adversarial(recipe, term, real_places(phase, recipe, term.on), here)
        if isinstance(term, AbstractFeatureLoss):
            yield from _check_features(recipe, term.network, f"{here}.network")
    for key, optimizer in {"optimizer": phase.optimizer, "critic_optimizer": phase.critic_optimizer}.items():
        if optimizer is not None and optimizer not in recipe.optimizers:
            more = "" if nearest(optimizer, recipe.optimizers) else f"; add one as [optimizers.{optimizer}], with 'use'"
            yield Problem(f"{where}.{key}", _unknown("optimizer", optimizer, recipe.optimizers) + more)


def _check_own_places(recipe: Recipe, own: Shapes, counterparts: Mapping[str, str], where: str) -> Iterator[Problem]:
    shared = (LATENT, *recipe.observed())
    for place, shape in own.items():
        if place in shared and shape != recipe.shape(place):
            expected, found = shape_text(recipe.shape(place)), shape_text(shape)
            yield Problem(where, f"makes {place!r} of shape {found}, but in this recipe it is {expected}")
    for place, real in counterparts.items():
        if place not in own:
            yield Problem(where, f"names a counterpart of {place!r}, which it does not make{_made(place, own)}")
        if real not in shared:
            yield Problem(where, f"counterpart of {place!r}: {_unknown('place', real, shared)}")
        elif place in own and own[place] != recipe.shape(real):
            expected, found = shape_text(recipe.shape(real)), shape_text(own[place])
            yield Problem(where, f"makes {place!r} of shape {found}, but its counterpart {real!r} is {expected}")


def _made(place: str, own: Iterable[str]) -> str:
    return f"{nearest(place, own)}; it makes {', '.join(own) or 'nothing'}"


def _check_places(names: tuple[str, ...], known: tuple[str, ...], where: str) -> Iterator[Problem]:
    for name in dict.fromkeys(names):
        if name not in known:
            yield Problem(where, _unknown("place", name, known))
        if names.count(name) > 1:
            yield Problem(where, f"names {name!r} twice")


def _check_use(
    recipe: Recipe, phase: AbstractPhase, use: NetworkUse, known: tuple[str, ...], where: str, key: str
) -> Iterator[Problem]:
    """A network that a phase runs beside the graph. Where the option is an ``Edge``, problems are at its own keys."""
    is_edge = isinstance(phase.options().get(key), Edge)
    network, reads = (f"{where}.network", f"{where}.from") if is_edge else (where, where)
    yield from _check_places(use.from_, known, reads)
    yield from _check_places(use.to, known, where)
    source, target = (real_places(phase, recipe, places) for places in (use.from_, use.to))
    if LATENT in source and LATENT in target:
        yield Problem(reads, "an encoder reads modalities, not 'latent'")
        source = ()
    yield from _check_kind(recipe, use.network, network, _kind_between(recipe, source, target))


def _kind_between(recipe: Recipe, source: tuple[str, ...], target: tuple[str, ...]) -> str:
    """The kind of network that leads from these places to those."""
    if LATENT in source or set(source) <= set(recipe.labels()):
        return "generator"
    return "encoder" if LATENT in target else "translator"


def _check_kind(recipe: Recipe, network: str, where: str, kind: str) -> Iterator[Problem]:
    if network not in recipe.networks:
        yield Problem(where, _unknown("network", network, recipe.networks))
    elif recipe.networks[network].kind != kind:
        fitting = [name for name, spec in recipe.networks.items() if spec.kind == kind]
        yield Problem(
            where,
            f"needs {_one(kind)}, but {network!r} is {_one(recipe.networks[network].kind)};"
            f" {kind}s here: {', '.join(fitting) or 'none'}",
        )


def _one(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _check_adversarial(
    recipe: Recipe, term: AbstractAdversarialLoss, real: tuple[str, ...], where: str
) -> Iterator[Problem]:
    """The critic and the pools of an adversarial term.

    Args:
        recipe: the recipe.
        term: the term.
        real: the places whose real slices, or prior, the critic sees as references.
        where: place of the term.
    """
    yield from _check_kind(recipe, term.critic, f"{where}.critic", "discriminator")
    if term.needs_features:
        yield from _check_features(recipe, term.critic, f"{where}.critic")
    ask(where, term, "draws")
    if isinstance(judge := recipe.networks.get(term.critic), AbstractDiscriminator):
        ask(f"networks.{term.critic}", judge, "draws")
    if set(real) == {LATENT}:
        if term.against is not None or term.alongside is not None:
            yield Problem(f"{where}.against", "on 'latent' the reference is the prior; remove the pool")
        return
    if term.against is None:
        yield Problem(f"{where}.against", f"required on a modality: one of {', '.join(recipe.pools) or 'no pool'}")
    for key, pool in {"against": term.against, "alongside": term.alongside}.items():
        if pool is not None and pool not in recipe.pools:
            yield Problem(f"{where}.{key}", _unknown("pool", pool, recipe.pools))
    if term.alongside is not None and not term.accepts_alongside:
        yield Problem(f"{where}.alongside", "this loss needs as many candidates as references; remove the key")
    spec, critic = recipe.networks.get(term.critic), f"networks.{term.critic}"
    if spec is not None and ask(where, term, "penalises_gradient") and ask(critic, spec, "mixes_samples"):
        yield Problem(
            f"{where}.critic",
            f"{term.critic!r} mixes the samples of a batch (as BatchNorm does), but this loss penalises its gradient"
            " sample by sample; choose options of the critic that look at each sample alone",
        )


def _check_features(recipe: Recipe, network: str, where: str) -> Iterator[Problem]:
    """The network whose features a term compares gives some; whether it exists is told of others than critics."""
    if network not in recipe.networks:
        if not where.endswith(".critic"):
            yield Problem(where, _unknown("network", network, recipe.networks))
    elif not ask(f"networks.{network}", recipe.networks[network], "gives_features"):
        giving = [name for name, spec in recipe.networks.items() if ask(f"networks.{name}", spec, "gives_features")]
        listed = ", ".join(giving) or "none"
        yield Problem(where, f"this loss compares features, and {network!r} gives none; networks that do: {listed}")


def _check_shapes(recipe: Recipe) -> Iterator[Problem]:
    """The graph can be walked, and every network has one pair of shapes, which it accepts."""
    couples = {name: ask(f"networks.{name}", spec, "couples_places") for name, spec in recipe.networks.items()}
    try:
        ends = recipe.ends()
    except ValueError as error:
        yield Problem(GRAPH, str(error))
        return
    for name, uses in ends.items():
        if uses and couples[name]:
            yield from _check_coupled(recipe, name, uses)
            continue
        distinct = []
        for source, target in uses:
            try:
                shapes = (joined(source), joined(target))
            except ValueError as error:
                yield Problem(f"networks.{name}", str(error))
                continue
            if shapes not in distinct:
                distinct.append(shapes)
                yield from problems_of(f"networks.{name}", recipe.networks[name], {"source": source, "target": target})
        if len(distinct) > 1:
            listed = " and ".join(f"{list(source)} to {list(target)}" for source, target in distinct)
            yield Problem(f"networks.{name}", f"is used at places of different shapes: {listed}; use two networks")


def _check_coupled(recipe: Recipe, name: str, uses: list[tuple[Shapes, Shapes]]) -> Iterator[Problem]:
    """A network that couples places reads them one at a time, and from each makes the same places."""
    together = [source for source, _ in uses if len(source) > 1]
    if together:
        yield Problem(f"networks.{name}", f"reads one place at a time, not {' + '.join(together[0])} taken together")
    elif any(target != uses[0][1] for _, target in uses):
        made = " and ".join(" + ".join(target) for _, target in uses)
        yield Problem(f"networks.{name}", f"couples places, so it must make the same of each, not {made}")
    else:
        source, target = coupled(uses)
        yield from problems_of(f"networks.{name}", recipe.networks[name], {"source": source, "target": target})


def _check_phases(recipe: Recipe) -> Iterator[Problem]:
    """Each phase by itself: its name, when it runs, its own keys, and its terms."""
    seen: set[str] = set()
    for phase in recipe.phases:
        where = f"phases.{phase.name}"
        if phase.name in seen:
            yield Problem(where, "two phases have this name; give one another 'name'")
        seen.add(phase.name)
        if phase.stop is not None and phase.stop <= phase.start:
            yield Problem(f"{where}.stop", f"must be > start, {phase.start}, got {phase.stop}")
        if not phase.terms:
            yield Problem(f"{where}.terms", "a phase needs at least one term")
        elif all(isinstance(term, AbstractAdversarialLoss) and not term.moves_players for term in phase.terms):
            yield Problem(f"{where}.terms", "all of its losses are the critics' alone; add one that moves its players")
        if phase.critic_optimizer is not None and not critics(phase):
            yield Problem(
                f"{where}.critic_optimizer", "the phase has no critics, since no term is adversarial; remove it"
            )
        yield from problems_of(where, phase, {"recipe": recipe})
        yield from _check_terms(recipe, phase, where)


def _check_terms(recipe: Recipe, phase: AbstractPhase, where: str) -> Iterator[Problem]:
    """The places with references, and the terms of a phase: their names, and the places that they are on."""
    places, paired = tuple(phase.places(recipe)), ask(where, phase, "references", {"recipe": recipe})
    for place in paired:
        if place not in places:
            yield Problem(where, f"names a reference at {place!r}, where it makes nothing{_made(place, places)}")
    names: set[str] = set()
    for term in phase.terms:
        here = f"{where}.terms.{term.name}"
        if term.name in names:
            yield Problem(here, "two terms of this phase have this name; give one another 'name'")
        names.add(term.name)
        yield from _check_term(term, places, paired, set(recipe.given()), here)
        try:
            shapes = recipe.shapes_in(phase, term.on)
            joined(shapes)
        except ValueError as error:
            if not isinstance(term, AbstractAdversarialLoss):  # shapes of others are checked with those of their critic
                yield Problem(f"{here}.on", str(error))
        else:
            yield from _check_augmentations(term, shapes, here)
        if isinstance(term, AbstractAdversarialLoss):
            yield from _check_counterparts(recipe, phase, term, here)


def _check_augmentations(term: AbstractLoss, shapes: Shapes, where: str) -> Iterator[Problem]:
    """Every option of a term that has augmentations, and how their probability adapts."""
    images = {place: shape for place, shape in shapes.items() if len(shape) > 1}
    for field in attrs.fields(type(term)):
        key, value = key_of(field), getattr(term, field.name)
        series = value if isinstance(value, tuple) else ()
        if value == () and field.type == tuple[AbstractAugmentation, ...]:
            yield Problem(f"{where}.{key}", "needs at least one augmentation, as in [{ use = 'translation' }]")
        for number, spec in enumerate(each for each in series if isinstance(each, AbstractAugmentation)):
            here = f"{where}.{key}.{number}"
            if images and key != "augment" and len(images) < len(shapes):
                vectors = ", ".join(place for place in shapes if place not in images)
                yield Problem(here, f"would change {vectors} too, which is no image; put this term on images alone")
            elif images:
                ask(here, spec, "draws")
                yield from problems_of(here, spec, {"source": images})
            else:
                yield Problem(here, f"changes images, and this term is on {' + '.join(term.on)} alone; remove it")
    if not isinstance(term, AbstractAdversarialLoss) or term.adapt is None:
        return
    if not term.augment:
        yield Problem(f"{where}.adapt", "adapts the probability of augmentations; add some in 'augment', or remove it")
    if not (term.scores_have_sign and term.trains_critic):
        yield Problem(
            f"{where}.adapt",
            "needs a critic that tells real from synthetic by the sign of its scores, which this loss does not train;"
            " remove the key, so that probabilities stay as they are",
        )


def _check_term(
    term: AbstractLoss, places: tuple[str, ...], paired: tuple[str, ...], given: set[str], where: str
) -> Iterator[Problem]:
    """The places of a term: the phase makes something there, and paired losses have references there.

    Args:
        term: the term.
        places: where the phase makes candidates.
        paired: where each candidate has a reference.
        given: places of the graph that are given.
        where: place of the term.
    """
    if set(term.on) <= given:
        yield Problem(f"{where}.on", f"{' and '.join(term.on)}: is given, so no network would learn from this term")
    for place in term.on:
        if place not in places:
            made = ", ".join(places) or "nothing"
            yield Problem(f"{where}.on", f"this phase makes nothing on {place!r}; it makes {made}")
        elif isinstance(term, AbstractPairedLoss | AbstractFeatureLoss) and place not in paired:
            known = ", ".join(paired) or "none of its places"
            yield Problem(
                f"{where}.on",
                f"a paired loss needs a reference for each candidate; this phase has them on {known}",
            )


def _check_counterparts(
    recipe: Recipe, phase: AbstractPhase, term: AbstractAdversarialLoss, where: str
) -> Iterator[Problem]:
    for place, real in zip(term.on, real_places(phase, recipe, term.on), strict=True):
        if real not in (LATENT, *recipe.observed()):
            accepted = [name for name in phase.places(recipe) if name != place] or ["none of its places"]
            yield Problem(
                f"{where}.on",
                f"the phase names no real slices that a critic on {place!r} could compare with (its counterparts);"
                f" it makes also {', '.join(accepted)}",
            )


def _check_optimizers(recipe: Recipe) -> Iterator[Problem]:
    """Each optimizer that phases may name, and its schedule, by themselves; and whether a phase names it."""
    named = {name for phase in recipe.phases for name in optimizers_of(phase).values()}
    for name, optimizer in recipe.optimizers.items():
        where, steps = f"optimizers.{name}", recipe.training.steps
        if name not in named:
            yield Problem(where, "no phase names it; name it as optimizer or critic_optimizer of a phase, or remove it")
        yield from problems_of(where, optimizer, {})
        if optimizer.schedule is not None:
            problems = problems_of(f"{where}.schedule", optimizer.schedule, {"steps": steps})
            yield from problems
            for step in () if problems else (0, steps - 1):
                ask(f"{where}.schedule", optimizer.schedule, "factor", {"step": step, "steps": steps})


def _check_compared(phase: AbstractPhase, players: tuple[str, ...]) -> Iterator[Problem]:
    """The networks whose features a phase compares stay as they are while its players move."""
    for term in phase.terms:
        if isinstance(term, AbstractFeatureLoss) and term.network in players:
            yield Problem(
                f"phases.{phase.name}.terms.{term.name}.network",
                f"{term.network!r} is a player of this phase, and cannot judge while it moves; use another network",
            )


def _check_updates(recipe: Recipe) -> Iterator[Problem]:
    """Every network is updated by exactly one kind of optimizer.

    Either it is a player of one phase or more, or it is a critic of one phase, or of more that share an optimizer.
    """
    # Which phase first updates each network as a player, and which as a critic?
    player_of: dict[str, str] = {}
    critic_of: dict[str, AbstractPhase] = {}
    for phase in recipe.phases:
        moved = ask(f"phases.{phase.name}", phase, "players", {"recipe": recipe})
        yield from _check_compared(phase, moved)
        for name in moved:
            if name not in recipe.networks:
                yield Problem(f"phases.{phase.name}", f"would train {_unknown('network', name, recipe.networks)}")
            player_of.setdefault(name, phase.name)
        for name in critics(phase):
            first = critic_of.setdefault(name, phase)
            shared = phase.critic_optimizer is not None and phase.critic_optimizer == first.critic_optimizer
            if first is not phase and not shared:
                yield Problem(
                    f"networks.{name}",
                    f"two optimizers would update it, as critic of phase {first.name!r} and of phase {phase.name!r};"
                    " give each phase its own critic, or both the same critic_optimizer",
                )

    # Is any network both, or neither?
    compared = {name for phase in recipe.phases for name in feature_networks(phase)}
    judging = {name: phase.name for phase in reversed(recipe.phases) for name in judges(phase)}
    heard = {name for phase in recipe.phases for name in judges(phase, moving=True)}
    for name in recipe.networks:
        if name in player_of and name in critic_of:
            yield Problem(
                f"networks.{name}",
                f"two optimizers would update it, as player of phase {player_of[name]!r} and as critic of phase"
                f" {critic_of[name].name!r}; use two networks",
            )
        if name in judging and name not in critic_of:
            yield Problem(
                f"networks.{name}",
                f"no term trains it: the losses of phase {judging[name]!r} on this critic move the players alone; add a"
                " term with an adversarial loss",
            )
        elif name in judging and name not in heard | compared:
            yield Problem(
                f"networks.{name}",
                f"moves no player: the losses of phase {judging[name]!r} on this critic only regularise it; add a term"
                " with another adversarial loss on it, or remove both",
            )
        elif name not in player_of and name not in critic_of and name not in compared:
            yield Problem(f"networks.{name}", "no phase updates it; name it in a phase or remove it")
