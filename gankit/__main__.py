"""``python -m gankit``, the same as ``gankit``."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the current folder, whose modules need not be those that are installed
    from gankit.cli import main

    main()
