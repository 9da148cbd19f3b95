"""What a model file or a run says of itself, read without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gankit._errors import InputError, nearest
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import Layers, check_document
from gankit.recipe.recipe import Recipe
from gankit.run.directory import RunDirectory


def model_file(path: Path, plugins: Plugins) -> Path | None:
    """The model file of a run directory, of a shipped model's name or of a path itself; None for another file, which
    may be a cohort.

    Raises:
        InputError: nothing is there, or the run has no model yet.
    """
    if path.is_dir():
        run = RunDirectory(path)
        run.locked_recipe()
        if not run.model.is_file():
            raise InputError(f"{path}: the run has no model yet; train it on with 'gankit train'")
        return run.model
    if path.is_file():
        return path if "recipe" in header(path) else None
    if (name := str(path)) in plugins.models:
        return plugins.models[name]
    if name in plugins.recipes:
        raise InputError(f"{path}: is a recipe, not yet a run; train it first, as in 'gankit train {name}'")
    known = (", ".join(plugins.models) or "none") + plugins.perhaps(name)
    raise InputError(f"{path}: no such run or file{nearest(name, plugins.models)}; shipped models: {known}")


def header(path: Path) -> dict[str, Any]:
    """gankit's entry in the metadata of a safetensors file; nothing where there is none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            found = json.loads((file.metadata() or {}).get("gankit", "{}"))
    except (SafetensorError, ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def recipe_of(file: Path, plugins: Plugins) -> Recipe:
    """The recipe in a model file."""
    return check_document(Layers(header(file)["recipe"], {}), str(file), plugins)


def about_run(path: Path, file: Path) -> dict[str, Any]:
    """What a run or a model file says of its training."""
    found = header(file)
    about = {"recipe": found["recipe"]["name"], "seed": found["recipe"]["training"]["seed"], "steps": found["step"]}
    if path.is_dir():
        run = RunDirectory(path)
        about |= {"wall_s": run.wall_s(), "device": run.provenance().get("device")}
    return about


def cohort_note(path: Path, digest: str) -> str:
    """A caution where a run was trained on another state of its recipe's cohort than that with this digest."""
    trained = RunDirectory(path).provenance().get("cohort") if path.is_dir() else None
    if trained in (None, digest):
        return ""
    return "its cohort has changed since it was trained: whether test slices of now were trained on is unknown"
