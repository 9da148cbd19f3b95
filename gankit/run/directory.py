"""The run directory: where its files are, who may write them, and which step they belong to."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import FileWarning, InputError, RunError
from gankit.files.atomic import remove_parts, write_text
from gankit.files.digest import KEY, Altered, content_digest, text_digest, verified, with_digest
from gankit.files.documents import LARGEST_TOML, parse_toml, read_text
from gankit.files.lock import Held, locked
from gankit.files.toml_text import toml_text
from gankit.files.toml_types import key_of
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import Document
from gankit.run.metrics_file import MetricsFile, Row

MAY_CHANGE = {
    "summary",
    "training.steps",
    "training.engine",
    "training.cohort",
    "training.recompute",
    "training.log_every",
    "training.checkpoint_every",
    "training.keep_checkpoints",
    "training.sample_every",
    "training.track",
}
"""Keys that may differ when a run is resumed. They change what is kept or how it is computed, not the result."""

RATE = "learning_rate/"
"""Before the name of an optimizer: key of its rate in a row of ``metrics.jsonl``. A key without a slash but with a dot
is a scalar of a phase."""

CRITIC = ".critic"
"""End of the key of what a critic minimises."""

LOCK = ".lock"
"""Name of the file by which one process holds a run directory."""

LOCKED = """\
# The complete recipe of this run. To resume, run the same command again.
# An edit here is refused. To train with other values, edit a copy and train it in another place.
"""
"""How a locked recipe begins."""

LOCK_KEYS = {*(key_of(field) for field in attrs.fields(Recipe)), "provenance"}
"""What a locked recipe may have, besides its digest."""

RESTORE = "restore it, or remove it and run the same 'gankit train' again, which writes it anew if checkpoints prove it"


@attrs.frozen
class RunDirectory:
    """Paths and rules of one run."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.lock.toml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    def checkpoint(self, step: int) -> Path:
        return self.path / "checkpoints" / f"step-{step:06d}.safetensors"

    def sample(self, step: int) -> Path:
        return self.path / "samples" / f"step-{step:06d}.png"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A context that holds the directory, so that no other process writes to it.

        A directory that did not exist before, and in which nothing was kept, is removed at the end.

        Raises:
            RunError: another process holds the directory, or it cannot be written.
        """
        found = self.path.exists()
        try:
            with locked(self.path / LOCK, wait=False, elsewhere="give another place with `out`"):
                try:
                    for folder in (self.path, self.path / "checkpoints", self.path / "samples"):
                        remove_parts(folder)
                    yield
                finally:
                    if not found and [path.name for path in self.path.glob("*")] in ([], [LOCK]):
                        shutil.rmtree(self.path, ignore_errors=True)  # it failed before anything was kept
        except Held as error:
            raise RunError(
                f"{self.path}: another process is writing this run; wait for it, or give another place with `out`"
            ) from error

    def require_held(self) -> None:
        """Make sure that the directory that this process holds is still in its place, so that no file is written into
        another one.

        Raises:
            RunError: it was removed or moved away.
        """
        if not (self.path / LOCK).exists():
            raise RunError(
                f"{self.path}: was removed or moved away while it was written; restore it and run the same command"
                " again to go on, or run it again to train anew"
            )

    def being_written(self) -> bool:
        """Whether a process holds the directory."""
        if not self.path.exists():  # and a lock would make it
            return False
        try:
            with locked(self.path / LOCK, wait=False):
                return False
        except Held:
            return True
        except RunError:  # nobody can write here
            return False

    def checkpoints(self) -> list[Path]:
        """Checkpoints, newest first."""
        return sorted((self.path / "checkpoints").glob("step-*.safetensors"), key=step_of, reverse=True)

    def prune(self, step: int, keep: int) -> None:
        """Remove all checkpoints but the ``keep`` newest of those up to a step.

        Checkpoints of later steps go too: the run was resumed before them, because they did not verify. What is of
        another run has been set aside.
        """
        checkpoints = self.checkpoints()
        kept = [path for path in checkpoints if step_of(path) <= step][:keep]
        for path in set(checkpoints) - set(kept):
            path.unlink(missing_ok=True)

    def set_aside(self, checkpoint: Path) -> Path:
        """Rename a checkpoint that is not the run's, so that it is neither read nor removed. Returns: its new path."""
        aside = checkpoint.with_name(f"aside-{checkpoint.name}")
        number = 2
        while aside.exists():
            aside, number = checkpoint.with_name(f"aside-{number}-{checkpoint.name}"), number + 1
        return checkpoint.rename(aside)

    # Recipe -----------------------------------------------------------------------------------------------

    def refuse_other(self, document: Document) -> None:
        """Make sure that the directory is new or holds a run of this recipe.

        Raises:
            InputError: it has a run of another recipe; the message names the keys that differ.
        """
        if self.recipe.exists() and (differing := differences(self.locked_recipe(), document)):
            listed = "\n".join(f"  {line}" for line in differing)
            raise InputError(
                f"{self.path}: holds a run of another recipe; give another place with `out`, or the same values:"
                f"\n{listed}"
            )

    def refuse_other_cohort(self, digest: str) -> None:
        """Make sure that the directory is new or its run began with a cohort of this content.

        Raises:
            InputError: its run began with another cohort, so it cannot be resumed with this one.
        """
        if self.provenance().get("cohort", digest) != digest:
            raise InputError(
                f"{self.path}: its run began with a cohort of other content, so it cannot go on with this one; restore"
                " that cohort, or train in another place (`out`)"
            )

    def lock_recipe(self, document: Document, provenance: Mapping[str, Any]) -> None:
        """Write the completed recipe, and under ``provenance`` the versions, device and cohort of its run."""
        locked = {KEY: "", **document, "provenance": dict(provenance)}
        write_text(self.recipe, with_digest(locked, lambda document: LOCKED + toml_text(document)))

    def locked_recipe(self) -> Document:
        """The completed recipe of the run, without provenance.

        Warns with ``FileWarning`` of a file of an earlier version, which has no digest.

        Raises:
            InputError: it is not a run directory, or its recipe was edited or damaged.
        """
        document = self._read_lock()
        document.pop("provenance", None)
        return document

    def provenance(self) -> dict[str, Any]:
        """Versions, device and cohort with which the run was last started; an empty mapping where it has not begun."""
        if not self.recipe.exists():
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FileWarning)  # who reads the recipe is warned
            return self._read_lock().get("provenance", {})

    def _read_lock(self) -> Document:
        if not self.recipe.is_file():
            raise InputError(f"{self.path}: not a run directory (no {self.recipe.name})")
        try:
            text = read_text(self.recipe, LARGEST_TOML)
            if not (document := parse_toml(text)):
                raise Altered
            return verified(document, lambda _, digest: text_digest(text, digest), LOCK_KEYS, self.recipe)
        except OSError as error:
            raise InputError(f"{self.recipe}: cannot be read: {error.strerror}") from error
        except Altered as error:
            raise InputError(
                f"{self.recipe}: was edited or damaged since training wrote it; {RESTORE}. To train with other values,"
                " edit a copy and train it in another place (`out`)"
            ) from error
        except ValueError as error:
            raise InputError(f"{self.recipe}: damaged ({error}); {RESTORE}") from error

    # Metrics ----------------------------------------------------------------------------------------------

    @property
    def _rows(self) -> MetricsFile:
        """The file of rows, whose digests cover by what the run is told from others."""
        return MetricsFile(self.metrics, self._mark if self.recipe.exists() else "")

    @cached_property
    def _mark(self) -> str:
        """By what the run is told from others: digest of its locked recipe and cohort."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FileWarning)  # who reads the recipe is warned
            document = self._read_lock()
        cohort = document.pop("provenance", {}).get("cohort")
        return content_digest([lasting(document), cohort])

    def append_metrics(self, row: Row) -> None:
        """Add one line to ``metrics.jsonl``. Raises RunError: it cannot be written."""
        self._rows.append(row)

    def read_metrics(self) -> list[Row]:
        """The rows of ``metrics.jsonl``. Warns with ``FileWarning`` of damaged lines, which are left out."""
        return self._rows.rows()

    def damaged_metrics(self) -> list[int]:
        """Numbers of the damaged lines of ``metrics.jsonl``, from 1."""
        return [line.number for line in self._rows.lines() if line.row is None]

    def logged_step(self) -> int:
        """The newest logged step, or 0 where none is. Reads only the end of the file."""
        return self._rows.last_step()

    def wall_s(self) -> float | None:
        """Seconds that the logged steps took, all resumed parts together; None where no row says."""
        rows = (line.row for line in reversed(self._rows.lines()))
        return next((row["wall_s"] for row in rows if row is not None and "wall_s" in row), None)

    def rewind_metrics(self, step: int) -> None:
        """Remove the rows after a step, since those steps will be run again. A damaged line is kept in
        ``metrics.damaged.jsonl``, and named by a ``FileWarning``."""
        self._rows.rewind(step)


def run_of(model: Path) -> Path | None:
    """The run directory that a model file is of; None where the file lies elsewhere."""
    run = RunDirectory(model.parent)
    return run.path if model == run.model and run.recipe.is_file() else None


def step_of(path: Path) -> int:
    """The step that the name of a checkpoint says; -1 where it says none."""
    digits = path.stem.removeprefix("step-")
    return int(digits) if digits.isdigit() else -1


def lasting(document: Document) -> dict[str, Any]:
    """Dotted key to value, for all keys of a completed recipe but those of ``MAY_CHANGE``."""
    return {key: value for key, value in _flat(document, "") if key not in MAY_CHANGE}


def differences(old: Document, new: Document) -> list[str]:
    """One line for each key that differs between two completed recipes, without those of ``MAY_CHANGE``."""
    before, after = lasting(old), lasting(new)
    order = dict.fromkeys([*before, *after])
    return [
        f"{key}: {_shown(before, key)} there, {_shown(after, key)} here"
        for key in order
        if (key in before, before.get(key)) != (key in after, after.get(key))
    ]


def _shown(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "not set"


def _flat(document: Any, place: str) -> Iterable[tuple[str, Any]]:
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from _flat(value, f"{place}.{key}" if place else key)
    else:
        yield place, document
