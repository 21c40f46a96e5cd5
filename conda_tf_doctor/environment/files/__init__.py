"""``check --file``: what a file asks for, before anything is installed.

Which kind of file it is, its text tells; its name does not count, so that a renamed or piped one works too.
"""

from __future__ import annotations

import os
import re

from ...errors import UsageError
from ...reading import load_toml
from ...shell import quoted
from ..channels import checked
from ..facts import Environment, Python
from . import lists, locks, pixi, projects, python_locks
from .conda_env import read_environment_yml
from .lists import read_json_list
from .platforms import chosen
from .python_locks import read_pipfile_lock
from .requirements import lines_of, read_requirements
from .text import FORMS, as_mapping, load_json, read_text, unknown

_YAML_DEPENDENCIES = re.compile(r"^[ \t]*[\"']?dependencies[\"']?[ \t]*:", re.M)
_UV_SOURCE = re.compile(r"^source\s*=\s*\{\s*(?:registry|editable|virtual|git|url|path|directory)\s*=", re.M)
_FLOW = re.compile(r"\{\s*[a-z]+[ \t]*:")
_LOCK = re.compile(r"^(?:version|metadata|packages?):[ \t]*(?:\d+[ \t]*)?$", re.M)
_INI = re.compile(r"\[[\w.:*@/ -]*[A-Za-z][\w.:*@/ -]*\][ \t]*(?:[#;].*)?\n\s*[\w.-]+[ \t]*[=:]")
_TOML = re.compile(
    r"^[ \t]*\[{1,2}[ \t]*(?:tool\.|workspace|project|dependencies|pypi-dependencies|feature|package|dev-package"
    r"|build-system|source|metadata\]|dependency-groups)|^(?:lock-version|requires-python)\s*=",
    re.M,
)


def read_file(path: str, platform: str = "", strict: bool = False) -> Environment:
    """Read the packages that a file asks for.

    Known are :data:`.text.FORMS`.

    The platform is the one named, else the one that the file tells, else this machine's. Facts about this machine are
    not added: the file may be for another one.

    Args:
        path: The file; ``-`` is standard input.
        platform: Conda subdir (``win-64``).
        strict: Whether conda's channel priority is strict.

    Raises:
        UsageError: The file cannot be read or is none of these, a field is wrong, or it is not for the platform.
    """
    platform = checked(platform)
    text = read_text(path)
    env = Environment("file", path if path == "-" else os.path.abspath(path))
    env.strict = strict
    _dispatch(env, text, path, platform)
    python = env.conda("python")
    if python is not None:
        bits = 32 if env.platform.endswith("-32") else 64
        env.python = Python(python.version, bits, "", python.source)
    return env


def _dispatch(env: Environment, text: str, path: str, platform: str) -> None:
    name = os.path.basename(path).lower()
    # A pasted list stands between fences.
    text = re.sub(r"^[ \t]*```[\w-]*[ \t]*$", "", text, flags=re.M)
    stripped = text.lstrip()
    if not stripped:
        raise UsageError(f"The file {path} is empty; name a file that lists packages.")
    if stripped.startswith(("{%", "{{", "{#")):
        raise UsageError(f"The file {path} is a template; fill it in, and check what comes out.")
    is_toml = name.endswith(".toml") or name == "pipfile" or _TOML.search(text) is not None
    is_ini = name == "setup.cfg" or projects.is_setup_cfg(text)
    # YAML's mappings may be written with braces, and without JSON's quotes.
    is_flow = _FLOW.match(stripped) is not None
    if stripped[0] in "[{" and not is_toml and not is_ini and not is_flow:
        if _INI.match(stripped):
            raise unknown(path, "INI file")
        _json(env, stripped, path, platform)
    elif lists.is_explicit(text):
        lists.read_explicit(env, text, path, platform)
    elif lists.is_conda_list(text):
        lists.read_conda_list(env, text, path, platform)
    elif lists.is_pixi_list(text):
        lists.read_pixi_list(env, text, path, platform)
    elif lists.is_pip_list(text):
        lists.read_pip_list(env, text, path, platform)
    elif is_ini:
        projects.read_setup_cfg(env, text, path, platform)
    elif is_toml:
        _toml(env, text, path, platform)
    elif is_flow or name.endswith((".yml", ".yaml")) or _YAML_DEPENDENCIES.search(text) or _LOCK.search(text):
        _yaml(env, text, path, platform)
    elif lists.is_conda_export(text):
        lists.read_conda_export(env, text, path, platform)
    elif name.endswith((".py", ".ipynb")):
        raise UsageError(f"The file {path} is a program, no list of packages; what can be read is {FORMS}.")
    else:
        try:
            read_requirements(env, text, path, chosen(platform, (), path))
        except UsageError as error:
            if "Traceback (most recent call last)" in text:
                raise UsageError(
                    f"The file {path} is an error text; give it to `conda-tf-doctor explain {quoted(path)}`."
                ) from None
            first = next(iter(lines_of(text, path))).where
            # A file that begins so, or is called otherwise, is none of pip's.
            odd = f"{path} cannot be used: {first} is no" in str(error) or not name.endswith((".txt", ".in", "-"))
            raise UsageError(f"{error} What can be read is {FORMS}." if odd else str(error)) from None


def _toml(env: Environment, text: str, path: str, platform: str) -> None:
    data = load_toml(text, path)
    metadata = data.get("metadata")
    manifest = pixi.manifest(data, path)
    if manifest is not None:
        pixi.read_pixi_toml(env, pixi.with_project(manifest, data, path), path, platform)
    elif "lock-version" in data:
        python_locks.read_pylock(env, data, path, platform)
    elif isinstance(metadata, dict) and {"lock-version", "lock_version"} & set(metadata):
        python_locks.read_poetry_lock(env, data, path, platform)
    elif "package" in data and ("requires-python" in data or _UV_SOURCE.search(text)):
        python_locks.read_uv_lock(env, data, path, platform)
    elif {*projects.PROJECT, "packages", "dev-packages"} & set(data):
        projects.read_project(env, data, path, platform)
    else:
        raise unknown(path, "TOML")


def _yaml(env: Environment, text: str, path: str, platform: str) -> None:
    if locks.is_conda_lock(text):
        locks.read_conda_lock(env, text, path, platform)
    elif locks.is_pixi_lock(text):
        locks.read_pixi_lock(env, text, path, platform)
    else:
        read_environment_yml(env, text, path, platform)


def _json(env: Environment, text: str, path: str, platform: str) -> None:
    data = load_json(text, path)
    if isinstance(data, list):
        read_json_list(env, data, path, platform)
        return
    document = as_mapping(data, path, "the document")
    if isinstance(document.get("dependencies"), list):
        read_environment_yml(env, text, path, platform, document)
    elif "_meta" in document and "default" in document:
        read_pipfile_lock(env, document, path, platform)
    elif "packages" in document and "platform" in document:
        raise UsageError(f"The file {path} is a collected report; check it with --report {path}.")
    else:
        raise unknown(path, "JSON")
