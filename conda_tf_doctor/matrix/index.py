"""What pip's own index knows of TensorFlow's distributions: versions, and the metadata of single wheels.

pip is run as a command, so its configuration (mirrors, proxies, credentials) holds and no index is named here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

from ..errors import UsageError

# Platforms as pip names them. pip takes a manylinux tag as it is, and a macOS tag for all older ones as well.
_GLIBC = range(5, 46)
TAGS: dict[str, tuple[str, ...]] = {
    "win-64": ("win_amd64",),
    "win-arm64": ("win_arm64",),
    "linux-64": ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC)),
    "linux-aarch64": ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in _GLIBC)),
    "osx-64": ("macosx_26_0_x86_64",),
    "osx-arm64": ("macosx_26_0_arm64",),
}
_COMMON = ("--disable-pip-version-check", "--no-input", "--only-binary", ":all:", "--implementation", "cp")
_TIMEOUT = 600


class Wheel(NamedTuple):
    """One wheel as the index offers it.

    Attributes:
        platform: Conda subdir.
        python: Minor.
        file: Its name.
        requires: Requirements as declared.
        requires_python: As declared.
    """

    platform: str
    python: str
    file: str
    requires: tuple[str, ...] = ()
    requires_python: str = ""


def _pip(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", *args]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"pip gave no answer within {_TIMEOUT} s ({' '.join(args[:2])}); check its index") from error


def _refused(result: subprocess.CompletedProcess[str]) -> bool:
    """Tell a "there is none" of pip from a failure, which is raised.

    Raises:
        UsageError: pip could not ask its index.
    """
    if result.returncode == 0:
        return False
    if "No matching distribution" in result.stderr:
        return True
    lines = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    raise UsageError(f"pip could not ask its index: {lines[-1] if lines else 'no message'}")


def _target(platforms: list[str], python: str) -> list[str]:
    tags = [tag for platform in platforms for tag in TAGS[platform]]
    return ["--python-version", python, *(part for tag in tags for part in ("--platform", tag))]


def versions(distribution: str, platforms: list[str], python: str) -> set[str]:
    """Return the versions that have a wheel for a Python on one of the platforms, pre-releases included.

    Raises:
        UsageError: pip could not ask its index.
    """
    result = _pip("index", "versions", "--pre", *_COMMON, *_target(platforms, python), distribution)
    if _refused(result):
        return set()
    for line in result.stdout.splitlines():
        if line.startswith("Available versions:"):
            return {version.strip() for version in line.partition(":")[2].split(",")}
    return set()


def wheel(distribution: str, version: str, platform: str, python: str) -> Wheel | None:
    """Return the wheel for a Python on a platform, or None where there is none; nothing is installed.

    Raises:
        UsageError: pip could not ask its index.
    """
    with tempfile.TemporaryDirectory() as folder:
        how = ("--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--report", "-", "--target", folder)
        target = _target([platform], python)
        result = _pip("install", *how, *_COMMON, *target, f"{distribution}=={version}")
    if _refused(result):
        return None
    found: dict[str, Any] = json.loads(result.stdout)["install"][0]
    metadata = found["metadata"]
    return Wheel(
        platform,
        python,
        found["download_info"]["url"].rsplit("/", 1)[-1].partition("#")[0],
        tuple(metadata.get("requires_dist", ())),
        metadata.get("requires_python", ""),
    )


def download(distribution: str, version: str, platform: str, python: str, folder: str) -> None:
    """Download a wheel into a folder.

    Raises:
        UsageError: pip could not.
    """
    target = _target([platform], python)
    result = _pip("download", "--no-deps", "--quiet", "-d", folder, *_COMMON, *target, f"{distribution}=={version}")
    if _refused(result):
        raise UsageError(f"there is no wheel of {distribution} {version} for {platform} and Python {python}")
