"""Asks pip what a plan comes to: a resolution beside what is installed, with all that pip would add by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.site import interpreter
from ..environment.tensorflow import OWNERS
from ..names import normalise
from ..programs import safe_python
from ..reading import load_json
from . import children, neighbours
from .plan import Edit, Edits, Key, Move, Plan
from .simulate import simulate

if TYPE_CHECKING:
    from .planner import Planner

# What pip says where its index lacks a version.
_LISTED = re.compile(
    r"satisfies the requirement ([A-Za-z0-9][\w.-]*?)(?:\[[^\]\n]{0,200}\])?[=<>!~ ].{0,400}?\(from versions: ([^)]*)\)"
)
UNREACHABLE = "pip could not reach its index"
_NO_NETWORK = ("connection", "Connection", "timed out", "Temporary failure", "ProxyError", "SSLError", "getaddrinfo")


class Answer(NamedTuple):
    """What pip said.

    Attributes:
        against: Why it installs nothing; empty where it would install.
        brings: What it would install, by normalised name: the version, and what that one requires.
    """

    against: str
    brings: dict[str, tuple[str, tuple[str, ...]]]


def python_of(prefix: str) -> str:
    """Return the environment's own Python; empty where it has none."""
    inside = interpreter(prefix)
    return os.path.join(prefix, *inside.split("/")) if inside else ""


def runs_here(prefix: str) -> bool:
    """Tell whether the environment's own Python can be started on this machine; pip needs it."""
    python = python_of(prefix)
    try:
        done = children.run([python, "-c", ""], timeout=60, probe=True)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@lru_cache(maxsize=8)
def pip_command(prefix: str) -> tuple[str, ...]:
    """Return what installs with pip into an environment; empty where nothing can.

    That is the environment's own pip. Where it has none (uv makes venvs without), the pip beside this program works
    on it from outside, or uv does.
    """
    python = python_of(prefix)
    if not python:
        return ()
    found = [(python, "-m", "pip"), (sys.executable, "-m", "pip", "--python", python)]
    for command in found:
        if version_of(command) is not None:
            return command
    return ()


def version_of(pip: Sequence[str]) -> str | None:
    """Return pip's version, empty where it does not say; ``None`` where it cannot be started, or is not there."""
    try:
        done = children.run([*pip, "--version"], pip_environ(), probe=True)
    except OSError:
        return None
    return done.stdout.partition("pip ")[2].partition(" ")[0] if done.returncode == 0 else None


def pip_environ() -> dict[str, str]:
    """Return the variables pip runs with: nothing outside the environment is looked at, nothing is asked."""
    return safe_python(
        {
            **os.environ,
            "PYTHONNOUSERSITE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PYTHONPATH": "",
        }
    )


def pip_requirements(edits: Edits) -> list[str]:
    """Return what pip has to install."""
    return [e.pin for e in edits.values() if e.manager != CONDA and not (e.removes or e.reinstall or e.alone)]


def moved_along(plan: Plan) -> list[str]:
    """Return what pip replaces untold: what goes along (``tensorflow-intel``), and what it moves besides."""
    along = [name for edit in plan.edits.values() if edit.manager != CONDA for name in edit.follows]
    return list(dict.fromkeys(map(normalise, [*along, *(move.name for move in plan.moves if move.manager == PIP)])))


def pip_back(edits: Edits) -> list[str]:
    """Return what pip has to put in again as it is, whose files go with another package or were lost.

    So it puts in as well what would bring TensorFlow under another name along: without what it requires.
    """
    exact = [e for e in edits.values() if e.manager == PIP and e.version and (e.reinstall or e.alone)]
    back = [text for edit in edits.values() for text in edit.back] + [f"{e.spelled}=={e.version}" for e in exact]
    gone = {e.name for e in edits.values() if e.removes and e.manager == PIP}
    return list(dict.fromkeys(text for text in back if text.split("==")[0] not in gone))


def checked(plan: Plan, prefix: str, planner: Planner) -> tuple[Plan, Plan | None]:
    """Ask pip, with the environment's own Python, what comes of its part of a plan.

    pip resolves it beside what is installed. What it would change besides is judged like the plan itself: by the rules,
    and by what every other package asks for.

    Returns:
        The plan with the answer, and the plan to go on with where pip's answer calls for another one.
    """
    wanted = pip_requirements(plan.edits)
    exactly = pip_back(plan.edits)
    if not wanted and not exactly:
        return plan, None
    if (CONDA, "python") in plan.edits:
        return plan._replace(unverified="pip can only be asked when the new Python is there"), None
    pip = pip_command(prefix)
    if not pip:
        return plan._replace(unverified="the environment has no pip that could be asked"), None
    answer = asked(pip, wanted) if wanted else Answer("", {})
    if exactly and answer is not None and not answer.against:
        second = asked(pip, ["--no-deps", "--force-reinstall", *exactly])
        answer = answer._replace(against=second.against) if second is not None else None
    if answer is None:
        return plan._replace(unverified="the environment's pip does not answer here"), None
    if not answer.against:
        return _with_all(plan, answer, planner)
    return _refused(plan, answer.against, planner)


