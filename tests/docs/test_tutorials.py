"""What the tutorials show is what works: their blocks are run as they stand, with training cut short."""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

from gankit import read_cohort
from gankit.cli import _group, main

TUTORIALS = Path(__file__).parents[2] / "docs/tutorials"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^# ([\w./-]+\.(?:toml|py))$")

OFFLINE = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]

SHORT = {
    "training.steps": 2,
    "training.batch": 4,
    "phases.warm-up.stop": 1,
    "phases.supervised.start": 1,
    "phases.supervised.every": 1,
    "phases.unsupervised.start": 1,
    "phases.unsupervised.every": 1,
    "phases.unsupervised.critic_steps": 1,
}
"""Every phase runs within two steps."""

FEW = {
    "cohort.patients_cs": 3,
    "cohort.patients_noncs": 3,
    "cohort.train_cs": 4,
    "cohort.train_noncs": 4,
    "cohort.test_cs": 2,
    "cohort.test_noncs": 2,
}
"""A small phantom."""


@attrs.frozen
class Reader:
    """Someone who follows a page from top to bottom in an empty folder."""

    folder: Path
    names: dict = attrs.field(factory=dict)
    """What Python blocks have defined."""
    replaced: dict = attrs.field(factory=dict)
    """Words of Python blocks to what stands in their place, so that they end soon; each is on the page."""
    shortened: dict = attrs.field(factory=dict)
    """First words of a command to what is added to it, so that it ends soon; the longest that fit count."""

    def follow(self, page: str) -> None:
        written = (TUTORIALS / page).read_text(encoding="utf-8")
        for words, others in self.replaced.items():
            assert words in written
            written = written.replace(words, others)
        for language, text in BLOCK.findall(written):
            first, _, _ = text.partition("\n")
            if found := FILE.match(first):
                self.save(found[1], text)
            else:
                {"python": self.run, "sh": self.type, "text": self.compare}[language](text)

    def save(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, text: str) -> None:
        exec(compile(text, "<the page>", "exec"), self.names)

    def type(self, text: str) -> None:
        for line in text.replace("\\\n", " ").splitlines():
            code, output = self.answer(shlex.split(line, comments=True))
            assert code == 0, f"{line}\n{output}"

    def compare(self, text: str) -> None:
        question, _, shown = text.partition("\n")
        _, output = self.answer(shlex.split(question.removeprefix("$ ")))
        assert output == shown

    def answer(self, words: list[str]) -> tuple[int, str]:
        """The exit code and the output of a command."""
        fitting = [first for first in self.shortened if tuple(words[: len(first)]) == first]
        words = [*words, *self.shortened.get(max(fitting, key=len, default=()), ())]
        if words[0] == "gankit":
            self.forget()
            result = CliRunner().invoke(main, words[1:])
            if result.exception and not isinstance(result.exception, SystemExit):
                raise result.exception
            return result.exit_code, result.output
        return self.outside(words)

    def forget(self) -> None:
        """What a new process would not know: the plugins that were there, and code that the page has changed since."""
        _group.plugins.cache_clear()
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(str(self.folder)):
                del sys.modules[name]

    def outside(self, words: list[str]) -> tuple[int, str]:
        """What is not gankit's own command: pip and Python."""
        if words[:3] == ["pip", "install", "-e"]:
            return self.install(self.folder / words[3])
        assert words[0] == "python", words
        return self.program(*words[1:])

    def install(self, package: Path) -> tuple[int, str]:
        """Leave in ``site`` what an editable install leaves: the metadata, but not the code, which stays in place."""
        done = self.program("-m", "pip", "install", *OFFLINE, "--target", str(self.folder / "site"), str(package))
        shutil.rmtree(self.folder / "site" / package.name.replace("-", "_"))
        importlib.invalidate_caches()
        return done

    def program(self, *words: str) -> tuple[int, str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, env=environment)
        return done.returncode, done.stdout + done.stderr


