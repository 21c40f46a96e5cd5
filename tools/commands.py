"""The commands of ``dev.py``. Standard library only: what they need is installed into ``.dev/`` first."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tools import fresh as machines
from tools import windows as wine
from tools import world
from tools.registry_conda import ensure_conda
from tools.workshop import CACHE, ROOT, WorkshopError, ended, ensure_parquet, ensure_publish, ensure_tests, say

LINTERS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("mypy", "-p", "tools"),
    ("lint-imports", "--no-cache"),
)


def _call(python: Path, module: str, *args: str) -> int:
    """Run a module of the workshop's interpreter in the checkout and return its exit status."""
    return _wait([python, "-m", "tools.start", module, *args], python)


def _wait(command: Sequence[str | Path], python: Path) -> int:
    child = subprocess.Popen(command, cwd=ROOT, env=world.for_tests(CACHE, python))
    interrupted = False
    while True:
        try:
            status = child.wait()
            break
        except KeyboardInterrupt:
            # It got the same signal, and puts away what it has begun.
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    # Killed by a signal: a shell's convention, so that it never counts as success.
    return status if status >= 0 else 128 - status


def demo(args: Sequence[str]) -> int:
    """Make the classic broken environments with a real conda and show that each is told."""
    say("dev.py demo: half a minute; at first 2 minutes more and 0.35 GB, all in .dev")
    return _call(ensure_tests(), "tools.demo", *args)


def test(args: Sequence[str]) -> int:
    """Run the suite, or what pytest's arguments choose of it, on the index's conda and those of TF_DOCTOR_CONDAS."""
    paths = [arg for before, arg in zip(["", *args], args, strict=False) if "-" not in (before[:1], arg[:1])]
    for path in paths:
        file = Path(path.partition("::")[0])
        if len(file.parts) > 1 and not (ROOT / file).exists():
            raise WorkshopError(f"there is no {file} in {ROOT}")
    real = "--real" in args
    if real:
        say("dev.py test --real: 5 minutes; at first 1.1 GB to get, and 3.3 GB in .dev")
    else:
        say("dev.py test: 10 minutes on 2 cores; at first 3 minutes more, 0.2 GB to get, and 0.9 GB in .dev")
    python = ensure_tests()
    ensure_conda()
    if real:
        ensure_parquet()
    if not paths:
        status = _call(python, "tools.index_wheels", *(["--real"] if real else []))
        if status:
            return status
    chosen = any(arg == "--pdb" or arg.startswith(("-n", "--numprocesses")) for arg in args)
    # Status 5 (no test was collected) is a failure as any other.
    return _call(python, "pytest", *([] if chosen else ["-n", "2"]), *args)


def lint(args: Sequence[str]) -> int:
    """Check format, lint, types and layers; run all, fail if one fails."""
    python = ensure_tests()
    failed = 0
    for program, *rest in LINTERS:
        say(f"{program} {' '.join(rest)}".rstrip())
        failed |= _wait([python.with_name(program), *rest], python) != 0
    return int(failed)


def fresh(args: Sequence[str]) -> int:
    """Run demo and test on bare Debian machines."""
    return machines.main(args)


def windows(args: Sequence[str]) -> int:
    """Run the suite, or a part of it, on CPython for Windows under wine."""
    return wine.main(args)


def refresh_matrix(args: Sequence[str]) -> int:
    """Write down what the index has of TensorFlow: a file for each release, and the table of its neighbours' wheels."""
    python = ensure_tests()
    status = _call(python, "tools.refresh_matrix", *args)
    if status or {"-d", "--dry-run", "-h", "--help"} & set(args):
        return status
    # Which of the compiled add-ons loads beside which release.
    return _call(python, "tools.pairs", "--new")


def index(args: Sequence[str]) -> int:
    """Make the index of the rules from their pages, and write what commands print into the documentation."""
    python = ensure_tests()
    return _call(python, "tools.rule_index", *args) or _call(python, "tools.examples")


def docs(args: Sequence[str]) -> int:
    """Build the documentation, and fail where Sphinx warns."""
    return _call(ensure_publish(), "tools.docs", *args)


def package(args: Sequence[str]) -> int:
    """Build sdist, wheel and conda package, and run the last in a real conda."""
    return _call(ensure_tests(), "tools.package", *args)


def mutants(args: Sequence[str]) -> int:
    """Change the code in one place at a time, and tell which changes no test notices."""
    return _call(ensure_tests(), "tools.mutants", *args)


