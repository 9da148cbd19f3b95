"""Recipe files: what extends, overrides and removes, and which layer a problem comes from."""

import copy

import attrs
import pytest

from gankit import (
    AbstractAdversarialLoss,
    InputError,
    RecipeError,
    Registry,
    load_recipe,
)
from gankit.plugin.registry import RegisteredComponent
from gankit.recipe.file import check_document, read_layers
from tests.recipe.texts import ADC_ONLY

# Extending ------------------------------------------------------------------------------------------------


@pytest.fixture
def variant(written, plugins):
    """``variant(text, *overrides)``: the recipe of this text, which may extend ``small.toml``."""
    written("small.toml", ADC_ONLY)
    return lambda text, *overrides: load_recipe(written("variant.toml", text), overrides, plugins)


def test_a_variant_changes_what_it_says_and_keeps_the_rest(variant, load):
    """Tables merge key by key, all else is replaced."""
    recipe = variant('extends = "small.toml"\nmodalities.adc = { range = [0, 2000] }')
    small = load()
    assert recipe.modalities["adc"] == attrs.evolve(small.modalities["adc"], range=(0, 2000))
    assert (recipe.name, recipe.summary) == ("variant", "a variant of small")
    assert attrs.evolve(recipe, name="small", summary=small.summary, modalities=small.modalities) == small


def test_a_variant_has_the_name_that_it_gives_itself(variant):
    """Or that of its file, so that it is not taken for what it extends."""
    assert variant('extends = "small.toml"').name == "variant"
    assert variant('extends = "small.toml"\nname = "mine"').name == "mine"


def test_another_loss_in_the_place_of_one_keeps_where_it_is_and_its_weight(written, plugins):
    """What every term has; the options of the old loss go with it."""
    text = 'extends = "mpmri"\n[[phases]]\nname = "warm-up"\nterms = [{ name = "band-l2-adc", use = "l1" }]'
    one, other = (
        read_layers(recipe, {}, plugins).document["phases"]["warm-up"]["terms"]["band-l2-adc"]
        for recipe in ("mpmri", written("variant.toml", text))
    )
    assert one["weight"] != 1
    assert other == {"use": "l1", "on": one["on"], "weight": one["weight"]}


@attrs.frozen(kw_only=True)
class Hinge(AbstractAdversarialLoss):
    """A stranger's loss, whose penalty is a text."""

    penalty: str = "none"

    def build(self):
        raise NotImplementedError


@pytest.mark.parametrize("use", ["gan", "jsd-auxiliary", "hinge"])
def test_another_adversarial_loss_keeps_its_critic_and_pool(written, plugins, use):
    """What both have from the abstract kind stays; an option of the same name means another thing in another loss."""
    registry = Registry([*plugins.registry.entries(), RegisteredComponent("loss", "hinge", "theirs", Hinge)])
    term = f'{{ name = "wgan-gp-adc", use = "{use}" }}'
    phase = '[[phases]]\nname = "unsupervised"\n'
    written("between.toml", f'extends = "mpmri-paper"\n{phase}terms = [{{ name = "wgan-gp-adc", penalty = 5 }}]')
    text = f'extends = "between.toml"\n{phase}terms = [{term}]'
    installed = attrs.evolve(plugins, registry=registry)
    overrides = {"phases.unsupervised.terms.wgan-gp-adc.weight": 3}
    old = read_layers("mpmri-paper", {}, plugins).document["phases"]["unsupervised"]["terms"]["wgan-gp-adc"]
    assert {"use", "critic", "against", "on"} < set(old)
    new = load_recipe(written("variant.toml", text), overrides, installed).phases[-1].terms[0]
    assert (new.name, registry.name_of(type(new)), new.weight) == ("wgan-gp-adc", use, 3)
    assert (new.critic, new.against, new.on) == (old["critic"], old["against"], (old["on"],))
    assert attrs.evolve(new, name="", weight=1.0) == type(new)(critic=new.critic, against=new.against, on=new.on)


def test_what_is_given_with_another_loss_counts(written, plugins):
    """Only what a variant leaves open is kept."""
    term = '{ name = "wgan-gp-adc", use = "gan", critic = "t2w_critic", on = "t2w" }'
    text = f'extends = "mpmri"\n[[phases]]\nname = "unsupervised"\nterms = [{term}]'
    document = read_layers(written("variant.toml", text), {}, plugins).document
    new = document["phases"]["unsupervised"]["terms"]["wgan-gp-adc"]
    assert new == {"use": "gan", "against": "cs", "critic": "t2w_critic", "on": "t2w"}


