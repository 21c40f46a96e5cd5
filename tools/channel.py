"""Builds the local channels: real archives with real names, versions, builds and dependencies, and no payload.

What an archive holds is what a doctor looks at: the executable of Python, the ``dist-info`` of a Python package with
conda as its installer, and nothing else.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from tools import images
from tools.recipes import DATA, Build, read_builds
from tools.wheels import dist_info
from tools.workshop import CACHE, locked

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-32", "win-64", "noarch")
CHANNELS = ("conda-forge", "pkgs/main", "inhouse")

# A link: its target. Anything else is a file's bytes.
Payload = dict[str, "bytes | str"]


def _python_files(platform: str, version: str) -> Payload:
    """Lay out an interpreter as conda's own package does."""
    minor = ".".join(version.split(".")[:2])
    image = images.executable(platform)
    note = b"This directory exists so that 3rd party packages can be installed\nhere.\n"
    if platform.startswith("win"):
        return {"python.exe": image, "Lib/site-packages/README.txt": note}
    return {
        f"bin/python{minor}": image,
        "bin/python3": f"python{minor}",
        "bin/python": f"python{minor}",
        f"lib/python{minor}/site-packages/README.txt": note,
    }


def _site_packages(build: Build) -> str:
    if build.platform == "noarch":
        return "site-packages"
    return "Lib/site-packages" if build.platform.startswith("win") else f"lib/python{build.python}/site-packages"


def _payload(build: Build) -> Payload:
    record = build.record
    if record["name"] == "python":
        return _python_files(build.platform, record["version"])
    if build.dist:
        folder = _site_packages(build)
        files = dist_info(build.dist, record["version"], installer="conda")
        return {f"{folder}/{path}": content for path, content in files.items()}
    return {}


def _led_to(payload: Payload, path: str) -> bytes:
    """Return the content of a file, or of what a link leads to."""
    content = payload[path]
    return _led_to(payload, str(PurePosixPath(path).parent / content)) if isinstance(content, str) else content


def _paths_json(payload: Payload) -> dict[str, Any]:
    paths = []
    for path, content in sorted(payload.items()):
        # A link is recorded with the hash of what it leads to, as conda-build does.
        data = _led_to(payload, path)
        paths.append(
            {
                "_path": path,
                "path_type": "softlink" if isinstance(content, str) else "hardlink",
                "sha256": hashlib.sha256(data).hexdigest(),
                "size_in_bytes": len(data),
            }
        )
    return {"paths": paths, "paths_version": 1}


def _archive(build: Build) -> bytes:
    payload = _payload(build)
    if os.name == "nt":
        # Not everybody may make a link there, and conda finds a package without it broken.
        payload = {path: _led_to(payload, path) for path in payload}
    info: Payload = {
        "info/index.json": json.dumps(build.record, indent=1).encode(),
        "info/paths.json": json.dumps(_paths_json(payload)).encode(),
        "info/files": "".join(f"{path}\n" for path in sorted(payload)).encode(),
        "info/about.json": b'{"summary": "metadata only, made for tests"}',
    }
    if build.record.get("noarch") == "python":
        info["info/link.json"] = b'{"noarch": {"type": "python"}, "package_metadata_version": 1}'
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in {**info, **payload}.items():
            member = tarfile.TarInfo(path)
            # A fixed time: the same data gives the same archive, so caches stay good.
            member.mtime = 1700000000
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0o755 if "info/" not in path else 0o644
                archive.addfile(member, io.BytesIO(content))
    return bz2.compress(stream.getvalue(), 1)


def write_channel(root: Path, builds: Iterable[Build]) -> None:
    """Write builds below ``root`` as channels, each with ``repodata.json`` for every platform."""
    repodata: dict[tuple[str, str], dict[str, Any]] = {(c, p): {} for c in CHANNELS for p in PLATFORMS}
    for build in builds:
        data = _archive(build)
        folder = root / build.channel / build.platform
        folder.mkdir(parents=True, exist_ok=True)
        (folder / build.filename).write_bytes(data)
        repodata[build.channel, build.platform][build.filename] = {
            **build.record,
            "md5": hashlib.md5(data).hexdigest(),
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
    for (channel, platform), packages in repodata.items():
        folder = root / channel / platform
        folder.mkdir(parents=True, exist_ok=True)
        document = {"info": {"subdir": platform}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
        text = json.dumps(document, indent=0)
        # Both names, as on a real server: conda asks for the small one first.
        for name in ("repodata.json", "current_repodata.json"):
            (folder / name).write_text(text, encoding="utf-8")


def _fingerprint() -> str:
    # A checkout may be used from two systems in turn.
    digest = hashlib.sha256(os.name.encode())
    here = Path(__file__).parent
    code = [here / name for name in ("channel.py", "images.py", "recipes.py", "tiny_pe.py", "wheels.py")]
    for path in [*sorted(DATA.glob("*.yaml")), *code]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def build_channel() -> Path:
    """Return the folder that holds the channels, building them once for each state of their data.

    Raises:
        ValueError: The data does not say what it should.
    """
    root = CACHE / "channel" / _fingerprint()
    if root.is_dir():
        return root
    with locked("channel"):
        if not root.is_dir():
            root.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix="building-", dir=root.parent))
            try:
                write_channel(scratch, read_builds())
                os.replace(scratch, root)
            except BaseException:
                shutil.rmtree(scratch, ignore_errors=True)
                raise
    return root