def fuzz(args: Sequence[str]) -> int:
    """Feed mutated input to every reader."""
    return _call(ensure_tests(), "tools.fuzz", *(args or ("100000",)))


class Verb(NamedTuple):
    """A command: what runs it, and what ``-h`` says (docstrings are not there with ``PYTHONOPTIMIZE=2``)."""

    run: Callable[[Sequence[str]], int]
    help: str
    arguments: str


VERBS = {
    "demo": Verb(
        demo, "make the classic broken environments with a real conda and show that each is told", "[SCENE …]"
    ),
    "test": Verb(
        test,
        "run the suite on real conda; --real: what needs 3 GB of wheels, and only that; --long: what installs or "
        "resolves dozens of environments, and only that; --random: hypothesis tries "
        "other examples; --newest: with the newest of everything instead of what tools/constraints.txt holds",
        "[--real] [--long] [--random] [--newest] [pytest's arguments]",
    ),
    "lint": Verb(lint, "check format, lint, types and layers", ""),
    "refresh-matrix": Verb(
        refresh_matrix,
        "write down what the index has of TensorFlow; a file for each release, and the table of its neighbours' wheels",
        "[--pre] [--binaries] [--again RELEASE] [-d]",
    ),
    "windows": Verb(
        windows,
        "run tests with CPython and conda for Windows, under wine of Debian trixie (as root, on Debian); what it makes "
        "stays in .dev/windows, or where TF_DOCTOR_WINDOWS says",
        "[pytest's arguments]",
    ),
    "fuzz": Verb(
        fuzz,
        "feed mutated input to every reader; 100,000 inputs, half an hour, where no number is given",
        "[COUNT [SEED]]",
    ),
    "index": Verb(
        index, "make docs/rules.md of the rules' pages, and write what commands print into the documentation", ""
    ),
    "mutants": Verb(
        mutants,
        "change the code in one place at a time, and tell which changes no test notices",
        "rules|context|repair [--seed N] [--count N] [--portion I/N]",
    ),
    "docs": Verb(docs, "build the documentation into .dev/docs/html; it may have no warning", "[sphinx's arguments]"),
    "package": Verb(
        package,
        "build sdist, wheel and the conda package into .dev/package/dist, the last by the recipe from a local channel; "
        "install it into a real conda and run it there",
        "",
    ),
    "fresh": Verb(
        fresh,
        "run demo and test on bare Debian machines, made by debootstrap (as root, on Debian)",
        "[bookworm|trixie …]",
    ),
}


def _elsewhere() -> Path | None:
    """Return a copy of a checkout that may not be written to, brought up to date; ``None`` where it may.

    Raises:
        WorkshopError: There is no place for a copy.
    """
    try:
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".writable").touch()
        return None
    except OSError as error:
        why = error.strerror
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # Without a drive's colon: it would name another folder.
    copy = Path(base, "conda-tf-doctor", re.sub(r"[:/\\]+", "-", str(ROOT)).strip("-")[-100:])
    say(f"{ROOT} cannot be written to ({why}): working on a copy of it, {copy}")
    try:
        copy.mkdir(parents=True, exist_ok=True)
        for path in copy.iterdir():
            if path.name != ".dev":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        ignored = shutil.ignore_patterns(".git", ".dev", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        for path in (copy, *copy.rglob("*")):
            if not path.is_relative_to(copy / ".dev") and not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IWUSR)
    except OSError as error:
        raise WorkshopError(f"no copy can be made there ({error.strerror}); put one where you may write") from error
    return copy


def _run(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.epilog = "\n".join(f"{name:15} {verb.help.split(';')[0]}" for name, verb in VERBS.items())
    parser.add_argument("command", choices=VERBS, help="with -h behind it: what it takes")
    command = parser.parse_args(argv[:1]).command
    verb, rest = VERBS[command], argv[1:]
    if {"-h", "--help"} & set(rest):
        print(f"usage: dev.py {command} {verb.arguments}".rstrip() + f"\n\n{verb.help}")
        return 0
    copy = _elsewhere()
    if copy is not None:
        return subprocess.run([sys.executable, copy / "dev.py", *argv], check=False).returncode
    return verb.run(rest)


def main(argv: Sequence[str]) -> int:
    """Run a command and return its exit status; arguments that it does not know go on to what it runs."""
    return ended(lambda: _run(argv))
