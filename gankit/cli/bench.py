"""``gankit bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gankit._errors import InputError
from gankit.cli._group import plugins, set_option
from gankit.files.tables import Table, print_table

if TYPE_CHECKING:
    import torch

    from gankit.networks.bench import Slot
    from gankit.recipe.recipe import Recipe


@click.command
@click.option("--recipe", metavar="RECIPE", help="Measure components in a recipe, a TOML file or a shipped one.")
@click.option("--slot", metavar="NETWORK", help="The network of the recipe in whose place they are measured.")
@set_option
@click.option("--paths", is_flag=True, help="Say which code serves each operator on each device, and stop.")
@click.option("--batch", type=click.IntRange(min=1), help="Samples at a time.  [default: training.batch of the recipe]")
@click.option("--rounds", type=click.IntRange(min=1), default=10, show_default=True, help="Rounds of the medians.")
@click.option("--threads", "count", type=click.IntRange(min=1), help="Threads on a CPU.  [default: torch's choice]")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where to compute.")
@click.pass_context
def bench(
    context: click.Context,
    recipe: str | None,
    slot: str | None,
    overrides: tuple[str, ...],
    paths: bool,
    batch: int | None,
    rounds: int,
    count: int | None,
    device: str,
) -> None:
    """Time the installed kernels, or every component that fits one place of a recipe.

    \b
        gankit bench
        gankit bench --paths
        gankit bench --recipe mpmri-quick --slot t2w_translator --threads 1

    Components have their default options, beside the recipe's own. Each round times all of them once.
    """
    if paths:
        given = [name for name in context.params if name != "paths" and _is_given(context, name)]
        if given:
            raise InputError(f"`{given[0]}` goes without `paths`, which measures nothing; leave one of them out")
        _print_paths()
        return
    chosen = _checked(recipe, slot, overrides, batch)
    from gankit.networks.bench import slot_of, threads
    from gankit.processes.device import choose_device

    where = choose_device(device)
    with threads(count):
        if chosen is None:
            _print_kernels(where, rounds)
        else:
            name, loaded = chosen
            _print_costs(slot_of(loaded, name, plugins().registry), batch or loaded.training.batch, where, rounds)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _checked(
    recipe: str | None, slot: str | None, overrides: tuple[str, ...], batch: int | None
) -> tuple[str, Recipe] | None:
    """The slot and its recipe; None where neither is given, so that kernels are timed."""
    from gankit.recipe.file import load_recipe

    if recipe is None:
        given = [option for option, value in (("--slot", slot), ("--set", overrides), ("--batch", batch)) if value]
        if given:
            raise InputError(f"{given[0]} needs a recipe, as in --recipe mpmri-quick --slot t2w_translator")
        return None
    loaded = load_recipe(recipe, overrides, plugins())
    if slot is None:
        raise InputError(f"--recipe {recipe} needs one of its networks, --slot NAME: {', '.join(loaded.networks)}")
    return slot, loaded


def _print_paths() -> None:
    served = plugins().op_paths()
    if not served:
        click.echo("no installed plugin has operators of its own; torch serves everything")
    for op, sentence in served.items():
        click.echo(f"{op}: {sentence}")


def _print_kernels(device: torch.device, rounds: int) -> None:
    from gankit.networks.bench import interleaved

    offered = plugins().kernels(device)
    if not offered:
        raise InputError("no installed plugin has kernels to time; give --recipe and --slot to time components")
    click.echo(f"{_device_text(device)}; medians of {rounds} interleaved rounds")
    for title, prepare in offered.items():
        taken = interleaved(prepare(), device, rounds)
        first = next(iter(taken))
        rows = [(name, f"{1e3 * seconds:.4g}", f"{seconds / taken[first]:.2f}") for name, seconds in taken.items()]
        click.echo()
        print_table(Table(title="", columns=(title, "ms", f"times {first}"), rows=tuple(rows)))


def _print_costs(slot: Slot, batch: int, device: torch.device, rounds: int) -> None:
    from gankit._shapes import joined, shape_text
    from gankit.networks.bench import costs

    recipe = slot.recipe
    source, target = (shape_text(joined(end)) for end in recipe.ends()[slot.name][0])
    memory = "torch.cuda.max_memory_allocated" if device.type == "cuda" else "live tensors, not operators' scratch"
    click.echo(
        f"{recipe.name}, {recipe.networks[slot.name].kind} {slot.name}: {source} -> {target}, batch {batch},"
        f" {recipe.training.precision}\n"
        f"{_device_text(device)}; medians of {rounds} interleaved rounds\n"
        "forward: evaluation, without graph; both: forward and backward to weights and input; GFLOP: forward,\n"
        f"convolutions and matrix products; peak MB: weights and gradients included ({memory})\n"
    )
    rows = [
        (
            label,
            f"{cost.parameters:,}",
            f"{cost.forward_flops / 1e9:.4g}",
            f"{1e3 * cost.forward_s:.4g}",
            f"{1e3 * cost.training_s:.4g}",
            f"{cost.peak_bytes / 1e6:.4g}",
        )
        for label, cost in costs(slot, batch, device, rounds).items()
    ]
    columns = ("component", "parameters", "GFLOP", "ms forward", "ms both", "peak MB")
    print_table(Table(title="", columns=columns, rows=tuple(rows)))
    for name, reason in slot.misfits.items():
        click.echo(f"{name}: left out; {reason}")


def _device_text(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    count = torch.get_num_threads()
    return f"cpu, {count} thread{'s' if count > 1 else ''}, torch {torch.__version__}"
