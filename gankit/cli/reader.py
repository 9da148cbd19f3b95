"""``gankit reader``."""

from __future__ import annotations

from pathlib import Path

import click

from gankit.cli._group import PluginGroup

reader = PluginGroup(
    name="reader",
    words="reader",
    commands_at={name: f"gankit.cli.reader:{name}" for name in ("make", "score")},
    help="""Let readers tell real from synthetic slices, and score their answers.

\b
    gankit reader make patients.safetensors runs/mpmri -n 60 --readers 3 -o study
    gankit reader score study/*.json""",
)


@click.command
@click.argument("real", type=click.Path(path_type=Path))
@click.argument("synthetic", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-n", "--count", type=int, default=60, show_default=True, help="Cases, half of them real.")
@click.option("--readers", type=int, default=3, show_default=True, help="Readers, each with a page and an order.")
@click.option(
    "--repeats", type=int, help="Cases shown twice, for intra-reader agreement.  [default: a sixth of the cases]"
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="New folder to write into.")
@click.option(
    "--questions",
    type=click.Path(path_type=Path),
    help="TOML file that chooses the questions.  [default: origin, lesion, quality]",
)
@click.option(
    "--label", metavar="NAME|none", help="Label by which cases are balanced.  [default: the first that all have]"
)
@click.option("--modalities", multiple=True, metavar="NAME,...", help="Modalities to show.  [default: all]")
@click.option(
    "--split",
    default="test",
    show_default=True,
    metavar="test|validation|train|all",
    help="Split that real cases are drawn from.",
)
@click.option("-s", "--seed", type=int, default=0, show_default=True, help="Seed of cases and orders.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where models compute.")
def make(
    real: Path,
    synthetic: tuple[Path, ...],
    count: int,
    readers: int,
    repeats: int | None,
    out: Path,
    questions: Path | None,
    label: str | None,
    modalities: tuple[str, ...],
    split: str,
    seed: int,
    device: str,
) -> None:
    """Make a reader study of REAL and SYNTHETIC slices: a page for each reader, and the answer key apart from them.

    \b
        gankit reader make patients.safetensors runs/mpmri -n 60 --readers 3 -o study
        gankit reader make phantom mpmri-demo synthetic.safetensors -n 60 -o study

    REAL is a cohort file, a recipe, whose cohort is taken, or a cohort that a plugin makes, as 'phantom'. Each
    SYNTHETIC is a run directory, a model, or a cohort file. Readers open OUT/pages/reader-N.html from a double click,
    and send back the file that the page saves. Keep OUT/key from them.
    """
    from gankit.cli._group import plugins
    from gankit.reader.design import ReaderDesign
    from gankit.reader.make import make_reader_study

    names = tuple(each.strip() for part in modalities for each in part.split(",") if each.strip())
    chosen = {} if repeats is None else {"repeats": repeats}
    design = ReaderDesign(
        count=count, readers=readers, label=label, modalities=names, split=split, seed=seed, device=device, **chosen
    )
    key = make_reader_study(real, synthetic, out, design=design, questions=questions, plugins=plugins())
    by_source = {source.name: sum(case.source == source.name for case in key.cases) for source in key.sources}
    click.echo(f"study {key.study}: " + ", ".join(f"{number} cases of {name}" for name, number in by_source.items()))
    if key.questions.lesion is not None and len(values := {case.label or 0 for case in key.cases}) == 1:
        unknown = "specificity" if max(values) > 0 else "sensitivity"
        click.echo(f"every case has {key.label} = {values.pop()}, so {unknown} for lesions cannot be measured")
    pages = "1 page" if readers == 1 else f"{readers} pages"
    click.echo(f"{out / 'pages'}: {pages}, one a reader; {key.repeats} cases are shown twice")
    click.echo(f"{out / 'key'}: the answer key; keep it from the readers")


@click.command
@click.argument("answers", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="The answer key.  [default: key/key.json beside ANSWERS]")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder to write into.  [default: score beside key]")
def score(answers: tuple[Path, ...], key: Path | None, out: Path | None) -> None:
    """Score the ANSWERS of the readers of one study, the files that their pages have saved.

    \b
        gankit reader score study/*.json

    Writes score.json, and the tables as score.md, score.tex and score.html: accuracy against chance, AUC by confidence,
    lesions and their places, ratings, and agreement, each with its interval.
    """
    from gankit.reader.key import read_key
    from gankit.reader.score import key_file, score_readers
    from gankit.reader.score_tables import verdicts

    found = key_file(answers[0]) if key is None else key
    folder = found.parent.parent / "score" if out is None else out
    scored = score_readers(answers, key=found, out=folder)
    click.echo("\n".join(verdicts(scored, read_key(found))))
    click.echo(f"{folder / 'score.html'}; score.md, score.tex and score.json have the same figures")
