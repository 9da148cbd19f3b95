"""``python -m gankit.comparison.worker FOLDER [ROW...]``: measure what is missing in a comparison, of these rows alone.

Several such processes work side by side; each takes the sets that no other measures.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs

from gankit._errors import GankitError
from gankit.comparison.comparison import Comparison
from gankit.comparison.plan import read_plan
from gankit.evaluation.rows import judge_in, measured
from gankit.plugin.plugins import load_plugins
from gankit.processes.progress import say


def work(folder: Path, rows: Sequence[str] = ()) -> None:
    """Measure every set that no other process measures; of these ``rows``, where any is given."""
    plugins = load_plugins()
    plan = read_plan(folder, plugins)
    comparison = Comparison.of(plan, plugins)
    judge = judge_in(folder, comparison.evaluation, plan.metrics, plugins)
    judge = attrs.evolve(judge, say=partial(say, quiet=False))
    for subject in comparison.subjects(plugins):
        if rows and subject.name not in rows:
            continue
        for number in range(subject.sets):
            measured(subject, number, judge, wait=False)


if __name__ == "__main__":
    try:
        work(Path(sys.argv[1]), sys.argv[2:])
    except GankitError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
