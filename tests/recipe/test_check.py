"""The check of a recipe as a whole: what its parts must be to each other."""

import attrs
import pytest

from gankit import AbstractTranslator, RecipeError, load_recipe
from gankit.recipe.check import check_recipe, recipe_warnings
from tests.recipe.texts import ADC_ONLY

TWO = """
extends = "small.toml"
name = "two"
modalities.t2w = { shape = [1, 16, 16], range = [0, 700] }
networks.translator = { use = "unet", width = 4, depth = 2 }
networks.t2w_critic = { use = "conv-critic", width = 4 }
synthesizer.t2w = { network = "translator", from = "adc" }

[[phases]]
name = "synthesize"
terms = [{ use = "wgan-gp", on = "t2w", critic = "t2w_critic", against = "cs" }]
"""


@pytest.fixture
def guard(written, plugins):
    """``guard(text)``: the one problem of ``TWO`` with this text after it, as (place, message)."""
    written("small.toml", ADC_ONLY)

    def found(*overrides, text=""):
        with pytest.raises(RecipeError) as caught:
            load_recipe(written("two.toml", TWO + text), overrides, plugins)
        (problem,) = caught.value.problems
        return problem.place, problem.message

    return found


def test_two_modalities_check(written, plugins):
    """The recipe that the guards below break is fine."""
    written("small.toml", ADC_ONLY)
    assert list(load_recipe(written("two.toml", TWO), (), plugins).modalities) == ["adc", "t2w"]


def test_a_label_that_only_critics_see_is_warned_of(written, plugins):
    """What is made is then the same for each class. A network that reads the label, or real images beside it, do."""
    written("small.toml", ADC_ONLY)
    text = TWO.replace('on = "t2w"', 'on = ["t2w", "cs"]') + '[synthesizer.cs]\nlabel = "cs"\n'
    said = "synthesizer.cs: no network of the graph reads it, so samples are the same whatever it is;"
    (warning,) = recipe_warnings(load_recipe(written("two.toml", text), ["phases.synthesize.pool=cs"], plugins))
    assert warning.startswith(said)
    reads = ["phases.synthesize.pool=cs", "synthesizer.t2w.from=['adc', 'cs']"]
    assert list(recipe_warnings(load_recipe(written("two.toml", text), reads, plugins))) == []


AUXILIARY = "phases.unsupervised.terms.jsd-auxiliary-adc."


@pytest.mark.parametrize(
    "given",
    [
        {"against": "cs"},
        {"against": "again"},
        {"against": "everyone"},
    ],
)
def test_driving_samples_away_from_what_they_approach_is_warned_of(plugins, given):
    """By the same pool, one that selects the same, and one that holds it."""
    pools = {"pools.again": {"label": "cs"}, "pools.everyone": {"split": "all"}}
    recipe = load_recipe("mpmri-paper", {**pools, **{AUXILIARY + key: name for key, name in given.items()}}, plugins)
    (warning,) = recipe_warnings(recipe)
    assert warning.startswith(f"{AUXILIARY}against: this term drives samples away from '{given['against']}'")


def test_a_critic_with_the_same_slices_on_both_sides_is_warned_of(plugins):
    """It has nothing to tell apart."""
    recipe = load_recipe("mpmri-paper", {AUXILIARY + "alongside": "noncs"}, plugins)
    (warning,) = recipe_warnings(recipe)
    assert warning.startswith(f"{AUXILIARY}alongside: 'noncs' has no slice that 'against' = 'noncs' lacks")


def test_no_shipped_recipe_is_warned_of(plugins):
    """What ships is meant as it is."""
    assert {name: list(recipe_warnings(load_recipe(name, (), plugins))) for name in plugins.recipes} == {
        name: [] for name in plugins.recipes
    }


