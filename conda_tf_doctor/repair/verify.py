"""Asks conda and pip whether a plan can be installed, before anybody is asked to agree to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.site import interpreter
from ..names import normalise
from ..programs import safe_python
from ..reading import load_json
from . import children
from .plan import Conflict, Edits, Plan
from .planner import Planner
from .simulate import simulate

if TYPE_CHECKING:
    from .candidates import Catalogue
    from .conda import Conda, Moves

_ATTEMPTS = 6
# What pip says where its index lacks a version.
_LISTED = re.compile(
    r"satisfies the requirement ([A-Za-z0-9][\w.-]*?)(?:\[[^\]\n]{0,200}\])?[=<>!~ ].{0,400}?\(from versions: ([^)]*)\)"
)
_NO_NETWORK = ("connection", "Connection", "timed out", "Temporary failure", "ProxyError", "SSLError", "getaddrinfo")


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
        try:
            done = children.run([*command, "--version"], pip_environ(), probe=True)
        except OSError:
            continue
        if done.returncode == 0:
            return command
    return ()


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


def conda_specs(edits: Edits, pinned: Sequence[str] = ()) -> list[str]:
    """Return the MatchSpecs that bring about the edits, the user's other pins included."""
    specs: list[str] = []
    for edit in edits.values():
        if edit.manager == CONDA and not edit.removes and not edit.reinstall:
            specs += [edit.pin, *edit.also]
    named = {spec.split()[0] for spec in specs}
    return specs + [pin for pin in pinned if pin.split()[0] not in named] if specs else []


def conda_removes(edits: Edits) -> list[str]:
    """Return the conda packages that go."""
    return [edit.spelled for edit in edits.values() if edit.manager == CONDA and edit.removes]


def pip_requirements(edits: Edits) -> list[str]:
    """Return what pip has to install."""
    return [e.pin for e in edits.values() if e.manager != CONDA and not e.removes and not e.reinstall]


def verified_plan(planner: Planner, conda: Conda | None, prefix: str, pinned: Sequence[str] = ()) -> Plan:
    """Return a plan that conda and pip can carry out, as far as they can be asked.

    What conda would not install is rejected, and the next best plan is tried.

    Args:
        planner: Makes plans.
        conda: The user's conda; ``None`` leaves conda's part unverified.
        prefix: The environment.
        pinned: The user's own pins on installed packages, which the solve has to honour.
    """
    plan = planner.plan()
    refusals: list[str] = []
    for _ in range(_ATTEMPTS):
        if plan.conflict is not None or not plan.edits:
            break
        specs, removes = conda_specs(plan.edits, pinned), conda_removes(plan.edits)
        by_pip, learned = _pip_checked(plan, prefix, planner.catalogue)
        if learned:
            following = planner.plan()
            if following.conflict is not None:
                # pip answered: a plan that it cannot install is none.
                why = f"{by_pip.unverified}. With what its index has, {following.conflict.why}"
                return following._replace(conflict=following.conflict._replace(why=why[:1].upper() + why[1:]))
            plan = following
            continue
        if not specs and not removes:
            return by_pip
        if conda is None:
            return plan._replace(unverified="there is no conda to ask what the channels have")
        answer, moves = conda.solve(prefix, specs, removes)
        if not answer.reached:
            return plan._replace(unverified=f"conda could not be asked ({_short(answer.message)})")
        if answer.ok:
            solved = moves_applied(planner, plan, moves)
            left = planner.left_after(plan.edits, solved)
            if not left:
                verified = f"conda and {by_pip.verified}".removesuffix(" and ")
                return by_pip._replace(verified=verified, moves=_besides(plan, moves))
            refusals.append(f"what conda would install with it still has {', '.join(f.code for f in left)}")
            refined = planner.refined(plan.edits, left, solved)
            if refined is not None:
                plan = planner.finished(refined)
                continue
        else:
            refusals.append(_short(answer.message))
        planner.reject(dict(plan.edits))
        following = planner.plan()
        if following.conflict is not None:
            return plan._replace(conflict=following.conflict._replace(why=f"Conda refuses the plan: {refusals[0]}"))
        plan = following
    else:
        if not refusals:
            return by_pip
        why = f"Conda refuses {len(refusals)} plans, the first with: {refusals[0]}"
        return plan._replace(conflict=Conflict(("the packages and channels that are there",), why, ()))
    return plan


