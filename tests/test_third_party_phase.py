"""A package outside the repository adds phases with networks, places and option names of their own."""

import json

import pytest

from tests.test_third_party import python

PLUGIN = """
from gankit import hookimpl


@hookimpl
def register_components(registry):
    registry.add("phase", "round-trip", "cyclist.phases:RoundTrip")
    registry.add("phase", "unpaired", "cyclist.phases:Unpaired")
"""

PHASES = '''
from __future__ import annotations

import attrs

from gankit import LATENT, AbstractPhase, Edge, Inputs, NetworkUse, option


@attrs.frozen(kw_only=True)
class RoundTrip(AbstractPhase):
    """Latents through the graph to a pair, and T2w back to ADC; real pairs too."""

    source: str = option(help="pool of real pairs")
    back: Edge = option(help="the network that leads back to ADC")

    def players(self, recipe):
        return (self.back.network, *recipe.upstream({"t2w"}))

    def places(self, recipe):
        return {**recipe.shapes(("adc", "t2w")), "adc-cycled": recipe.shape("adc")}

    def counterparts(self, recipe):
        return {"adc-cycled": "adc"}

    def references(self, recipe):
        return ("adc-cycled",)

    def uses(self, recipe):
        return {"back": (NetworkUse(network=self.back.network, from_=self.back.from_, to=("adc-cycled",)),)}

    def pools(self):
        return {"source": self.source}

    def inputs(self, source):
        drawn = source.slices(self.source, ("adc",))
        return attrs.evolve(
            drawn, values={**drawn.values, LATENT: source.latents()}, references={"adc-cycled": drawn.values["adc"]}
        )

    def candidates(self, networks, inputs):
        made = networks.synthesize({LATENT: inputs.values[LATENT]})
        t2w = networks.apply_edge(networks.recipe.synthesizer["t2w"], inputs.values)
        return {**made, "adc-cycled": networks.apply_edge(self.back, {"t2w": t2w})}


@attrs.frozen(kw_only=True)
class Unpaired(AbstractPhase):
    """CycleGAN (Zhu et al. 2017, arXiv:1703.10593): two directions over slices that nobody paired."""

    of_adc: str = option(help="pool of ADC slices")
    of_t2w: str = option(help="pool of T2w slices")
    forth: str = option(help="name of the network from ADC to T2w")
    back: str = option(help="name of the network from T2w to ADC")

    def players(self, recipe):
        return (self.forth, self.back)

    def places(self, recipe):
        return {f"{name}-{kind}": recipe.shape(name) for name in ("adc", "t2w") for kind in ("made", "cycled")}

    def counterparts(self, recipe):
        return {"adc-made": "adc", "t2w-made": "t2w"}

    def references(self, recipe):
        return ("adc-cycled", "t2w-cycled")

    def uses(self, recipe):
        def both(network, one, other):
            return (
                NetworkUse(network=network, from_=(one,), to=(f"{other}-made",)),
                NetworkUse(network=network, from_=(f"{one}-made",), to=(f"{other}-cycled",)),
            )

        return {"forth": both(self.forth, "adc", "t2w"), "back": both(self.back, "t2w", "adc")}

    def pools(self):
        return {"of_adc": self.of_adc, "of_t2w": self.of_t2w}

    def inputs(self, source):
        adc = source.slices(self.of_adc, ("adc",)).values["adc"]
        t2w = source.apart("t2w").slices(self.of_t2w, ("t2w",)).values["t2w"]
        return Inputs(values={"adc": adc, "t2w": t2w}, references={"adc-cycled": adc, "t2w-cycled": t2w})

    def candidates(self, networks, inputs):
        t2w_made = networks.run(self.forth, inputs.values["adc"], ("adc",))
        adc_made = networks.run(self.back, inputs.values["t2w"], ("t2w",))
        return {
            "t2w-made": t2w_made,
            "adc-made": adc_made,
            "adc-cycled": networks.run(self.back, t2w_made, ("t2w-made",)),
            "t2w-cycled": networks.run(self.forth, adc_made, ("adc-made",)),
        }
'''

RECIPE = """
name = "cyclist"
cohort = { use = "file", path = "to be set" }
pools.cs = { label = "cs" }
pools.others = { label = "cs", equals = 0 }
latent.dim = 8
modalities.adc = { shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }
modalities.t2w = { shape = [1, 16, 16], range = [0, 700] }
networks.decoder = { use = "stitch-decoder", width = 4 }
networks.forth = { use = "unet", width = 4, depth = 2 }
networks.back = { use = "unet", width = 4, depth = 2 }
networks.adc_critic = { use = "conv-critic", width = 4 }
networks.t2w_critic = { use = "conv-critic", width = 4 }
networks.cycled_critic = { use = "conv-critic", width = 4 }
synthesizer.adc = { network = "decoder", from = "latent" }
synthesizer.t2w = { network = "forth", from = "adc" }
training = { steps = 3, batch = 4, log_every = 1 }
"""

