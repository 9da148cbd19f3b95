"""gankit: compose, train and judge synthesizers of paired multi-modality images from a recipe file.

Every name a plugin or a notebook may import is listed here and loaded on first use, so ``import gankit`` is cheap
and brings in no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "_atomic": ("write_bytes",),
    "_batch_norm": ("BatchNorm",),
    "_cohort": ("Cohort", "Modality", "read_cohort", "write_cohort"),
    "_components": (
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
    "_evaluation": ("Candidate", "Evaluation", "Reading"),
    "_export": ("SyntheticSlice",),
    "_hooks": ("hookimpl",),
    "_intervals": ("bootstrap",),
    "_layers": ("PixelNorm", "convolution", "doubling", "halving", "he_weights"),
    "_model": ("Model", "load_model"),
    "_options": ("option",),
    "_phases": ("BatchSource",),
    "_plugins": ("Plugins", "load_plugins"),
    "_ranks": ("mean_over_ranks",),
    "_recipe": ("Edge", "ModalitySpec", "Recipe"),
    "_recipe_file": ("load_recipe",),
    "_registry": ("Registry",),
    "_shapes": ("LATENT", "SCORE", "Shape", "Shapes", "doublings", "halvings", "joined", "shape_text"),
    "_resident": ("area_average",),
    "_split": ("empty_strata", "split_patients"),
    "_synthesizer": ("Networks",),
    "_train": ("RunResult", "train"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "__version__"])

if TYPE_CHECKING:
    from gankit._atomic import write_bytes as write_bytes
    from gankit._batch_norm import BatchNorm as BatchNorm
    from gankit._cohort import Cohort as Cohort
    from gankit._cohort import Modality as Modality
    from gankit._cohort import read_cohort as read_cohort
    from gankit._cohort import write_cohort as write_cohort
    from gankit._components import AbstractAdversarialLoss as AbstractAdversarialLoss
    from gankit._components import AbstractCohortSource as AbstractCohortSource
    from gankit._components import AbstractDiscriminator as AbstractDiscriminator
    from gankit._components import AbstractEncoder as AbstractEncoder
    from gankit._components import AbstractGenerator as AbstractGenerator
    from gankit._components import AbstractLoss as AbstractLoss
    from gankit._components import AbstractMetric as AbstractMetric
    from gankit._components import AbstractNetwork as AbstractNetwork
    from gankit._components import AbstractPairedLoss as AbstractPairedLoss
    from gankit._components import AbstractPhase as AbstractPhase
    from gankit._components import AbstractTranslator as AbstractTranslator
    from gankit._components import AdversarialLoss as AdversarialLoss
    from gankit._components import PairedLoss as PairedLoss
    from gankit._draws import Draws as Draws
    from gankit._errors import CheckpointError as CheckpointError
    from gankit._errors import CohortError as CohortError
    from gankit._errors import GankitError as GankitError
    from gankit._errors import InputError as InputError
    from gankit._errors import PluginError as PluginError
    from gankit._errors import Problem as Problem
    from gankit._errors import RecipeError as RecipeError
    from gankit._errors import RunError as RunError
    from gankit._evaluation import Candidate as Candidate
    from gankit._evaluation import Evaluation as Evaluation
    from gankit._evaluation import Reading as Reading
    from gankit._export import SyntheticSlice as SyntheticSlice
    from gankit._hooks import hookimpl as hookimpl
    from gankit._intervals import bootstrap as bootstrap
    from gankit._layers import PixelNorm as PixelNorm
    from gankit._layers import convolution as convolution
    from gankit._layers import doubling as doubling
    from gankit._layers import halving as halving
    from gankit._layers import he_weights as he_weights
    from gankit._model import Model as Model
    from gankit._model import load_model as load_model
    from gankit._options import option as option
    from gankit._phases import BatchSource as BatchSource
    from gankit._plugins import Plugins as Plugins
    from gankit._plugins import load_plugins as load_plugins
    from gankit._ranks import mean_over_ranks as mean_over_ranks
    from gankit._recipe import Edge as Edge
    from gankit._recipe import ModalitySpec as ModalitySpec
    from gankit._recipe import Recipe as Recipe
    from gankit._recipe_file import load_recipe as load_recipe
    from gankit._registry import Registry as Registry
    from gankit._resident import area_average as area_average
    from gankit._shapes import LATENT as LATENT
    from gankit._shapes import SCORE as SCORE
    from gankit._shapes import Shape as Shape
    from gankit._shapes import Shapes as Shapes
    from gankit._shapes import doublings as doublings
    from gankit._shapes import halvings as halvings
    from gankit._shapes import joined as joined
    from gankit._shapes import shape_text as shape_text
    from gankit._split import empty_strata as empty_strata
    from gankit._split import split_patients as split_patients
    from gankit._synthesizer import Networks as Networks
    from gankit._train import RunResult as RunResult
    from gankit._train import train as train


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gankit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gankit.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