def test_another_phase_keeps_terms_and_schedule(written, plugins):
    """As losses do: what every phase has stays, options of the old component go."""
    text = 'extends = "mpmri"\n[[phases]]\nname = "supervised"\nuse = "synthesize"\nevery = 7'
    old, new = (
        read_layers(recipe, {}, plugins).document["phases"]["supervised"]
        for recipe in ("mpmri", written("variant.toml", text))
    )
    assert {"encode", "pool", "start", "betas", "terms"} <= set(old)
    gone = {"encode", "pool", "moves"}
    assert new == {key: old[key] for key in old if key not in gone} | {"use": "synthesize", "every": 7}


def test_what_is_kept_comes_from_where_it_came_from(variant, written):
    """A problem of a kept key is laid to the layer that has it, one of the new component to the variant."""
    written("between.toml", ADC_ONLY.replace('on = "adc"', 'on = "adc", weight = -1'))
    text = 'extends = "between.toml"\nphases.synthesize.terms.wgan-gp-adc = { use = "gan", drift = 1 }'
    with pytest.raises(RecipeError) as error:
        variant(text)
    weight, drift = sorted(map(str, error.value.problems), key=lambda problem: "drift" in problem)
    assert weight.endswith("between.toml)")
    assert drift.startswith("phases.synthesize.terms.wgan-gp-adc.drift: unknown key")
    assert "(from " not in drift


def test_what_is_given_anew_with_another_loss_is_the_variants(variant, written):
    """Though the layer beneath had the key as well."""
    written("between.toml", ADC_ONLY.replace('on = "adc"', 'on = "adc", weight = -1'))
    text = 'extends = "between.toml"\nphases.synthesize.terms.wgan-gp-adc = { use = "gan", weight = -2 }'
    with pytest.raises(RecipeError, match=r"weight: must be >= 0, got -2\.0$"):
        variant(text)


def test_terms_that_another_phase_keeps_come_from_where_they_came_from(variant, written):
    """Each key of them: the weight is that of the layer that gave it."""
    written("between.toml", 'extends = "small.toml"\nphases.synthesize.terms.wgan-gp-adc.weight = -1')
    with pytest.raises(RecipeError) as error:
        variant('extends = "between.toml"\nphases.synthesize = { use = "reconstruct" }')
    (weight,) = (problem for problem in map(str, error.value.problems) if "wgan-gp-adc.weight" in problem)
    assert weight.endswith("between.toml)")


def test_a_check_leaves_the_document_as_it_is(plugins):
    """Also where it goes on without the options that are faulty."""
    layers = read_layers("mpmri", {"networks.adc_decoder.factr": 2, "training.batch": 0}, plugins)
    before = copy.deepcopy(layers.document)
    with pytest.raises(RecipeError):
        check_document(layers, "mpmri", plugins)
    assert layers.document == before


def test_remove_within_a_table_says_where_it_stands(variant):
    """The line to write is in the message."""
    text = 'extends = "mpmri"\n[[phases]]\nname = "warm-up"\nremove = ["terms.l2-adc"]'
    with pytest.raises(RecipeError) as error:
        variant(text)
    (problem,) = error.value.problems
    assert problem.place == "phases.warm-up.remove"
    assert problem.message.startswith('stands at the top of the file, as in remove = ["phases.warm-up.terms.l2-adc"]')


def test_a_variant_may_extend_a_variant(variant, written):
    """Layers add up, the newest on top."""
    written("between.toml", 'extends = "small.toml"\nlatent.dim = 4\ntraining.batch = 3')
    recipe = variant('extends = "between.toml"\nlatent.dim = 5')
    assert (recipe.latent.dim, recipe.training.batch, recipe.training.steps) == (5, 3, 10)


def test_a_changed_use_replaces_the_table(variant):
    """Another component has other options, so the old ones go."""
    recipe = variant('extends = "small.toml"\nnetworks.critic = { use = "conv-critic" }')
    assert recipe.networks["critic"].width == 4
    recipe = variant('extends = "small.toml"\ncohort = { use = "phantom" }')
    assert type(recipe.cohort).__name__ == "Phantom"


def test_phases_and_terms_are_overridden_by_name(variant):
    """One key of one term changes without repeating the phase."""
    recipe = variant(
        'extends = "small.toml"\n[[phases]]\nname = "synthesize"\nevery = 2\n'
        'terms = [{ name = "wgan-gp-adc", weight = 5 }]'
    )
    (phase,) = recipe.phases
    (term,) = phase.terms
    assert (phase.every, term.weight, term.critic) == (2, 5.0, "critic")


