"""What a model file or a run says about itself, read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gankit._errors import InputError, nearest
from gankit.cohort.shards import is_sharded
from gankit.cohort.stored import header_of
from gankit.files.header import header
from gankit.files.paths import is_file, is_folder
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import Recipe
from gankit.run.directory import RunDirectory
from gankit.run.identity import refuse_other_model
from gankit.run.model_header import ModelHeader


def model_file(path: Path, plugins: Plugins) -> Path | None:
    """The model file that a path names.

    Args:
        path: a run directory, a model file, or the name of a shipped model.
        plugins: what is installed, with its models.

    Returns: the file; None where ``path`` is there but no model, as a cohort is.

    Raises:
        InputError: there is no such run, file or shipped model, or the run has no model yet, or that of another run.
    """
    if is_file(path):
        return path if "recipe" in header(path) else None
    if is_sharded(path):
        return None
    if is_folder(path):
        run = RunDirectory(path)
        document = run.locked_recipe()
        if not run.model.is_file():
            raise InputError(f"{path}: the run has no model yet; train it on with 'gankit train'")
        refuse_other_model(run, document)
        return run.model
    if (name := str(path)) in plugins.models:
        return plugins.models[name]
    if name in plugins.recipes:
        raise InputError(f"{path}: is a recipe, not yet a run; train it first, as in 'gankit train {name}'")
    known = (", ".join(plugins.models) or "none") + plugins.perhaps(name)
    raise InputError(f"{path}: no such run or file{nearest(name, plugins.models)}; shipped models: {known}")


def keep_what_is_real(out: Path) -> None:
    """Raise InputError where a synthetic cohort would be written over a file that is none, as over real slices."""
    if out.exists() and not header_of(out).get("synthetic"):
        raise InputError(f"`out` {out}: is there already and is no synthetic cohort; name another file")


def recipe_of(file: Path, plugins: Plugins) -> Recipe:
    """The recipe in a model file.

    Raises:
        RecipeError: it does not fit the installed plugins.
        CheckpointError: the file is damaged.
    """
    return _model_header(file).checked_recipe(file, plugins)


def about_run(path: Path, file: Path, plugins: Plugins) -> dict[str, Any]:
    """What a run or a model file says about itself: recipe, seed, steps, digest and, of a run, time and device.

    ``path`` is what the user named, ``file`` the model file.
    """
    found = _model_header(file)
    recipe = found.checked_recipe(file, plugins)
    about = {"recipe": recipe.name, "seed": recipe.training.seed, "steps": found.step}
    about["model_digest"] = header(file).get("digest")
    if is_folder(path):
        run = RunDirectory(path)
        about |= {"wall_s": run.wall_s(), "device": run.provenance().get("device")}
    return about


def _model_header(file: Path) -> ModelHeader:
    if not (found := header(file)):
        from gankit.run.model import read_model

        _, found = read_model(file)  # says what is wrong with it
    return ModelHeader.of(found, file)


def cohort_note(path: Path, digest: str) -> str:
    """A caution for a run whose cohort had another content when it was trained; else an empty text.

    ``digest`` is that of the recipe's cohort as it is now.
    """
    trained = RunDirectory(path).provenance().get("cohort") if path.is_dir() else None
    if trained in (None, digest):
        return ""
    return "its cohort has changed since it was trained: whether test slices of now were trained on is unknown"
