"""Translation of real slices: pix2pix, with pairs, and CycleGAN, without."""

import attrs
import numpy as np
import pytest
import torch

from gankit import Draws, Edge, Modality, RecipeError, load_model, load_recipe, train
from gankit.networks.synthesizer import build_networks
from gankit.processes.ranks import ALONE
from gankit.testing import check_paired_loss, check_phase
from gankit.training.batch import BatchSource
from gankit.training.resident import resident_cohort
from gankit_translation.losses import CycleConsistency, Identity

GRAPH = """
name = "translated"
cohort = { use = "file", path = "to be set" }
pools.cs = { label = "cs" }
pools.others = { label = "cs", equals = 0 }
latent.dim = 8
modalities.adc = { shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }
modalities.t2w = { shape = [1, 16, 16], range = [0, 700] }
networks.forth = { use = "unet", width = 4, depth = 2 }
networks.t2w_critic = { use = "conv-critic", width = 4 }
synthesizer.adc = { given = true }
synthesizer.texture = { random = [1, 16, 16] }
synthesizer.t2w = { network = "forth", from = ["adc", "texture"] }
training = { steps = 3, batch = 4, log_every = 1, sample_every = 100 }
"""

TRANSLATE = """
[[phases]]
use = "translate"
pool = "cs"
terms = [
  { use = "l1", on = "t2w", weight = 100 },
  { use = "gan", on = ["adc", "t2w"], critic = "t2w_critic", against = "cs" },
]
"""

CYCLE = """
[networks.back]
use = "resnet"
width = 4
depth = 1
blocks = 1

[networks.adc_critic]
use = "conv-critic"
width = 4

[[phases]]
use = "cycle"
pool = "cs"
target_pool = "others"
reverse = { network = "back", from = "t2w" }
terms = [
  { use = "gan", on = "t2w", critic = "t2w_critic", against = "others" },
  { use = "gan", on = "adc-made", critic = "adc_critic", against = "cs" },
  { use = "cycle", on = "adc-cycled", weight = 10 },
  { use = "cycle", on = "t2w-cycled", weight = 10 },
  { use = "identity", on = "t2w-identity", weight = 5 },
]
"""

LABELLED = {
    "synthesizer.cs.label": "cs",
    "synthesizer.t2w.from": ["adc", "texture", "cs"],
    "phases.cycle.reverse.from": ["t2w", "cs"],
}

LABELLED_CRITIC = {
    "synthesizer.cs.label": "cs",
    "synthesizer.t2w.from": ["adc", "texture", "cs"],
    "phases.translate.terms.gan-adc-t2w.on": ["adc", "t2w", "cs"],
}

# ADC is made from the latent, by a phase of its own, and T2w from it.
MADE_ADC = GRAPH.replace("{ given = true }", '{ network = "decoder", from = "latent" }')
DECODER = """
[networks.decoder]
use = "stitch-decoder"
width = 4

[[phases]]
use = "synthesize"
terms = [{ use = "gan", on = "adc", critic = "adc_critic", against = "cs" }]
"""
CRITIC = """
[networks.adc_critic]
use = "conv-critic"
width = 4
"""


@pytest.fixture
def recipe(plugins, tiny_cohort_file, tmp_path):
    """``recipe(phases, overrides, graph)``: a recipe on ``tiny_cohort_file`` of these texts."""

    def loaded(phases, overrides=(), graph=GRAPH):
        file = tmp_path / "translated.toml"
        file.write_text(graph + phases)
        return load_recipe(file, {"cohort.path": str(tiny_cohort_file), **dict(overrides)}, plugins)

    return loaded


def drawn(recipe, cohort, step=0):
    """One set of inputs of the recipe's only phase."""
    resident = resident_cohort(recipe, cohort, torch.device("cpu"))
    (phase,) = recipe.phases
    return phase.inputs(BatchSource(recipe, resident, Draws(0, step), "phase/0/inputs", ALONE))


def made(recipe, inputs):
    """The networks of a recipe, and what its only phase makes of inputs."""
    networks = build_networks(recipe)
    (phase,) = recipe.phases
    return networks, phase.candidates(networks, inputs)


def problems(recipe, phases, overrides, graph=GRAPH):
    with pytest.raises(RecipeError) as failed:
        recipe(phases, overrides, graph)
    return [(problem.place, problem.message) for problem in failed.value.problems]


