"""Recipe files: find, read, extend, override, remove, check.

A recipe is read in layers: the recipe that it extends beneath, its own file above, the overrides on top. In the layers,
phases and terms are tables by name, so that each layer can address them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError, Problem, RecipeError, nearest, shown
from gankit.files.digest import KEY, text_digest, warn_of_file
from gankit.files.documents import LARGEST_TOML, parse_toml, parse_value, read_text, require_bounded
from gankit.files.paths import is_file
from gankit.files.toml_types import key_of
from gankit.plugin.components import (
    AbstractLoss,
    AbstractOptimizer,
    AbstractPhase,
    AbstractSampler,
    AbstractSchedule,
    Component,
)
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.plugin.registry import Registry
from gankit.recipe.check import check_recipe, check_trackers
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import WAYS, Document, structure_recipe

OVERRIDES = "`overrides`"
LONGEST_CHAIN = 32
"""Recipes that extend each other in a row."""


@attrs.frozen
class Layers:
    """A document merged from layers."""

    document: Document
    origins: dict[str, str]
    """Dotted place to the layer that it came from, in words. A place that is not here came with the table around it."""
    problems: tuple[Problem, ...] = ()
    """What could not be merged."""


def load_recipe(
    recipe: str | Path, overrides: Iterable[str] | Mapping[str, Any] = (), plugins: Plugins | None = None
) -> Recipe:
    """Read, complete and check a recipe.

    A recipe may extend another, and ``overrides`` lie on top. Tables merge key by key, terms and phases by their names;
    everything else is replaced.

    A term, a phase, an optimizer, a schedule or a sampler that gets another ``use`` keeps the keys that mean the same
    to both components, which are the fields of the classes that both derive from. Every loss has ``on`` and ``weight``;
    adversarial losses also have ``critic``, ``against`` and ``alongside``; phases have ``terms``, when they run, and
    what moves their networks; optimizers have ``learning_rate``, ``schedule`` and ``clip_norm``; samplers have
    ``steps``. The old component's own options are dropped, even where the new component has an option of the same name.
    A network, a cohort or a metric that gets another ``use`` keeps nothing.

    Args:
        recipe: a TOML file or the name of a shipped recipe.
        overrides: ``"key.path=value"`` texts or a mapping from key path to value.
        plugins: what is installed; default: load it.

    Raises:
        RecipeError: the recipe has problems; all of them are listed.
        InputError: there is no such recipe.
    """
    if isinstance(overrides, str):
        raise TypeError(f"load_recipe needs a list of overrides or a mapping, got one text; write [{overrides!r}]")
    plugins = plugins or load_plugins()
    layers = read_layers(recipe, overrides, plugins)
    return check_document(layers, str(recipe), plugins)


def check_document(layers: Layers, source: str, plugins: Plugins) -> Recipe:
    """The typed recipe of a document. Raises RecipeError with every problem that it has.

    ``source`` is the file or name that the user gave, for messages.
    """
    # 1. Give it its types.
    typed, problems = structure_recipe(layers.document, plugins.registry)

    # 2. Check what can be checked, without the options that are already known to be wrong.
    rest = typed if typed is not None else _without(layers.document, problems, plugins)
    if rest is not None and not layers.problems:
        faulty = tuple(problem.place for problem in problems)
        found = [*check_recipe(rest), *check_trackers(rest, plugins)]
        problems += [problem for problem in found if not problem.place.startswith(faulty)]

    # 3. Report every problem, once for each place.
    known = {problem.place for problem in layers.problems}
    problems = [*layers.problems, *(problem for problem in problems if problem.place not in known)]
    if typed is None or problems:
        raise RecipeError(source, [_with_origin(problem, layers.origins, source) for problem in problems])
    return typed


def _without(document: Document, problems: list[Problem], plugins: Plugins) -> Recipe | None:
    """The recipe with defaults in place of the faulty options, to find what else is wrong with it.

    None where anything else than options is faulty: what refers to it would then seem wrong too.
    """
    if not all(map(_is_option, (problem.place.split(".") for problem in problems))):
        return None
    rest = dict(document)
    for problem in problems:
        _remove(rest, problem.place.split("."))
    return structure_recipe(rest, plugins.registry)[0]


def _is_option(path: list[str]) -> bool:
    """Whether a path is that of an option: a key of a section, or of an item in a section of items."""
    depth = {
        "networks": 4 if path[2:3] == ["sampler"] and path[3:] else 3,
        "modalities": 3,
        "pools": 3,
        "optimizers": 4 if path[2:3] == ["schedule"] and path[3:] else 3,
        "phases": 5 if path[2:3] == ["terms"] else 3,
    }
    return len(path) == depth.get(path[0], 2) and path[-1] != "use"


def find_recipe(recipe: str | Path, plugins: Plugins, beside: Path | None = None) -> Path:
    """The file of a recipe that is given by path or by shipped name.

    Args:
        recipe: path or name.
        plugins: what is installed, with its recipes.
        beside: folder that a relative path starts from; default: the working directory.

    Raises:
        InputError: there is neither such a file nor such a shipped recipe.
    """
    text = str(recipe)
    path = (beside / text) if beside else Path(text)
    if is_file(path):
        return path
    if text in plugins.recipes:
        return plugins.recipes[text]
    if text.endswith(".toml") or "/" in text:
        raise InputError(f"{text}: no such recipe file")
    known = ", ".join(sorted(plugins.recipes)) or "none"
    raise InputError(
        f"no recipe named {text!r}{nearest(text, plugins.recipes)}; give a TOML file or one of: {known}"
        f"{plugins.perhaps(text)}"
    )


def read_layers(recipe: str | Path, overrides: Iterable[str] | Mapping[str, Any], plugins: Plugins) -> Layers:
    """The document of a recipe, merged from what it extends, itself, and the overrides."""
    layers = _read_chain(find_recipe(recipe, plugins), plugins)
    source = "an override" if isinstance(overrides, Mapping) else OVERRIDES
    return _overlay(layers, overrides_document(overrides), source, plugins.registry)


def _read_chain(path: Path, plugins: Plugins) -> Layers:
    """The layers of a recipe file and of those that it extends."""
    # 1. Down to the recipe that extends nothing.
    files, documents = [path], [_read_file(path)]
    while (parent := documents[-1].pop("extends", None)) is not None:
        beneath = _beneath(files, parent, plugins)
        variant = {"name": files[-1].stem, "summary": f"a variant of {beneath.stem}"}
        documents[-1] = variant | documents[-1]
        files.append(beneath)
        documents.append(_read_file(beneath))

    # 2. And up again, each on the one that it extends.
    layers = Layers({}, {})
    for file, document in zip(reversed(files), reversed(documents), strict=True):
        layers = _overlay(layers, document, plugins.origin_of(file), plugins.registry)
    return layers


def _beneath(files: list[Path], parent: Any, plugins: Plugins) -> Path:
    """The file of the recipe that the last of these files extends."""

    def refused(message: str) -> RecipeError:
        return RecipeError(str(files[-1]), [Problem("extends", message)])

    if not isinstance(parent, str):
        raise refused(f"must be a recipe name or file, got {shown(parent)}")
    try:
        beneath = find_recipe(parent, plugins, beside=files[-1].parent)
    except InputError as error:
        raise refused(str(error)) from error
    if any(beneath.samefile(file) for file in files):
        raise refused(f"the recipe extends itself: {' extends '.join(file.name for file in (*files, beneath))}")
    if len(files) >= LONGEST_CHAIN:
        raise refused(f"more than {LONGEST_CHAIN} recipes extend each other; write what some of them say in one")
    return beneath


def _read_file(path: Path) -> Document:
    try:
        text = read_text(path, LARGEST_TOML)
        document = parse_toml(text)
    except OSError as error:
        raise RecipeError(str(path), [Problem("", f"cannot be read: {error.strerror}")]) from error
    except ValueError as error:
        raise RecipeError(str(path), [Problem("", str(error))]) from error
    document.pop("provenance", None)  # a locked recipe has it and a digest, and is a recipe too
    if (digest := document.pop(KEY, None)) is not None and digest != text_digest(text, str(digest)):
        warn_of_file(path, "was edited or damaged since a training wrote it; it is read as a recipe of its own")
    return document


# Layers ---------------------------------------------------------------------------------------------------


def _overlay(beneath: Layers, document: Document, source: str, registry: Registry) -> Layers:
    """Lay a document over the layers beneath; ``source`` names this layer in messages."""
    # 1. Take out what to remove, and key phases and terms by name.
    document = dict(document)
    removals = document.pop("remove", [])
    problems: list[Problem] = []
    if "phases" in document:
        document["phases"] = _keyed_phases(document["phases"], problems)

    # 2. What would change nothing is a mistake.
    if beneath.document:
        problems += [*_empty_lists(document), *_misplaced_removals(document)]

    # 3. Remove from what lies beneath, so that this layer may say it anew, and merge.
    kept, origins = dict(beneath.document), dict(beneath.origins)
    if not isinstance(removals, list) or not all(isinstance(path, str) for path in removals):
        problems.append(Problem("remove", f"must be a list of key paths, got {shown(removals)}"))
        removals = []
    rest = [path for path in removals if not _remove(kept, path.split("."))]
    merged = _Merge(source, registry, origins)(kept, document)
    problems += [
        Problem("remove", f"nothing at {path!r} to remove") for path in rest if not _remove(merged, path.split("."))
    ]
    origins |= {problem.place: source for problem in problems}
    return Layers(merged, origins, (*beneath.problems, *problems))


def _empty_lists(document: Document) -> Iterator[Problem]:
    """Empty lists of phases or terms: since these merge by name, an empty list would change nothing."""
    phases = document.get("phases", {None: {}})
    terms = {f"phases.{name}.terms": phase.get("terms") for name, phase in phases.items() if isinstance(phase, dict)}
    for place, listed in {"phases": phases, **terms}.items():
        if listed is not None and not listed:
            yield Problem(place, "is empty, which takes nothing away; leave the key out, or name what goes in 'remove'")


def _misplaced_removals(document: Document, place: str = "") -> Iterator[Problem]:
    """``remove`` within a table. It belongs at the top of the file, with the table's path before each key."""
    for key, value in document.items():
        here = f"{place}.{key}" if place else key
        if key == "remove" and place:
            one = f"{place}.{value[0]}" if isinstance(value, list) and value else place
            yield Problem(here, f'stands at the top of the file, as in remove = ["{one}"]')
        elif isinstance(value, dict):
            yield from _misplaced_removals(value, here)


