"""``pixi.toml`` and ``conda.toml``, and the ``[tool.pixi]`` and ``[tool.conda]`` tables of a pyproject.toml."""

from __future__ import annotations

from typing import Any

from ...errors import UsageError
from ..facts import Environment, Package
from .platforms import chosen
from .projects import EXTRAS, GROUPS, OWN, has_tensorflow, requirements
from .requirements import Line, packages
from .specs import conda_package, python_package
from .text import as_list, as_mapping

_TABLES = ("host-dependencies", "dependencies")
# Where a project's own requirements stand among a feature's tables; a bare key of TOML has no blank.
_OWN = "the project's own"


def manifest(data: dict[str, Any], path: str) -> dict[str, Any] | None:
    """Return a workspace's tables (pixi.toml, conda.toml, or those in a pyproject.toml); ``None`` for others."""
    tool = as_mapping(data.get("tool"), path, "tool")
    for name in ("pixi", "conda"):
        if name in tool:
            return as_mapping(tool[name], path, f"tool.{name}")
    is_manifest = "workspace" in data or ("dependencies" in data and "project" in data) or "pypi-dependencies" in data
    return data if is_manifest else None


def with_project(tables: dict[str, Any], data: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a workspace's tables with the requirements of the project in whose pyproject.toml they stand.

    Its own are the default feature's, by pip; those of an extra or a group are those of the feature of that name.

    Raises:
        UsageError: A field of the project is not what it has to be.
    """
    if tables is data:
        return tables
    features = {**as_mapping(tables.get("feature"), path, "feature")}
    found = requirements(data, path)
    for way, lines in found.items():
        if way[:-1] in (EXTRAS, GROUPS):
            feature = as_mapping(features.get(way[-1]), path, f"feature.{way[-1]}")
            features[way[-1]] = {**feature, _OWN: [*feature.get(_OWN, ()), *lines]}
    requires = as_mapping(data.get("project"), path, "project").get("requires-python")
    return {"requires-python": requires, **tables, "feature": features, _OWN: found[OWN]}


def own_lines(tables: dict[str, Any], path: str) -> list[Line]:
    """Return the project's requirements that belong to the environment that is read."""
    return [line for _, table in _tables(tables, path) for line in table.get(_OWN, ())]


def read_pixi_toml(env: Environment, data: dict[str, Any], path: str, platform: str) -> None:
    """Read the environment of a workspace's manifest that has TensorFlow: ``default`` where that is one of them.

    Args:
        env: Receives the packages.
        data: The manifest's tables.
        path: The file.
        platform: What the user named; may be empty.

    Raises:
        UsageError: A field is not what it has to be.
    """
    workspace = as_mapping(data.get("workspace") or data.get("project"), path, "workspace")
    channels = [_channel(item) for item in as_list(workspace.get("channels"), path, "workspace.channels")]
    offered = [_platform(item) for item in as_list(workspace.get("platforms"), path, "workspace.platforms")]
    env.platform = chosen(platform, offered, path)
    env.partial = True
    tables = _tables(data, path)
    conda: dict[str, tuple[Any, str]] = {}
    pip: dict[str, tuple[Any, str]] = {}
    lines = own_lines(data, path)
    for where, table in tables:
        options = as_mapping(table.get("pypi-options"), path, f"{where}pypi-options")
        env.overrides = env.overrides or bool(options.get("dependency-overrides"))
        for scope, section in _scopes(table, where, env.platform, path):
            for name in _TABLES:
                for key, spec in as_mapping(section.get(name), path, f"{scope}{name}").items():
                    conda[key] = (spec, f"{scope}{name}.{key}")
            for key, spec in as_mapping(section.get("pypi-dependencies"), path, f"{scope}pypi-dependencies").items():
                pip[key] = (spec, f"{scope}pypi-dependencies.{key}")
    # Pixi's priority is strict unless the manifest says otherwise.
    strict = workspace.get("channel-priority", "strict") == "strict"
    env.add([_conda(key, spec, channels, path, where, strict) for key, (spec, where) in conda.items()])
    if env.conda("python") is None and isinstance(data.get("requires-python"), str):
        python = python_package(data["requires-python"], path)
        env.add([python] if python else [])
    python = env.conda("python")
    lines += [line for key, (spec, where) in pip.items() for line in _pip(key, spec, path, where)]
    env.add(packages(lines, env.platform, python.version if python else ""))


def _channel(item: Any) -> str:
    return str(item.get("channel", "")) if isinstance(item, dict) else str(item)


def _platform(item: Any) -> str:
    return str(item.get("platform", "")) if isinstance(item, dict) else str(item)


def _tables(data: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    features = as_mapping(data.get("feature"), path, "feature")
    environments = {"default": [], **as_mapping(data.get("environments"), path, "environments")}
    choices = []
    for name, value in environments.items():
        listed = value.get("features", []) if isinstance(value, dict) else value
        bare = isinstance(value, dict) and value.get("no-default-feature") is True
        tables = [] if bare else [("", data)]
        for feature in as_list(listed, path, f"environments.{name}"):
            if feature not in features and feature != "default":
                raise UsageError(
                    f"The file {path} cannot be used: environments.{name} names no such feature: {feature!r}."
                )
            if feature != "default":
                tables.append((f"feature.{feature}.", as_mapping(features[feature], path, f"feature.{feature}")))
        choices.append(tables)
    # Only the tables of dependencies can name TensorFlow; the tasks of a manifest may speak of it too.
    telling = [tables for tables in choices if any(_names_tensorflow(table) for _, table in tables)]
    return (telling or choices)[0]


def _names_tensorflow(table: dict[str, Any]) -> bool:
    targets = table.get("target")
    sections = [table, *(targets.values() if isinstance(targets, dict) else ())]
    if has_tensorflow(table.get(_OWN, ())):
        return True
    named = [s.get(name) for s in sections if isinstance(s, dict) for name in (*_TABLES, "pypi-dependencies")]
    return any("tensorflow" in key for each in named if isinstance(each, dict) for key in each)


def _scopes(table: dict[str, Any], where: str, platform: str, path: str) -> list[tuple[str, dict[str, Any]]]:
    """Return a feature's own tables and those of its targets, the more special ones last."""
    system = platform.split("-")[0]
    names = [*(["unix"] if system in ("linux", "osx") else []), system, platform]
    targets = as_mapping(table.get("target"), path, f"{where}target")
    special = [
        (f"{where}target.{name}.", as_mapping(targets.get(name), path, f"{where}target.{name}")) for name in names
    ]
    return [(where, table), *special]


def _conda(name: str, spec: Any, channels: list[str], path: str, where: str, strict: bool) -> Package:
    if isinstance(spec, str):
        return conda_package(f"{name} {_space_free(spec)}", channels, path, where, strict)
    fields = as_mapping(spec, path, where)
    text = f"{name} {_space_free(str(fields.get('version') or '*'))} {fields.get('build') or ''}".strip()
    channel = str(fields.get("channel") or "")
    return conda_package(text, [channel] if channel else channels, path, where, strict)


def _space_free(spec: str) -> str:
    return "".join(spec.split()) or "*"


def _pip(name: str, spec: Any, path: str, where: str) -> list[Line]:
    if isinstance(spec, str):
        version = _space_free(spec)
    else:
        fields = as_mapping(spec, path, where)
        version = _space_free(str(fields.get("version") or "*"))
        extras = [str(extra) for extra in as_list(fields.get("extras"), path, f"{where}.extras")]
        name += f"[{','.join(extras)}]" if extras else ""
    if version == "*":
        return [Line(name, path, where)]
    return [Line(name + (version if version[0] in "<>=!~" else f"=={version}"), path, where)]
