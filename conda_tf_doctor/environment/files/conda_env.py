"""``environment.yml``: what conda, mamba and micromamba create environments from."""

from __future__ import annotations

from typing import Any

from ...errors import UsageError
from ...reading import load_yaml
from ..facts import Environment, Package
from .platforms import SELECTOR, chosen, selected, told_by
from .requirements import packages, pip_section
from .specs import all_of, conda_package
from .text import FORMS, as_list, as_mapping


def _without_others(text: str, platform: str) -> str:
    """Empty the lines whose selector (``# [win]``) names another platform."""
    lines = []
    for line in text.split("\n"):
        matched = SELECTOR.search(line)
        lines.append("" if matched and not selected(matched.group(1), platform) else line)
    return "\n".join(lines)


def _dependencies(data: dict[str, Any], path: str) -> tuple[list[tuple[str, str]], list[object]]:
    """Return the MatchSpecs with their places, and pip's requirements."""
    specs: list[tuple[str, str]] = []
    pip: list[object] = []
    for place, item in enumerate(as_list(data["dependencies"], path, "dependencies"), 1):
        where = f"item {place} of dependencies"
        if isinstance(item, dict):
            others = [f"{key}: {value}" for key, value in item.items() if key != "pip"]
            if others:
                raise UsageError(
                    f"The file {path} cannot be used: {where} is {others[0]!r}, which is neither a text such as "
                    "'python=3.10' nor the pip section."
                )
            pip += as_list(item.get("pip"), path, f"{where} (pip)")
        elif isinstance(item, str):
            if item.strip():
                specs.append((item, where))
        else:
            raise UsageError(f"The file {path} cannot be used: {where} has to be a text such as 'python=3.10'.")
    return specs, pip


def _conda_packages(data: dict[str, Any], path: str, strict: bool) -> tuple[list[Package], list[object]]:
    specs, pip = _dependencies(data, path)
    channels = [str(channel) for channel in as_list(data.get("channels"), path, "channels")]
    found: dict[str, list[Package]] = {}
    for text, where in specs:
        package = conda_package(text, channels, path, where, strict)
        found.setdefault(package.name, []).append(package)
    return [each[0] if len(each) == 1 else all_of(each) for each in found.values()], pip


def is_export(packages: list[Package]) -> bool:
    """Tell whether a file is what ``conda env export`` printed: nearly every package of it has version and build."""
    whole = sum(bool(package.version and package.build and not package.spec) for package in packages)
    return len(packages) >= 8 and whole >= 0.9 * len(packages)


def read_environment_yml(env: Environment, text: str, path: str, platform: str, data: Any = None) -> None:
    """Read an environment.yml, or the document that ``conda env export --json`` prints.

    Args:
        env: Receives the packages.
        text: The file's text; not looked at where ``data`` is given.
        path: The file.
        platform: What the user named; may be empty.
        data: The document, where it was parsed already.

    Raises:
        UsageError: A field is not what it has to be.
    """
    parsed = load_yaml(text, path) if data is None else data
    mapping = as_mapping(parsed, path, "the document")
    if "dependencies" not in mapping:
        raise UsageError(
            f"The file {path} cannot be used: an environment.yml has a list named dependencies; what can be read "
            f"is {FORMS}."
        )
    offered = [str(name) for name in as_list(mapping.get("platforms"), path, "platforms")]
    found, pip = _conda_packages(mapping, path, env.strict)
    selective = data is None and any(SELECTOR.search(line) for line in text.split("\n"))
    if not platform and not offered:
        # A file with selectors is for several platforms, whatever it names.
        platform = told_by([] if selective else found, str(mapping.get("prefix") or ""))
    platform = chosen(platform, offered, path)
    if selective:
        mapping = as_mapping(load_yaml(_without_others(text, platform), path), path, "the document")
        found, pip = _conda_packages({"dependencies": [], **mapping}, path, env.strict)
    env.platform = platform
    env.partial = not is_export(found)
    env.add(found)
    python = env.conda("python")
    version = python.version if python else ""
    env.add(packages(pip_section(pip, path), platform, version))


def conda_specs(text: str, path: str, platform: str) -> tuple[list[str], list[str]]:
    """Return the MatchSpecs that an environment.yml has for conda on a platform, and the channels that it names.

    Raises:
        UsageError: A field is not what it has to be.
    """
    mapping = load_yaml(_without_others(text, platform), path)
    if not isinstance(mapping, dict) or not isinstance(mapping.get("dependencies"), list):
        return [], []
    specs = [spec for spec in mapping["dependencies"] if isinstance(spec, str)]
    return specs, [str(channel) for channel in as_list(mapping.get("channels"), path, "channels")]
