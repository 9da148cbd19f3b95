"""How the documentation is built: ``sphinx-build -W docs build/docs``. Nothing is fetched, then or when it is read."""

import importlib.metadata

project = "gankit"
author = "The gankit authors"
release = importlib.metadata.version("gankit")
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"gankit {release}"
html_copy_source = False
html_show_copyright = False