CYCLE = """
[[phases]]
name = "cycle"
use = "round-trip"
source = "cs"
back = { network = "back", from = "t2w" }
critic_steps = 2
terms = [
  { use = "l1", on = "adc-cycled" },
  { use = "wgan-gp", on = "adc", critic = "adc_critic", against = "cs" },
  { use = "wgan-gp", on = "t2w", critic = "t2w_critic", against = "cs" },
  { use = "wgan-gp", on = "adc-cycled", critic = "cycled_critic", against = "cs" },
]
"""

UNPAIRED = """
[[phases]]
use = "unpaired"
of_adc = "cs"
of_t2w = "others"
forth = "forth"
back = "back"
terms = [
  { use = "l1", on = "adc-cycled" },
  { use = "l1", on = "t2w-cycled" },
  { use = "wgan-gp", on = "adc-made", critic = "cycled_critic", against = "cs" },
  { use = "wgan-gp", on = "t2w-made", critic = "t2w_critic", against = "others" },
]

[[phases]]
use = "synthesize"
terms = [{ use = "wgan-gp", on = "adc", critic = "adc_critic", against = "cs" }]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with an installed package ``cyclist`` and a recipe for each of its phases."""
    site = tmp_path_factory.mktemp("site")
    files = {
        "cyclist/__init__.py": PLUGIN,
        "cyclist/phases.py": PHASES,
        "cyclist-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: cyclist\nVersion: 1.0\n",
        "cyclist-1.0.dist-info/entry_points.txt": "[gankit]\ncyclist = cyclist\n",
        "cycle.toml": RECIPE + CYCLE,
        "unpaired.toml": RECIPE + UNPAIRED,
    }
    for name, text in files.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    return site


TRAIN = """
import json, sys
from gankit import load_model, load_recipe, read_cohort, train

recipe = load_recipe(sys.argv[1], {"cohort.path": sys.argv[2]})
result = train(recipe, sys.argv[3], device="cpu", quiet=True)
model = load_model(result.path)
made = model.sample(2)
print(json.dumps({
    "step": result.step, "made": [list(image.shape) for image in made.values()],
    "stored": sorted(model.networks.by_name), "label": recipe.approached_label(),
    "uses": [[list(end) for end in ends] for ends in recipe.ends()["back"]],
}))
"""


@pytest.mark.parametrize(
    ("phase", "uses", "label"),
    [
        ("cycle", [[["t2w"], ["adc-cycled"]]], {"cs": 1}),
        ("unpaired", [[["t2w"], ["adc-made"]], [["t2w-made"], ["adc-cycled"]]], {}),
    ],
)
def test_a_strangers_phase_trains(installed, tiny_cohort_file, tmp_path, phase, uses, label):
    """Cycle and adversarial terms on places of its own train a reverse network; the model samples without it."""
    said = json.loads(python(installed, TRAIN, installed / f"{phase}.toml", tiny_cohort_file, tmp_path / "run"))
    assert said["step"] == 3
    assert said["made"] == [[2, 1, 16, 16], [2, 1, 16, 16]]
    assert said["stored"] == ["decoder", "forth"]
    assert said["uses"] == uses
    assert said["label"] == label
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {f"{phase}.l1-adc-cycled"} <= set(rows[-1])


def test_what_is_misspelt_in_a_strangers_phase_is_named(installed):
    """Pool, network, place of an edge, place of a term and an edge that needs another kind: each at its own key."""
    code = """
import json, sys
from gankit import RecipeError, load_recipe, load_plugins

plugins = load_plugins()
said = []
for override in json.loads(sys.argv[2]):
    try:
        load_recipe(sys.argv[1], override, plugins)
    except RecipeError as error:
        said.append([str(problem) for problem in error.problems])
print(json.dumps(said))
"""
    misspelt = [
        {"phases.cycle.source": "cz"},
        {"phases.cycle.back.network": "bakc"},
        {"phases.cycle.back.from": "t2"},
        {"phases.cycle.terms.l1-adc-cycled.on": "adc-cycle"},
        {"phases.cycle.back.from": "latent"},
    ]
    said = json.loads(python(installed, code, installed / "cycle.toml", json.dumps(misspelt)))
    pool, network, source, place, kind = said
    assert pool[0].startswith("phases.cycle.source: no pool 'cz'; did you mean 'cs'?; known: cs, others")
    assert network[0].startswith("phases.cycle.back.network: no network 'bakc'; did you mean 'back'?")
    assert source[0].startswith("phases.cycle.back.from: no place 't2'; did you mean 't2w'?")
    assert place[0].startswith("phases.cycle.terms.l1-adc-cycled.on: no place 'adc-cycle'; did you mean 'adc-cycled'?")
    assert kind[0].startswith(
        "phases.cycle.back.network: needs a generator, but 'back' is a translator; generators here: decoder"
    )


def test_what_is_misspelt_in_an_option_that_is_a_name_is_named(installed):
    """An option that names a network without being an edge is the place of its problem."""
    code = """
import sys
from gankit import RecipeError, load_recipe
try:
    load_recipe(sys.argv[1], {"phases.unpaired.back": "bakc", "phases.unpaired.of_t2w": "other"})
except RecipeError as error:
    print(error)
"""
    said = python(installed, code, installed / "unpaired.toml")
    assert "phases.unpaired.back: no network 'bakc'; did you mean 'back'?" in said
    assert "phases.unpaired.of_t2w: no pool 'other'; did you mean 'others'?" in said
