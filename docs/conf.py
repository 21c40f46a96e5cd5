"""How Sphinx builds the documentation; `python3 dev.py docs` lays the generated pages beside it and runs it."""

from __future__ import annotations

import re
from pathlib import Path

_version = Path(__file__).parent / "version"
project = "conda-tf-doctor"
author = "the conda-tf-doctor contributors"
release = _version.read_text(encoding="utf-8").strip() if _version.is_file() else ""
version = re.sub(r"\.\d+$", "", release)

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["generated-schemas.md"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "conda_sphinx_theme"
html_title = "conda-tf-doctor"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "icon_links": [
        {"name": "Source", "url": "https://github.com/conda-tf-doctor/conda-tf-doctor", "icon": "fa-brands fa-github"}
    ],
    "show_prev_next": True,
}
html_context = {
    "github_user": "conda-tf-doctor",
    "github_repo": "conda-tf-doctor",
    "github_version": "main",
    "doc_path": "docs",
}