def _refused(plan: Plan, said: str, planner: Planner) -> tuple[Plan, Plan | None]:
    against = reason_of(said)
    if against == UNREACHABLE:
        return plan._replace(unverified=against, unreachable=against), None
    learned, catalogue = False, planner.catalogue
    for spelled, listed in _LISTED.findall(said):
        name = normalise(spelled)
        there = [v.strip() for v in listed.split(",") if v.strip() != "none"]
        if not there and catalogue.versions(PIP, name, name):
            reason = f"pip's index has no version at all of {spelled}, though there are some: it may refuse"
            return plan._replace(unverified=reason, unreachable=reason), None
        learned |= catalogue.learn(name, there)
    return plan._replace(unverified=against), planner.plan() if learned else None


def _with_all(plan: Plan, answer: Answer, planner: Planner) -> tuple[Plan, Plan | None]:
    """Judge a plan with what pip adds to it."""
    edits = dict(plan.edits)
    planned = {edit.name for edit in edits.values() if edit.manager == PIP}
    besides = {name: each for name, each in answer.brings.items() if name not in planned}
    other = {name for name in besides if name in OWNERS}
    if other:
        return plan, planner.finished(_alone(edits, answer.brings, other, planner.env))
    after = simulate(planner.env, edits, planner.matrix)
    brought = {name: Package(name, v, PIP, "", "pypi", "", {"depends": list(r)}) for name, (v, r) in besides.items()}
    after.put([*(p for p in after.packages if p.manager != PIP or p.name not in brought), *brought.values()])
    moved: dict[Key, Edit] = {(PIP, n): Edit(PIP, n, n, (f"=={v}",), v) for n, (v, _) in besides.items()}
    unmet = neighbours.unmet_by({**edits, **moved}, planner.env, after)
    left = [*planner.left_after(edits, after), *neighbours.findings(unmet)]
    if not left:
        moves = tuple(_move(planner.env, name, version) for name, (version, _) in sorted(besides.items()))
        return plan._replace(verified=f"{plan.verified} and pip".removeprefix(" and "), moves=moves), None
    refined = planner.refined(edits, left, after)
    if refined is not None:
        return plan, planner.finished(refined)
    planner.reject(edits)
    told = plan._replace(unverified=f"with what pip adds to it, {left[0].message.rstrip('.')}")
    return told, planner.plan()


def _move(env: Environment, name: str, version: str) -> Move:
    there = env.pip(name)
    return Move(PIP, name, there.version if there else "", version)


def _alone(
    edits: dict[Key, Edit], brings: Mapping[str, tuple[str, tuple[str, ...]]], other: set[str], env: Environment
) -> dict[Key, Edit]:
    """Return the edits with what asks for TensorFlow under another name installed without what it asks for."""
    for name, (version, requires) in brings.items():
        asks = name not in other and any(neighbours.requirement(text, env)[0] in other for text in requires)
        if asks:
            edit = edits.get((PIP, name)) or Edit(PIP, name, name, (f"=={version}",), version, ("TFD602",))
            edits[edit.key] = edit._replace(version=version, alone=True)
    return edits


def reason_of(said: str) -> str:
    """Return what pip said against an installation, in a line; that it has no index is another matter."""
    if any(word in said for word in _NO_NETWORK):
        return UNREACHABLE
    lines = said.strip().splitlines()
    reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
    return f"pip says: {reason.removeprefix('ERROR: ')[:200]}"


def asked(pip: Sequence[str], words: Sequence[str]) -> Answer | None:
    """Ask pip what installing something would do; ``None`` where it does not answer.

    Args:
        pip: What starts it.
        words: Its options and the requirements.
    """
    try:
        done = children.run(
            [*pip, "install", "--dry-run", "--quiet", "--retries", "1", "--report", "-", *words],
            pip_environ(),
            timeout=300,
        )
        if done.returncode == 0:
            return Answer("", dict(map(_brought, load_json(done.stdout)["install"])))
    except (OSError, ValueError, LookupError, TypeError, subprocess.TimeoutExpired):
        return None
    return Answer(done.stderr if done.stderr.strip() else "ERROR: no reason given", {})


def _brought(entry: dict[str, Any]) -> tuple[str, tuple[str, tuple[str, ...]]]:
    metadata = entry["metadata"]
    return normalise(metadata["name"]), (metadata["version"], tuple(metadata.get("requires_dist") or ()))
