"""Conda as the repair uses it: as a subprocess, always the one the user runs, with the user's channels and solver."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import reading
from ..environment.owner import workspace_of
from ..errors import UsageError
from ..programs import is_mamba, safe_python, spoken, users_conda
from ..shell import quoted
from . import children

# What conda's JSON says when it answered the question, and the answer is no. Anything else (no network, a solver that
# is configured and not installed, a broken .condarc) says nothing about the plan.
_REFUSALS = ("Unsatisfiable", "PackagesNotFound", "PackageNotFound", "Conflict", "DisallowedPackage", "RemoveError")


class Answer(NamedTuple):
    """What a conda command gave.

    Attributes:
        ok: Whether it ended well.
        data: Its JSON document; empty where there is none.
        message: What it says went wrong.
        reached: Whether conda answered the question at all, be it with no.
    """

    ok: bool
    data: dict[str, Any]
    message: str = ""
    reached: bool = True


class Moves(NamedTuple):
    """What a solve would do: records by name, each as ``(version, build, channel)``."""

    link: dict[str, tuple[str, str, str]]
    unlink: dict[str, tuple[str, str, str]]


def find_conda(door: str) -> list[str]:
    """Return the command that starts conda, or micromamba or mamba where there is no conda; empty without any.

    Args:
        door: ``conda`` where conda itself runs us: then it is that one.
    """
    if door == "conda":
        return [sys.executable, "-m", "conda"]
    return users_conda()


class Conda:
    """Runs conda commands.

    Args:
        command: What starts conda.
        subdir: Platform of the environment, whatever the user's CONDA_SUBDIR is; empty for conda's choice.
        quiet: Whether conda's own progress goes nowhere, as with ``--json``.
    """

    def __init__(self, command: Sequence[str], subdir: str = "", quiet: bool = False) -> None:
        self.command, self.subdir, self.quiet = list(command), subdir, quiet

    @property
    def name(self) -> str:
        """What the program is called: ``conda``, ``micromamba`` or ``mamba``."""
        return spoken(("conda",), self.command)[0]

    def environ(self) -> dict[str, str]:
        """Return the variables conda runs with: ours, the guard off, for what it would say is said here."""
        values = safe_python({**os.environ, "CONDA_PLUGINS_TF_DOCTOR_MODE": "disabled"})
        if self.subdir:
            values["CONDA_SUBDIR"] = self.subdir
        return values

    def json(self, *args: str) -> Answer:
        """Run a command that answers in JSON."""
        try:
            done = children.run([*self.command, *args, "--json"], self.environ())
        except OSError as error:
            return Answer(False, {}, f"{self.command[0]} cannot be started: {error.strerror}", reached=False)
        try:
            data = reading.load_json(done.stdout)
        except ValueError:
            tail = (done.stderr or done.stdout).strip().splitlines()[-1:]
            return Answer(
                False, {}, tail[0] if tail else f"{self.name} ended with status {done.returncode}", reached=False
            )
        if not isinstance(data, dict):
            return Answer(done.returncode == 0, {"list": data})
        if "solver_problems" in data:  # micromamba's and mamba's no
            return Answer(False, data, "; ".join(map(str, data["solver_problems"])))
        name = str(data.get("exception_name") or "")
        message = str(data.get("message") or data.get("error") or "")
        ok = done.returncode == 0 and not name
        return Answer(ok, data, message, ok or any(word in name for word in _REFUSALS))

    def show(self, *args: str) -> bool:
        """Run a command whose progress the user sees, on standard error; tell whether it ended well."""
        target: Any = subprocess.DEVNULL if self.quiet else sys.stderr
        try:
            done = children.run([*self.command, *args], self.environ(), capture=False, output=target)
        except OSError:
            return False
        return done.returncode == 0

    def search(self, spelled: str) -> list[str] | None:
        """Return the versions that the configured channels have; ``None`` where they could not be asked."""
        answer = self.json("search", spelled)
        if answer.ok:
            if isinstance(answer.data.get("result"), dict):
                records = answer.data["result"].get("pkgs") or []
            else:
                records = answer.data.get(spelled) or [
                    r for rows in answer.data.values() if isinstance(rows, list) for r in rows
                ]
            return [str(r.get("version")) for r in records if isinstance(r, dict) and r.get("name") == spelled]
        return [] if answer.reached and "PackagesNotFound" in str(answer.data.get("exception_name")) else None

    def solve(self, prefix: str, specs: Sequence[str], removes: Sequence[str] = ()) -> tuple[Answer, Moves]:
        """Return what installing (or removing) would do, without doing it."""
        moves = Moves({}, {})
        answer = Answer(True, {})
        if removes:
            answer = self.json("remove", "--dry-run", "--yes", "-p", prefix, *removes)
            _collect(answer, moves)
        if specs and answer.ok:
            answer = self.json("install", "--dry-run", "--yes", "--no-pin", "-p", prefix, *specs)
            _collect(answer, moves)
        return answer, moves

    def create(self, prefix: str, file: str) -> bool:
        """Create an environment from a file, or nothing of it; tell whether it ended well."""
        verb = ("create", "--yes") if is_mamba(self.command) else ("env", "create")
        done = False
        try:
            done = self.show(*verb, "-p", prefix, "-f", file)
        finally:
            # Where pip fails, conda leaves its own half behind.
            if not done and os.path.isdir(os.path.join(prefix, "conda-meta")):
                self.show("env", "remove", "--yes", "-p", prefix)
        return done

    def folders(self) -> list[str]:
        """Return the folders in which it keeps environments, the first one for new ones."""
        data = self.json("info").data
        return list(map(str, data.get("envs_dirs") or data.get("envs directories") or ()))

    def revision(self, prefix: str) -> int:
        """Return the number of the environment's current revision; -1 where it has none."""
        if is_mamba(self.command):
            return -1  # it numbers them otherwise
        answer = self.json("list", "--revisions", "-p", prefix)
        numbers = [r.get("rev", -1) for r in answer.data.get("list", []) if isinstance(r, dict)]
        return max(numbers, default=-1)


