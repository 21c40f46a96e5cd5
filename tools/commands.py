"""The commands of ``dev.py``. Standard library only: what they need is installed into ``.dev/`` first."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.registry_conda import ensure_conda
from tools.workshop import ROOT, WorkshopError, ensure_tests, say

LINTERS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("mypy", "-p", "tools"),
    ("lint-imports", "--no-cache"),
)


def _call(python: Path, module: str, *args: str) -> int:
    """Run a module of the workshop's interpreter in the checkout and return its exit status."""
    return _run(python, "-m", module, *args)


def _run(program: Path, *args: str) -> int:
    status = subprocess.run([program, *args], cwd=ROOT, check=False).returncode
    # Killed by a signal: a shell's convention, so that it never counts as success.
    return status if status >= 0 else 128 - status


def demo(args: Sequence[str]) -> int:
    """Make the classic broken environments with a real conda and show that each is told."""
    return _call(ensure_tests(), "tools.demo", *args)


def test(args: Sequence[str]) -> int:
    """Run the whole suite, on the index's conda and those that TF_DOCTOR_CONDAS lists; arguments are pytest's."""
    python = ensure_tests()
    ensure_conda()
    chosen = any(arg == "--pdb" or arg.startswith(("-n", "--numprocesses")) for arg in args)
    # Status 5 (no test was collected) is a failure as any other.
    return _call(python, "pytest", *([] if chosen else ["-n", "2"]), *args)


def lint(args: Sequence[str]) -> int:
    """Check format, lint, types and layers; run all, fail if one fails."""
    python = ensure_tests()
    failed = 0
    for program, *rest in LINTERS:
        say(f"{program} {' '.join(rest)}".rstrip())
        failed |= _run(python.with_name(program), *rest) != 0
    return int(failed)


def refresh_matrix(args: Sequence[str]) -> int:
    """Look for TensorFlow releases newer than the matrix and write the rows that can be established."""
    python = ensure_tests()
    return _call(python, "conda_tf_doctor.matrix.refresh", *args) or _call(python, "tools.wheel_table")


def main(argv: Sequence[str]) -> int:
    """Run a command and return its exit status; arguments that it does not know go on to what it runs."""
    verbs = {"demo": demo, "test": test, "lint": lint, "refresh-matrix": refresh_matrix}
    parser = argparse.ArgumentParser(prog="dev.py", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.epilog = "\n".join(f"{name:15} {verb.__doc__}" for name, verb in verbs.items())
    parser.add_argument("command", choices=verbs)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on: pytest's arguments to test, …")
    known = parser.parse_args(argv)
    try:
        return verbs[known.command](known.arguments)
    except WorkshopError as error:
        say(f"dev.py: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
