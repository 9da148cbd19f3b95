"""A third modality: as a recipe of ours, on slices that lack it, and as a stranger's plugin with its own physics."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

from gankit import Cohort, Modality, load_recipe
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer

PACKAGE = Path(__file__).parents[2] / "examples/gankit_dce"
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
CPU = torch.device("cpu")

TINY_DCE = {
    "recipe": "mpmri-dce",
    "modalities.dce.shape": [1, 16, 16],
    "networks.dce_translator.width": 4,
    "networks.dce_translator.depth": 2,
    "networks.dce_critic.width": 4,
}


# The recipe -----------------------------------------------------------------------------------------------


def test_the_third_modality_is_a_translation_with_its_terms(plugins):
    """One edge from both others, one critic, three terms, over every slice that has it: nothing else is new."""
    before, after = (load_recipe(name, plugins=plugins) for name in ("mpmri", "mpmri-dce"))
    assert after.synthesizer["dce"].from_ == ("adc", "t2w")
    assert set(after.networks) - set(before.networks) == {"dce_translator", "dce_critic"}
    assert {phase.name: [t.name for t in phase.terms if t.on == ("dce",)] for phase in after.phases} == {
        "warm-up": [],
        "supervised": [],
        "unsupervised": ["wgan-gp-dce"],
        "enhancement": ["l2-dce", "band-l2-dce"],
    }
    for old, new in zip(before.phases, after.phases, strict=False):
        assert [term for term in new.terms if term.on != ("dce",)] == list(old.terms)


def test_the_quick_recipe_has_the_sizes_of_the_other_quick_one(plugins):
    """What two quick recipes share is the same, so that they can be compared."""
    two, three = (load_recipe(name, plugins=plugins) for name in ("mpmri-quick", "mpmri-dce-quick"))
    assert three.training == two.training
    assert {name: three.networks[name] for name in two.networks} == dict(two.networks)
    assert three.modalities["dce"].shape == (1, 32, 32)


# Slices that lack it --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half(masked_cohort):
    """The tiny cohort with enhancement in every second slice, and outlines of its spots."""
    bright = masked_cohort.modalities["adc"].values
    dce = Modality.of(1.5 - bright / 2000, present=np.arange(24) % 2 == 0)
    return attrs.evolve(masked_cohort, modalities={**masked_cohort.modalities, "dce": dce})


def changed(cohort: Cohort, name: str, index: int) -> Cohort:
    """The cohort with one modality of one slice turned upside down, wherever it is stored."""
    values = cohort.modalities[name].values.copy()
    values[index] = values[index, :, ::-1] * 0.5
    modality = attrs.evolve(cohort.modalities[name], values=values)
    return attrs.evolve(cohort, modalities={**cohort.modalities, name: modality})


@pytest.fixture(scope="module")
def weights(tiny_recipe):
    """``weights(cohort)``: all weights after three steps in which every phase ran."""
    torch.set_num_threads(1)
    recipe = tiny_recipe(**TINY_DCE, **{"training.batch": 16})

    def trained(cohort):
        trainer = Trainer(recipe, resident_cohort(recipe, cohort, CPU), CPU)
        scalars = [trainer.step() for _ in range(3)]
        assert all(value.isfinite() for step in scalars for terms in step.values() for value in terms.values())
        ran = {name for step in scalars for terms in step.values() for name in terms}
        assert {"l2-dce", "wgan-gp-dce", "jsd-auxiliary-adc"} <= ran
        return torch.cat([weight.detach().flatten() for weight in trainer.state.networks.parameters()])

    return trained


@pytest.fixture(scope="module")
def untouched(half, weights):
    """The weights that the cohort as it is leads to."""
    return weights(half)


def test_what_stands_where_a_slice_lacks_dce_is_never_used(half, weights, untouched):
    """Slice 1 trains, has cancer and lacks dce: no term on dce looks at it."""
    assert torch.equal(weights(changed(half, "dce", 1)), untouched)
    assert not torch.equal(weights(changed(half, "dce", 2)), untouched)


def test_slices_without_dce_still_feed_the_other_modalities(half, weights, untouched):
    """Slice 1 counts for adc and t2w as any other."""
    assert not torch.equal(weights(changed(half, "adc", 1)), untouched)
    assert not torch.equal(weights(changed(half, "t2w", 1)), untouched)


def test_dce_of_slices_without_a_label_is_learned(half, tiny_recipe):
    """Where only unlabelled slices have dce, as in scans without a biopsy, it is learned from them all the same."""
    cs_N = np.where(half.modalities["dce"].present, -1, half.labels["cs"])
    unlabelled = attrs.evolve(half, labels={"cs": cs_N})
    recipe = tiny_recipe(**TINY_DCE)
    trainer = Trainer(recipe, resident_cohort(recipe, unlabelled, CPU), CPU)
    steps = [trainer.step() for _ in range(3)]
    assert all(value.isfinite() for step in steps for terms in step.values() for value in terms.values())
    assert all(step["enhancement"]["l2-dce"] > 0 for step in steps)


def test_slices_of_any_label_move_the_translator_of_dce_alone(half, tiny_recipe):
    """The phase that learns enhancement leaves ADC, T2w and the encoder bit for bit as they were."""
    never = {"phases.warm-up.start": 9, "phases.warm-up.stop": 10}
    never |= {"phases.supervised.start": 9, "phases.unsupervised.start": 9}
    recipe = tiny_recipe(**TINY_DCE | never)
    trainer = Trainer(recipe, resident_cohort(recipe, half, CPU), CPU)
    before = {name: weight.clone() for name, weight in trainer.state.networks.by_name.state_dict().items()}
    assert set(trainer.step()) == {"enhancement"}
    after = trainer.state.networks.by_name.state_dict()
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved - {"encoder"} == {"dce_translator"}
    encoder = [name for name, _ in trainer.state.networks["encoder"].named_parameters()]
    assert all(torch.equal(before[f"encoder.{name}"], after[f"encoder.{name}"]) for name in encoder)


def test_what_is_sampled_has_the_label_of_the_pools_that_have_one(plugins):
    """DCE is drawn to slices of any label, ADC and T2w to those of one: so are the samples."""
    assert load_recipe("mpmri-dce", plugins=plugins).approached_label() == {"cs": 1}


# The stranger's plugin ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package built and installed beside gankit, from a copy of its folder."""
    place = tmp_path_factory.mktemp("stranger")
    shutil.copytree(PACKAGE, place / "gankit_dce", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    call = [sys.executable, "-m", "pip", *words, "--target", place / "site", place / "gankit_dce"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


PROGRAM = """
import json, sys
from pathlib import Path
from click.testing import CliRunner
from gankit.cli import main

torch_loaded = []
commands, script = json.loads(sys.argv[1])
said = []
for words in commands:
    result = CliRunner().invoke(main, words)
    said.append([result.exit_code, result.output])
    torch_loaded.append("torch" in sys.modules)
    if result.exit_code and not isinstance(result.exception, SystemExit):
        raise result.exception
exec(script)
import pytest
passed = pytest.main(["-q", "-p", "no:cacheprovider", "-c", "gankit_dce/pyproject.toml", "gankit_dce/tests"])
print(json.dumps([said, torch_loaded, int(passed)]))
"""

FEW = ["training.steps=2", "training.batch=4", "phases.warm-up.stop=1", "phases.supervised.start=1",
       "phases.supervised.every=1", "phases.unsupervised.start=1"]  # fmt: skip
SMALL = [f"cohort.{name}={count}" for name, count in (("patients_cs", 3), ("patients_noncs", 3), ("train_cs", 4),
         ("train_noncs", 4), ("test_cs", 2), ("test_noncs", 2))]  # fmt: skip


def blocks(language):
    """The code blocks of the tutorial in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_tutorial_runs_as_it_is_written(installed):
    """Every command, script and recipe of the README, in its order, beside the installed package; training is cut
    short. Then the package's own tests."""
    (refused,) = blocks("text")
    commands = [
        shlex.split(line)[1:] for text in blocks("sh") for line in text.splitlines() if line.startswith("gankit")
    ]
    trained = commands.index(["train", "tofts-quick"])
    commands[trained] += [*(word for item in (*FEW, *SMALL) for word in ("--set", item)), "--device", "cpu"]
    question, answer = refused.removeprefix("$ gankit ").split("\n", 1)
    (recipe,) = blocks("toml")
    (installed / "later.toml").write_text(recipe)
    (script,) = blocks("python")
    everything = json.dumps([[*commands, shlex.split(question)], script])
    environment = {**os.environ, "PYTHONPATH": str(installed / "site"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, everything], env=environment, cwd=installed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, torch_loaded, passed = json.loads(done.stdout.splitlines()[-1])
    assert len(said) >= 6
    for words, (code, output) in zip(commands, said, strict=False):
        assert code == 0, (words, output)
    assert said[-1][0] == 2
    assert said[-1][1] == answer
    assert not any(torch_loaded[:trained]), "listing and drawing the graph are quick"
    assert passed == 0, done.stdout
    assert "Ktrans 0." in done.stdout
    assert (installed / "runs/tofts-quick/samples/step-000002.png").is_file()
    assert (installed / "slices/synthetic-000003/dce.nii.gz").is_file()


def test_the_plugin_uses_the_public_gankit_alone():
    """What a stranger may rely on is ``gankit`` and ``gankit.testing``."""
    for file in PACKAGE.rglob("*.py"):
        for module in re.findall(r"^\s*(?:from|import) (gankit[.\w]*)", file.read_text(), flags=re.MULTILINE):
            assert module in ("gankit", "gankit.testing") or module.startswith("gankit_dce"), (file, module)
