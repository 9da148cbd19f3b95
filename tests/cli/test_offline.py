"""Every command works without a network, and none asks for one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import tomli_w

from gankit.cli import main
from gankit.recipe.structure import to_document
from tests.plugins.dicom.scans import write_adc, write_t2w

BLOCK = """
import os, sys

NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto", "socket.sendmsg"}

def refuse(event, arguments):
    local = event == "socket.connect" and not isinstance(arguments[1], tuple)
    if (event in NAMES or event == "socket.connect") and not local:
        with open(os.environ["ASKED"], "a") as file:
            print(event, arguments[1:], file=file)
        raise OSError("there is no network")

sys.addaudithook(refuse)
"""
"""Raises wherever Python is about to use a network, and keeps what was asked for, in this process and its children."""

RUN = """
import json, sys
from gankit.cli import main
for words in json.loads(sys.argv[1]):
    main(words, standalone_mode=False)
"""


def commands(sizes: list[str]) -> list[list[str]]:
    """Each command of gankit on something small, in the folder where ``inputs`` lie."""
    lines = [
        "phantom -o phantom.safetensors --size 32 --train-cs 4 --train-noncs 4 --test-cs 2 --test-noncs 2",
        "import arrays pairs.npz --modality adc=adc --label cs=cs --patient patient -o arrays.safetensors",
        "import dicom scans -o scans.safetensors",
        "cohort info phantom.safetensors",
        "cohort copy phantom.safetensors -o phantom.shards",
        "cohort sheet phantom.safetensors -o phantom.png",
        "recipe list",
        "recipe check tiny.toml",
        "recipe show tiny.toml",
        "recipe graph tiny.toml",
        "train tiny.toml -o run",
        "sample run -n 2 -o sheet.png",
        "sample run -n 2 -o synthetic.safetensors",
        "sample run -n 1 --format dicom --spacing-mm 1 -o exported",
        "interpolate run -o between.png",
        "train pix2pix.toml -o translating",
        "translate translating arrays.safetensors -o translated.safetensors",
        f"evaluate run -o evaluation {' '.join(sizes)}",
        f"compare tiny.toml -o comparison --seeds 1 {' '.join(sizes)}",
        "tune tiny.toml --over latent.dim=2|3 --by high-frequency.adc.energy --trials 2 --validation 0.4 --per-set 8",
        "report run",
        "card run --evaluation evaluation",
        "reader make arrays.safetensors run -n 10 --label none --modalities adc --split all --readers 1 -o study",
        "models mpmri-demo",
        "components",
        "components --plugins",
        "bench --recipe tiny.toml --slot t2w_translator --rounds 1 --threads 1",
        "new plugin edges",
        "cache list",
        "cache clear --unused 1",
    ]
    return [line.split() for line in lines]


@pytest.fixture
def inputs(tmp_path, plugins, tiny_recipe):
    """A folder with arrays, a study, and two recipes, one of which is tracked by all trackers."""
    values = np.random.default_rng(0).random((6, 16, 16), dtype=np.float32) * 2000
    names = np.array(["a", "b", "c", "d", "e", "f"])
    np.savez(tmp_path / "pairs.npz", adc=values, cs=np.arange(6) % 2, patient=names)
    write_adc(tmp_path / "scans")
    write_t2w(tmp_path / "scans")
    for name, recipe in (
        ("tiny", tiny_recipe(**{"training.track": list(plugins.trackers), "training.sample_every": 2})),
        ("pix2pix", tiny_recipe("pix2pix", **{"training.steps": 2, "networks.pair_critic.layers": 2})),
    ):
        text = tomli_w.dumps(to_document(recipe, plugins.registry))
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def blocked(tmp_path_factory):
    """The environment of a process that has no network, and the file to which it writes what it asked for."""
    folder = tmp_path_factory.mktemp("blocked")
    (folder / "sitecustomize.py").write_text(BLOCK)
    asked = folder / "asked"
    asked.touch()
    return {**os.environ, "PYTHONPATH": str(folder), "ASKED": str(asked), "OMP_NUM_THREADS": "1"}, asked


def test_no_command_uses_a_network(inputs, blocked):
    """Neither itself, nor a library that it uses, nor the processes that it starts; all of them end well."""
    environment, asked = blocked
    environment["GANKIT_CACHE"] = str(inputs / "cache")
    sizes = ["--sets", "1", "--per-set", "8", "--replicates", "20", "--metrics", "frechet,sca,diversity"]
    lines = commands(sizes)
    command = [sys.executable, "-P", "-c", RUN, json.dumps(lines)]
    result = subprocess.run(command, cwd=inputs, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, asked.read_text()) == (0, ""), result.stderr[-3000:]
    assert {words[0] for words in lines} == set(main.list_commands(click.Context(main)))


@pytest.mark.parametrize("call", ["create_connection(('192.0.2.1', 80), 1)", "getaddrinfo('example.org', 80)"])
def test_the_block_would_find_a_command_that_asks(blocked, call):
    """Also where the one who asks hides the failure."""
    environment, asked = blocked
    code = f"import contextlib, socket\nwith contextlib.suppress(OSError): socket.{call}"
    subprocess.run([sys.executable, "-c", code], cwd=Path(asked).parent, env=environment, check=True)
    assert asked.read_text().startswith("socket.")
