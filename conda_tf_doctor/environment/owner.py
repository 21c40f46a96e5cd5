"""Which tool an environment belongs to, where that is neither conda nor pip: its own commands change it."""

from __future__ import annotations

import os

from ..reading import venv_settings


def pixi_manifest(prefix: str) -> str:
    """Return the manifest of the pixi workspace that an environment is made from; empty where it is none of pixi's."""
    if not os.path.exists(os.path.join(prefix, "conda-meta", "pixi")):
        return ""
    workspace = prefix.rpartition(f"{os.sep}.pixi{os.sep}")[0]
    paths = [os.path.join(workspace, name) for name in ("pixi.toml", "pyproject.toml")] if workspace else []
    return next(filter(os.path.isfile, paths), "")


def is_of_uv(prefix: str) -> bool:
    """Tell whether uv made a virtual environment: it puts no pip into it."""
    return "uv" in venv_settings(prefix)