def slices(recipe, cohort, name, pool):
    """A modality of the slices of a pool, in [-1, 1]."""
    resident = resident_cohort(recipe, cohort, torch.device("cpu"))
    return resident.images[name][resident.pools[pool]]


def numbers_of(images, among):
    """The number of each image among others; mirrored ones are none of them."""
    return [(among == image).flatten(1).all(dim=1).nonzero().item() for image in images]


# Promises -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [{}, {"phases.translate.noise": "quiet"}])
def test_translate_keeps_the_promises_of_a_phase(recipe, overrides):
    """The same draws on one process and on two, no network moved but its players, and so on."""
    tiny = recipe(TRANSLATE, overrides)
    check_phase(tiny.phases[0], tiny)


@pytest.mark.parametrize("overrides", [{}, {"phases.cycle.noise": "quiet"}, LABELLED])
def test_cycle_keeps_the_promises_of_a_phase(recipe, overrides):
    """Also with a label that both translators read."""
    tiny = recipe(CYCLE, overrides)
    check_phase(tiny.phases[0], tiny)


@pytest.mark.parametrize("loss", [CycleConsistency, Identity])
def test_losses_are_mean_absolute_differences(loss):
    """As means over pixels, so that their weights do not depend on the image's size."""
    check_paired_loss(loss(on=("adc-cycled",)))
    x, y = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    expected = [np.abs(a - b).mean() for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    assert loss(on=("adc-cycled",)).build()(x, y).tolist() == pytest.approx(expected)


# Translate ------------------------------------------------------------------------------------------------


def test_translate_makes_t2w_of_real_adc_and_noise(recipe, tiny_cohort):
    """G(x, z): the given modality passes, and the reference of each slice is its own T2w."""
    tiny = recipe(TRANSLATE)
    inputs = drawn(tiny, tiny_cohort)
    networks, candidates = made(tiny, inputs)
    adc, texture = inputs.values["adc"], inputs.values["texture"]
    assert torch.equal(candidates["adc"], adc)
    assert torch.equal(candidates["t2w"], networks["forth"](torch.cat([adc, texture], dim=1)))
    assert texture.std() == pytest.approx(1, abs=0.1)
    real = [slices(tiny, tiny_cohort, name, "cs") for name in ("adc", "t2w")]
    assert numbers_of(adc, real[0]) == numbers_of(inputs.references["t2w"], real[1])


PIX2PIX_HD = {
    f"phases.translate.terms.matched.{key}": value
    for key, value in {"use": "perceptual", "network": "t2w_critic", "distance": "l1"}.items()
}


@pytest.mark.parametrize("overrides", [{}, LABELLED_CRITIC], ids=["images", "images and label"])
def test_features_of_a_critic_of_pairs_are_matched_on_the_given_image_beside_the_made_one(
    recipe, tiny_cohort, overrides
):
    """Equation 4 of pix2pixHD: D(s, x) and D(s, G(s)), s the given image of the same slice, and its label."""
    on = overrides.get("phases.translate.terms.gan-adc-t2w.on", ["adc", "t2w"])
    tiny = recipe(TRANSLATE, {**PIX2PIX_HD, "phases.translate.terms.matched.on": on, **overrides})
    check_phase(tiny.phases[0], tiny)
    inputs = drawn(tiny, tiny_cohort)
    for place in set(on) - {"t2w"}:
        assert torch.equal(inputs.references[place], inputs.values[place])


def test_quiet_noise_is_zero(recipe, tiny_cohort):
    """The option of both phases."""
    for phase, text in (("translate", TRANSLATE), ("cycle", CYCLE)):
        assert not drawn(recipe(text, {f"phases.{phase}.noise": "quiet"}), tiny_cohort).values["texture"].any()


def test_a_slice_without_t2w_takes_part_in_no_paired_term(recipe, tiny_cohort):
    """It is drawn all the same, for what else is made of ADC."""
    t2w = tiny_cohort.modalities["t2w"]
    present = np.arange(len(tiny_cohort)) % 4 > 0
    partial = attrs.evolve(
        tiny_cohort,
        modalities={**tiny_cohort.modalities, "t2w": Modality.of(t2w.values, unit=t2w.unit, present=present)},
    )
    batches = [drawn(recipe(TRANSLATE), partial, step) for step in range(4)]
    assert {float(each) for inputs in batches for each in inputs.presence["t2w"]} == {0, 1}


def test_translate_trains_what_follows_a_modality_that_the_graph_makes(recipe, tiny_cohort):
    """With ``given``, real ADC takes the place of made ADC, and the network that makes it is left alone."""
    both = recipe(CRITIC + TRANSLATE + 'given = "adc"\n' + DECODER, graph=MADE_ADC)
    phase = both.phases[0]
    assert phase.players(both) == ("forth",)
    check_phase(phase, both)


# Cycle ----------------------------------------------------------------------------------------------------


def test_cycle_makes_each_place_by_the_two_translators(recipe, tiny_cohort):
    """G(x, z), F(y), F(G(x, z)), G(F(y), 0) and G(y, 0): noise serves what is compared with no image of its own."""
    tiny = recipe(CYCLE)
    inputs = drawn(tiny, tiny_cohort)
    networks, candidates = made(tiny, inputs)
    x, y, z = inputs.values["adc"], inputs.values["t2w-target"], inputs.values["texture"]
    forth, back = (lambda image, noise: networks["forth"](torch.cat([image, noise], dim=1))), networks["back"]
    still = torch.zeros_like(z)
    expected = {
        "t2w": forth(x, z),
        "adc-made": back(y),
        "adc-cycled": back(forth(x, z)),
        "t2w-cycled": forth(back(y), still),
        "t2w-identity": forth(y, still),
        "adc-identity": back(x),
    }
    assert candidates.keys() == expected.keys()
    assert all(torch.equal(candidates[place], expected[place]) for place in expected)
    assert z.any()


def test_cycle_compares_with_the_images_that_it_began_with(recipe, tiny_cohort):
    """x on the one side, y on the other."""
    inputs = drawn(recipe(CYCLE), tiny_cohort)
    x, y = inputs.values["adc"], inputs.values["t2w-target"]
    for name, image in (("adc", x), ("t2w", y)):
        assert inputs.references[f"{name}-cycled"] is image
        assert inputs.references[f"{name}-identity"] is image


def test_cycle_draws_the_two_sides_apart(recipe, tiny_cohort):
    """Even of one pool, the slices of one side are not those of the other."""
    tiny = recipe(CYCLE, {"phases.cycle.target_pool": "cs"})
    inputs = drawn(tiny, tiny_cohort)
    real = {name: slices(tiny, tiny_cohort, name, "cs") for name in ("adc", "t2w")}
    assert numbers_of(inputs.values["adc"], real["adc"]) != numbers_of(inputs.values["t2w-target"], real["t2w"])


def test_each_side_keeps_its_own_labels(recipe, tiny_cohort):
    """x of patients with cancer and y of patients without: F(G(x)) is told the one, G(F(y)) the other."""
    tiny = recipe(CYCLE, LABELLED)
    inputs = drawn(tiny, tiny_cohort)
    yes, no = inputs.values["cs"], inputs.values["cs-target"]
    assert yes.tolist() == [[0, 1]] * 4
    assert no.tolist() == [[1, 0]] * 4
    networks, candidates = made(tiny, inputs)

    def back(image, label):
        return networks["back"](torch.cat([image, label[:, :, None, None].expand(-1, -1, 16, 16)], dim=1))

    torch.testing.assert_close(candidates["adc-cycled"], back(candidates["t2w"], yes))
    torch.testing.assert_close(candidates["adc-made"], back(inputs.values["t2w-target"], no))


def test_identities_are_made_where_a_term_is_on_them(recipe, tiny_cohort):
    """Else the phase runs each translator twice, and modalities may differ in shape."""
    wide = {"modalities.t2w.shape": [2, 16, 16]}
    without = CYCLE.replace('  { use = "identity", on = "t2w-identity", weight = 5 },\n', "")
    tiny = recipe(without)
    _, candidates = made(tiny, drawn(tiny, tiny_cohort))
    assert "t2w-identity" not in candidates
    assert problems(recipe, CYCLE, wide) == [
        (
            "phases.cycle.terms.identity-t2w-identity.on",
            "identities need modalities of the same shapes on both sides, but adc 1 x 16 x 16 become t2w 2 x 16 x 16",
        )
    ]


def test_cycle_needs_no_slice_that_has_both_modalities(recipe, tiny_cohort, tmp_path):
    """Patients with cancer have ADC alone, the others T2w alone; training goes to its end."""
    cs_N = tiny_cohort.labels["cs"] == 1
    modalities = {
        name: attrs.evolve(tiny_cohort.modalities[name], present=present)
        for name, present in (("adc", cs_N), ("t2w", ~cs_N))
    }
    run = train(recipe(CYCLE), tmp_path / "run", cohort=attrs.evolve(tiny_cohort, modalities=modalities), quiet=True)
    assert run.step == 3


# Recipes that do not fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "overrides", "place", "said"),
    [
        ("translate", {"given": "adx"}, "given", "no modality 'adx'; did you mean 'adc'?; known: adc, t2w"),
        ("translate", {"pool": "cz"}, "pool", "no pool 'cz'; did you mean 'cs'?; known: cs, others"),
        (
            "translate",
            {"terms.l1-t2w.on": "adc"},
            "terms.l1-t2w.on",
            "is given, so no network would learn from this term",
        ),
        ("cycle", {"reverse.network": "bakc"}, "reverse.network", "no network 'bakc'; did you mean 'back'?"),
        ("cycle", {"reverse.network": "t2w_critic"}, "reverse.network", "needs a translator, but 't2w_critic' is a"),
        ("cycle", {"reverse.from": "t2"}, "reverse.from", "no place 't2'; did you mean 't2w'?"),
        ("cycle", {"target_pool": "other"}, "target_pool", "no pool 'other'; did you mean 'others'?"),
    ],
)
def test_what_does_not_fit_is_named_at_its_key(recipe, phase, overrides, place, said):
    """One line each, and once."""
    text = {"translate": TRANSLATE, "cycle": CYCLE}[phase]
    found = problems(recipe, text, {f"phases.{phase}.{key}": value for key, value in overrides.items()})
    at_place = [message for where, message in found if where == f"phases.{phase}.{place}"]
    assert len([message for message in at_place if said in message]) == 1


