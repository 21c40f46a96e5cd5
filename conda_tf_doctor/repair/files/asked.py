"""Asks the installers whether what a repaired file asks for is to be had: conda for its part, pip for its own.

Neither installs anything. Each answers for what it would install into an environment that is not there yet, and what
it cannot be asked is said.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING

from ... import versions
from ...environment.facts import PIP
from ...environment.files.conda_env import conda_specs
from ...subdirs import this_platform
from .. import by_pip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...environment.facts import Environment, Package
    from ..conda import Conda
    from ..plan import Plan


# From here on a dry run gets what wheels declare, and not the wheels (pip's news for 23.3, #12186).
_BY_METADATA = "23.3"
# What pip finds elsewhere than on the index that it would be asked for.
_ELSEWHERE = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-e", "--editable", "-r", "--requirement")


def confirmed(plan: Plan, text: str, conda: Conda | None) -> Plan:
    """Return a plan for a file with what the installers say of the file as it leaves it.

    Args:
        plan: The plan; its environment afterwards is the file's.
        text: The file as the plan leaves it.
        conda: The user's conda, where it answers; else ``None``.
    """
    env = plan.after.env
    specs, channels = conda_specs(text, env.path, env.platform) if env.path.endswith((".yml", ".yaml")) else ([], [])
    said, unsaid = [plan.verified] * bool(plan.verified), [plan.unverified] * bool(plan.unverified)
    if plan.conda_edits and specs and conda is not None:
        refusal = _by_conda(specs, channels, conda)
        said, unsaid = ([], [refusal]) if refusal else ([conda.name], [])
    if plan.pip_edits:
        refusal = _by_pip(env, text)
        if refusal:
            unsaid.append(refusal)
        else:
            said.append(PIP)
    return plan._replace(verified=" and ".join(said), unverified="; ".join(unsaid))


def _by_conda(specs: Sequence[str], channels: Sequence[str], conda: Conda) -> str:
    """Return why conda does not solve for specs in a new environment; empty where it does."""
    named = [word for channel in channels if channel != "nodefaults" for word in ("-c", channel)]
    only = ["--override-channels"] if "nodefaults" in channels and named else []
    with tempfile.TemporaryDirectory() as folder:
        where = ["-p", os.path.join(folder, "env")]
        answer = conda.json("create", "--dry-run", "--yes", *where, *named, *only, *specs)
    if answer.ok:
        return ""
    said = " ".join(answer.message.split())[:200].rstrip(".")
    return f"{conda.name} says: {said}" if answer.reached else f"{conda.name} could not be asked ({said})"


def _by_pip(env: Environment, text: str) -> str:
    """Return why pip does not resolve what a file asks of it; empty where it does.

    pip evaluates markers for the Python and the machine that run it, so it is asked for these alone.
    """
    minor = ".".join(map(str, sys.version_info[:2]))
    if env.platform != this_platform() or env.python.minor not in ("", minor):
        return f"pip can only be asked for {this_platform()} and Python {minor}, which run it"
    if any(map(_is_elsewhere, text.split("\n"))):
        return "pip was not asked, for the file names other places than its index"
    wanted = [_requirement(package) for package in env.packages if package.manager == PIP]
    pip = (sys.executable, "-m", "pip")
    version = by_pip.version_of(pip)
    if version is None:
        return "there is no pip beside this program"
    if versions.key(version) < versions.key(_BY_METADATA):
        return f"pip {version} would get every wheel to answer"
    answer = by_pip.asked(pip, ["--ignore-installed", "--only-binary", ":all:", *wanted])
    if answer is None:
        return "pip does not answer here"
    if not answer.against:
        return ""
    reason = by_pip.reason_of(answer.against)
    # What is there as a source alone would have to be built to be asked.
    return reason if reason == by_pip.UNREACHABLE else f"of wheels alone, {reason}"


def _is_elsewhere(line: str) -> bool:
    """Tell whether a line of a file leads pip to another place: another index, a folder, another file, an address."""
    words = [word.strip("\"'") for word in line.partition(" #")[0].split() if word != "-"]
    return "@" in words or any(word.split("=")[0] in _ELSEWHERE or "git+" in word for word in words)


def _requirement(package: Package) -> str:
    extras = ",".join(package.metadata.get("extras") or ())
    version = package.spec or (f"=={package.version}" if package.version else "")
    return f"{package.name}[{extras}]{version}" if extras else f"{package.name}{version}"
