"""``python -m gankit.comparison.worker FOLDER``: measure what is missing in a comparison.

Several such processes work side by side; each takes the sets that no other measures.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import attrs

from gankit._errors import GankitError
from gankit.comparison.comparison import Comparison
from gankit.comparison.plan import read_plan
from gankit.evaluation.rows import judge_in, measured
from gankit.plugin.plugins import load_plugins
from gankit.processes.progress import say


def work(folder: Path) -> None:
    """Measure every set that no other process measures."""
    plugins = load_plugins()
    plan = read_plan(folder, plugins)
    comparison = Comparison.of(plan, plugins)
    judge = judge_in(folder, comparison.evaluation, plan.metrics, plugins)
    judge = attrs.evolve(judge, say=partial(say, quiet=False))
    for subject in comparison.subjects(plugins):
        for number in range(subject.sets):
            measured(subject, number, judge, wait=False)


if __name__ == "__main__":
    try:
        work(Path(sys.argv[1]))
    except GankitError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