def _short(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:3])[:300]


def _besides(plan: Plan, moves: Moves) -> tuple[str, ...]:
    planned = {normalise(edit.spelled) for edit in plan.edits.values() if edit.manager == CONDA}
    planned |= {name for edit in plan.edits.values() for name in edit.follows}
    found = []
    for name in sorted({*moves.link, *moves.unlink}):
        old, new = moves.unlink.get(name), moves.link.get(name)
        if normalise(name) not in planned and (old or ("", ""))[0] != (new or ("", ""))[0]:
            found.append(f"{name} {old[0] if old else '(new)'} -> {new[0] if new else 'removed'}")
    return tuple(found)


def moves_applied(planner: Planner, plan: Plan, moves: Moves) -> Environment:
    """Return the facts as conda's own solution and the rest of the plan leave them."""
    env = simulate(planner.env, {k: e for k, e in plan.edits.items() if e.manager != CONDA}, planner.matrix)
    expected = {p.name: p for p in simulate(planner.env, plan.edits, planner.matrix).packages if p.manager == CONDA}
    gone = {normalise(name) for name in moves.unlink}
    kept = [p for p in env.packages if p.manager != CONDA or p.name not in gone]
    for name, (version, build, channel) in moves.link.items():
        old = expected.get(normalise(name))
        metadata = old.metadata if old is not None and old.version == version else {}
        kept.append(
            Package(
                name,
                version,
                CONDA,
                build,
                channel.rsplit("/", 1)[-1],
                f"conda-meta/{name}-{version}-{build}.json",
                metadata,
            )
        )
        if name == "python":
            env.python = env.python._replace(version=version)
    env.put(kept)
    return env


def _pip_checked(plan: Plan, prefix: str, catalogue: Catalogue) -> tuple[Plan, bool]:
    """Ask pip, with the environment's own Python, whether what it has to install exists.

    Returns:
        The plan with the answer, and whether pip named the versions that there are instead.
    """
    wanted = pip_requirements(plan.edits)
    again = [f"{e.spelled}=={e.version}" for e in plan.pip_edits if e.reinstall and e.version]
    if not wanted and not again:
        return plan, False
    if (CONDA, "python") in plan.edits:
        return plan._replace(unverified="pip can only be asked when the new Python is there"), False
    pip = pip_command(prefix)
    if not pip:
        return plan._replace(unverified="the environment has no pip that could be asked"), False
    said = _asked(pip, wanted) if wanted else ""
    if again and not said:
        said = _asked(pip, ["--no-deps", "--force-reinstall", *again])
    if said is None:
        return plan._replace(unverified="the environment's pip does not answer here"), False
    if not said:
        return plan._replace(verified=f"{plan.verified} and pip".removeprefix(" and ")), False
    if any(word in said for word in _NO_NETWORK):
        reason = "pip could not reach its index"
        return plan._replace(unverified=reason, unreachable=reason), False
    learned = False
    for spelled, listed in _LISTED.findall(said):
        name = normalise(spelled)
        there = [v.strip() for v in listed.split(",") if v.strip() != "none"]
        if not there and catalogue.versions(PIP, name, name):
            reason = f"pip's index has no version at all of {spelled}, though there are some: it may refuse"
            return plan._replace(unverified=reason, unreachable=reason), False
        learned |= catalogue.learn(name, there)
    lines = said.strip().splitlines()
    reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
    return plan._replace(unverified=f"pip says: {reason.removeprefix('ERROR: ')[:200]}"), learned


def _asked(pip: Sequence[str], words: Sequence[str]) -> str | None:
    """Return what pip has against installing something; empty where nothing, ``None`` where it does not answer."""
    try:
        done = children.run(
            [*pip, "install", "--dry-run", "--quiet", "--retries", "1", "--report", "-", *words],
            pip_environ(),
            timeout=300,
        )
        if done.returncode == 0:
            load_json(done.stdout)
            return ""
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stderr if done.stderr.strip() else "ERROR: no reason given"
