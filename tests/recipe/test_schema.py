"""The JSON Schema of recipes."""

import json
import tomllib

import jsonschema
import pytest

from gankit import load_recipe
from gankit.recipe.schema import recipe_schema
from gankit.recipe.structure import to_document
from tests.recipe.texts import ADC_ONLY, SHIPPED


@pytest.fixture(scope="module")
def schema(plugins):
    schema = recipe_schema(plugins.registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_schema_accepts_shipped_recipes(plugins, schema, name):
    """Completed, and as the file stands."""
    schema.validate(to_document(load_recipe(name, (), plugins), plugins.registry))
    schema.validate(tomllib.loads(plugins.recipes[name].read_text()))


@pytest.mark.parametrize(
    "fault",
    ["traning.steps = 3", "training.stps = 3", "training.steps = 'many'", "training.steps = 0", "pools.cs.lable = 'cs'",
     "networks.critic = { use = 'conv-critc' }", "networks.critic = { use = 'conv-critic', factor = 2 }",
     "networks.critic = { use = 'conv-critic', norm = 'bach' }", "cohort = { use = 'file' }", "latent.dim = 1.5",
     "phases = 3", "phases = [{ use = 'synthesize', terms = [{ use = 'l2', onn = 'adc' }] }]"],
)  # fmt: skip
def test_the_schema_rejects(schema, fault):
    """Misspelt keys, unknown components, wrong types and numbers out of bounds are seen by an editor."""
    document = tomllib.loads(ADC_ONLY)
    schema.validate(document)
    for key, value in tomllib.loads(fault).items():
        old = document.get(key)
        document[key] = {**old, **value} if isinstance(old, dict) and "use" not in value else value
    assert not schema.is_valid(document)


def test_the_schema_holds_variants_to_the_known_sections(schema):
    """A variant may leave anything out, but not misspell a section."""
    assert schema.is_valid({"extends": "mpmri", "training": {"steps": 3}, "remove": ["phases.warm-up"]})
    assert not schema.is_valid({"extends": "mpmri", "traning": {"steps": 3}})