def test_a_graph_without_given_modality_needs_the_option(recipe):
    """Real slices must take some place."""
    found = problems(recipe, CRITIC + TRANSLATE + DECODER, {}, MADE_ADC)
    assert (
        "phases.translate.given",
        "required, since the graph is given no modality; one or more of adc, t2w",
    ) in found


def test_a_target_that_is_not_made_of_what_is_given_is_a_problem(recipe):
    """T2w from noise alone is no translation of ADC."""
    said = "nothing on t2w is made from adc, which this phase takes from real slices"
    found = problems(recipe, TRANSLATE, {"synthesizer.t2w.from": "texture"})
    assert ("phases.translate.terms.l1-t2w.on", said) in found


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        (
            {"reverse": Edge(network="back", from_=("adc",))},
            "reverse.from",
            "must be modalities that the graph makes from",
        ),
        (
            {"reverse": Edge(network="back", from_=("texture",))},
            "reverse.from",
            "must be modalities that the graph makes",
        ),
        ({"given": ("adc", "dce")}, "given", "the graph does not make t2w from 'dce'"),
    ],
)
def test_sides_that_do_not_hang_together_are_a_problem(recipe, changes, place, said):
    """The graph leads from all of the one side to the other, and the reverse network back."""
    more = GRAPH.replace("modalities.t2w", "modalities.dce = { shape = [1, 16, 16], range = [0, 1] }\nmodalities.t2w")
    tiny = recipe(CYCLE, graph=more + 'synthesizer.dce = { network = "forth", from = ["adc", "texture"] }\n')
    found = list(attrs.evolve(tiny.phases[0], **changes).check(tiny))
    assert [problem.message.startswith(said) for problem in found if problem.place == place] == [True]


def test_a_place_of_the_recipe_may_not_have_the_name_of_one_of_the_phase(recipe):
    """Its images would be taken for the other's."""
    clash = GRAPH.replace("texture", "adc-made")
    found = problems(recipe, CYCLE, {}, clash)
    assert ("phases.cycle.use", "makes a place 'adc-made' of its own; give the recipe's place another name") in found


def test_both_train_to_the_end_and_leave_a_model(recipe, tiny_cohort, tmp_path):
    """Samples are made of real ADC, which passes, without the network back."""
    for name, text in (("translate", TRANSLATE), ("cycle", CYCLE)):
        run = train(recipe(text), tmp_path / name, device="cpu", quiet=True)
        model = load_model(run.path)
        assert run.step == 3
        assert set(model.networks.by_name) == {"forth"}
        assert {place: tuple(images.shape) for place, images in model.sample(2).items()} == {
            "adc": (2, 1, 16, 16),
            "t2w": (2, 1, 16, 16),
        }
