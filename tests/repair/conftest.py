"""Environments that live: their Python runs and pip installs into them, so that a repair is carried out for real."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pip
import pytest

from conda_tf_doctor.matrix.load import load_matrix
from tools import condas, wheels, world
from tools.index_wheels import link_or_copy
from tools.tiny_elf import make_so
from tools.tiny_pe import make_dll
from tools.workshop import python_of

# The TensorFlow that a case uses: one that has wheels for the Python that runs here, and none for the next one.
TENSORFLOW_OF = {"3.10": "2.10.1", "3.11": "2.15.0", "3.12": "2.19.0", "3.13": "2.20.0"}

# What TensorFlow's wheels require besides, in versions that go with all of them.
SMALL = {
    "absl-py": "2.1.0", "astunparse": "1.6.3", "gast": "0.4.0", "google-pasta": "0.2.0", "opt-einsum": "3.3.0",
    "six": "1.16.0", "termcolor": "2.3.0", "typing-extensions": "4.12.2", "wrapt": "1.14.1", "grpcio": "1.62.3",
    "packaging": "23.2", "libclang": "16.0.6", "tensorflow-io-gcs-filesystem": "0.34.0", "requests": "2.31.0",
    "setuptools": "69.5.1", "keras-preprocessing": "1.1.2", "jax": "0.4.13", "namex": "0.0.8", "optree": "0.20.0",
    "rich": "13.9.4",
}  # fmt: skip

# That of the tests, for environments that are made without one.
PIP = Path(pip.__file__).parent
WINDOWS = sys.platform == "win32"
# For which platform environments live: other ones have Linux' layout.
SUBDIR = world.ALIVE
# What TensorFlow's wheels hold of binaries here.
MAIN_LIBRARY = "_pywrap_tensorflow_internal.pyd" if WINDOWS else "_pywrap_tensorflow_internal.so"
_OWNERS = ("tensorflow", "tensorflow-cpu")


def binaries_of(version: str) -> str:
    """Return the distribution that holds a TensorFlow's files: on Windows a second one, from 2.11 to 2.18."""
    return "tensorflow-intel" if WINDOWS and 11 <= int(version.split(".")[1]) <= 18 else "tensorflow"


def site_of(prefix: Path, minor: str = "3.*") -> Path:
    """Return site-packages of an environment that lives, conda's or a virtual one; of a Python where there were two."""
    return prefix / "Lib" / "site-packages" if WINDOWS else next(iter(prefix.glob(f"lib/python{minor}/site-packages")))


def python_in(prefix: Path) -> str:
    """Return the Python of an environment that lives: conda's, or a virtual one."""
    found = prefix / "python.exe"
    return str(found if found.is_file() else python_of(prefix))


def _alive() -> tuple[str, str]:
    """Return a Python that can stand in for an environment's own, and its minor version."""
    for command in (sys.executable, *(shutil.which(f"python{minor}") or "" for minor in TENSORFLOW_OF)):
        if not command:
            continue
        # What is on PATH may be a shim that has nothing to start: it prints no line.
        code = (
            "import sys; print(getattr(sys, '_base_executable', sys.executable)); print('%d.%d' % sys.version_info[:2])"
        )
        done = subprocess.run([command, "-c", code], capture_output=True, text=True, check=False)
        executable, _, minor = done.stdout.strip().rpartition("\n")
        if minor in TENSORFLOW_OF:
            return executable, minor
    pytest.skip(f"there is no Python of {', '.join(TENSORFLOW_OF)} here")


@pytest.fixture(scope="session")
def alive() -> tuple[str, str]:
    """A Python that can stand in for an environment's own: its executable and minor version."""
    return _alive()


