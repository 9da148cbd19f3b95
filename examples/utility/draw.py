"""Draw the utility curve of an evaluation as a PNG: ``python draw.py EVALUATION PICTURE.png``."""

import sys
from io import BytesIO

from matplotlib.figure import Figure
from PIL import Image

from gankit import EvaluationResult, ReadingCurve, Row, read_evaluation

CURVE = ReadingCurve(
    title="AUC on fresh patients (digital phantom)",
    pattern="fresh.{line}.{at}.auc",
    axis="real training patients, %",
)
WORDS = {"alone": "real slices alone", "augmented": "augmented", "added": "mpmri-demo's slices added"}


def lines(row: Row) -> dict[str, list[tuple[float, float, float, float]]]:
    """Line to its points: amount, mean, and both ends of the interval."""
    found = {each.name: each for each in row.summary if each.metric == "utility" and each.interval is not None}
    return {
        line: [(at, found[name].mean, *found[name].interval) for at, name in points.items()]
        for line, points in CURVE.lines(found).items()
    }


def draw(result: EvaluationResult, file: str) -> None:
    """The lines of the model, and that of fresh real slices in the place of its own."""
    model = next(row for row in result.rows if row.kind == "model")
    shown = [(WORDS[name], points, "-") for name, points in lines(model).items()]
    shown.append(("as many fresh real slices added", lines(result.row("real"))["added"], "--"))
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, points, style) in enumerate(shown):
        at, mean, low, high = zip(*points, strict=True)
        aside = [each * 1.02 ** (number - 1.5) for each in at]  # so that intervals stand side by side
        bars = [
            [m - end for m, end in zip(mean, low, strict=True)],
            [end - m for m, end in zip(mean, high, strict=True)],
        ]
        axes.errorbar(aside, mean, bars, fmt=f"o{style}", markersize=3.5, linewidth=1.3, elinewidth=1, label=name)
    axes.set(xscale="log", xlabel=CURVE.axis, ylabel="AUC", title=CURVE.title)
    axes.set_xticks([point[0] for point in shown[0][1]], [f"{point[0]:g}" for point in shown[0][1]])
    axes.minorticks_off()
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(content := BytesIO(), dpi=100)
    Image.open(content).convert("RGB").quantize(32, dither=0).save(file, "png", optimize=True)


if __name__ == "__main__":
    draw(read_evaluation(sys.argv[1]), sys.argv[2])