@attrs.frozen
class _Merge:
    """Lays one layer over those beneath it: tables merge key by key, everything else is replaced."""

    source: str
    """The upper layer, in words."""
    registry: Registry
    origins: dict[str, str]
    """Place to the layer that it came from. It holds the origins of the layers beneath; each call brings them up to
    date with the upper layer."""

    def __call__(self, beneath: Document, above: Document, place: str = "") -> Document:
        """Merge the two tables at a place, and all tables in them."""
        merged = dict(beneath)
        for key, value in above.items():
            here, old = f"{place}.{key}" if place else key, beneath.get(key)
            if not (isinstance(old, Mapping) and isinstance(value, Mapping)):
                # 1. Not two tables: the upper value replaces the lower.
                merged[key] = value
                self._replace(here)
            elif place == "synthesizer" and _way(old) != _way(value) is not None:
                # 2. A place that comes to be in another way: nothing of the lower table fits it.
                merged[key] = value
                self._replace(here)
            elif value.get("use") in (None, old.get("use")):
                # 3. Two tables of the same component, or of none: merge them.
                merged[key] = self(dict(old), dict(value), here)
            else:
                # 4. Two components: the upper replaces the lower, but keeps the keys that they have in common.
                common = _common_keys(old, value, place, self.registry)
                kept = {name: old[name] for name in common if name in old and name not in value}
                merged[key] = {**kept, **value}
                self._replace(here, kept)
        return merged

    def _replace(self, place: str, kept: Iterable[str] = ()) -> None:
        """Bring the origins up to date where this layer replaces everything at a place except the keys ``kept``."""
        # 1. Look up the origins of the kept keys; they may be recorded for a table around them.
        still = {f"{place}.{name}": _origin_of(f"{place}.{name}", self.origins) for name in kept}
        # 2. Forget the origins of what is gone.
        for known in [known for known in self.origins if known.startswith(f"{place}.")]:
            if not f"{known}.".startswith(tuple(f"{name}." for name in still)):
                del self.origins[known]
        # 3. The place is now this layer's, except for the kept keys.
        self.origins[place] = self.source
        self.origins.update({name: origin for name, origin in still.items() if origin})