def settings(*tables):
    """Keys and values as words of a command."""
    return [word for table in tables for key, value in table.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A reader in an empty folder, who trains for two steps on a small phantom."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    reader = Reader(tmp_path)
    yield reader
    reader.forget()


def test_the_first_recipe(reader):
    """A variant is checked, trained and sampled; a wrong one is refused in the words that the page shows."""
    reader.shortened[("gankit", "train")] = settings(SHORT, FEW)
    reader.follow("first-recipe.md")
    kept = {path.name for path in (reader.folder / "runs/my").iterdir()}
    assert {"recipe.lock.toml", "metrics.jsonl", "checkpoints", "model.safetensors", "samples", "report.html"} <= kept


def test_your_patients(reader):
    """Arrays become a cohort, and a recipe trains on it."""
    reader.shortened[("gankit", "train")] = settings(SHORT)
    reader.follow("your-patients.md")
    assert (reader.folder / "runs/again/model.safetensors").is_file()


def test_a_third_modality(reader):
    """DCE is sampled, and trained on slices of which two in three lack it."""
    reader.shortened[("gankit", "train")] = settings(SHORT, FEW)
    reader.shortened[("gankit", "train", "dce.toml", "--set")] = settings(SHORT)
    reader.follow("third-modality.md")


def test_volumes(reader):
    """They are drawn, trained on, written as files of other programs and judged; a thick-sliced variant is fine."""
    pytest.importorskip("SimpleITK")
    pytest.importorskip("pydicom")
    reader.shortened[("gankit", "train")] = settings(SHORT, FEW)
    reader.shortened[("gankit", "train", "mpmri-3d-quick", "--set")] = settings(SHORT)
    reader.shortened[("gankit", "evaluate")] = ["--sets", "1", "--per-set", "4", "--replicates", "20"]
    reader.follow("volumes.md")
    assert (reader.folder / "mpmri-3d-quick-nifti/synthetic-000001/t2w.nii.gz").is_file()
    assert len(list((reader.folder / "series/synthetic-000000").glob("adc-plane-*.dcm"))) == 24


def test_classes_masks_and_noise(reader):
    """Samples have the class, the masks and the noise that are asked for."""
    reader.shortened[("gankit", "train")] = settings(SHORT, FEW)
    reader.follow("places.md")
    asked = read_cohort(reader.folder / "asked.safetensors")
    assert (asked.truth["lesion"] == reader.names["masks"]).all()


def test_from_python(reader):
    """A recipe is loaded, trained, sampled, judged and compared; slices go to latents and back."""
    reader.replaced['"training.steps": 600'] = ", ".join(f"{key!r}: {value}" for key, value in (SHORT | FEW).items())
    reader.replaced["per_set=100"] = "per_set=8"
    reader.replaced["steps=600"] = "steps=2"
    reader.follow("python.md")
    assert "rebuilt" in reader.names
    assert [method.name for method in reader.names["comparison"].methods] == [
        "mpmri-quick factor=1",
        "mpmri-quick factor=2",
    ]


def test_a_plugin_of_every_kind(reader, monkeypatch):
    """The package grows as the page says, passes its tests, trains, exports and measures."""
    monkeypatch.syspath_prepend(reader.folder / "gankit-edges")
    monkeypatch.syspath_prepend(reader.folder / "site")
    reader.shortened[("gankit", "train")] = settings(SHORT)
    reader.shortened[("gankit", "evaluate")] = ["--sets", "1", "--per-set", "8", "--replicates", "20"]
    reader.follow("plugin.md")
    assert (reader.folder / "slices/synthetic-000001/t2w.json").is_file()
    assert "edge-strength" in (reader.folder / "evaluation/evaluation.json").read_text()


def test_real_plus_synthetic_slices(reader):
    """A classifier trains on both and is tested on real slices."""
    counts = {"train-cs": 130, "train-noncs": 220, "test-cs": 10, "test-noncs": 10}
    reader.shortened[("gankit", "train")] = settings(SHORT, FEW)
    reader.shortened[("gankit", "phantom")] = [f"--{name}={count}" for name, count in counts.items()]
    reader.follow("classifier.md")
    assert len(reader.names["real"]) == 350
    assert len(reader.names["synthetic"]) == 175


def test_choosing_settings(reader):
    """A search runs, its best recipe trains, and a phantom has patients for validation."""
    pytest.importorskip("optuna")
    counts = {"train-cs": 24, "train-noncs": 24, "test-cs": 4, "test-noncs": 4}
    few = {**FEW, "cohort.patients_cs": 12, "cohort.patients_noncs": 12}
    few |= {"cohort.train_cs": 48, "cohort.train_noncs": 48}
    reader.shortened[("gankit", "tune")] = [*settings(SHORT, few), "--trials", "1", "--per-set", "16"]
    reader.shortened[("gankit", "phantom")] = [f"--{name}={count}" for name, count in counts.items()]
    reader.replaced["--steps 600 "] = ""
    reader.replaced["    steps=600,\n"] = ""
    few_in_python = ", ".join(f"{key!r}: {value}" for key, value in (SHORT | few).items())
    reader.replaced['    out="tuning",\n    trials=4,\n'] = (
        f'    out="again",\n    trials=1,\n    overrides={{{few_in_python}}},\n'
        "    judging=gankit.Judging(per_set=16),\n"
    )
    reader.follow("tuning.md")
    assert "split validation: 100 slices" in reader.answer(["gankit", "cohort", "info", "phantom.safetensors"])[1]
    assert (reader.folder / "runs/mpmri-quick-tuned/model.safetensors").is_file()
    assert reader.names["found"].best.number == 0


def test_following_a_training(reader, monkeypatch):
    """Curves go to TensorBoard, and an observer of one's own hears how the run ended."""
    pytest.importorskip("tensorboard")
    monkeypatch.syspath_prepend(reader.folder / "gankit-bell")
    monkeypatch.syspath_prepend(reader.folder / "site")
    reader.shortened[("gankit", "train")] = settings(SHORT, FEW)
    reader.follow("tracking.md")
    assert list((reader.folder / "runs/tracked/tensorboard").glob("events.*"))
    assert (reader.folder / "ended.txt").read_text() == "tracked: step 2\n"
