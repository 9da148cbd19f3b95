"""``cli -> core <- plugins``, held by reading the code."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import attrs
import pytest

import gankit
from gankit.plugin.components import KINDS
from gankit.recipe.recipe import Augmentation, Edge, Latent, ModalitySpec, Pool, Recipe, Training

REPOSITORY = Path(__file__).parents[1]
CORE = sorted((REPOSITORY / "gankit").rglob("*.py"))
PLUGINS = sorted((REPOSITORY / "plugins").rglob("*.py"))
PLUGIN_NAMES = {folder.parent.name for folder in (REPOSITORY / "plugins").glob("*/__init__.py")}


def name_of(file: Path) -> str:
    """``gankit/cli/train.py`` as ``gankit.cli.train``."""
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(part for part in parts if part not in ("plugins", "__init__"))


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(nodes: list[ast.stmt]) -> Iterator[str]:
    """Every module that these statements and what is in them import, and each name taken from one."""
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run on import: no function bodies, no TYPE_CHECKING blocks."""

    class Prune(ast.NodeTransformer):
        def visit_FunctionDef(self, node):
            return None

        def visit_If(self, node):
            return None if "TYPE_CHECKING" in ast.unparse(node.test) else node

    return [kept for node in tree.body if (kept := Prune().visit(node)) is not None]


def strings(tree: ast.Module) -> Iterator[str]:
    """Every text constant."""
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def attributes(tree: ast.Module) -> Iterator[str]:
    """Every dotted name in use, as in ``torch.rand``."""
    yield from (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))


@pytest.mark.parametrize("file", PLUGINS, ids=name_of)
def test_a_plugin_imports_the_public_gankit_only(file):
    """``gankit`` or ``gankit.testing``, never a private module and never another plugin."""
    own = name_of(file).split(".")[0]
    for module in imports(tree_of(file).body):
        first, *rest = module.split(".")
        if first == "gankit":
            assert not rest or rest[0] == "testing" or rest[0] in gankit.__all__, module
        assert first == own or first not in PLUGIN_NAMES, module


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_core_imports_no_plugin(file):
    """Nobody is special: what ships is found through entry points."""
    assert not {module.split(".")[0] for module in imports(tree_of(file).body)} & PLUGIN_NAMES


WINGS = (
    {"_errors", "_shapes", "_draws", "_wording"},
    {"files", "processes", "plugin"},
    {"recipe"},
    {"cohort", "networks", "imports"},
    {"run"},
    {"evaluation"},
    {"report", "reader"},
    {"training", "comparison", "tuning"},
    {"cli"},
)
"""The floors of the house, from the bottom: what runs on one imports from its own and from those beneath it."""

FLOOR_OF = {wing: floor for floor, wings in enumerate(WINGS) for wing in wings}


def run_time_imports(file: Path) -> Iterator[str]:
    """Every module of gankit that this file imports when it is imported or runs, so not for type checkers alone."""

    class Prune(ast.NodeTransformer):
        def visit_If(self, node):
            return None if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    tree = Prune().visit(tree_of(file))
    yield from (module for module in imports(tree.body) if module.startswith("gankit."))


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_no_import_runs_up_the_house(file):
    """A wing imports from its own floor and from those beneath; ``gankit`` itself, ``gankit.testing`` and ``python -m
    gankit`` stand outside and may use all of it."""
    _, *rest = name_of(file).split(".")
    if not rest or rest[0] in ("testing", "__main__"):
        return
    for module in run_time_imports(file):
        assert FLOOR_OF[module.split(".")[1]] <= FLOOR_OF[rest[0]], f"{name_of(file)} imports {module} from above"


def test_every_wing_has_a_floor():
    """A new folder takes its place in the order."""
    found = {name_of(file).split(".")[1] for file in CORE if name_of(file) != "gankit"} - {"testing", "__main__"}
    assert found == set(FLOOR_OF)


def test_tests_stand_where_their_wings_do():
    """``tests/`` has a folder for each wing that is one, and beside them those of what is not core."""
    wings = {file.parent.name for file in (REPOSITORY / "gankit").glob("*/__init__.py")}
    folders = {file.parent.name for file in (REPOSITORY / "tests").glob("*/test_*.py")}
    assert folders == wings | {"docs", "examples", "faults", "plugins"}


ORDINARY = {"mirror", "file", "translate"}
"""Component names that are words of their own in any program."""


def test_core_names_no_component(plugins):
    """Core knows kinds of component, never a particular one."""
    names = {entry.name for entry in plugins.registry.entries()} - ORDINARY
    assert len(names) > 10
    named = [(name_of(file), text) for file in CORE for text in strings(tree_of(file)) if text in names]
    assert named == []


def test_core_has_no_import_cycle():
    """Imports that run when a module is imported go one way."""
    modules = {name_of(file) for file in CORE}
    graph = {name_of(file): set(imports(at_module_level(tree_of(file)))) & modules for file in CORE}
    for name, below in graph.items():
        below -= {name, "gankit"}  # the package itself loads its modules on first use
    assert sum(map(len, graph.values())) > 50
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