def test_phases_and_terms_are_added_in_order(variant):
    """What is new by name goes after what is there."""
    recipe = variant(
        'extends = "small.toml"\nnetworks.second = { use = "conv-critic", width = 4 }\n'
        '[[phases]]\nname = "again"\nuse = "synthesize"\n'
        'terms = [{ use = "wgan-gp", on = "adc", critic = "second", against = "cs", name = "w" },\n'
        '  { use = "jsd-auxiliary", on = "adc", critic = "second", against = "cs" }]'
    )
    assert [phase.name for phase in recipe.phases] == ["synthesize", "again"]
    assert [term.name for term in recipe.phases[1].terms] == ["w", "jsd-auxiliary-adc"]


def test_terms_and_phases_are_removed_by_name(plugins, written):
    """``remove`` takes key paths; here the paired losses of mpmri-paper stay, and its critics of images."""
    text = (
        'extends = "mpmri-paper"\nremove = ["phases.warm-up", "phases.supervised.terms.aae", "networks.latent_critic",'
        ' "phases.supervised.terms.aae-latent"]'
    )
    with pytest.raises(RecipeError, match=r"remove: nothing at 'phases\.supervised\.terms\.aae' to remove"):
        load_recipe(written("less.toml", text), (), plugins)
    recipe = load_recipe(written("less.toml", text.replace(' "phases.supervised.terms.aae",', "")), (), plugins)
    assert [phase.name for phase in recipe.phases] == ["supervised", "unsupervised"]
    assert [term.name for term in recipe.phases[0].terms] == ["l2-adc", "l2-t2w"]


def test_what_is_removed_may_be_said_anew(variant):
    """Nothing of the recipe beneath is left in it, so that even a component of the same name begins with defaults."""
    recipe = variant(
        'extends = "small.toml"\nremove = ["modalities.adc", "pools"]\npools.some = { split = "all" }\n'
        'modalities.adc = { shape = [1, 16, 16], range = [0, 9] }\n[[phases]]\nname = "synthesize"\n'
        'terms = [{ name = "wgan-gp-adc", against = "some" }]'
    )
    assert recipe.modalities["adc"].unit == "1"
    assert list(recipe.pools) == ["some"]


def test_removing_leaves_the_parent_recipe_alone(plugins, written, load):
    """Layers are copied, so one process may load a variant and then its parent."""
    child = written("child.toml", 'extends = "mpmri"\nremove = ["phases.warm-up"]')
    before = load_recipe("mpmri", (), plugins)
    load_recipe(child, (), plugins)
    assert load_recipe("mpmri", (), plugins) == before


def test_a_misspelt_name_in_a_variant_names_the_nearest(variant):
    """Overriding by a name that is not there would add half a component; the message shows the name meant."""
    with pytest.raises(RecipeError) as caught:
        variant(
            'extends = "small.toml"\nnetworks.critc = { width = 8 }\n[[phases]]\nname = "synthesise"\nevery = 2',
            "phases.synthesize.terms.wgan-gp-acd.weight=2",
        )
    messages = {problem.place: problem.message for problem in caught.value.problems}
    assert "is 'critc' misspelt; did you mean 'critic'?" in messages["networks.critc.use"]
    assert "did you mean 'synthesize'?" in messages["phases.synthesise.use"]
    assert "did you mean 'wgan-gp-adc'?" in messages["phases.synthesize.terms.wgan-gp-acd.use"]


def test_a_name_that_is_near_no_other_names_those_that_are_there(variant):
    """As that of a term whose loss another layer has changed. A schedule has no name, so nothing is beside it."""
    with pytest.raises(RecipeError) as caught:
        variant(
            'extends = "small.toml"', "phases.synthesize.terms.l1-t2w.weight=2", "optimizers.x={schedule={final=0.1}}"
        )
    messages = {problem.place: problem.message for problem in caught.value.problems}
    assert "; 'l1-t2w' is new here, beside wgan-gp-adc (" in messages["phases.synthesize.terms.l1-t2w.use"]
    assert not [place for place, message in messages.items() if "schedule" in place and "beside" in message]


def test_two_terms_of_one_name_are_refused(faults):
    """Two terms with one loss on one place need names of their own."""
    term = '{ use = "wgan-gp", on = "adc", critic = "critic", against = "cs" }'
    found = faults(ADC_ONLY.replace(f"[{term}]", f"[{term}, {term}]"))
    assert found == {"phases.synthesize.terms.wgan-gp-adc": "two entries have this name; give one another 'name'"}


