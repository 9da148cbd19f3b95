"""``python -m gankit.tuning.worker FOLDER TRIALS``: make trials of a study until it has so many.

Several such processes work side by side; each takes trials that no other has.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gankit._errors import GankitError
from gankit.comparison.compare import Stopped
from gankit.plugin.plugins import load_plugins
from gankit.tuning.begun import begin_again
from gankit.tuning.tune import work

if __name__ == "__main__":
    try:
        work(begin_again(Path(sys.argv[1]), load_plugins()), int(sys.argv[2]), quiet=False)
    except GankitError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (Stopped, KeyboardInterrupt) as stop:
        sys.exit(128 + (stop.signal if isinstance(stop, Stopped) else 2))
