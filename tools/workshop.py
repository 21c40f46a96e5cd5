"""The workshop: virtual environments below ``.dev/``, made once, made again when what they are made of changes.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tools import world

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".dev"
# What holds installed packages is for one minor version of Python; several may be used in turn.
NEWEST = bool(os.environ.get("TF_DOCTOR_NEWEST"))
# Set where this very Python has conda, this checkout and what tests need: nothing is made then.
READY = "TF_DOCTOR_READY"
ENVIRONMENTS = CACHE / f"py{sys.version_info[0]}.{sys.version_info[1]}{'-newest' if NEWEST else ''}"
CONSTRAINTS = Path("tools", "constraints.txt")


class WorkshopError(Exception):
    """Setting up failed; the message is one sentence for the user."""


def say(text: str) -> None:
    """Print a line of progress on standard error, if there is one that takes it."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def ended(function: Callable[[], int]) -> int:
    """Run a program's main function and return its exit status; what stops it is told in one sentence.

    Only what has no sentence, a mistake of our own, leaves a traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            status = function()
        except SystemExit as asked:  # argparse's
            status = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
        if sys.stdout is not None:
            sys.stdout.flush()
    except WorkshopError as error:
        say(f"dev.py: {error}")
        return 1
    except KeyboardInterrupt:
        say("dev.py: interrupted")
        return 130
    except OSError as error:
        # Nobody reads, or nothing can be written: Python is not to try again when it ends.
        with contextlib.suppress(OSError, AttributeError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # Windows calls a pipe that nobody reads an invalid argument.
        gone = isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)
        if not gone:
            say(f"dev.py: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        return 1
    return status


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


# What pip and venv say, and what it means, the first cause first: after a dead index pip also says "no matching".
_REASONS = (
    (r"No space left on device|Disk quota exceeded", "the disk is full"),
    (r"Read-only file system", "the file system is read-only"),
    (r"CERTIFICATE_VERIFY_FAILED", "the certificate of the package index is not trusted (PIP_CERT names another file)"),
    (r"name resolution|Name or service not known|NameResolutionError|getaddrinfo failed|nodename nor servname",
     "the package index is not found: is there a network?"),
    (r"NewConnectionError|Connection refused|unreachable|ConnectTimeout|[Rr]ead timed out|ProxyError|Connection aborted"
     r"|40[134] |50[0-9] ", "the package index does not answer"),
    (r"Permission denied: ?'?([^'\n]*)", r"there is no permission to write \1"),
    (r"satisfies the requirement ([^\n]*?) \(from versions: none\)",
     r"the package index does not answer, or has no \1 for this Python"),
    (r"No matching distribution found for ([^\n]+)", r"the package index has no wheel of \1 for this Python"),
)  # fmt: skip


def reason(output: str) -> str:
    """Return in a few words why a command failed, as far as its output shows that; otherwise its last lines."""
    for pattern, words in _REASONS:
        matched = re.search(pattern, output)
        if matched:
            return matched.expand(words)
    return "\n".join(output.strip().splitlines()[-15:])


def run(command: Iterable[object], what: str, env: Mapping[str, str] | None = None) -> None:
    """Run a command in the world of set-up, in the checkout, and keep its output to itself unless it fails.

    Args:
        command: The words.
        what: What is being done, for the message.
        env: More variables.

    Raises:
        WorkshopError: The command failed; the message says what was being done, and why it ended.
    """
    words = [str(part) for part in command]
    done = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        close_fds=False,
        text=True,
        errors="replace",
        check=False,
        cwd=ROOT,
        env={**world.for_setup(CACHE, words[0]), **(env or {})},
    )
    if done.returncode:
        raise WorkshopError(f"{what} failed (exit status {done.returncode}): {reason(done.stdout)}")


def _has(python: str, module: str) -> bool:
    command = [python, "-I", "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, close_fds=False, check=False).returncode == 0


def _make_venv(folder: Path) -> None:
    """Make a virtual environment with pip, also where the distribution has split ensurepip off from Python."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "venv", folder]
    if _has(sys.executable, "ensurepip"):
        run(command, f"making {folder.relative_to(ROOT)}")
        return
    if not _has(sys.executable, "pip"):
        raise WorkshopError(
            f"{sys.executable} can make no virtual environment with pip: it has neither ensurepip nor pip. "
            "Install your system's python3-venv (or python3-pip), or run dev.py with another Python."
        )
    run([*command, "--without-pip"], f"making {folder.relative_to(ROOT)}")
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
    held = "" if NEWEST else (ROOT / CONSTRAINTS).read_text(encoding="utf-8")
    digest = hashlib.sha256("\n".join([*requirements, metadata, held]).encode()).hexdigest()
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
        _install(folder, requirements)
        stamp.write_text(wanted, encoding="utf-8")
    return folder


def _install(folder: Path, requirements: Iterable[str]) -> None:
    # Nothing but the checkout itself is built: a machine may have no compiler. As variables, what holds for packages
    # holds for what builds the checkout; relative, since pip takes a blank for the end of a name.
    env = {} if NEWEST else dict.fromkeys(("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"), CONSTRAINTS.as_posix())
    pip = [python_of(folder), "-m", "pip", "install", "-q", "--only-binary", ":all:"]
    run([*pip, *requirements], f"installing into {folder.relative_to(ROOT)}", env)


def ensure_publish() -> Path:
    """Return the interpreter that builds packages and documentation."""
    return python_of(ensure_venv("publish", ["-e", ".[docs,package]", "hatchling", "shtab", "tomli"]))


def ensure_tests() -> Path:
    """Return the interpreter that runs tests, linters and the demo."""
    if os.environ.get(READY):
        return Path(sys.executable)
    return python_of(ensure_venv("venv", ["-e", ".[test,lint]"]))


def ensure_parquet() -> None:
    """Put what reads and writes Parquet beside the tests' packages: large, it waits until it is needed."""
    if not os.environ.get(READY):
        folder = ensure_tests().parent.parent
        if not next(folder.glob("*/python*/site-packages/pyarrow"), None):
            with locked(f"{ENVIRONMENTS.name}-venv"):
                _install(folder, ["pyarrow"])
