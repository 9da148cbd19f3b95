"""gankit: compose, train and judge synthesizers of paired multi-modality images from a recipe file.

Every name a plugin or a notebook may import is listed here and loaded on first use, so ``import gankit`` is cheap
and brings in no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "files.atomic": ("write_bytes",),
    "networks.batch_norm": ("BatchNorm",),
    "cohort.cohort": ("Cohort", "Modality", "read_cohort", "write_cohort"),
    "plugin.components": (
        "AbstractAdversarialLoss",
        "AbstractCohortSource",
        "AbstractDiscriminator",
        "AbstractEncoder",
        "AbstractGenerator",
        "AbstractLoss",
        "AbstractMetric",
        "AbstractNetwork",
        "AbstractPairedLoss",
        "AbstractPhase",
        "AbstractTranslator",
        "AdversarialLoss",
        "PairedLoss",
    ),
    "_draws": ("Draws",),
    "_errors": (
        "CheckpointError",
        "CohortError",
        "GankitError",
        "InputError",
        "PluginError",
        "Problem",
        "RecipeError",
        "RunError",
    ),
    "evaluation.evaluation": ("Candidate", "Evaluation", "Reading"),
    "run.export": ("SyntheticSlice",),
    "plugin.hooks": ("hookimpl",),
    "evaluation.intervals": ("bootstrap",),
    "networks.layers": ("PixelNorm", "convolution", "doubling", "halving", "he_weights"),
    "run.model": ("Model", "load_model"),
    "plugin.options": ("option",),
    "training.phases": ("BatchSource",),
    "plugin.plugins": ("Plugins", "load_plugins"),
    "processes.ranks": ("mean_over_ranks",),
    "recipe.recipe": ("Edge", "ModalitySpec", "Recipe"),
    "recipe.file": ("load_recipe",),
    "plugin.registry": ("Registry",),
    "_shapes": ("LATENT", "SCORE", "Shape", "Shapes", "doublings", "halvings", "joined", "shape_text"),
    "cohort.fit": ("area_average",),
    "cohort.split": ("empty_strata", "split_patients"),
    "networks.synthesizer": ("Networks",),
    "training.train": ("RunResult", "train"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "__version__"])

if TYPE_CHECKING:
    from gankit._draws import Draws as Draws
    from gankit._errors import CheckpointError as CheckpointError
    from gankit._errors import CohortError as CohortError
    from gankit._errors import GankitError as GankitError
    from gankit._errors import InputError as InputError
    from gankit._errors import PluginError as PluginError
    from gankit._errors import Problem as Problem
    from gankit._errors import RecipeError as RecipeError
    from gankit._errors import RunError as RunError
    from gankit._shapes import LATENT as LATENT
    from gankit._shapes import SCORE as SCORE
    from gankit._shapes import Shape as Shape
    from gankit._shapes import Shapes as Shapes
    from gankit._shapes import doublings as doublings
    from gankit._shapes import halvings as halvings
    from gankit._shapes import joined as joined
    from gankit._shapes import shape_text as shape_text
    from gankit.cohort.cohort import Cohort as Cohort
    from gankit.cohort.cohort import Modality as Modality
    from gankit.cohort.cohort import read_cohort as read_cohort
    from gankit.cohort.cohort import write_cohort as write_cohort
    from gankit.cohort.fit import area_average as area_average
    from gankit.cohort.split import empty_strata as empty_strata
    from gankit.cohort.split import split_patients as split_patients
    from gankit.evaluation.evaluation import Candidate as Candidate
    from gankit.evaluation.evaluation import Evaluation as Evaluation
    from gankit.evaluation.evaluation import Reading as Reading
    from gankit.evaluation.intervals import bootstrap as bootstrap
    from gankit.files.atomic import write_bytes as write_bytes
    from gankit.networks.batch_norm import BatchNorm as BatchNorm
    from gankit.networks.layers import PixelNorm as PixelNorm
    from gankit.networks.layers import convolution as convolution
    from gankit.networks.layers import doubling as doubling
    from gankit.networks.layers import halving as halving
    from gankit.networks.layers import he_weights as he_weights
    from gankit.networks.synthesizer import Networks as Networks
    from gankit.plugin.components import AbstractAdversarialLoss as AbstractAdversarialLoss
    from gankit.plugin.components import AbstractCohortSource as AbstractCohortSource
    from gankit.plugin.components import AbstractDiscriminator as AbstractDiscriminator
    from gankit.plugin.components import AbstractEncoder as AbstractEncoder
    from gankit.plugin.components import AbstractGenerator as AbstractGenerator
    from gankit.plugin.components import AbstractLoss as AbstractLoss
    from gankit.plugin.components import AbstractMetric as AbstractMetric
    from gankit.plugin.components import AbstractNetwork as AbstractNetwork
    from gankit.plugin.components import AbstractPairedLoss as AbstractPairedLoss
    from gankit.plugin.components import AbstractPhase as AbstractPhase
    from gankit.plugin.components import AbstractTranslator as AbstractTranslator
    from gankit.plugin.components import AdversarialLoss as AdversarialLoss
    from gankit.plugin.components import PairedLoss as PairedLoss
    from gankit.plugin.hooks import hookimpl as hookimpl
    from gankit.plugin.options import option as option
    from gankit.plugin.plugins import Plugins as Plugins
    from gankit.plugin.plugins import load_plugins as load_plugins
    from gankit.plugin.registry import Registry as Registry
    from gankit.processes.ranks import mean_over_ranks as mean_over_ranks
    from gankit.recipe.file import load_recipe as load_recipe
    from gankit.recipe.recipe import Edge as Edge
    from gankit.recipe.recipe import ModalitySpec as ModalitySpec
    from gankit.recipe.recipe import Recipe as Recipe
    from gankit.run.export import SyntheticSlice as SyntheticSlice
    from gankit.run.model import Model as Model
    from gankit.run.model import load_model as load_model
    from gankit.training.phases import BatchSource as BatchSource
    from gankit.training.train import RunResult as RunResult
    from gankit.training.train import train as train


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gankit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gankit.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
