"""``gankit compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gankit._errors import RunError
from gankit.cli._group import plugins, set_option
from gankit.cli._judging import judging_options, show

if TYPE_CHECKING:
    from gankit.comparison.plan import Plan
    from gankit.processes.cluster import Where


@click.command
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("comparison"),
    show_default=True,
    help="Folder of the comparison.",
)
@set_option
@click.option(
    "--axis",
    "axes",
    multiple=True,
    metavar="KEY=VALUE,...",
    help="Compare the values of one key, which may begin with a network's name. May be given many times.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Training steps of every recipe.  [default: the recipe's]")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings of each method.")
@click.option(
    "--first-seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="training.seed of each method's first training; the others count up from it.",
)
@click.option(
    "--beside",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="comparison.json of an earlier comparison, or its folder: its methods join tables and tests without being"
    " trained or judged again. May be given many times.",
)
@judging_options()
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes at a time.")
@click.option(
    "--on",
    "where",
    type=click.Choice(["slurm", "local"]),
    help="Let jobs of Slurm train and measure each run; local: processes of this machine, to try a cluster file. The"
    " same command again shows where all stand, and makes the tables in the end.",
)
@click.option(
    "--cluster",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --on: TOML file of what a job asks for: partition, hours, gpus, ...  [default: cluster.toml]",
)
@click.option("-n", "--dry-run", is_flag=True, help="Print the plan, and with --on where all stand, and stop.")
@click.pass_context
def compare(
    context: click.Context,
    recipes: tuple[str, ...],
    out: Path,
    jobs: int,
    where: Where | None,
    cluster: Path | None,
    dry_run: bool,
    **planned: Any,
) -> None:
    """Train every RECIPE, judge what comes out, and test the differences.

    \b
        gankit compare mpmri-quick mpmri-no-auxiliary-quick --seeds 3 --jobs 2
        gankit compare adc-only --axis adc_decoder.factor=1,2,4,8,16 --dry-run

    Ctrl-C stops it; to go on, run the same command again. Writes report.html, and comparison.json, .md and .tex.
    A finished run of another machine counts when its directory is copied to runs/ in the folder. With --on, jobs of a
    cluster do the work, and this command returns at once.
    """
    from gankit.comparison.compare import Stopped, carry_out, failures, plan_comparison
    from gankit.comparison.comparison import Comparison
    from gankit.comparison.on_cluster import carry_out_on, stands
    from gankit.evaluation.tables import comparison_lines
    from gankit.processes.cluster import CLUSTER_FILE, read_cluster

    if where is None and cluster is not None:
        raise click.UsageError("--cluster goes with --on: it says what jobs ask a cluster for")
    if where is not None and context.get_parameter_source("jobs") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--jobs is for this machine; with --on, at_once in the cluster file says how many run")
    asked = None if where is None else read_cluster(cluster or Path(CLUSTER_FILE))
    plan = plan_comparison(recipes, out, plugins=plugins(), **planned)
    if dry_run:
        judging = plan.judging
        files = judging.cohort or judging.fresh or judging.external
        if files or judging.label or judging.modalities or plan.beside:
            Comparison.of(plan, plugins())  # so that what the user names is checked now
        click.echo("\n".join(_planned(plan)))
        if where is not None and asked is not None:
            click.echo("\n".join(map(str, stands(where, asked, plan, plugins=plugins()))))
        return
    try:
        if where is not None and asked is not None:
            standings, result = carry_out_on(where, asked, plan, plugins=plugins())
            click.echo("\n".join(map(str, standings)))
        else:
            result = carry_out(plan, jobs=jobs, plugins=plugins())
    except (Stopped, KeyboardInterrupt) as stop:
        number = stop.signal if isinstance(stop, Stopped) else 2
        click.echo("stopped; what is finished is kept. To go on, run the same command again", err=True)
        raise SystemExit(128 + number) from stop
    if result is None:
        click.echo("jobs go on by themselves; run the same command again to see where they stand, and for the tables")
        return
    show(comparison_lines(result), result)
    click.echo(f"{result.note}")
    click.echo(f"{out / 'report.html'}; tables alone in comparison.md, .tex and .json")
    if (failed := failures(result)) is not None:
        raise RunError(failed)


def _planned(plan: Plan) -> list[str]:
    """The plan in lines: warnings, how far each run is, and what will be measured."""
    lines = [f"warning: {warning}" for warning in plan.warnings()]
    for run in plan.runs:
        standing = plan.standing(run)
        word = "trained" if standing.trained else f"to train from step {standing.steps}"
        lines.append(f"{run.name}: {word}, {standing.wanted} steps")
    for earlier in plan.beside:
        names = ", ".join(method.name for method in earlier.result.methods)
        lines.append(f"beside, from {earlier.file}: {names}")
    sets = plan.judging.sample_sets
    rows = len(plan.runs)
    counted = [
        f"{number} {what if number == 1 else what + 's'}" for number, what in ((rows, "row"), (sets.count, "set"))
    ]
    lines.append(f"{' of '.join(counted)} of {sets.size} slices to measure, and rows of real slices beside")
    lines.append(f"metrics: {', '.join(plan.metrics)}")
    return lines
