"""Writes environments as files, of any platform on any platform: what conda and pip leave, without payload."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.images import executable
from tools.wheels import dist_info

CHANNELS = {
    "conda-forge": "https://conda.anaconda.org/conda-forge/{subdir}",
    "defaults": "https://repo.anaconda.com/pkgs/main/{subdir}",
}


def make_prefix(folder: Path, platform: str, python: str = "3.10.13", build: str = "h0_0_cpython") -> Path:
    """Make an environment that has a Python and nothing else.

    Args:
        folder: The prefix.
        platform: Conda subdir.
        python: Python's version; empty makes an environment without one.
        build: Build string of Python's record.
    """
    (folder / "conda-meta").mkdir(parents=True)
    (folder / "conda-meta" / "history").write_text("", encoding="utf-8")
    if not python:
        return folder
    image = executable(platform)
    if platform.startswith("win"):
        (folder / "python.exe").write_bytes(image)
        (folder / "Library" / "bin").mkdir(parents=True)
    else:
        minor = ".".join(python.split(".")[:2]) + ("t" if build.endswith("t") else "")
        (folder / "bin").mkdir()
        (folder / "bin" / f"python{minor}").write_bytes(image)
        put_link(folder / "bin" / "python", f"python{minor}")
    site_packages(folder, platform, python, build).mkdir(parents=True)
    add_record(folder, platform, "python", python, build)
    return folder


def put_link(place: Path, target: str) -> None:
    """Write a symbolic link beside its target; on Windows, where not everybody may, a second name."""
    if os.name == "nt":
        os.link(place.with_name(target), place)
    else:
        place.symlink_to(target)


def link_folder(place: Path, target: Path) -> None:
    """Have a folder under a second name: a symbolic link, on Windows a junction, which everybody may make."""
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(target), str(place))
    else:
        place.symlink_to(target, target_is_directory=True)


def site_packages(folder: Path, platform: str, python: str = "3.10.13", build: str = "") -> Path:
    """Return where an environment's Python looks for packages."""
    if platform.startswith("win"):
        return folder / "Lib" / "site-packages"
    free = "t" if build.endswith("t") else ""
    return folder / "lib" / f"python{'.'.join(python.split('.')[:2])}{free}" / "site-packages"


def record(
    platform: str, name: str, version: str, build: str = "0", channel: str = "conda-forge", **fields: Any
) -> dict[str, Any]:
    """Return a record as conda writes one, its keys in alphabetical order."""
    subdir = "noarch" if fields.get("noarch") else platform
    document = {
        "build": build,
        "build_number": 0,
        "channel": CHANNELS.get(channel, channel).format(subdir=subdir),
        "constrains": [],
        "depends": [],
        "extracted_package_dir": f"/opt/conda/pkgs/{name}-{version}-{build}",
        "files": [],
        "fn": f"{name}-{version}-{build}.conda",
        "name": name,
        "paths_data": {"paths": [], "paths_version": 1},
        "requested_spec": "None",
        "subdir": subdir,
        "timestamp": 1700000000000,
        "version": version,
        **fields,
    }
    return dict(sorted(document.items()))


def add_record(
    folder: Path,
    platform: str,
    name: str,
    version: str,
    build: str = "0",
    channel: str = "conda-forge",
    distribution: str = "",
    **fields: Any,
) -> Path:
    """Add conda's record of a package, and the dist-info that a Python package brings.

    Args:
        folder: The prefix.
        platform: Conda subdir.
        name: Conda's name.
        version: Version.
        build: Build string.
        channel: ``conda-forge``, ``defaults``, or a URL.
        distribution: Name of its Python distribution; empty where it is none.
        fields: Fields of the record.
    """
    if distribution:
        target = _existing_site_packages(folder)
        content = dist_info(distribution, version, installer="conda")
        _write(target, content)
        below = target.relative_to(folder).as_posix()
        kept = {"path_type": "hardlink", "sha256": "0" * 64}
        paths = [{"_path": f"{below}/{path}", **kept, "size_in_bytes": len(data)} for path, data in content.items()]
        fields = {
            "files": [each["_path"] for each in paths],
            "paths_data": {"paths": paths, "paths_version": 1},
            **fields,
        }
    path = folder / "conda-meta" / f"{name}-{version}-{build}.json"
    document = record(platform, name, version, build, channel, **fields)
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return path


def add_dist(folder: Path, name: str, version: str, **about: Any) -> Path:
    """Add a distribution as pip leaves it, without taking away an older one; arguments are those of `dist_info`."""
    target = _existing_site_packages(folder)
    _write(target, dist_info(name, version, **about))
    return next(iter(target.glob(f"{name.replace('-', '_')}-{version}.dist-info")))


def _existing_site_packages(folder: Path) -> Path:
    # By its spelling: macOS and Windows have one folder of either.
    if "Lib" in os.listdir(folder):
        return folder / "Lib" / "site-packages"
    return next(iter(sorted(folder.glob("lib/python*/site-packages"))))


def _write(folder: Path, content: Mapping[str, bytes]) -> None:
    for path, data in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
