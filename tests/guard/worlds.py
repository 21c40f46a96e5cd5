"""The environments of the scenarios, as users have them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.wheels import pip_install_tensorflow


class World(NamedTuple):
    """How an environment came about.

    Attributes:
        specs: What conda installed.
        pip: Version of the TensorFlow that pip installed then; empty for none.
        stack: Of its companions, those that differ; `None` where conda's is there already.
        channels: More channels.
        subdir: Platform; empty for this machine's.
        asked: What the user is on record to have asked for; `None` for all of the specs.
    """

    specs: tuple[str, ...] = ()
    pip: str = ""
    stack: Mapping[str, str | None] = {}
    channels: tuple[str, ...] = ()
    subdir: str = ""
    asked: tuple[str, ...] | None = None


def _conda_has(*names: str) -> dict[str, str | None]:
    return dict.fromkeys(names)


WORLDS = {
    "nothing": World(),
    "plain": World(("python=3.10", "attrs=23.1")),
    "pip 2.10 with CUDA": World(
        ("python=3.10", "numpy=1.26", "cudatoolkit=11.2", "cudnn=8.1", "h5py", "protobuf=3.20"),
        "2.10.0",
        _conda_has("numpy", "h5py", "protobuf"),
    ),
    "pip 2.10 beside numpy 2": World(("python=3.10", "numpy=2.0", "h5py"), "2.10.0", _conda_has("numpy", "h5py")),
    "pip 2.10 alone": World(("python=3.10",), "2.10.0"),
    "pip 2.15": World(
        ("python=3.10", "numpy=1.26", "h5py", "protobuf=4", "scipy=1.11", "keras=2.15", "ml_dtypes=0.2"),
        "2.15.0",
        _conda_has("numpy", "h5py", "protobuf", "keras", "ml-dtypes"),
    ),
    "pip 2.15 beside keras 3": World(
        ("python=3.10", "numpy=1.26", "h5py", "protobuf=4", "keras=3"),
        "2.15.0",
        _conda_has("numpy", "h5py", "protobuf", "keras", "ml-dtypes", "absl-py"),
    ),
    "pip 2.15 alone": World(("python=3.10",), "2.15.0"),
    "in-house 2.10": World(("python=3.10", "tensorflow=2.10", "protobuf=3.20", "attrs=23.1"), channels=("inhouse",)),
    "conda 2.10, GPU": World(("python=3.10", "tensorflow-gpu=2.10"), asked=("python",)),
    "conda 2.10, CPU": World(("python=3.10", "tensorflow=2.10=cpu*")),
    "conda 2.10": World(("python=3.10", "tensorflow=2.10", "attrs=23.1")),
    "win pip 2.10 with CUDA": World(
        ("python=3.10", "vc14_runtime=14.38", "cudatoolkit=11.2", "cudnn=8.1"), "2.10.0", subdir="win-64"
    ),
    "win pip 2.10, defaults": World(
        ("python=3.10", "vs2015_runtime=14.27"), "2.10.0", channels=("defaults",), subdir="win-64"
    ),
    "win pip 2.19": World(("python=3.10", "vc14_runtime=14.44"), "2.19.0", subdir="win-64"),
    "win pip 2.15": World(("python=3.10", "vc14_runtime=14.44"), "2.15.0", subdir="win-64"),
}


HISTORY = """==> 2024-01-01 00:00:00 <==
# cmd: conda create
# conda version: 24.7.1
# update specs: {specs}
"""


def build(name: str, make_env: Callable[..., Path]) -> Path:
    """Make an environment called `env` whose history names packages, but no versions.

    With versions in its history, conda itself would refuse most of what the guard is for.
    """
    world = WORLDS[name]
    prefix = make_env("env", *world.specs, subdir=world.subdir or None, channels=world.channels)
    if world.pip:
        pip_install_tensorflow(prefix, world.pip, stack=world.stack)
    names = [re.split("[=<>]", spec)[0] for spec in (world.specs if world.asked is None else world.asked)]
    (prefix / "conda-meta" / "history").write_text(HISTORY.format(specs=names), encoding="utf-8")
    return prefix


def installed(prefix: Path) -> dict[str, str]:
    """Return name → version of conda's records."""
    records = (json.loads(path.read_text(encoding="utf-8")) for path in (prefix / "conda-meta").glob("*.json"))
    return {record["name"]: record["version"] for record in records}


def moved(document: dict[str, Any], how: str) -> list[dict[str, Any]]:
    """Return the records that a dry run's document links (`LINK`) or unlinks (`UNLINK`)."""
    actions = document.get("actions")
    return list(actions.get(how, ())) if isinstance(actions, dict) else []


def planned(prefix: Path, document: dict[str, Any]) -> dict[str, str]:
    """Return name → version as a dry run's document leaves them."""
    versions = installed(prefix) if prefix.is_dir() else {}
    for record in moved(document, "UNLINK"):
        versions.pop(record["name"], None)
    versions.update({record["name"]: record["version"] for record in moved(document, "LINK")})
    return versions
