"""First weights of networks, read from files that the recipe names in ``[weights]``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gankit._errors import InputError, said
from gankit.files.documents import parse_json
from gankit.files.paths import is_file
from gankit.files.tensor_file import verified_tensors
from gankit.networks.stored_weights import described, not_finite, widened
from gankit.networks.synthesizer import Networks


@torch.no_grad()
def read_first_weights(networks: Networks) -> None:
    """Read the weights of each network that ``[weights]`` names into it.

    A file is safetensors: a checkpoint or a model of gankit that has a network of the same name, or the ``state_dict``
    of this network alone. Weights are never pickled.

    Raises:
        InputError: a file is missing, cannot be read or is damaged, or has no weights that fit the network.
    """
    for name, path in networks.recipe.weights.items():
        own = networks[name].state_dict()
        stored = widened(_stored(path, name, own.keys(), f"weights.{name}"), own)
        for key, tensor in own.items():
            if (found := described(stored[key])) != (wanted := described(tensor)):
                raise InputError(
                    f"weights.{name}: {key!r} is {found} in {path}, but {wanted} in this recipe; give the network the"
                    " options with which it was trained"
                )
        if (bad := not_finite({key: stored[key] for key in own})) is not None:
            raise InputError(f"weights.{name}: {bad!r} has NaN or infinite values in {path}; name an earlier file")
        for key, tensor in own.items():
            tensor.copy_(stored[key])


def _stored(path: Path, name: str, keys: Iterable[str], where: str) -> dict[str, Tensor]:
    """The tensors of a network in a file, by key of its ``state_dict``."""
    if not is_file(path):
        raise InputError(f"{where}: no such file {path}; name a checkpoint, a model or a state_dict as .safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            header = parse_json((file.metadata() or {}).get("gankit", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if isinstance(header, dict) and header:  # gankit wrote it
            verified_tensors(tensors, header, path)
    except (SafetensorError, ValueError, OSError) as error:
        raise InputError(f"{where}: {path} cannot be read as .safetensors ({said(error)})") from error
    for prefix in (f"network.{name}.", f"{name}.", ""):
        stored = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        if set(keys) <= stored.keys():
            return stored
    has = sorted({key.removeprefix("network.").partition(".")[0] for key in tensors})
    raise InputError(
        f"{where}: {path} has no weights of a network {name!r} with the parts of this one; it has {', '.join(has)}"
    )