def _way(place: Mapping[str, Any]) -> str | None:
    """The way in which a table says that a place of the graph comes to be; None where it says none, or several."""
    said = [key for key in WAYS if key in place]
    return said[0] if len(said) == 1 else None


def _common_keys(old: Mapping[str, Any], new: Mapping[str, Any], place: str, registry: Registry) -> Iterable[str]:
    """Keys that mean the same to the components of two tables at a place.

    For terms, phases, optimizers, schedules and samplers these are the fields of the classes that both components
    derive from. For networks, cohorts and metrics there are none.
    """
    match place.split("."):
        case ["phases"]:
            base: type[Component] = AbstractPhase
        case ["phases", _, "terms"]:
            base = AbstractLoss
        case ["optimizers"]:
            base = AbstractOptimizer
        case ["optimizers", _]:
            base = AbstractSchedule
        case ["networks", _]:
            base = AbstractSampler
        case _:
            return ()
    try:
        one, other = (registry.find(str(table.get("use")), base.kind) for table in (old, new))
    except InputError:  # one of them is unknown; structure_recipe reports it
        one = other = base
    ancestors = [each for each in one.__mro__ if attrs.has(each) and issubclass(other, each)]
    return dict.fromkeys(key_of(field) for each in ancestors for field in attrs.fields(each))


