"""``make_reader_study``: pages for readers, and the answer key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from gankit._draws import Draws
from gankit._errors import CohortError, InputError
from gankit.cohort.cohort import Cohort
from gankit.cohort.shards import is_sharded
from gankit.cohort.source import cohort_of
from gankit.cohort.stored import read_cohort
from gankit.cohort.titles import real_title
from gankit.evaluation.target import Target, find_target
from gankit.files.atomic import write_bytes
from gankit.files.digest import content_digest
from gankit.files.obstacles import writing
from gankit.files.paths import given_path, is_file
from gankit.plugin.components import AbstractCohortSource
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.progress import say
from gankit.reader.cases import Cases, make_cases
from gankit.reader.design import ReaderDesign
from gankit.reader.encoding import encoded, noise_sd
from gankit.reader.key import Key, Reader, Source, write_key
from gankit.reader.order import reading_order, repeated
from gankit.reader.page import rendered_page
from gankit.reader.questions import Lesion, Questions, default_questions, read_questions
from gankit.recipe.file import load_recipe

KEY = Path("key") / "key.json"
PAGES = "pages"
"""Names in the folder of a study."""


def make_reader_study(
    real: str | Path,
    synthetic: str | Path | Iterable[str | Path],
    out: str | Path,
    *,
    design: ReaderDesign | None = None,
    questions: str | Path | None = None,
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> Key:
    """Write the pages of a reader study, one HTML file for each reader, and its answer key apart from them.

    Real and synthetic cases are equally many, with each value of the label and in all. Each reader sees all cases, in
    an order of their own, and some of them twice. All slices are coded in the same way; see ``gankit.reader.encoding``.

    Args:
        real: a cohort file, a recipe whose cohort is taken, or the name of a cohort that a plugin makes.
        synthetic: one or several sources, each a run directory, a model file, the name of a shipped model, or a cohort
            file.
        out: a new folder. It gets ``pages/reader-N.html`` for reader N, and ``key/key.json``.
        design: how many cases and readers, and how cases are drawn.
        questions: a TOML file that chooses the questions; default: origin with confidence, lesion with place where
            cases have a label, and image quality.
        plugins: what is installed; default: load it.
        quiet: print nothing.

    Returns: the answer key.

    Raises:
        InputError: something does not fit, there are too few cases, or ``out`` is not empty; the message says what.
            Nothing has been written then.
        RunError: the folder cannot be written.
    """
    # What is asked for, before any work
    plugins = plugins or load_plugins()
    design, folder = design or ReaderDesign(), given_path("out", out)
    _require_empty(folder)
    chosen = None if questions is None else read_questions(given_path("questions", questions))
    targets = _targets(synthetic, plugins)
    _require_device(design.device)

    # The cases
    say("drawing the cases", quiet)
    cohort, source = _real(given_path("real", real), plugins)
    asked = chosen.lesion if chosen is not None else Lesion()
    cases = make_cases(cohort, source, targets, design, asked.truth if asked else "", plugins)
    if chosen is None:
        chosen = default_questions(lesion=cases.label is not None)
    elif chosen.lesion is not None and cases.label is None:
        raise InputError("`questions`: [lesion] needs a label that all slices have; name it with `label`")

    chosen = _titled(chosen, source)

    # The pages and the key
    codes = _codes(cases, design.seed)
    key = _key(cases, codes, design, chosen)
    for reader in key.readers:
        write_bytes(folder / PAGES / reader.page, rendered_page(key, reader, codes))
    write_key(folder / KEY, key)
    return key


def _require_empty(folder: Path) -> None:
    """Raise InputError where a folder has anything that could be overwritten, or is none."""
    with writing(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"`out` {folder}: is there already and is no empty folder; name another")


def _require_device(name: str) -> None:
    """Raise InputError where there is no such device, whether a model needs it or not."""
    if name != "auto":
        from gankit.processes.device import choose_device

        choose_device(name)


def _targets(synthetic: str | Path | Iterable[str | Path], plugins: Plugins) -> dict[str, Target]:
    """Name to source of synthetic slices. Raises InputError: there is none, or two have the same name."""
    given = [synthetic] if isinstance(synthetic, str | Path) else list(synthetic)
    if not given:
        raise InputError("`synthetic`: name at least one model, run or cohort file")
    targets: dict[str, Target] = {}
    for each in given:
        path = given_path("synthetic", each)
        name = path.resolve().name if path.is_dir() else path.stem
        if name in targets or name == "real":
            raise InputError(f"`synthetic` {path}: another source is named {name!r} too; rename or copy it")
        targets[name] = find_target(path, plugins)
    return targets


def _real(path: Path, plugins: Plugins) -> tuple[Cohort, Source]:
    """The real cohort, and where it came from.

    Raises:
        CohortError: it cannot be read, or is synthetic.
        InputError: there is no such file, cohort or recipe.
    """
    cohorts = [entry.name for entry in plugins.registry.entries("cohort")]
    if is_sharded(path) or (is_file(path) and path.suffix != ".toml"):
        cohort = read_cohort(path)
    elif str(path) in cohorts:
        cohort = cohort_of(_without_options(str(path), plugins))
    elif path.suffix == ".toml" or str(path) in plugins.recipes:
        cohort = cohort_of(load_recipe(path, plugins=plugins).cohort)
    else:
        raise InputError(
            f"`real` {path}: no such file; give a cohort file, a recipe, or the name of a cohort: {', '.join(cohorts)}"
        )
    if cohort.synthetic:
        raise CohortError(f"`real` {path}: is marked synthetic ({cohort.source}); real slices are needed here")
    return cohort, Source(name="real", origin="real", path=str(path), about=cohort.source)


def _without_options(name: str, plugins: Plugins) -> AbstractCohortSource:
    """A cohort's component with its defaults. Raises InputError: it needs options."""
    component = plugins.registry.find(name, "cohort")
    needed = [field.name for field in attrs.fields(component) if field.default is attrs.NOTHING]
    if needed:
        raise InputError(
            f"`real` {name}: needs {', '.join(needed)}; give a recipe whose [cohort] has them, or the file"
        )
    return component()  # type: ignore[return-value]


