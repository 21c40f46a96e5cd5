"""Installs Python distributions the way pip writes them, without their payload: name, version, tag, requirements."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tools.index_wheels import link

WHEELS = Path(__file__).parent.parent / "tests" / "data" / "wheels.yaml"


def _escaped(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name)


def _hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def dist_info(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, bytes | str] | None = None,
    installer: str = "pip",
    tag: str = "py3-none-any",
    requires_python: str = "",
    requested: bool = False,
    direct_url: str = "",
) -> dict[str, bytes]:
    """Return the files of an installed distribution, by path below site-packages, with a RECORD that is right.

    Args:
        name: As the project spells it.
        version: Version.
        requires: ``Requires-Dist`` values.
        files: The distribution's own files, by path below site-packages.
        installer: What INSTALLER says.
        tag: The wheel's tag.
        requires_python: ``Requires-Python``; empty leaves it out.
        requested: Whether the user asked for it, so that pip leaves REQUESTED.
        direct_url: Content of ``direct_url.json``; empty leaves the file out.
    """
    folder = f"{_escaped(name)}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: metadata only, made for tests\n"]
    if requires_python:
        metadata.append(f"Requires-Python: {requires_python}\n")
    metadata += [f"Requires-Dist: {requirement}\n" for requirement in requires]
    pure = "true" if tag.endswith("none-any") else "false"
    content = {path: data.encode() if isinstance(data, str) else data for path, data in (files or {}).items()}
    content[f"{folder}/METADATA"] = "".join(metadata).encode()
    content[f"{folder}/INSTALLER"] = f"{installer}\n".encode()
    content[f"{folder}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: bdist_wheel (0.41.2)\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode()
    )
    if requested:
        content[f"{folder}/REQUESTED"] = b""
    if direct_url:
        content[f"{folder}/direct_url.json"] = direct_url.encode()
    rows = [f"{path},{_hash(data)},{len(data)}" for path, data in sorted(content.items())]
    rows.append(f"{folder}/RECORD,,")
    content[f"{folder}/RECORD"] = "".join(f"{row}\n" for row in rows).encode()
    return content


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, bytes | str] | None = None,
    tag: str = "py3-none-any",
    requires_python: str = "",
) -> Path:
    """Write a wheel that pip itself can install (``pip install --no-index --find-links FOLDER``), and return it.

    Arguments are those of `dist_info`.
    """
    content = dist_info(name, version, requires=requires, files=files, tag=tag, requires_python=requires_python)
    wheel = folder / f"{_escaped(name)}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    # What the installer adds is no part of the wheel; neither is its line in RECORD.
    installer = f"{_escaped(name)}-{version}.dist-info/INSTALLER"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in content.items():
            if path.endswith("/RECORD"):
                data = b"".join(row for row in data.splitlines(True) if not row.startswith(installer.encode()))
            if path != installer:
                archive.writestr(zipfile.ZipInfo(path, (2023, 11, 14, 22, 13, 20)), data)
    return wheel


def make_runnable(prefix: Path) -> Path:
    """Put this very Python, and pip, into an environment whose own Python is only a token, and return it.

    For what starts the environment's Python in earnest, such as a repair that calls its pip.

    Args:
        prefix: An environment for this platform.

    Raises:
        FileNotFoundError: The environment's Python is of another minor version than this one.
    """
    executable = put_python(prefix)
    pip = importlib.util.find_spec("pip")
    if pip is None or pip.origin is None:
        raise FileNotFoundError(f"{sys.executable} has no pip to copy")
    shutil.copytree(Path(pip.origin).parent, site_packages(prefix) / "pip", dirs_exist_ok=True)
    return executable


def put_python(prefix: Path) -> Path:
    """Put this very Python into an environment whose own is only a token, or into a folder, and return it.

    Raises:
        FileNotFoundError: The environment's Python is of another minor version than this one.
    """
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    if sys.platform == "win32":
        # A program finds its libraries beside it, and Python its modules by this file.
        prefix.mkdir(parents=True, exist_ok=True)
        for source in (base, *base.parent.glob("python3*.dll"), *base.parent.glob("vcruntime140*.dll")):
            (prefix / source.name).unlink(missing_ok=True)
            link(source, prefix / source.name)
        folders = [str(base.parent / "Lib"), str(base.parent / "DLLs"), r"Lib\site-packages", "import site"]
        (prefix / f"python{minor.replace('.', '')}._pth").write_text("\n".join(folders) + "\n", encoding="utf-8")
        return prefix / base.name
    executable = prefix / "bin" / f"python{minor}"
    # Never written through: conda's files are hard links into the package cache.
    executable.unlink()
    executable.symlink_to(base)
    (prefix / "pyvenv.cfg").write_text(f"home = {base.parent}\nversion = {minor}\n", encoding="utf-8")
    return executable


def site_packages(prefix: Path) -> Path:
    """Return the site-packages folder of an environment of any platform.

    Raises:
        FileNotFoundError: The environment has no Python.
    """
    if (prefix / "python.exe").is_file():
        return prefix / "Lib" / "site-packages"
    # Conda's own layout decides; a folder that another Python left behind does not.
    executable = prefix / "bin" / "python"
    if executable.is_symlink():
        return prefix / "lib" / executable.readlink().name / "site-packages"
    if executable.is_file():
        return prefix / "lib" / f"python{_platform(prefix)[1]}" / "site-packages"
    raise FileNotFoundError(f"{prefix} has no Python")


def fake_pip_install(
    prefix: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, bytes | str] | None = None,
    tag: str = "py3-none-any",
    requires_python: str = "",
    requested: bool = True,
    direct_url: str = "",
    installer: str = "pip",
) -> Path:
    """Install a distribution into an environment as pip leaves it, taking away what pip would have uninstalled.

    Another version of the same distribution is removed first, file by file as its RECORD lists them: that is also what
    pip does to a distribution that conda installed.

    Args:
        prefix: The environment.
        name: As the project spells it.
        version: Version.
        requires: ``Requires-Dist`` values.
        files: The distribution's own files, by path below site-packages; RECORD gets their hashes.
        tag: The wheel's tag.
        requires_python: ``Requires-Python``; empty leaves it out.
        requested: Whether the user asked for it, so that pip leaves REQUESTED.
        direct_url: Content of ``direct_url.json``; empty leaves the file out.
        installer: What INSTALLER says.

    Returns:
        The ``dist-info`` folder.

    Raises:
        FileNotFoundError: The environment has no Python.
    """
    target = site_packages(prefix)
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob(f"{_escaped(name)}-*.dist-info"):
        for row in (old / "RECORD").read_text(encoding="utf-8").splitlines():
            (target / row.split(",")[0]).unlink(missing_ok=True)
        old.rmdir()
    content = dist_info(
        name,
        version,
        requires=requires,
        files=files,
        installer=installer,
        tag=tag,
        requires_python=requires_python,
        requested=requested,
        direct_url=direct_url,
    )
    for path, data in content.items():
        destination = target / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        # A new file, never written through: conda's files are hard links into the package cache.
        destination.unlink(missing_ok=True)
        destination.write_bytes(data)
    return target / f"{_escaped(name)}-{version}.dist-info"


def _platform(prefix: Path) -> tuple[str, str]:
    """Return conda subdir and Python's minor version of an environment, from what it records about its Python."""
    record = next(iter((prefix / "conda-meta").glob("python-[0-9]*.json")), None)
    if record is None:
        raise FileNotFoundError(f"{prefix} has no Python")
    found = json.loads(record.read_text(encoding="utf-8"))
    return found["subdir"], ".".join(found["version"].split(".")[:2])