def _origin_of(place: str, origins: Mapping[str, str]) -> str | None:
    """The layer that a place came from: its own entry, else that of the nearest table around it."""
    parts = place.split(".")
    found = (origins.get(".".join(parts[:length])) for length in range(len(parts), 0, -1))
    return next(filter(None, found), None)


def _remove(document: Document, path: list[str]) -> bool:
    """Remove a key; whether it was there. Tables on the way are copied, since other layers may share them."""
    *parents, last = path
    for part in parents:
        if not isinstance(document.get(part), dict):
            return False
        document[part] = dict(document[part])
        document = document[part]
    return document.pop(last, None) is not None


def _keyed_phases(phases: Any, problems: list[Problem]) -> Any:
    keyed = _keyed(phases, "phases", _phase_name, problems)
    if isinstance(keyed, Mapping):
        for name, phase in keyed.items():
            if isinstance(phase, dict) and "terms" in phase:
                phase["terms"] = _keyed(phase["terms"], f"phases.{name}.terms", _term_name, problems)
    return keyed


def _keyed(items: Any, place: str, name_of: Any, problems: list[Problem]) -> Any:
    """A list of tables as a table by name, so that layers can address each item.

    Args:
        items: the list; a table by name is copied.
        place: its dotted path.
        name_of: gives the name of an item that has no key ``name``.
        problems: gets what is wrong.
    """
    if isinstance(items, Mapping):
        for name, item in items.items():
            if isinstance(item, Mapping) and item.get("name", name) != name:
                problems.append(Problem(f"{place}.{name}.name", f"the key is the name, {name!r}; remove this one"))
        return {name: dict(item) if isinstance(item, Mapping) else item for name, item in items.items()}
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        problems.append(Problem(place, f"must be a list of tables, got {shown(items)}"))
        return {}
    keyed: Document = {}
    for index, item in enumerate(items):
        name = item.get("name") or name_of(item)
        if not isinstance(name, str):
            problems.append(Problem(f"{place}[{index}]", "needs 'use', or the 'name' of one that is extended"))
        elif name in keyed:
            problems.append(Problem(f"{place}.{name}", "two entries have this name; give one another 'name'"))
        else:
            keyed[name] = {key: value for key, value in item.items() if key != "name"}
    return keyed


def _phase_name(phase: Mapping[str, Any]) -> Any:
    return phase.get("use")


def _term_name(term: Mapping[str, Any]) -> Any:
    use, on = term.get("use"), term.get("on")
    if not isinstance(use, str):
        return None
    places = on if isinstance(on, list) else [on]
    return "-".join([use, *(str(place) for place in places if place is not None)])


# Overrides ------------------------------------------------------------------------------------------------


def overrides_document(overrides: Iterable[str] | Mapping[str, Any]) -> Document:
    """Overrides as a document. Raises InputError: one is no KEY=VALUE, or a key has both a value and keys below it."""
    if not isinstance(overrides, Mapping):
        overrides = dict(parse_override(text) for text in overrides)
    document: Document = {}
    for path, value in overrides.items():
        *parents, last = path.split(".")
        _require_bounded(path, value)
        table = document
        for part in parents:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise InputError(f"{OVERRIDES} {path}: {part!r} is given a value and keys; give one of the two")
        if isinstance(table.get(last), dict):
            raise InputError(f"{OVERRIDES} {path}: {last!r} is given a value and keys; give one of the two")
        table[last] = copy.deepcopy(value)
    return document


def _require_bounded(path: str, value: Any) -> None:
    for part in reversed(path.split(".")):
        value = {part: value}
    try:
        require_bounded(value)
    except ValueError as error:
        raise InputError(f"{OVERRIDES} {shown(path)}: {error}") from error


def parse_override(text: str) -> tuple[str, Any]:
    """``"training.steps=100"`` as a key path and a value. A value that is not TOML is taken as text.

    Raises:
        InputError: there is no ``=``, a part of the key is empty, or the value has several lines or a comment.
    """
    path, equals, value = text.partition("=")
    if not equals or not all(path.strip().split(".")) or not path.isprintable():
        raise InputError(f"{OVERRIDES} {ascii(text)[1:-1]}: must be KEY=VALUE, as in {OVERRIDES} training.steps=100")
    try:
        return path.strip(), parse_value(value)
    except ValueError as error:
        raise InputError(f"{OVERRIDES} {shown(text)} {error}") from error


def _with_origin(problem: Problem, origins: Mapping[str, str], source: str) -> Problem:
    """Add the layer that a problem comes from, where it is not the recipe that the user named."""
    origin = _origin_of(problem.place, origins)
    if origin is None or origin == source or origin.startswith(f"recipe {source} ("):
        return problem
    return Problem(problem.place, f"{problem.message} (from {origin})")
