"""Reads the channel's YAML into package records: one entry of the data stands for many builds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parent.parent / "tests" / "data" / "channel"
KNOWN = {"version", "versions", "build", "on", "python", "depends", "constrains", "track", "dist", "kind", "tag"}


class Build(NamedTuple):
    """One package to be made.

    Attributes:
        channel: ``conda-forge``, ``pkgs/main`` or ``inhouse``.
        platform: Conda subdir.
        record: What goes into ``index.json`` and, with sizes and hashes, into ``repodata.json``.
        python: Python's minor version (``3.10``) where the build is for one; empty otherwise.
        dist: Name of the Python distribution that it carries; empty where it carries none.
        kind: ``vc-runtime`` for the packages that carry the Visual C++ runtime; empty otherwise.
    """

    channel: str
    platform: str
    record: dict[str, Any]
    python: str
    dist: str
    kind: str

    @property
    def filename(self) -> str:
        """The archive's file name."""
        return "{name}-{version}-{build}.tar.bz2".format(**self.record)


def _build_number(build: str) -> int:
    """Return the number that ends a build string (``h1234567_4``, ``hd12c33e_0_cpython``)."""
    return next((int(part) for part in reversed(build.split("_")) if part.isdigit()), 0)


def _python_depends(minor: str) -> list[str]:
    major, low = minor.split(".")
    tag = f"cp{major}{low}" + ("m" if minor == "3.7" else "")
    return [f"python >={minor},<{major}.{int(low) + 1}.0a0", f"python_abi {minor}.* *_{tag}"]


def _expand(channel: str, name: str, entry: dict[str, Any]) -> Iterator[Build]:
    unknown = set(entry) - KNOWN
    if unknown:
        raise ValueError(f"channel data, {channel} {name}: unknown field {', '.join(sorted(unknown))}")
    noarch = {"any": "python", "any-data": "generic"}.get(entry["on"]) if isinstance(entry["on"], str) else None
    for version in entry.get("versions") or [entry["version"]]:
        for minor in entry.get("python") or [""]:
            tag = minor.replace(".", "")
            build = str(entry["build"]).replace("{py}", tag)
            depends = [str(spec).replace("{py}", tag) for spec in entry.get("depends") or ()]
            if minor:
                # Anaconda's own channel pins Python by its version alone.
                depends += _python_depends(minor) if channel == "conda-forge" else _python_depends(minor)[:1]
            record: dict[str, Any] = {
                "name": name,
                "version": str(version),
                "build": build,
                "build_number": _build_number(build),
                "depends": sorted(depends),
                "constrains": list(entry.get("constrains") or ()),
                "license": "metadata only",
                "timestamp": 1700000000000,
            }
            if noarch:
                record["noarch"] = noarch
            if entry.get("track"):
                record["track_features"] = entry["track"]
            carries = bool(minor) or noarch == "python" or "dist" in entry
            dist = str(entry.get("dist", name if carries else "none"))
            for platform in ["noarch"] if noarch else entry["on"]:
                yield Build(
                    channel,
                    platform,
                    {**record, "subdir": platform},
                    minor or str(entry.get("tag", "")),
                    "" if dist == "none" else dist,
                    str(entry.get("kind", "")),
                )


def read_builds(folder: Path = DATA) -> list[Build]:
    """Return every build that the channel data describes.

    Raises:
        ValueError: An entry has a field that is not known, or two entries make the same file.
    """
    from ruamel.yaml import YAML

    builds: dict[tuple[str, str, str], Build] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        channel = document.pop("channel")
        for name, entries in document.items():
            for entry in entries:
                for build in _expand(channel, name, entry):
                    key = (channel, build.platform, build.filename)
                    if key in builds:
                        raise ValueError(f"channel data, {path.name}: {build.filename} is there twice")
                    builds[key] = build
    return list(builds.values())
