"""What the tutorials show is what works: their blocks are run as they stand, with training cut short."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

import gankit
from gankit.cli import _group, main

TUTORIALS = Path(__file__).parents[2] / "docs/tutorials"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^# ([\w./-]+\.(?:toml|py))$")

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
    shortened: dict = attrs.field(factory=dict)
    """First words of a command to what is added to it, so that it ends soon; the longest that fit count."""

    def follow(self, page: str) -> None:
        for language, text in BLOCK.findall((TUTORIALS / page).read_text(encoding="utf-8")):
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
            _group.plugins.cache_clear()
            result = CliRunner().invoke(main, words[1:])
            if result.exception and not isinstance(result.exception, SystemExit):
                raise result.exception
            return result.exit_code, result.output
        return self.outside(words)

    def outside(self, words: list[str]) -> tuple[int, str]:
        """What is not gankit's own command: pip, which installs beside the page, and Python."""
        program = {"pip": ["-m", "pip"], "python": []}[words[0]]
        done = subprocess.run([sys.executable, *program, *words[1:]], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr


def settings(*tables):
    """Keys and values as words of a command."""
    return [word for table in tables for key, value in table.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A reader in an empty folder, who trains for two steps on a small phantom."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield Reader(tmp_path)
    _group.plugins.cache_clear()


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


def test_from_python(reader, monkeypatch):
    """A recipe is loaded, trained and sampled; slices go to latents and back."""
    load = gankit.load_recipe

    def shortened(name, changes):
        return load(name, {**SHORT, **FEW, **changes, "training.steps": min(2, changes.get("training.steps", 2))})

    monkeypatch.setattr(gankit, "load_recipe", shortened)
    reader.follow("python.md")
    assert "rebuilt" in reader.names