GUARDS = {
    "noise without a shape": (
        ["synthesizer.grain={random=[]}", "synthesizer.t2w.from=['adc', 'grain']"],
        "synthesizer.grain.random",
        "must be channels and 1 to 3 spatial sizes, got []",
    ),
    "a modality without a shape": (
        ["modalities.adc.shape=[]"],
        "modalities.adc.shape",
        "must be channels and 1 to 3 spatial sizes, got []",
    ),
    "a circle in the graph": (["synthesizer.t2w.from=t2w"], "synthesizer", "look for a circle or a missing edge"),
    "a shift of modalities that differ in size": (
        ["augmentation.shift=1", "modalities.t2w.shape=[1,8,8]"],
        "augmentation.shift",
        "moves modalities of one size only, so that they stay together; found adc 16 x 16, t2w 8 x 8; set 0",
    ),
    "BatchNorm in a penalised critic": (
        ["networks.critic.norm=batch"],
        "phases.synthesize.terms.wgan-gp-adc.critic",
        "penalises its gradient sample by sample",
    ),
    "a size the U-Net's depth does not divide": (
        ["networks.translator.depth=5"],
        "networks.translator.depth",
        "must be divisible by 2^5 = 32; accepted depths: 1 to 4",
    ),
    "a size the factor does not divide": (["networks.decoder.factor=3"], "networks.decoder.factor", "does not fit 16"),
    "a term on a modality that is not there": (
        ["phases.synthesize.terms.wgan-gp-t2w.on=t2"],
        "phases.synthesize.terms.wgan-gp-t2w.on",
        "no place 't2'; did you mean 't2w'?; known: latent, adc, t2w",
    ),
    "a term on one place twice": (
        ['phases.synthesize.terms.wgan-gp-t2w.on=["t2w", "t2w"]'],
        "phases.synthesize.terms.wgan-gp-t2w.on",
        "names 't2w' twice",
    ),
    "a term where the phase makes nothing": (
        ["networks.prior={use='mlp-critic'}", "phases.synthesize.terms.more={use='aae', critic='prior'}"],
        "phases.synthesize.terms.more.on",
        "this phase makes nothing on 'latent'; it makes adc, t2w",
    ),
    "a paired loss without references": (
        ["phases.synthesize.terms.l2.use=l2", "phases.synthesize.terms.l2.on=t2w"],
        "phases.synthesize.terms.l2.on",
        "a paired loss needs a reference for each candidate",
    ),
    "a network that no phase updates": (
        ["networks.spare.use=unet", "networks.spare.depth=2"],
        "networks.spare",
        "no phase updates it",
    ),
    "a critic that is no discriminator": (
        ["phases.synthesize.terms.wgan-gp-t2w.critic=translator"],
        "phases.synthesize.terms.wgan-gp-t2w.critic",
        "needs a discriminator, but 'translator' is a translator; discriminators here: critic, t2w_critic",
    ),
    "an unknown critic": (
        ["phases.synthesize.terms.wgan-gp-t2w.critic=t2w_critik"],
        "phases.synthesize.terms.wgan-gp-t2w.critic",
        "no network 't2w_critik'; did you mean 't2w_critic'?; known: decoder, critic, translator, t2w_critic",
    ),
    "an unknown network in the graph": (
        ["synthesizer.t2w.network=translatr"],
        "synthesizer.t2w.network",
        "no network 'translatr'; did you mean 'translator'?",
    ),
    "an unknown pool": (
        ["phases.synthesize.terms.wgan-gp-t2w.against=noncs"],
        "phases.synthesize.terms.wgan-gp-t2w.against",
        "no pool 'noncs'",
    ),
    "an adversarial term without a pool": (
        ["phases.synthesize.terms.more={use='jsd-auxiliary', on='t2w', critic='t2w_critic'}"],
        "phases.synthesize.terms.more.against",
        "required on a modality: one of cs",
    ),
    "alongside where the loss does not take it": (
        ["phases.synthesize.terms.wgan-gp-t2w.alongside=cs"],
        "phases.synthesize.terms.wgan-gp-t2w.alongside",
        "as many candidates as references",
    ),
    "an unknown place in the graph": (
        ["synthesizer.t2w.from=acd"],
        "synthesizer.t2w.from",
        "no place 'acd'; did you mean 'adc'?",
    ),
    "an image where a decoder reads a latent": (
        ["synthesizer.t2w={network='translator', from=['latent', 'adc']}", "networks.translator.use=coupled-generator"],
        "networks.translator.use",
        "makes images from a latent (Z), not from 9 x 16 x 16",
    ),
    "a place that comes to be in two ways": (
        ["synthesizer.grain={random=[1, 16, 16], label='cs'}"],
        "synthesizer.grain",
        "must say one way in which the place comes to be: { network, from } makes it, { random } draws it, { label }",
    ),
    "a place that comes to be in no way": (["synthesizer.grain={}"], "synthesizer.grain", "takes it from the cohort"),
    "noise that nothing reads": (
        ["synthesizer.grain={random=[1, 16, 16]}"],
        "synthesizer.grain",
        "no network and no term reads it; name it in a 'from', or remove 'grain'",
    ),
    "a label that nothing reads": (
        ["synthesizer.cs={label='cs'}"],
        "synthesizer.cs",
        "no network and no term reads it; name it in a 'from', or remove 'cs'",
    ),
    "noise of another size than the image beside it": (
        ["synthesizer.grain={random=[1, 8, 8]}", "synthesizer.t2w.from=['adc', 'grain']"],
        "networks.translator",
        "places taken together need one spatial size, got adc [1, 16, 16], grain [1, 8, 8]",
    ),
    "noise with the name of a modality": (
        ["synthesizer.t2w={random=[1, 16, 16]}"],
        "synthesizer.t2w",
        "is a modality, which a network makes or the cohort gives; give this place a new name",
    ),
    "a given place that is no modality": (
        ["synthesizer.dwi={given=true}"],
        "synthesizer.dwi",
        "no modality 'dwi'; known: adc, t2w",
    ),
    "a given place that is not given": (["synthesizer.t2w={given=false}"], "synthesizer.t2w.given", "must be one of"),
    "a label with the name of the latent": (
        ["synthesizer.latent={label='cs'}"],
        "synthesizer.latent",
        "is the name of a place of every graph; choose another",
    ),
    "a graph that makes nothing": (
        ["synthesizer.adc={given=true}", "synthesizer.t2w={given=true}"],
        "synthesizer",
        "makes nothing; add a modality as { network = ..., from = ... }",
    ),
    "a term on what is given": (
        ["synthesizer.adc={given=true}", "phases.synthesize.pool=cs", "remove=['networks.decoder']"],
        "phases.synthesize.terms.wgan-gp-adc.on",
        "adc: is given, so no network would learn from this term",
    ),
    "a mask with a unit": (
        ["modalities.adc.mask=lesion", "modalities.adc.unit=mm"],
        "modalities.adc.unit",
        "a mask has no unit, got 'mm'; remove the key",
    ),
    "one place read twice": (["synthesizer.t2w.from=['adc', 'adc']"], "synthesizer.t2w.from", "names 'adc' twice"),
    "a circle": (
        ["synthesizer.t2w.from=t2w"],
        "synthesizer",
        "t2w cannot be reached from what is random or given; look for a circle",
    ),
    "a translator where the latent is read": (
        ["synthesizer.t2w.from=latent"],
        "synthesizer.t2w.network",
        "needs a generator, but 'translator' is a translator; generators here: decoder",
    ),
    "a modality that nothing makes": (
        ["modalities.dce={shape=[1, 16, 16], range=[0, 1]}"],
        "synthesizer",
        "nothing makes modality 'dce'",
    ),
    "a modality of the graph that is not declared": (
        ["synthesizer.dce={network='translator', from='adc'}"],
        "synthesizer.dce",
        "no modality 'dce'",
    ),
    "a range upside down": (["modalities.t2w.range=[7, 0]"], "modalities.t2w.range", "must be [low, high] with low"),
    "a range without extent": (["modalities.t2w.range=[7, 7]"], "modalities.t2w.range", "with low < high, got [7.0, 7"),
    "a window upside down": (["modalities.t2w.window=[7, 0]"], "modalities.t2w.window", "must be [low, high] with low"),
    "a shape without space": (["modalities.t2w.shape=[1]"], "modalities.t2w.shape", "channels and 1 to 3 spatial"),
    "a shape of four axes": (["modalities.t2w.shape=[1, 8, 8, 8, 8]"], "modalities.t2w.shape", "1 to 3 spatial sizes"),
    "sizes that a translator cannot join": (
        ["modalities.t2w.shape=[1, 8, 8]"],
        "networks.translator.use",
        "keeps the spatial size",
    ),
    "an unusual name": (["pools.a b={label='cs'}"], "pools.a b", "a name has letters, digits, '_' and '-' only"),
    "a recipe name that leads elsewhere": (["name=../elsewhere"], "name", "a name has letters, digits"),
    "a phase that ends before it begins": (
        ["phases.synthesize.start=5", "phases.synthesize.stop=5"],
        "phases.synthesize.stop",
        "must be > start, 5, got 5",
    ),
    "a name where the key is the name": (
        ["phases.synthesize.name=other"],
        "phases.synthesize.name",
        "the key is the name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", GUARDS)
def test_the_check_refuses(guard, what):
    """What can be known to fail is refused before anything is built, at its place and with a way out."""
    overrides, place, message = GUARDS[what]
    found = guard(*overrides)
    assert found[0] == place
    assert message in found[1]


@pytest.mark.parametrize("place", ["latent", "score"])
def test_a_modality_cannot_take_the_name_of_a_place(faults, place):
    """``latent`` and ``score`` are places of every graph."""
    found = faults(ADC_ONLY.replace("adc", place))
    assert "is the name of a place of every graph" in found[f"modalities.{place}"]


def test_a_recipe_needs_a_phase_and_a_phase_needs_a_term(faults):
    """Neither may be empty."""
    assert faults(ADC_ONLY.split("[[phases]]")[0] + "[phases]")["phases"] == "a recipe needs at least one phase"
    empty = ADC_ONLY.split("terms =")[0] + "terms = []"
    assert faults(empty) == {"phases.synthesize.terms": "a phase needs at least one term"}


def test_a_critic_of_two_phases_is_refused(faults):
    """Two optimizers with moments of their own would pull at one network."""
    text = ADC_ONLY + ADC_ONLY[ADC_ONLY.index("[[phases]]") :].replace("[[phases]]", '[[phases]]\nname = "again"')
    assert faults(text) == {
        "networks.critic": "two optimizers would update it, as critic of phase 'synthesize' and of phase 'again';"
        " give each phase its own critic, or both the same critic_optimizer"
    }


def test_one_network_at_places_of_different_shapes_is_refused(guard):
    """Its weights could fit one place only."""
    place, message = guard(
        "phases.synthesize.terms.more={use='jsd-auxiliary', on=['adc', 't2w'], critic='critic', against='cs'}"
    )
    assert place == "networks.critic"
    assert message.startswith("is used at places of different shapes: [1, 16, 16] to [] and [2, 16, 16] to []; use two")


def test_a_network_that_couples_places_makes_the_same_of_each(load):
    """It has layers of its own for what it reads, not for what it makes."""

    @attrs.frozen(kw_only=True)
    class Coupling(AbstractTranslator):
        couples_places = True

        def build(self, source, target):
            raise NotImplementedError

    recipe = load(
        ADC_ONLY.replace('on = "adc"', 'on = "dce"'),
        "modalities.t2w={shape=[1, 16, 16], range=[0, 1]}",
        "modalities.dce={shape=[1, 16, 16], range=[0, 1]}",
        "networks.translator={use='unet', depth=2}",
        "synthesizer.t2w={network='translator', from='adc'}",
        "synthesizer.dce={network='translator', from='t2w'}",
    )
    coupling = attrs.evolve(recipe, networks={**recipe.networks, "translator": Coupling()})
    (problem,) = check_recipe(coupling)
    assert str(problem) == "networks.translator: couples places, so it must make the same of each, not t2w and dce"


def test_modalities_of_different_size_cannot_be_taken_together(guard):
    """Channels are concatenated, so space must agree; paired losses, which have no critic, are held to it too."""
    place, message = guard(
        "modalities.dce={shape=[1, 32, 32], range=[0, 1]}",
        "networks.big={use='stitch-decoder', width=4}",
        "networks.encoder={use='conv-encoder', width=4}",
        "synthesizer.dce={network='big', from='latent'}",
        "phases.supervised={use='reconstruct', pool='cs', encode={network='encoder', from='adc'},"
        " terms=[{use='l2', on=['adc', 'dce']}]}",
    )
    assert place == "phases.supervised.terms.l2-adc-dce.on"
    assert "places taken together need one spatial size, got adc [1, 16, 16], dce [1, 32, 32]" in message


def test_a_network_named_by_two_modalities_makes_them_jointly(load):
    """One call, channels in the order of the graph."""
    recipe = load(
        ADC_ONLY,
        "modalities.t2w={shape=[2, 16, 16], range=[0, 700]}",
        "synthesizer.t2w={network='decoder', from='latent'}",
    )
    ((edge, made),) = recipe.edges()
    assert (edge.network, made) == ("decoder", ("adc", "t2w"))
    assert recipe.ends()["decoder"] == [({"latent": (8,)}, {"adc": (1, 16, 16), "t2w": (2, 16, 16)})]
    assert recipe.upstream(["t2w"]) == ("decoder",)


def test_the_graph_runs_in_the_order_of_its_needs(plugins, written):
    """However the recipe lists them, an edge comes after what it reads."""
    written("small.toml", ADC_ONLY)
    recipe = load_recipe(written("two.toml", TWO), (), plugins)
    turned = attrs.evolve(recipe, synthesizer=dict(reversed(recipe.synthesizer.items())))
    assert [made for _, made in turned.edges()] == [("adc",), ("t2w",)]
    assert turned.upstream(["t2w"]) == ("decoder", "translator")
    assert turned.upstream(["adc"]) == ("decoder",)
