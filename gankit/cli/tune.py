"""``gankit tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gankit.cli._group import plugins, set_option
from gankit.cli._judging import judging_options

if TYPE_CHECKING:
    from gankit.tuning.result import TuningResult


@click.command
@click.argument("recipe")
@click.option(
    "--over",
    multiple=True,
    required=True,
    metavar="KEY=SPEC",
    help="Search one key of the recipe: LOW..HIGH, LOW..HIGH:STEP, log:LOW..HIGH or A|B|C. May be given many times.",
)
@click.option("--by", required=True, metavar="METRIC.READING", help="Reading that decides, as frechet.fd.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("tuning"),
    show_default=True,
    help="Folder of the study.",
)
@click.option(
    "--trials", type=click.IntRange(min=1), default=20, show_default=True, help="Trials, those of before included."
)
@set_option
@click.option("--steps", type=click.IntRange(min=1), help="Training steps of a trial.  [default: the recipe's]")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings of each trial.")
@click.option(
    "--first-seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="training.seed of each trial's first training; report other seeds than these.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the values that are tried, of the patients that are held out, and of the evaluation.",
)
@click.option(
    "--validation",
    type=float,
    metavar="SHARE",
    help="Share of the train patients to hold out where the cohort has no validation split.  [default: 0.2]",
)
@judging_options("options", "modalities", "label", "sets", "per_set", "replicates", "device")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Trials at a time.")
def tune(recipe: str, out: Path, trials: int, jobs: int, **planned: Any) -> None:
    """Search settings of RECIPE by a reading on validation slices; test slices are not read.

    \b
        gankit tune mpmri-quick --over phases.unsupervised.learning_rate=log:1e-4..2e-3 \\
            --over training.batch=8|16|32 --by frechet.fd --trials 20 -o tuning/mpmri

    Ctrl-C stops it; to go on, run the same command again, as with more --trials. The same command in several processes
    or on several machines that share the folder makes one study. Writes best.toml, a recipe with the best values, and
    every trial to trials.md and trials.csv.
    """
    from gankit.comparison.compare import Stopped
    from gankit.tuning.plan import plan_study
    from gankit.tuning.tune import carry_out_study

    study = plan_study(recipe, out=out, plugins=plugins(), **planned)
    try:
        result = carry_out_study(study, trials, jobs=jobs, plugins=plugins())
    except (Stopped, KeyboardInterrupt) as stop:
        number = stop.signal if isinstance(stop, Stopped) else 2
        click.echo("stopped; what is finished is kept. To go on, run the same command again", err=True)
        raise SystemExit(128 + number) from stop
    click.echo("\n".join(_lines(result)))


def _lines(result: TuningResult) -> list[str]:
    """What came out: how many trials, the best values, and what to do with them."""
    counts = {state: sum(trial.state == state for trial in result.trials) for state in ("measured", "failed", "begun")}
    words = {"measured": "measured", "failed": "failed", "begun": "at work in another process"}
    said = ", ".join(f"{count} {words[state]}" for state, count in counts.items() if count)
    lines = [f"{result.folder}: {len(result.trials)} trials, {said}; all of them in trials.md and trials.csv"]
    if (best := result.best) is None:
        return lines
    lines.append(f"best is trial {best.number}: {result.aim.id} {best.reading:.4g} ({result.aim.said})")
    lines += [f"  {key} = {value}" for key, value in best.values.items()]
    lines.append(f"{result.slices}; no test slice was read. Train with these values, and judge that once:")
    lines.append(f"  gankit train {result.folder / 'best.toml'}")
    return lines
