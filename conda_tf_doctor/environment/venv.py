"""What a venv shares with the Python that it was made from (PEP 405)."""

from __future__ import annotations

from ..reading import venv_settings


def is_alone(prefix: str) -> bool:
    """Tell whether the venv sees neither the site-packages of its base nor the user site (``site.py`` drops both)."""
    return venv_settings(prefix).get("include-system-site-packages", "").lower() != "true"
