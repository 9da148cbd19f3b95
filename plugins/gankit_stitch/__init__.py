"""The StitchLayer and generators that end in it (paper Sec. II-B, Eq. 7, Figs. 4 and 8).

``stitch``, ``unstitch``, ``StitchLayer`` and ``path_for`` load torch when first asked for.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gankit import Registry, hookimpl

if TYPE_CHECKING:
    import torch

    from gankit_stitch._paths import path_for as path_for
    from gankit_stitch._stitch import StitchLayer as StitchLayer
    from gankit_stitch._stitch import stitch as stitch
    from gankit_stitch._stitch import unstitch as unstitch
    from gankit_stitch.decoder import StitchDecoder as StitchDecoder
    from gankit_stitch.residual import ResidualGenerator as ResidualGenerator
    from gankit_stitch.style import StyleGenerator as StyleGenerator

_HOMES = {
    "ResidualGenerator": "gankit_stitch.residual",
    "StitchDecoder": "gankit_stitch.decoder",
    "StitchLayer": "gankit_stitch._stitch",
    "StyleGenerator": "gankit_stitch.style",
    "path_for": "gankit_stitch._paths",
    "stitch": "gankit_stitch._stitch",
    "unstitch": "gankit_stitch._stitch",
}

__all__ = [
    "ResidualGenerator",
    "StitchDecoder",
    "StitchLayer",
    "StyleGenerator",
    "path_for",
    "stitch",
    "unstitch",
]


@hookimpl
def register_components(registry: Registry) -> None:
    """Register the generators."""
    registry.add("generator", "residual-generator", "gankit_stitch.residual:ResidualGenerator")
    registry.add("generator", "stitch-decoder", "gankit_stitch.decoder:StitchDecoder")
    registry.add("generator", "style-generator", "gankit_stitch.style:StyleGenerator")


@hookimpl
def op_paths() -> Mapping[str, str]:
    from gankit_stitch import _bench

    return _bench.op_paths()


@hookimpl
def kernels(device: "torch.device") -> Mapping[str, Callable[[], Mapping[str, Callable[[], object]]]]:
    from gankit_stitch import _bench

    return _bench.kernels(device)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
