"""conda-tf-doctor: why TensorFlow does not import, and what repairs it."""

from __future__ import annotations

import os

__version__ = "0.1.0"


def is_installed() -> bool:
    """Tell whether this package was installed, and nobody edits its files: a checkout's project file lies beside it."""
    return not os.path.exists(os.path.join(os.path.dirname(os.path.dirname(__file__)), "pyproject.toml"))