def test_a_recipe_that_extends_itself_is_refused(variant, written):
    """Directly, and through another."""
    with pytest.raises(RecipeError, match=r"extends: the recipe extends itself: variant\.toml extends variant\.toml"):
        variant('extends = "variant.toml"')
    written("other.toml", 'extends = "variant.toml"')
    with pytest.raises(RecipeError, match=r"variant\.toml extends other\.toml extends variant\.toml"):
        variant('extends = "other.toml"')


def test_a_long_line_of_recipes_that_extend_each_other_is_refused(written, plugins):
    """32 may, in whichever order they are read; of 3,000 none could say what the last one means."""
    written("v0.toml", ADC_ONLY)
    files = [written(f"v{n}.toml", f'extends = "v{n - 1}.toml"\ntraining.steps = {n}') for n in range(1, 40)]
    assert load_recipe(files[30], (), plugins).training.steps == 31
    with pytest.raises(RecipeError, match="more than 32 recipes extend each other; write what some of them say in one"):
        load_recipe(files[-1], (), plugins)


def test_extending_what_is_not_there_is_refused(variant):
    """The message is about ``extends``, in the file that has it."""
    with pytest.raises(RecipeError, match=r"variant\.toml: 1 problem\n  extends: .*'mpmr'; did you mean 'mpmri'"):
        variant('extends = "mpmr"')
    with pytest.raises(RecipeError, match=r"extends: .*nowhere\.toml: no such recipe file"):
        variant('extends = "nowhere.toml"')
    with pytest.raises(RecipeError, match="extends: must be a recipe name or file, got 3"):
        variant("extends = 3")


def test_a_problem_names_the_layer_it_comes_from(variant, written):
    """With several files the user must know which one to open."""
    written("between.toml", 'extends = "small.toml"\nlatent.dim = 0\nnetworks.decoder.width = 0')
    with pytest.raises(RecipeError) as caught:
        variant('extends = "between.toml"\ntraining.batch = 0', "training.seed=-1")
    messages = {problem.place: problem.message for problem in caught.value.problems}
    assert messages["latent.dim"].endswith("between.toml)")
    assert messages["networks.decoder.width"].endswith("between.toml)")
    assert messages["training.batch"] == "must be >= 1, got 0"
    assert messages["training.seed"] == "must be >= 0, got -1 (from `overrides`)"


def test_a_problem_of_a_mapping_of_overrides_is_not_laid_to_an_option_of_the_command(written, plugins):
    """Nobody gave a list of texts there."""
    with pytest.raises(RecipeError, match=r"must be >= 0, got -1 \(from an override\)"):
        load_recipe(written("small.toml", ADC_ONLY), {"training.seed": -1}, plugins)


def test_a_faulty_option_hides_no_unknown_name(plugins):
    """Options and names are checked together: the user mends a recipe once."""
    overrides = {"networks.adc_decoder.factr": 2, "phases.unsupervised.terms.wgan-gp-adc.critic": "adc_critc"}
    with pytest.raises(RecipeError) as caught:
        load_recipe("mpmri", overrides, plugins)
    assert [problem.place for problem in caught.value.problems] == list(overrides)


def test_a_replaced_table_belongs_to_the_layer_that_replaced_it(variant, written):
    """What a lower layer said about the old table is forgotten with it."""
    written("between.toml", 'extends = "small.toml"\nnetworks.critic.width = 8')
    with pytest.raises(RecipeError, match=r"width: must be >= 1, got 0\n"):
        variant('extends = "between.toml"\nnetworks.critic = { use = "mlp-critic", width = 0 }')


# Files ----------------------------------------------------------------------------------------------------


def test_a_recipe_with_a_byte_order_mark_is_read(tmp_path, plugins):
    """As editors of Windows save one."""
    (tmp_path / "small.toml").write_text(ADC_ONLY, encoding="utf-8-sig")
    assert load_recipe(tmp_path / "small.toml", (), plugins).name == "small"


def test_a_name_that_no_file_can_have_is_refused(variant, plugins):
    """300 characters are more than a file system takes."""
    with pytest.raises(RecipeError, match=r"1 problem\n  extends: '.*a\.\.\.: File name too long"):
        variant(f'extends = "{"a" * 300}"')
    with pytest.raises(InputError, match="File name too long; name another file"):
        load_recipe("a" * 300, (), plugins)


