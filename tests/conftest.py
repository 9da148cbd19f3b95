"""Small things that many tests share: the installed plugins, a cohort and a recipe that train in moments."""

import os
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from gankit import Cohort, Modality, Plugins, Recipe, load_plugins, load_recipe, train, write_cohort

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):  # before anything imports torch
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

os.environ["GANKIT_CACHE"] = "off"  # no test depends on what another has made, or writes in the user's folders

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a busy machine is no failure

TINY = {
    "modalities.adc.shape": [1, 16, 16],
    "modalities.t2w.shape": [1, 16, 16],
    "modalities.lesion.shape": [1, 16, 16],
    "latent.dim": 8,
    "networks.encoder.width": 4,
    "networks.mask_decoder.width": 4,
    "networks.adc_decoder.width": 4,
    "networks.t2w_translator.width": 4,
    "networks.t2w_translator.depth": 2,
    "networks.latent_critic.width": 4,
    "networks.adc_critic.width": 4,
    "networks.t2w_critic.width": 4,
    "networks.adc_auxiliary.width": 4,
    "networks.t2w_auxiliary.width": 4,
    "networks.pair_critic.width": 4,
    "networks.generator.width": 4,
    "networks.critic.width": 4,
    "networks.flow.width": 8,
    "networks.flow.depth": 2,
    "networks.flow.sampler.steps": 2,
    "synthesizer.texture.random": [1, 16, 16],
    "synthesizer.noise.random": [2, 16, 16],
    "training.steps": 4,
    "training.batch": 4,
    "training.log_every": 1,
    "training.checkpoint_every": 2,
    "training.sample_every": 100,
    "phases.warm-up.stop": 1,
    "phases.supervised.start": 1,
    "phases.supervised.every": 1,
    "phases.unsupervised.start": 1,
    "phases.unsupervised.every": 1,
    "cohort.use": "file",
}
"""``mpmri-paper``, and what it is compared with, with everything small and every phase due within two steps."""


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """Everything installed, loaded once."""
    return load_plugins()


@pytest.fixture(scope="session")
def tiny_cohort() -> Cohort:
    """``disc_with_a_spot()``."""
    return disc_with_a_spot()


def disc_with_a_spot() -> Cohort:
    """24 slices of 8 patients, 16 x 16, half of them ``cs``: a bright disc with a darker spot where there is cancer.

    Patients 0 to 5 train, 6 and 7 test; patients with even numbers have cancer.
    """
    numbers = np.random.default_rng(0)
    patient_N = np.repeat(np.arange(8), 3)
    cs_N = (patient_N % 2 == 0).astype(np.int8)
    y, x = np.mgrid[:16, :16] - 7.5
    gland = np.hypot(y, x) < 6
    spot = np.hypot(y - 2, x - 2) < 2
    tissue_N = gland - 0.5 * spot * cs_N[:, None, None] + 0.05 * numbers.standard_normal((24, 16, 16))
    return Cohort(
        modalities={
            "adc": Modality.of(1800 * tissue_N.clip(0), unit="1e-6 mm2/s"),
            "t2w": Modality.of(300 * tissue_N.clip(0) + 50),
        },
        labels={"cs": cs_N},
        patient=np.array([f"p{number}" for number in patient_N]),
        split=np.where(patient_N < 6, "train", "test"),
        source="a disc with a spot",
    )


@pytest.fixture(scope="session")
def masked_cohort(tiny_cohort: Cohort) -> Cohort:
    """``tiny_cohort`` with the ground truth of its spots."""
    y, x = np.mgrid[:16, :16] - 7.5
    spot = np.hypot(y - 2, x - 2) < 2
    lesion_N = (spot * tiny_cohort.labels["cs"][:, None, None]).astype(np.uint8)
    return attrs.evolve(tiny_cohort, truth={"lesion": lesion_N})


@pytest.fixture(scope="session")
def tiny_cohort_file(tiny_cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny_cohort`` as a file."""
    file = tmp_path_factory.mktemp("cohort") / "tiny.safetensors"
    write_cohort(tiny_cohort, file)
    return file


@pytest.fixture(scope="session")
def tiny_recipe(plugins: Plugins, tiny_cohort_file: Path) -> Callable[..., Recipe]:
    """``tiny_recipe(**overrides)``: ``mpmri-paper`` made tiny, on ``tiny_cohort_file``.

    Overrides are key paths, ``tiny_recipe(**{"training.steps": 2})``; ``recipe`` names another recipe to shrink.
    """

    def tiny(recipe: str = "mpmri-paper", **overrides: Any) -> Recipe:
        changes = {**shrunk(recipe, plugins), "cohort.path": str(tiny_cohort_file), **overrides}
        return load_recipe(recipe, changes, plugins)

    return tiny


def shrunk(recipe: str, plugins: Plugins) -> dict[str, Any]:
    """The part of ``TINY`` that a recipe has."""
    whole = load_recipe(recipe, (), plugins)
    return {path: value for path, value in TINY.items() if has(whole, path)}


def has(recipe: Recipe, path: str) -> bool:
    """Whether the recipe has the network, modality, place or phase that a key path leads to."""
    section, name, *_ = path.split(".")
    named = {
        "networks": recipe.networks,
        "modalities": recipe.modalities,
        "synthesizer": recipe.synthesizer,
        "phases": [phase.name for phase in recipe.phases],
    }
    return name in named.get(section, [name])


@pytest.fixture(scope="session")
def measuring() -> Plugins:
    """Everything installed, with metrics ``brightness``, ``strange`` and ``filed`` of a plugin ``toy``."""
    toy = EntryPoint(name="toy", value="tests.toy", group="gankit")
    return load_plugins([*entry_points(group="gankit"), toy])


@pytest.fixture(scope="session")
def trained(
    tiny_recipe: Callable, tiny_cohort: Cohort, plugins: Plugins, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of two steps of the tiny ``mpmri-paper``, seed 0."""
    recipe = tiny_recipe(**{"training.steps": 2})
    return train(
        recipe, tmp_path_factory.mktemp("trained") / "run", cohort=tiny_cohort, plugins=plugins, quiet=True
    ).path


@pytest.fixture(scope="session")
def spaced_cohort(tiny_cohort: Cohort) -> Cohort:
    """``tiny_cohort`` with pixels of 0.5 mm in patients with cancer, of 9 mm in others, unknown in the first slice."""
    spacing_mm = np.where(tiny_cohort.labels["cs"] == 1, 0.5, 9).astype(np.float32)
    spacing_mm[0] = np.nan
    return attrs.evolve(tiny_cohort, spacing_mm=spacing_mm)


@pytest.fixture(scope="session")
def spaced_run(
    tiny_recipe: Callable, spaced_cohort: Cohort, plugins: Plugins, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of two steps on slices whose spacing is known."""
    path = tmp_path_factory.mktemp("spaced") / "run"
    recipe = tiny_recipe(**{"training.steps": 2})
    return train(recipe, path, device="cpu", cohort=spaced_cohort, plugins=plugins, quiet=True).path
