"""The header of a model file, with its types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import CheckpointError
from gankit.files.toml_types import structure_table
from gankit.plugin.options import option
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import Layers, check_document
from gankit.recipe.recipe import Recipe


def _require_sizes(_: Any, __: Any, spacing_mm: Mapping[str, tuple[float, float]]) -> None:
    for name, size in spacing_mm.items():
        if not all(math.isfinite(side) and side > 0 for side in size):
            raise ValueError(f"{name} must be two sizes above 0 mm, got {list(size)}")


def _require_distances(_: Any, __: Any, slice_spacing_mm: Mapping[str, float]) -> None:
    for name, apart in slice_spacing_mm.items():
        if not (math.isfinite(apart) and apart > 0):
            raise ValueError(f"{name} must be a distance above 0 mm, got {apart}")


@attrs.frozen(kw_only=True)
class ModelHeader:
    """What a model file says beside its weights."""

    recipe: Mapping[str, Any] = option(help="the completed recipe as plain tables")
    step: int = option(help="training steps done", ge=0)
    spacing_mm: Mapping[str, tuple[float, float]] = attrs.field(factory=dict, validator=_require_sizes)
    """See ``Model``."""
    slice_spacing_mm: Mapping[str, float] = attrs.field(factory=dict, validator=_require_distances)
    """See ``Model``."""
    seen: tuple[tuple[int, ...], ...] = option((), help="see ``Model``")

    @classmethod
    def of(cls, header: Mapping[str, Any], file: Path) -> ModelHeader:
        """The header of a file as it was read. Raises CheckpointError: a part is missing or of another type."""
        known = [field.name for field in attrs.fields(cls)]
        found, problems = structure_table({key: header[key] for key in known if key in header}, cls)
        if found is None:
            raise CheckpointError(f"{file}: its header is no model's: {problems[0]}; copy the file again")
        return found

    def checked_recipe(self, file: Path, plugins: Plugins) -> Recipe:
        """The recipe.

        Raises:
            RecipeError: it does not fit the installed plugins.
            CheckpointError: ``seen`` does not fit it.
        """
        recipe = check_document(Layers(dict(self.recipe), {}), str(file), plugins)
        columns = len(recipe.labels()) + 1
        if any(len(row) != columns or min(row) < 0 or row[-1] == 0 for row in self.seen):
            raise CheckpointError(f"{file}: its header is no model's: seen must be rows of {columns} counts")
        return recipe
