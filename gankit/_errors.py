"""Everything gankit raises on purpose.

    GankitError
    ├── InputError            the user's input; exit code 2
    │   ├── RecipeError       one or more problems of a recipe, each with its place
    │   ├── CohortError       a cohort that cannot be read, bound or trained on
    │   └── PluginError       a plugin that cannot be loaded or breaks the contract
    └── RunError              a run that failed; exit code 1
        └── CheckpointError   a checkpoint or model file that does not verify

A ``GankitError`` is a message for a person: where, what was found, what is accepted, what to do next.
Anything else that escapes gankit is a bug and keeps its traceback.
"""

from collections.abc import Iterable

import attrs


class GankitError(Exception):
    """Base of every error gankit raises on purpose."""

    exit_code = 1


class InputError(GankitError):
    """The user's input cannot be used."""

    exit_code = 2


@attrs.frozen
class Problem:
    """One thing that is wrong with a recipe or another TOML file."""

    place: str
    """Dotted path of the key, as in ``networks.decoder.factor``; empty for the file as a whole."""
    message: str
    """What was found, what is accepted, and what to do."""

    def under(self, parent: str) -> "Problem":
        """The same problem seen from further up: ``factor`` under ``networks.decoder``."""
        return Problem(".".join(part for part in (parent, self.place) if part), self.message)

    def __str__(self) -> str:
        """One line of at most 2000 characters, whatever the names in a recipe hold."""
        text = f"{self.place}: {self.message}" if self.place else self.message
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text[:2000])


class RecipeError(InputError):
    """A recipe with problems; ``problems`` has all of them, and ``source`` is the file or name of the recipe."""

    def __init__(self, source: str, problems: Iterable[Problem]):
        self.source = source
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {problem}" for problem in self.problems)]))


class CohortError(InputError):
    """A cohort that cannot be read, bound to a recipe, or trained on."""


class PluginError(InputError):
    """A plugin that cannot be loaded or breaks the contract; the message names it."""


class PluginWarning(UserWarning):
    """Something of a plugin is left out; work that does not need it goes on."""


class FileWarning(UserWarning):
    """A file is read though nothing proves its content, or it is damaged and made again, or left out in part."""


class RunError(GankitError):
    """A run that failed for a reason the user can act on."""


class CheckpointError(RunError):
    """A checkpoint or model file that does not verify."""


def shown(value: object, longest: int = 100) -> str:
    """A value on one line, for messages: its ``repr``, cut to so many characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def said(error: BaseException, longest: int = 300) -> str:
    """What a library says of an error on one line, cut to so many characters, for messages."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name, as in ``"; did you mean 'stitch'?"``.

    It proposes the shortest known name that begins with ``name`` (three letters or more), else the most similar one by
    ``difflib``. Where no known name is similar, it is an empty string.
    """
    import difflib  # for messages alone

    if len(name) > 200:  # comparing takes time by the square, and no known name is so long
        return ""
    known = list(known)
    begun = [each for each in known if len(name) >= 3 and each.startswith(name)]
    alike = 0.6 if len(name) > 2 else 0.5  # one letter of two
    matches = sorted(begun, key=len) or difflib.get_close_matches(name, known, n=1, cutoff=alike)
    return f"; did you mean {matches[0]!r}?" if matches else ""
