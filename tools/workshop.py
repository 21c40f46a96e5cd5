"""The workshop: virtual environments below ``.dev/``, made once, made again when what they are made of changes.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".dev"
# What holds installed packages is for one minor version of Python; several may be used in turn.
ENVIRONMENTS = CACHE / f"py{sys.version_info[0]}.{sys.version_info[1]}"


class WorkshopError(Exception):
    """Setting up failed; the message is one sentence for the user."""


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name against other processes that work in this checkout; a dead process holds none."""
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / f"{name}.lock", "a+b") as handle:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
                    break
                except OSError:
                    time.sleep(0.5)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
            # What this process starts holds the lock too: a pip that outlives us is waited for.
            os.set_inheritable(handle.fileno(), True)
        yield


def python_of(venv: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(command: Iterable[object], what: str, **options: object) -> None:
    """Run a command and keep its output to itself unless it fails.

    Raises:
        WorkshopError: The command failed; the message says what was being done, and how it ended.
    """
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        close_fds=False,
        text=True,
        errors="replace",
        **options,  # type: ignore[call-overload]
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise WorkshopError(f"{what} failed (exit status {done.returncode}):\n{tail}")


def _make_venv(folder: Path) -> None:
    """Make a virtual environment with pip, also where the distribution has split ensurepip off from Python."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(folder)]
    made = subprocess.run(command, capture_output=True, close_fds=False, text=True, check=False)
    if made.returncode == 0:
        return
    shutil.rmtree(folder, ignore_errors=True)
    bare = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)], capture_output=True, check=False
    )
    has_pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if bare.returncode or has_pip.returncode:
        raise WorkshopError(
            f"{sys.executable} can make no virtual environment with pip: it has neither ensurepip nor pip. "
            "Install your system's python3-venv (or python3-pip), or run dev.py with another Python."
        )
    # A wheel of pip runs from its file, and so installs itself.
    store = CACHE / "downloads" / "pip"
    shutil.rmtree(store, ignore_errors=True)
    run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", store, "pip"], "getting pip from the index")
    wheel = next(store.glob("pip-*.whl"))
    run([python_of(folder), wheel / "pip", "install", "-q", wheel], "putting pip into the virtual environment")


def ensure_venv(name: str, requirements: Iterable[str]) -> Path:
    """Return the folder of a virtual environment that has this checkout (editable) and the requirements installed.

    It is brought up to date when the requirements or the project's own metadata changed, and made again from nothing
    when its interpreter is gone, the checkout was moved, or the run that made it was interrupted.

    Args:
        name: Folder below ``.dev/`` and the Python version.
        requirements: What pip installs; a path with extras stands for the checkout, editable.

    Raises:
        WorkshopError: It cannot be made.
    """
    requirements = list(requirements)
    folder = ENVIRONMENTS / name
    stamp = folder / "workshop-stamp"
    # How the linters are set has no bearing on what is installed.
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\n[tool.ruff")[0]
    digest = hashlib.sha256("\n".join([*requirements, metadata]).encode()).hexdigest()
    wanted = f"{folder}\n{digest}\n"
    with locked(f"{ENVIRONMENTS.name}-{name}"):
        have = stamp.read_text(encoding="utf-8") if stamp.is_file() else ""
        # A link to an interpreter that is gone does not count.
        runs = have.startswith(f"{folder}\n") and python_of(folder).is_file()
        if runs and have == wanted:
            return folder
        say(f"setting up {folder.relative_to(ROOT)} …")
        stamp.unlink(missing_ok=True)
        if not runs:
            _make_venv(folder)
        # Nothing but the checkout itself is built: a machine may have no compiler.
        pip = [python_of(folder), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
        run([*pip, *requirements], f"installing into {folder.relative_to(ROOT)}", cwd=ROOT)
        stamp.write_text(wanted, encoding="utf-8")
    return folder


def ensure_tests() -> Path:
    """Return the interpreter that runs tests, linters and the demo."""
    return python_of(ensure_venv("venv", ["-e", ".[test,lint]"]))