def pip_install_tensorflow(
    prefix: Path, version: str, *, distribution: str = "tensorflow", stack: Mapping[str, str | None] | None = None
) -> Path:
    """Leave what ``pip install tensorflow==VERSION`` leaves: TensorFlow with its real requirements, and its stack.

    Args:
        prefix: The environment.
        version: One of those in ``tests/data/wheels.yaml``.
        distribution: ``tensorflow``, ``tensorflow-cpu`` …; on Windows, 2.11 to 2.18 also get tensorflow-intel.
        stack: Versions that differ from those of the time; ``None`` leaves a package out.

    Returns:
        TensorFlow's ``dist-info`` folder.

    Raises:
        FileNotFoundError: The environment has no Python.
        KeyError: Nothing is known about that version.
    """
    from ruamel.yaml import YAML

    known = YAML(typ="safe").load(WHEELS.read_text(encoding="utf-8"))[version]
    subdir, minor = _platform(prefix)
    for name, release in {**known["stack"], **(stack or {})}.items():
        if release is not None:
            fake_pip_install(prefix, name, str(release), requested=False)
    tag = known["wheel"][subdir].replace("{py}", "cp" + minor.replace(".", ""))
    about = {"requires": known["requires"], "requires_python": known["requires_python"], "tag": tag}
    intel = distribution == "tensorflow" and subdir.startswith("win") and 11 <= int(version.split(".")[1]) <= 18
    if intel:
        fake_pip_install(prefix, "tensorflow-intel", version, requested=False, **about)
        about["requires"] = [f'tensorflow-intel=={version}; platform_system == "Windows"']
    return fake_pip_install(prefix, distribution, version, **about)
