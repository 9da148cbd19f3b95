"""``python -m gankit.processes.job_process MODULE ...``: run ``python -m MODULE ...``, and end when the parent ends.

The parent holds the other end of standard input. However the parent ends, SIGKILL included, that end closes. The job
then gets SIGINT, as if the user had pressed Ctrl-C. SIGUSR2, which a cluster sends to every process of a job that is at
its time limit, is for the parent.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _stop_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes ignore it
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
