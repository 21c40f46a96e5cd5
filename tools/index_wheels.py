"""Real binaries for tests: wheels of any platform from the index, unpacked once and kept.

Only what a loader or the doctor looks at is kept (libraries, metadata, TensorFlow's ``build_info.py``); the wheel
itself is thrown away. The cache is ``.dev/wheels``, or the folder that ``TF_DOCTOR_CACHE`` names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tools.workshop import CACHE, locked

_KEPT = re.compile(
    r"\.(?:dll|pyd|exe|dylib|so(?:\.\d+)*)\Z|\.dist-info/|tensorflow/python/platform/(?:build_info|self_check)\.py\Z"
)
# What an installer would put beside python.exe (`data`) or into Scripts; both hold the same runtime DLLs.
_SCHEME = re.compile(r"[^/]+\.data/(?:data/Scripts|data|scripts|purelib|platlib)/")


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
        subprocess.CalledProcessError: The index has no such wheel, or cannot be reached.
    """
    folder = cache() / f"{requirement.replace('==', '-')}-{platform}-cp{python}"
    with locked("wheels"):
        if not folder.is_dir():
            _fetch(requirement, platform, python, folder)
    return folder


def _fetch(requirement: str, platform: str, python: str, folder: Path) -> None:
    download = folder.with_name(folder.name + ".part")
    shutil.rmtree(download, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    command += ["--platform", platform, "--python-version", python, "--implementation", "cp", "-d", str(download)]
    subprocess.run([*command, requirement], check=True, capture_output=True)
    content = download / "content"
    for wheel in download.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if _KEPT.search(member.filename):
                    member.filename = _SCHEME.sub("", member.filename)
                    archive.extract(member, content)
        wheel.unlink()
    for record in content.glob("*.dist-info/RECORD"):
        # An installer writes where the files went, not the wheel's own folders.
        lines = record.read_text(encoding="utf-8").splitlines()
        record.write_text("\n".join(_SCHEME.sub("", line) for line in lines) + "\n", encoding="utf-8")
    content.rename(folder)
    shutil.rmtree(download)


def link_into(source: Path, target: Path) -> None:
    """Put the files of a folder into another as hard links (copies where that cannot be)."""
    for path in source.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            try:
                os.link(path, place)
            except OSError:
                shutil.copy2(path, place)