def test_a_problem_is_one_line_whatever_the_recipe_holds(variant):
    """Names with line breaks, values of megabytes: neither fills a screen nor moves its cursor."""
    text = f'extends = "small.toml"\nsummary = [{", ".join(["1"] * 50_000)}]\n"new\\n\\u001bline" = 1'
    with pytest.raises(RecipeError) as refused:
        variant(text)
    assert len(lines := str(refused.value).split("\n")) == 3
    assert all(line.isprintable() and len(line) < 500 for line in lines)


# Overrides ------------------------------------------------------------------------------------------------


def test_overrides_are_toml_values_or_text(load):
    """Numbers, lists and truths are TOML; what is not is text, so names need no quotes."""
    recipe = load(
        ADC_ONLY,
        "training.steps=7",
        "modalities.adc.range=[10, 20]",
        "augmentation.mirror=true",
        "cohort.path=some where/a=b.safetensors",
        'summary="quoted"',
        "phases.synthesize.terms.wgan-gp-adc.weight=2",
    )
    assert recipe.training.steps == 7
    assert recipe.modalities["adc"].range == (10, 20)
    assert recipe.augmentation.mirror is True
    assert str(recipe.cohort.path) == "some where/a=b.safetensors"
    assert recipe.summary == "quoted"
    assert recipe.phases[0].terms[0].weight == 2.0


def test_overrides_from_python_are_a_mapping(written, plugins):
    """The same from a notebook, without text, and the caller's values are left alone."""
    given = {"cohort": {"use": "file", "path": "a"}, "cohort.path": "b", "training.steps": 3}
    recipe = load_recipe(written("small.toml", ADC_ONLY), given, plugins)
    assert (str(recipe.cohort.path), recipe.training.steps) == ("b", 3)
    assert given["cohort"] == {"use": "file", "path": "a"}


@pytest.mark.parametrize("text", ["training.steps", "=3", "training..steps=3", ".steps=3", ""])
def test_an_override_needs_a_key_and_a_value(load, text):
    """The message shows one that is right."""
    with pytest.raises(InputError, match=r"must be KEY=VALUE, as in `overrides` training\.steps=100"):
        load(ADC_ONLY, text)


@pytest.mark.parametrize("text", ["training.steps=3\n[latent]\ndim = 5", "training.steps=3 # or 5", "a\nb=3"])
def test_an_override_is_one_value_of_one_key(load, text):
    """It cannot bring further statements."""
    with pytest.raises(InputError, match="several lines|a comment|must be KEY=VALUE"):
        load(ADC_ONLY, text)


@pytest.mark.parametrize("path", ["a" + ".a" * 100, "a" * 5000])
def test_an_override_of_no_possible_key_is_refused(written, plugins, path):
    """Whether it comes as text or in a mapping."""
    for overrides in ([f"{path}=1"], {path: 1}):
        with pytest.raises(InputError, match=r"`overrides` 'a.*: (more than 64|the key)"):
            load_recipe(written("small.toml", ADC_ONLY), overrides, plugins)


@pytest.mark.parametrize("order", [1, -1])
def test_a_value_and_keys_of_one_table_are_refused(load, order):
    """Neither override is dropped without a word, in whichever order they come."""
    with pytest.raises(InputError, match="is given a value and keys; give one of the two"):
        load(ADC_ONLY, *["latent=3", "latent.dim=3"][::order])


def test_an_override_may_change_a_component(load):
    """``--set cohort.use=phantom`` drops the options of the component that was there."""
    assert type(load(ADC_ONLY, "cohort.use=phantom", "cohort.size=64").cohort).__name__ == "Phantom"


@pytest.mark.parametrize("line", ["phases = []", "[phases.warm-up]\nterms = []"])
def test_an_empty_list_that_would_change_nothing_is_refused(plugins, tmp_path, line):
    """Lists are merged by name, so an empty one is no way to remove."""
    (tmp_path / "variant.toml").write_text(f'extends = "mpmri"\n{line}\n')
    with pytest.raises(RecipeError, match="is empty, which takes nothing away"):
        load_recipe(tmp_path / "variant.toml", (), plugins)


def test_a_shipped_recipe_is_named_by_its_plugin(plugins, tmp_path):
    """A problem in what is extended names the recipe, not where Python keeps it."""
    (tmp_path / "variant.toml").write_text('extends = "mpmri-paper"\nremove = ["pools.cs"]\n')
    with pytest.raises(RecipeError) as refused:
        load_recipe(tmp_path / "variant.toml", (), plugins)
    assert "(from recipe mpmri-paper (shipped by mri))" in str(refused.value)
    assert "site-packages" not in str(refused.value)