@pytest.mark.parametrize("file", CORE + PLUGINS, ids=name_of)
def test_nothing_pickles(file):
    """A pickle runs code when it is read: files are safetensors, JSON, TOML and plain arrays. TorchScript is read in
    one place, after its hash was checked."""
    tree = tree_of(file)
    assert not {module.split(".")[0] for module in imports(tree.body)} & {"pickle", "dill", "joblib", "shelve"}
    checked_by_hash = {"torch.jit.load"} if name_of(file) == "gankit_metrics._inception" else set()
    unsafe = {"torch.load", "torch.save", "torch.jit.load"} - checked_by_hash
    assert not {name for name in attributes(tree) if name in unsafe}
    loads = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.load"]
    for load in loads:
        assert "allow_pickle=True" not in ast.unparse(load)


RANDOM = {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli",
          "multinomial", "poisson", "manual_seed", "seed", "set_rng_state"}  # fmt: skip
SEEDED = {"np.random.Generator", "np.random.Philox", "np.random.default_rng", "np.random.SeedSequence"}

MAY_TOUCH_GENERATORS = {
    "gankit.networks.synthesizer": {"torch.manual_seed"},
    "gankit.training.fence": {"random.getstate", "random.setstate", "np.random.get_state", "np.random.set_state"}
    | {"torch.set_rng_state"},
}


def global_draws(tree: ast.Module) -> list[str]:
    """Names that read or set a global random generator."""
    return [
        name
        for name in attributes(tree)
        if (name.removeprefix("torch.cuda.").removeprefix("torch.") in RANDOM and name.startswith("torch."))
        or (name.startswith("np.random.") and ".".join(name.split(".")[:3]) not in SEEDED)
        or name.startswith("random.")
    ]


@pytest.mark.parametrize(
    "file", sorted({*CORE, *PLUGINS} - set((REPOSITORY / "gankit/testing").glob("*.py"))), ids=name_of
)
def test_nothing_draws_from_global_generators(file):
    """Randomness is drawn by (seed, step, stream); only building weights, seeded and fenced, may use torch's, and the
    fence around observers puts back what they drew.

    ``gankit.testing`` watches the global generators, so it must name them.
    """
    tree = tree_of(file)
    allowed = MAY_TOUCH_GENERATORS.get(name_of(file), set())
    assert set(global_draws(tree)) <= allowed
    assert "random" not in set(imports(tree.body)) or "random.setstate" in allowed


@pytest.mark.parametrize(
    "code", ["torch.randn(3)", "torch.cuda.manual_seed(1)", "np.random.rand()", "np.random.seed(0)", "random.random()"]
)
def test_the_search_for_global_draws_finds_them(code):
    """The test above would see each of these."""
    assert global_draws(ast.parse(code))


def test_every_public_name_exists_and_says_what_it_is():
    """``gankit.__all__`` is the promise to plugins; classes and functions carry docstrings."""
    for name in gankit.__all__:
        value = getattr(gankit, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    assert set(dir(gankit)) == set(gankit.__all__)


def test_each_public_name_is_listed_once():
    """``__init__.pyi`` is the one list: a type checker and the loader on first use read the same lines."""
    listed = ast.parse((REPOSITORY / "gankit/__init__.pyi").read_text(encoding="utf-8")).body
    names = [alias.asname for node in listed if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(names) == sorted(set(gankit.__all__) - {"__version__"})


def test_a_public_name_is_kept_once_found():
    """The second use costs no more than any attribute."""
    assert gankit.Recipe is vars(gankit)["Recipe"]


def test_every_module_says_what_it_is_for():
    """The folder tree is the architecture; each file opens with its idea."""
    assert [name_of(file) for file in CORE + PLUGINS if not ast.get_docstring(tree_of(file))] == []


def option_owners(plugins):
    """Every class whose fields are keys of a recipe."""
    yield from (Recipe, Pool, Latent, ModalitySpec, Edge, Augmentation, Training, *KINDS.values())
    yield from (plugins.registry.find(entry.name, entry.kind) for entry in plugins.registry.entries())


def test_every_recipe_key_has_a_help_text_and_a_type(plugins):
    """The schema, ``gankit components`` and editors show it."""
    for owner in option_owners(plugins):
        for field in attrs.fields(owner):
            assert field.metadata.get("help"), f"{owner.__name__}.{field.name}"
            assert field.type is not None, f"{owner.__name__}.{field.name}"


def test_every_component_says_what_it_is(plugins):
    """Components, and the modules that hold them, document themselves."""
    for entry in plugins.registry.entries():
        component = plugins.registry.find(entry.name, entry.kind)
        assert inspect.getdoc(component), entry.name
        assert importlib.import_module(component.__module__).__doc__, component.__module__
