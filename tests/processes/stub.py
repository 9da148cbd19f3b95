"""``python -m tests.processes.stub WORD FILE``: a process that behaves as ``test_jobs`` needs it to."""

import signal
import sys
import time
from pathlib import Path


def main(word: str, file: Path) -> None:
    """``fail`` prints and exits with 3; ``wait`` writes down each SIGINT, ends at the first unless ``stubborn``."""
    if word == "fail":
        print("first line\nlast line\n")
        sys.exit(3)
    if word == "quick":
        began = time.time()
        time.sleep(0.3)
        file.write_text(f"{began} {time.time()}")
        return

    def note(number: int, _: object) -> None:
        with file.open("a") as log:
            log.write("told\n")
        if word != "stubborn":
            sys.exit(130)

    signal.signal(signal.SIGINT, note)
    file.write_text("")
    time.sleep(60)
    time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