def _titled(questions: Questions, source: Source) -> Questions:
    """The questions, in which slices of a phantom are not called real alone."""
    origin = questions.origin
    if origin is None or origin.real != "real":
        return questions
    return attrs.evolve(questions, origin=attrs.evolve(origin, real=real_title(source.about)))


def _codes(cases: Cases, seed: int) -> list[bytes]:
    """The pixels of each case as a page has them, one modality after the other."""
    sds = {name: noise_sd(cases.images[name], shown) for name, shown in cases.modalities.items()}
    return [
        b"".join(
            encoded(
                cases.images[name][index],
                shown,
                sds[name],
                Draws(seed, index).generator(f"reader/grain/{name}"),
            ).tobytes()
            for name, shown in cases.modalities.items()
        )
        for index in range(len(cases.cases))
    ]


def _key(cases: Cases, codes: Sequence[bytes], design: ReaderDesign, questions: Questions) -> Key:
    draws = Draws(design.seed)
    again = repeated(cases.cases, design.repeats, draws.generator("reader/repeated"))
    readers = tuple(
        Reader(
            number=number,
            page=f"reader-{number}.html",
            order=reading_order(len(cases.cases), again, draws.generator(f"reader/order/{number}")),
        )
        for number in range(1, design.readers + 1)
    )
    key = Key(
        study="",
        seed=design.seed,
        label=cases.label,
        modalities=cases.modalities,
        sources=cases.sources,
        questions=questions,
        cases=cases.cases,
        readers=readers,
    )
    pixels = hashlib.blake2b(b"".join(codes), digest_size=16).hexdigest()
    return attrs.evolve(key, study=content_digest([attrs.asdict(key), pixels])[:16])