@pytest.fixture(scope="session")
def living_channel(channel: Path, alive: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The local channels, but the Python of one minor version really runs, with pip."""
    root = tmp_path_factory.mktemp("living") / "channels"
    shutil.copytree(channel, root, copy_function=link_or_copy)
    put_python_in(root, *alive)
    return root


def put_python_in(root: Path, executable: str, minor: str) -> None:
    """Have the Python of one minor version in some channels run, with pip."""
    only_pip = root.parent / "pip"
    only_pip.mkdir()
    if WINDOWS:
        shutil.copytree(PIP, only_pip / "pip", copy_function=link_or_copy)
        put = wheels.put_python(root.parent / "python").parent
        extra = {path.name: path.read_bytes() for path in put.iterdir()}
        extra["Lib/site-packages/pip-for-tests.pth"] = f"{only_pip}\n".encode()
        for archive in sorted((root / "conda-forge" / SUBDIR).glob(f"python-{minor}.*.tar.bz2")):
            rewrite(archive, extra)
        return
    (only_pip / "pip").symlink_to(PIP)
    # bash alone can start a program under another name, by which Python finds the environment that it belongs to.
    launcher = f'#!/bin/bash\nexec -a "$0" "{executable}" "$@"\n'.encode()
    extra = {
        f"bin/python{minor}": launcher,
        "pyvenv.cfg": f"home = {Path(executable).parent}\ninclude-system-site-packages = false\n".encode(),
        f"lib/python{minor}/site-packages/pip-for-tests.pth": f"{only_pip}\n".encode(),
    }
    folder = root / "conda-forge" / SUBDIR
    for archive in sorted(folder.glob(f"python-{minor}.*.tar.bz2")):
        rewrite(archive, extra)


def rewrite(archive: Path, extra: dict[str, bytes]) -> None:
    """Put files into a package of a channel."""
    members: dict[str, Any] = {}
    with tarfile.open(archive, "r:bz2") as old:
        for member in old.getmembers():
            reader = old.extractfile(member) if member.isfile() else None
            members[member.name] = (member, reader.read() if reader else b"")
    paths = json.loads(members["info/paths.json"][1])
    listed = {entry["_path"]: entry for entry in paths["paths"]}
    for name, content in extra.items():
        entry = {
            "_path": name,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        listed[name] = entry
    for entry in listed.values():
        if entry["path_type"] == "softlink":
            entry["sha256"] = hashlib.sha256(extra[next(name for name in extra if name.startswith("bin/"))]).hexdigest()
    paths["paths"] = list(listed.values())
    content = {name: data for name, (_, data) in members.items()} | extra
    content["info/paths.json"] = json.dumps(paths).encode()
    content["info/files"] = "".join(f"{path}\n" for path in sorted(listed)).encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as new:
        for name, data in content.items():
            member = members[name][0] if name in members else tarfile.TarInfo(name)
            member.mtime = 1700000000
            if member.issym():
                new.addfile(member)
                continue
            member.size, member.mode = len(data), 0o755 if name.startswith("bin/") else 0o644
            new.addfile(member, io.BytesIO(data))
    data = bz2.compress(stream.getvalue(), 1)
    archive.unlink()
    archive.write_bytes(data)
    facts = {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    for name in ("repodata.json", "current_repodata.json"):
        file = archive.parent / name
        document = json.loads(file.read_text(encoding="utf-8"))
        document["packages"][archive.name].update(facts)
        file.unlink()
        file.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels with real names and versions and no payload, for pip without an index."""
    folder = tmp_path_factory.mktemp("wheels")
    versions = {
        "numpy": ["1.23.5", "1.24.4", "1.26.4", "2.0.2", "2.1.3", "2.3.4"],
        "protobuf": ["3.19.6", "3.20.3", "4.21.12", "4.25.8", "5.28.3", "5.29.5", "6.31.1", "6.33.5"],
        "keras": ["2.10.0", "2.12.0", "2.15.0", "3.5.0", "3.10.0", "3.12.0"],
        "h5py": ["3.7.0", "3.10.0", "3.11.0", "3.14.0"],
        "ml-dtypes": ["0.2.0", "0.3.2", "0.4.1", "0.5.3"],
        "tensorboard": ["2.10.1", "2.12.3", "2.15.2", "2.19.0", "2.20.0"],
        "tensorflow-estimator": ["2.10.0", "2.12.0", "2.15.0"],
        "flatbuffers": ["23.5.26", "25.2.10"],
        "tensorflow": ["2.10.1", "2.12.0", "2.15.0", "2.15.1", "2.19.0", "2.20.0"],
        "tensorflow-cpu": ["2.10.1", "2.14.0", "2.15.0", "2.19.0", "2.20.0"],
        # What takes the place of a version that has no wheel for Python 3.12, or none for Windows.
        "wrapt": ["1.17.2", "2.5.2"],
        "tensorflow-io-gcs-filesystem": ["0.31.0", "0.37.1"],
    }
    for name, version in SMALL.items():
        versions.setdefault(name, []).append(version)
    for name, each in versions.items():
        for version in each:
            rows = load_matrix().builds(name, version, "pypi", SUBDIR) if name in _OWNERS else []
            requires = [f"{other}{spec}" for other, spec in rows[0].requires.items()] if rows else []
            # Of no version that matters, so the matrix leaves them out.
            requires += ["flatbuffers", "tensorboard"] if rows else []
            behind = rows[0].stub_for if rows else ""
            if behind:
                make_wheel(folder, *behind.split("=="), requires)
                requires = [behind]
            make_wheel(folder, name, version, requires, is_empty=bool(behind))
    return folder


def _library(path: Path) -> Path:
    """Write a library that needs nothing but the system's; any will do."""
    return make_dll(path, ["TF_Version"], {"KERNEL32.dll": ["Sleep"]}) if WINDOWS else make_so(path, ["libc.so.6"])


def make_wheel(folder: Path, name: str, version: str, requires: Iterable[str] = (), is_empty: bool = False) -> None:
    """Write a wheel; those of TensorFlow's owners all hold the same file, as the real ones do."""
    module = "tensorflow" if name.startswith("tensorflow") and name.count("-") <= 1 else name.replace("-", "_")
    if name in ("tensorflow-estimator", "tensorflow-io-gcs-filesystem"):
        module = name.replace("-", "_")
    files: dict[str, bytes | str] = {f"{module}/__init__.py": f"__version__ = {version!r}\n"}
    if is_empty:
        files = {}
    elif name in ("tensorflow", "tensorflow-intel"):
        files["tensorflow/__init__.py"] = files.pop(f"{module}/__init__.py")
        files[f"tensorflow/python/{MAIN_LIBRARY}"] = _library(folder / "unpacked" / MAIN_LIBRARY).read_bytes()
    content = wheels.dist_info(name, version, requires=requires, files=files)
    escaped = name.replace("-", "_")
    with zipfile.ZipFile(folder / f"{escaped}-{version}-py3-none-any.whl", "w") as archive:
        for path, data in content.items():
            if not path.endswith(("/INSTALLER", "/REQUESTED")):
                archive.writestr(path, data)


Install = Callable[..., None]


class Living:
    """A conda whose environments live.

    Attributes:
        conda: The conda.
        minor: Python's minor version that runs.
        variables: What every command needs to find the wheels.
        serves_others: Whether what it made is needed after the test for which it was made.
    """

    def __init__(self, conda: condas.Conda, minor: str, wheelhouse: Path) -> None:
        self.conda, self.minor, self.serves_others = conda, minor, False
        self.variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheelhouse.as_uri(), "PIP_NO_CACHE_DIR": "1"}
        self.variables["CONDA_SUBDIR"] = SUBDIR

    def env(self, name: str, *specs: str, python: str = "") -> Path:
        """Make an environment with a Python that runs, unless another one is asked for."""
        return self.conda.create(name, f"python={python or self.minor}", *specs, subdir=SUBDIR)

    def pip(self, prefix: Path, *requirements: str) -> None:
        """Install with the environment's own pip."""
        command = [python_in(prefix), "-m", "pip", "install", "-q", "--no-deps", *requirements]
        env = {**self.conda.environ(self.variables), "PYTHONPATH": "", "PYTHONNOUSERSITE": "1"}
        subprocess.run(command, check=True, env=env, capture_output=True, text=True)

    def doctor(self, *args: str | Path, **variables: str) -> condas.Result:
        """Run ``conda tf-doctor``."""
        return self.conda.doctor(*args, env={**self.variables, **variables})


