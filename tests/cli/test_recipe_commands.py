"""``gankit recipe`` and ``gankit components``."""

import json
import tomllib

import jsonschema
import pytest
from click.testing import CliRunner

from gankit import load_recipe
from gankit.cli import main


@pytest.fixture
def gankit(monkeypatch, tmp_path):
    """``gankit(*words)``: what the command prints; it runs in an empty folder and must succeed."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_list_has_every_recipe_with_its_summary(gankit, plugins):
    """Variants too, by their own sentence."""
    listed = " ".join(gankit("recipe", "list").split())
    for name in plugins.recipes:
        assert f"{name} {load_recipe(name, (), plugins).summary}" in listed


def test_check_says_that_a_recipe_is_fine(gankit):
    """With the file that was read."""
    assert gankit("recipe", "check", "mpmri").endswith("mpmri.toml: recipe 'mpmri' is fine\n")


def test_show_prints_the_completed_recipe(gankit, plugins):
    """Merged, overridden, every default filled in: a file that loads as the same recipe."""
    shown = tomllib.loads(gankit("recipe", "show", "mpmri-quick", "--set", "training.steps=3"))
    assert shown["training"]["steps"] == 3
    assert shown["training"]["log_every"] == 50
    assert shown["networks"]["t2w_translator"] == {"use": "unet", "width": 12, "depth": 3}
    assert list(shown["phases"]) == ["warm-up", "supervised", "unsupervised"]


def test_show_source_prints_the_file(gankit, plugins):
    """To be copied and changed."""
    assert gankit("recipe", "show", "supervised", "--source") == plugins.recipes["supervised"].read_text()


def test_a_shown_source_is_a_recipe(gankit, tmp_path):
    """``gankit recipe show mpmri --source > my.toml`` is where a new recipe begins."""
    (tmp_path / "my.toml").write_text(gankit("recipe", "show", "mpmri-quick", "--source"))
    assert "recipe 'mpmri-quick' is fine" in gankit("recipe", "check", "my.toml")


def test_dry_run_prints_what_show_prints(gankit, tmp_path):
    """``gankit train --dry-run`` with its short options, and nothing is written."""
    dry = gankit("train", "mpmri", "--dry-run", "--steps", "7", "--seed", "3")
    assert dry == gankit("recipe", "show", "mpmri", "--set", "training.steps=7", "--set", "training.seed=3")
    assert list(tmp_path.iterdir()) == []


def test_schema_is_a_json_schema(gankit):
    """Ready for an editor."""
    schema = json.loads(gankit("recipe", "schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "stitch-decoder" in json.dumps(schema)


def test_graph_shows_places_shapes_and_phases(gankit):
    """The order in which networks run, and what each phase updates."""
    text = gankit("recipe", "graph", "mpmri")
    beside = "+ lesion (1 x 64 x 64) + texture (1 x 64 x 64)"
    assert "texture (1 x 64 x 64)  is random" in text
    assert f"latent (128) {beside}  --  adc_decoder [stitch-decoder base 2]  ->  adc (1 x 64 x 64)" in text
    assert f"adc (1 x 64 x 64) {beside}  --  t2w_translator [unet]  ->  t2w (1 x 64 x 64)" in text
    assert "phase supervised (from step 1500): updates encoder, mask_decoder, adc_decoder, t2w_translator" in text
    assert "adc (1 x 64 x 64)  --  encoder [conv-encoder]  ->  latent (128)" in text
    assert "0.3 x jsd-auxiliary on adc against noncs" in text


def test_graph_as_mermaid(gankit):
    """Every edge of the graph, to paste into a page."""
    lines = [line.strip() for line in gankit("recipe", "graph", "mpmri-paper", "--mermaid").splitlines()]
    assert lines[0] == "flowchart LR"
    edges = ["latent --> adc_decoder", "adc_decoder --> adc", "adc --> t2w_translator", "t2w_translator --> t2w"]
    assert [line for line in lines if "-->" in line] == edges


def test_components_lists_all_by_kind(gankit, plugins):
    """One line each, under the name that ``use`` takes."""
    listed = gankit("components")
    for entry in plugins.registry.entries():
        assert f"\n  {entry.name} " in listed
    assert listed.index("encoder:") < listed.index("discriminator:") < listed.index("loss:") < listed.index("phase:")


def test_a_component_is_shown_with_its_options(gankit):
    """Docstring, each option with help, type, bounds and default, and the plugin it comes from."""
    shown = " ".join(gankit("components", "unet").split())
    assert shown.startswith("translator unet, from plugin unet (gankit ")
    assert "attention self-attention on the maps whose shortest side has so many pixels;" in shown
    assert (
        "halved; they must be divisible by 2^depth; one for each axis as in [2, 4, 4] [int | tuple[int, ...], ge 0, le"
        in shown
    )


def test_graph_shows_what_differs_from_the_defaults(gankit):
    """Schedules, options and both pools; one step is one step."""
    settings = ("networks.adc_decoder.factor=4", "phases.unsupervised.every=2", "phases.unsupervised.stop=9000")
    options = [word for setting in settings for word in ("--set", setting)]
    text = gankit("recipe", "graph", "mpmri", *options)
    assert "adc_decoder [stitch-decoder factor 4, base 2]" in text
    assert "phase unsupervised (every 2 steps, from step 1500" in text
    assert "until step 9000" in text
    assert "against noncs alongside cs" in text
    assert "critics, 1 step: latent_critic" in text


def test_check_warns_of_phases_that_never_run(gankit):
    """A recipe may be fine and still not what was meant."""
    text = gankit("recipe", "check", "mpmri", "--set", "training.steps=10")
    assert "warning: phases.unsupervised starts at step 1500, but training ends at step 10" in text


def test_a_component_without_a_docstring_has_no_description():
    """That of the abstract kind says nothing about it."""
    from gankit.cli.components import _description
    from tests.testing.planted import Generator

    class Silent(Generator):
        pass

    assert _description(Silent) == "no description"
    assert _description(Generator).startswith("(B, 8) to (B, 1, 4, 4)")


def test_version(gankit):
    """For a report of a bug."""
    assert gankit("--version").startswith("gankit 0.")
