"""What a venv shares with the Python that it was made from (PEP 405)."""

from __future__ import annotations

import os

from .. import reading


def settings(prefix: str) -> dict[str, str]:
    """Return the settings of ``pyvenv.cfg``, keys in lower case; empty where it cannot be read."""
    try:
        lines = reading.read_start(os.path.join(prefix, "pyvenv.cfg"), reading.SMALL).splitlines()
        return {key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    except OSError:
        return {}


def is_alone(prefix: str) -> bool:
    """Tell whether the venv sees neither the site-packages of its base nor the user site (``site.py`` drops both)."""
    return settings(prefix).get("include-system-site-packages", "").lower() != "true"