@pytest.fixture
def living(
    registry_conda: condas.Conda,
    living_channel: Path,
    alive: tuple[str, str],
    wheelhouse: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Living]:
    """A real conda (of the index) on channels whose Python runs."""
    root = tmp_path_factory.mktemp("living") / "world"
    conda = condas.Conda(registry_conda.installation, registry_conda.solver, root, living_channel.parent / "pkgs")
    conda.channels = living_channel
    conda.write_condarc()
    made = Living(conda, alive[1], wheelhouse)
    yield made
    if not made.serves_others:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def fresh_venv(alive: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip, to be copied: its Python finds it by where it stands."""
    prefix = tmp_path_factory.mktemp("fresh") / "venv"
    # Where the distribution has split ensurepip off from Python, pip is that of the tests.
    if _has(alive[0], "ensurepip"):
        subprocess.run([alive[0], "-m", "venv", str(prefix)], check=True)
    else:
        put_venv(prefix, alive[0])
        put_pip(prefix)
    return prefix


def _has(python: str, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def put_pip(prefix: Path) -> None:
    """Put the tests' own pip into a virtual environment."""
    for source in (PIP, *PIP.parent.glob("pip-*.dist-info")):
        shutil.copytree(source, site_of(prefix) / source.name)


def put_venv(prefix: Path, python: str) -> None:
    """Make a virtual environment without pip; the embeddable package of Windows has no venv for that."""
    if not WINDOWS or _has(python, "venv"):
        subprocess.run([python, "-m", "venv", "--without-pip", str(prefix)], check=True)
        return
    # As venv does it with ``--symlinks``.
    home, scripts = Path(python).parent, prefix / "Scripts"
    scripts.mkdir(parents=True)
    for source in (Path(python), *home.glob("python3*.dll"), *home.glob("vcruntime140*.dll")):
        link_or_copy(source, scripts / source.name)
    (prefix / "Lib" / "site-packages").mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text(
        f"home = {home}\ninclude-system-site-packages = false\nversion = {sys.version.split()[0]}\n"
    )


def environ_of(conda: condas.Conda) -> dict[str, str]:
    """Return the variables with which the console script works with a conda."""
    path = conda.installation.pythonpath
    if WINDOWS:
        # Where an installer puts it: the program beside it is what is started.
        batch = conda.python.parent / "condabin" / "conda.bat"
        return {**conda.environ(), "CONDA_EXE": str(batch), "PYTHONPATH": path}
    launcher = conda.root / "conda-for-tests"
    launcher.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{conda.python}" -m conda "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    return {**conda.environ(), "CONDA_EXE": str(launcher), "PYTHONPATH": ""}
