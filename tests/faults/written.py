"""Files that gankit writes or that people write for it: recipes, models, cohorts, results."""

from __future__ import annotations

import json
import random
import struct
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from tests.faults.mutants import ROOT, Kind
from tests.faults.mutations import Document, Mutation, changed, nest, turn_bits

sys.set_int_max_str_digits(0)  # mutations write whole numbers of any length

# Texts ----------------------------------------------------------------------------------------------------


def change_toml(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Values, tables and keys of a recipe."""
    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError, MemoryError):  # an earlier mutation made what Python's own reader cannot read
        document = None  # and turns bits below, where what it took is free again
    if document is None:
        return turn_bits(content, chance, others)
    return tomli_w.dumps(changed(document, chance)).encode()


def change_json(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Values, tables and keys of a document; a digest is made anew where there was one."""
    from gankit.files.digest import KEY, with_digest

    try:
        document = changed(json.loads(content), chance)
    except (ValueError, RecursionError):
        return turn_bits(content, chance, others)
    return (with_digest(document, json.dumps) if KEY in document else json.dumps(document)).encode()


# Tensors --------------------------------------------------------------------------------------------------


def change_header(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The header of a safetensors file: names, types, shapes and offsets, or gankit's metadata as a text."""
    try:
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + size])
    except (ValueError, struct.error, RecursionError):
        return turn_bits(content, chance, others)
    text = json.dumps(changed(header, chance)).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def change_model(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """What a model says about itself, or its weights; its digest is right."""
    import torch

    from gankit.files.tensor_file import write_tensors

    read = _sound(content, "pt")
    if read is None:
        return turn_bits(content, chance, others)
    header, tensors = read
    name = chance.choice(list(tensors))
    if chance.random() < 0.7:
        header = changed(header, chance)
    else:
        tensors[name] = chance.choice(
            (
                torch.full_like(tensors[name], float("nan")),
                torch.zeros(3, *tensors[name].shape),
                tensors[name].double(),
                torch.empty(0),
                tensors[chance.choice(list(tensors))].clone(),
            )
        )
    return _written(lambda file: write_tensors(file, tensors, header))


def change_cohort(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """What a cohort says about itself, or its arrays; its digest is right."""
    from gankit.files.stored_arrays import write_arrays

    read = _sound(content, "numpy")
    if read is None:
        return turn_bits(content, chance, others)
    header, arrays = read
    name = chance.choice(list(arrays))
    array: np.ndarray = arrays[name]
    if chance.random() < 0.5:
        header = changed(header, chance)
    elif chance.random() < 0.2:
        arrays[chance.choice(("label.x", "truth.x", "made.adc", "present.x", "modality.", "y"))] = arrays.pop(name)
    else:
        large = np.full_like(array, chance.choice((0, 1, 127)) if array.dtype.kind != "f" else np.inf)
        with np.errstate(invalid="ignore"):  # NaN as another number
            whole, wide = array.astype(np.int8), array.astype(np.float64)
        arrays[name] = chance.choice((array[:-1], array[..., None], array[:0], wide, whole, large, -array))
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return _written(lambda file: write_arrays(file, arrays, header))


def _sound(content: bytes, framework: str) -> tuple[Document, dict[str, Any]] | None:
    """Header without digest and tensors of a file, if it is sound."""
    from safetensors import SafetensorError, safe_open

    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        try:
            with safe_open(file.name, framework=framework) as stored:
                header = json.loads((stored.metadata() or {}).get("gankit", "{}"))
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, RecursionError):
            return None
    if not isinstance(header, dict) or not tensors:
        return None
    header.pop("digest", None)
    return header, tensors


def _written(write: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


# Sound files ----------------------------------------------------------------------------------------------


def _write_recipe(folder: Path) -> None:
    """A recipe that a person writes: what it extends stands beside it."""
    from gankit import load_plugins, load_recipe
    from gankit.recipe.structure import to_document

    plugins = load_plugins()
    whole = to_document(load_recipe("mpmri-paper", (), plugins), plugins.registry)
    (folder / "whole.toml").write_text(tomli_w.dumps(whole))
    (folder / "recipe.toml").write_text(
        'extends = "whole.toml"\nremove = ["phases.unsupervised.critic_betas"]\ntraining.steps = 10\n'
        '[[phases]]\nname = "unsupervised"\nterms = [{ name = "wgan-gp-adc", use = "hinge", weight = 2.0 }]\n'
    )


def _write_cohort(folder: Path) -> None:
    import attrs

    from gankit import write_cohort
    from tests.conftest import disc_with_a_spot

    cohort = disc_with_a_spot()
    truth = {"lesion": (cohort.modalities["adc"].values[:, 0] > 900).astype(np.uint8)}
    spacing_mm = np.full(len(cohort), 0.5, np.float32)
    write_cohort(attrs.evolve(cohort, truth=truth, spacing_mm=spacing_mm), folder / "cohort.safetensors")


def _write_model(folder: Path) -> None:
    _train(folder)
    (folder / "run" / "model.safetensors").rename(folder / "model.safetensors")


def _train(folder: Path) -> Path:
    """A run of one step below a folder; its cohort stays there, too."""
    from gankit import load_plugins, load_recipe, train
    from tests.conftest import shrunk

    _write_cohort(folder)
    plugins = load_plugins()
    path = {"cohort.path": str(folder / "cohort.safetensors"), "training.steps": 1}
    recipe = load_recipe("mpmri-paper", {**shrunk("mpmri-paper", plugins), **path}, plugins)
    return train(recipe, folder / "run", device="cpu", plugins=plugins, quiet=True).path


def _write_comparison(folder: Path) -> None:
    """A part of the result of a comparison that ships with the examples. Its runs are elsewhere."""
    file = ROOT / "examples" / "comparison" / "results" / "table-1" / "comparison.json"
    document = json.loads(file.read_text())
    document["methods"] = document["methods"][:2]
    names = [name for method in document["methods"] for name in method["rows"]]
    document["rows"] = [row for row in document["rows"] if row["name"] in names]
    document["tests"] = document["tests"][:14]
    document.pop("digest", None)
    (folder / "comparison.json").write_text(json.dumps(document))


def _write_evaluation(folder: Path) -> None:
    """An evaluation of a run, whose model is elsewhere."""
    from gankit import Judging, evaluate

    run = _train(folder)
    options = {"pair-consistency.steps": 1, "pair-consistency.width": 2}
    judging = Judging(metrics=["pair-consistency"], options=options, sets=2, per_set=8, replicates=20)
    evaluate(run, folder, judging=judging, quiet=True)
    for name in ("model.safetensors", "checkpoints", "samples"):
        (run / name).rename(folder / name)


_TEXT: tuple[Mutation, ...] = (change_toml, change_toml, change_toml, nest)
_JSON: tuple[Mutation, ...] = (change_json, change_json, change_json, nest)
_CHECK, _SAMPLE = ("recipe", "check", "{}/recipe.toml"), ("sample", "{}/model.safetensors", "-n", "1")
recipes = {"recipes": Kind(_CHECK, "*.toml", _write_recipe, _TEXT)}
models = {
    "models": Kind(
        (*_SAMPLE, "-o", "{}/out.npz", "--device", "cpu"),
        "model.safetensors",
        _write_model,
        (change_model, change_model, change_header),
    )
}
cohorts = {
    "cohorts": Kind(
        ("cohort", "info", "{}/cohort.safetensors"),
        "cohort.safetensors",
        _write_cohort,
        (change_cohort, change_cohort, change_header),
    )
}
results = {
    "comparisons": Kind(("report", "{}", "-o", "{}/out.html"), "comparison.json", _write_comparison, _JSON),
    "evaluations": Kind(
        ("report", "{}/run", "--evaluation", "{}", "-o", "{}/out.html"), "evaluation.json", _write_evaluation, _JSON
    ),
}