def _collect(answer: Answer, moves: Moves) -> None:
    actions = answer.data.get("actions")
    if not isinstance(actions, dict):
        return
    for key, target in (("LINK", moves.link), ("UNLINK", moves.unlink)):
        for record in actions.get(key) or ():
            if isinstance(record, dict):
                parts = (
                    str(record.get("version")),
                    str(record.get("build_string") or ""),
                    str(record.get("channel") or ""),
                )
                target[str(record.get("name"))] = parts


def connect(door: str, platform: str, quiet: bool) -> Conda | None:
    """Return the conda to work with; ``None`` where there is none."""
    command = find_conda(door)
    return Conda(command, platform, quiet) if command else None


def check_writable(prefix: str) -> str:
    """Return why an environment must not be changed; empty where it may be."""
    meta = os.path.join(prefix, "conda-meta")
    frozen = os.path.join(meta, "frozen")
    if os.path.exists(frozen):
        return (
            f"{prefix} is frozen ({frozen}): it must not be changed. Repair a clone, or let its owner unfreeze it."
            f"{_owners_word(frozen)}"
        )
    if not os.path.isdir(meta):
        # A venv: pip alone changes it.
        return "" if os.access(prefix, os.W_OK | os.X_OK) else f"You have no permission to write in {prefix}."
    workspace = workspace_of(prefix)
    if workspace is not None or os.path.exists(os.path.join(meta, "pixi")):
        manifest = quoted(workspace.manifest) if workspace is not None else "pixi.toml"
        return f"{prefix} belongs to a workspace, which makes it anew from its manifest; use fix --file {manifest}."
    if not os.access(meta, os.W_OK | os.X_OK):
        return f"You have no permission to write in {meta}; ask its owner, or repair a clone of the environment."
    return ""


def _owners_word(frozen: str) -> str:
    """Return what the one who froze an environment has to say; CEP 22 lets the file hold a ``message``."""
    try:
        message = reading.load_json(reading.read_text(frozen, reading.SMALL, errors="strict")).get("message")
    except (OSError, ValueError, AttributeError):
        return ""
    return f" It says: {message}" if isinstance(message, str) and message else ""


def require(conda: Conda | None) -> Conda:
    """Return the conda.

    Raises:
        UsageError: There is none.
    """
    if conda is None:
        raise UsageError(
            "There is no conda, micromamba or mamba to apply this with: set CONDA_EXE or MAMBA_EXE to the one that is "
            "yours."
        )
    return conda
