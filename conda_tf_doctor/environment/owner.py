"""Which tool an environment belongs to, where that is neither conda nor pip: its own commands change it."""

from __future__ import annotations

import os
import re

from .. import reading
from .._typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .facts import Environment

# The folder of a workspace below which its environments are, and the manifests that each tool looks for, in its order.
_MANIFESTS = {
    ".pixi": ("pixi.toml", "pyproject.toml"),
    ".conda": ("conda.toml", "pixi.toml", "pyproject.toml"),
}
# What makes a workspace of a file; the bare one of a pyproject.toml is another thing.
_TABLE = re.compile(r"^[ \t]*\[(tool\.(?:conda|pixi)\.)?(?:workspace|project)[\].]", re.M)


class Workspace(NamedTuple):
    """The workspace that an environment is made from.

    Attributes:
        tool: ``pixi``, or ``conda`` for conda-workspaces.
        manifest: The manifest's path.
        environment: The environment's name in it.
    """

    tool: str
    manifest: str
    environment: str


def workspace_of(prefix: str) -> Workspace | None:
    """Return the workspace of an environment, which is made anew from its manifest; ``None`` where it has none."""
    envs, name = os.path.split(prefix.rstrip(os.sep))
    folder, kind = os.path.split(os.path.dirname(envs))
    told = os.path.join(prefix, "conda-meta", "pixi")
    if os.path.isfile(told):
        return _of_pixi(told) or _below(folder, ".pixi", name)
    # Conda itself keeps environments in ~/.conda/envs.
    return _below(folder, kind, name) if kind == ".conda" and os.path.basename(envs) == "envs" else None


def _below(folder: str, kind: str, name: str) -> Workspace | None:
    manifests = (os.path.join(folder, manifest) for manifest in _MANIFESTS[kind])
    found = next(filter(_has_workspace, manifests), "")
    return Workspace(kind[1:], found, name) if found else None


def _of_pixi(told: str) -> Workspace | None:
    """Return what pixi has written into an environment, which may lie far from its workspace."""
    try:
        data = reading.load_json(reading.read_text(told, reading.SMALL))
        manifest, name = data["manifest_path"], data["environment_name"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Workspace("pixi", manifest, name) if isinstance(manifest, str) and os.path.isfile(manifest) else None


def _has_workspace(path: str) -> bool:
    try:
        tables = _TABLE.findall(reading.read_text(path))
    except OSError:
        return False
    return any(nested or not path.endswith("pyproject.toml") for nested in tables)


def lacks_pip(env: Environment) -> bool:
    """Tell whether an environment is a venv in which ``python -m pip`` starts nothing."""
    settings = reading.venv_settings(env.path) if env.is_venv and env.pip("pip") is None else {}
    return bool(settings) and settings.get("include-system-site-packages", "").lower() != "true"


def is_of_uv(prefix: str) -> bool:
    """Tell whether uv made a virtual environment: it puts no pip into it."""
    return "uv" in reading.venv_settings(prefix)
