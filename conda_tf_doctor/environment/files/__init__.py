"""``check --file``: what a file asks for, before anything is installed.

Which kind of file it is, its text tells; its name does not count, so that a renamed or piped one works too.
"""

from __future__ import annotations

import os
import re

from ...errors import UsageError
from ..facts import Environment, Python
from .platforms import checked
from .text import as_mapping, load_json, read_text

_YAML_DEPENDENCIES = re.compile(r"^\s*[\"']?dependencies[\"']?\s*:", re.M)
_TOML = re.compile(
    r"^\s*\[+\s*(?:tool\.|workspace|project|dependencies|pypi-dependencies|feature|package|build-system)", re.M
)


def read_file(path: str, platform: str = "") -> Environment:
    """Read the packages that a file asks for.

    Known are environment.yml with its ``pip:`` section, explicit lists, ``conda list`` (as text, ``--json``,
    ``--export``), ``conda env export --json``, requirements.txt and ``pip freeze``, ``pip list``, conda-lock.yml,
    pixi.lock and pixi.toml.

    The platform is the one named, else the one that the file tells, else this machine's. Facts about this machine are
    not added: the file may be for another one.

    Args:
        path: The file; ``-`` is standard input.
        platform: Conda subdir (``win-64``).

    Raises:
        UsageError: The file cannot be read or is none of these, a field is wrong, or it is not for the platform.
    """
    platform = checked(platform)
    text = read_text(path)
    env = Environment("file", path if path == "-" else os.path.abspath(path))
    _dispatch(env, text, path, platform)
    python = env.conda("python")
    if python is not None:
        bits = 32 if env.platform.endswith("-32") else 64
        env.python = Python(python.version, bits, "", python.source)
    return env


def _dispatch(env: Environment, text: str, path: str, platform: str) -> None:
    from . import lists

    name = os.path.basename(path).lower()
    stripped = text.lstrip()
    if not stripped:
        raise UsageError(f"The file {path} is empty; name a file that lists packages.")
    if stripped[0] in "[{" and not _TOML.match(stripped):
        _json(env, stripped, path, platform)
    elif lists.is_explicit(text):
        lists.read_explicit(env, text, path, platform)
    elif lists.is_conda_list(text):
        lists.read_conda_list(env, text, path, platform)
    elif lists.is_pip_list(text):
        lists.read_pip_list(env, text, path, platform)
    elif name.endswith(".toml") or _TOML.search(text):
        from .pixi import read_pixi_toml

        read_pixi_toml(env, text, path, platform)
    elif name.endswith((".yml", ".yaml", ".lock")) or _YAML_DEPENDENCIES.search(text):
        _yaml(env, text, path, platform)
    elif lists.is_conda_export(text):
        lists.read_conda_export(env, text, path, platform)
    else:
        from .platforms import chosen
        from .requirements import read_requirements

        read_requirements(env, text, path, chosen(platform, (), path))


def _yaml(env: Environment, text: str, path: str, platform: str) -> None:
    from . import locks

    if locks.is_conda_lock(text):
        locks.read_conda_lock(env, text, path, platform)
    elif locks.is_pixi_lock(text):
        locks.read_pixi_lock(env, text, path, platform)
    else:
        from .conda_env import read_environment_yml

        read_environment_yml(env, text, path, platform)


def _json(env: Environment, text: str, path: str, platform: str) -> None:
    data = load_json(text, path)
    if isinstance(data, list):
        from .lists import read_json_list

        read_json_list(env, data, path, platform)
        return
    document = as_mapping(data, path, "the document")
    if "dependencies" in document:
        from .conda_env import read_environment_yml

        read_environment_yml(env, text, path, platform, document)
    elif "packages" in document and "platform" in document:
        raise UsageError(f"The file {path} is a collected report; check it with --report {path}.")
    else:
        raise UsageError(f"The file {path} cannot be used: this JSON is no list of packages and has no dependencies.")
