"""Type checkers see the types of gankit and of its plugins once they are installed."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

REPOSITORY = Path(__file__).parents[1]

SCRIPT = """
from torch.utils.data import ConcatDataset, DataLoader

import gankit
from gankit_phantom.source import Phantom

result = gankit.train(gankit.load_recipe("mpmri-quick", {"training.steps": 2}), device="cpu")
model = gankit.load_model(result.path)
synthetic, real = model.dataset(500, seed=1), Phantom(seed=1).load().dataset("train", model.recipe)
for batch in DataLoader(ConcatDataset([synthetic, real]), batch_size=8):
    batch["adc"].mean()
reveal_type(synthetic[0]["adc"])
steps: str = model.step
seed: str = Phantom().seed
model.dataset("500")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The project's wheel."""
    (built,) = WheelBuilder(str(REPOSITORY)).build(
        directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]
    )
    return Path(built)


def test_the_wheel_says_that_every_package_is_typed(wheel):
    """A package without the marker is one without types to who installs it."""
    files = set(zipfile.ZipFile(wheel).namelist())
    packages = {name.split("/")[0] for name in files if name.endswith("/__init__.py")}
    assert len(packages) > 10
    assert {f"{package}/py.typed" for package in packages} - files == set()


def test_a_users_program_is_checked_against_the_installed_package(wheel, tmp_path):
    """What is right passes; each mistake is found where it is."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(elsewhere))
    (tmp_path / "script.py").write_text(SCRIPT.lstrip())
    python = tmp_path / "venv/bin/python"
    kept = REPOSITORY / ".mypy_cache" / "of a user"  # torch's types take most of the time, and stay the same
    call = [sys.executable, "-m", "mypy", "--python-executable", python, "--cache-dir", kept, "--no-error-summary"]
    call.append("script.py")
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    said = [line.partition("script.py:")[2] for line in done.stdout.splitlines()]
    assert [line.partition("  [")[0] for line in said] == [
        '11: note: Revealed type is "torch._tensor.Tensor"',
        '12: error: Incompatible types in assignment (expression has type "int", variable has type "str")',
        '13: error: Incompatible types in assignment (expression has type "int", variable has type "str")',
        '14: error: Argument 1 to "dataset" of "Model" has incompatible type "str"; expected "int"',
    ], done.stdout + done.stderr
