"""Fixes: pins, requirements and the commands that bring them, spelled in one place."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING, Any
from ..context.promises import find, libprotobuf, of_libprotobuf, requirements
from ..environment.facts import CONDA, PIP
from ..findings import Fix
from ..installers import pip_install
from ..matrix.model import PYPI
from ..names import PIP_TO_CONDA, normalise
from ..specifiers import joined, with_globs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..context.context import Context

FORGE = "conda-forge"
# The folder of a new environment needs a name; people type another.
NEW = "tensorflow"
_NAMES = ("tensorflow", "tensorflow-macos")


def spelled(spec: str) -> str:
    """Return a MatchSpec as one argument of conda's command line: ``cudnn 8.1.*`` is ``cudnn=8.1``."""
    name, _, wanted = spec.partition(" ")
    wanted = with_globs(wanted.replace(" ", ""))
    if re.match(r"\d", wanted):
        wanted = "=" + wanted.removesuffix(".*")
    return name + re.sub(r"^==(?=\d)", "=", wanted)


def by_conda(specs: Iterable[str], note: str = "", channel: str = "") -> Fix:
    """Return the fix that installs MatchSpecs with conda.

    Args:
        specs: Such as ``numpy >=1.23.5,<2``.
        note: What else is to be said.
        channel: The one that has them, where the configured ones may not.
    """
    specs = tuple(specs)
    where = ("-c", channel) if channel else ()
    # Where the channel has no version that would do, there is nothing to type.
    commands = (("conda", "install", *where, *map(spelled, specs)),) if specs else ()
    return Fix(pins=specs, commands=commands, note=note)


def by_pip(requirements: Iterable[str], note: str = "", options: tuple[str, ...] = ()) -> Fix:
    """Return the fix that installs PEP 508 requirements with pip."""
    wanted = tuple(requirements)
    return Fix(pip=wanted, commands=(pip_install(wanted, *options),), note=note)


def owner(context: Context, name: str) -> str:
    """Return who owns a package, or would bring it: most often the one who owns TensorFlow."""
    package = find(context, name)
    tensorflow = context.tensorflow
    return (package.manager if package else "") or (tensorflow.manager if tensorflow else "") or PIP


def change(context: Context, changes: Mapping[str, str], note: str = "") -> Fix:
    """Return the fix that brings packages into ranges, each by the one who owns it.

    Args:
        context: Tells who that is.
        changes: PEP 440 range by normalised name; empty admits every version.
        note: What else is to be said.
    """
    pins, pip, conda_specs, pip_specs = [], [], [], []
    for name, spec in changes.items():
        package = find(context, name)
        tensorflow = context.tensorflow
        manager = package.manager if package else (tensorflow.manager if tensorflow else PIP)
        pin = f"{PIP_TO_CONDA.get(name, name)} {with_globs(spec)}".strip()
        if manager != PIP:
            pins.append(pin)
        if manager != CONDA:
            pip.append(f"{name}{spec}")
        if owner(context, name) == CONDA:
            conda_specs.append(pin)
        else:
            pip_specs.append(f"{name}{spec}")
    commands = []
    if conda_specs:
        commands.append(("conda", "install", *map(spelled, conda_specs)))
    if pip_specs:
        commands.append(pip_install(pip_specs))
    return Fix(tuple(pins), tuple(pip), tuple(commands), note)


def working(context: Context, name: str, table: str = "works") -> str:
    """Return the range of a package that works with this TensorFlow, by what it declares and what was seen.

    Returns:
        Empty where nothing is known, or TensorFlow's version is not.
    """
    tensorflow = context.tensorflow
    if tensorflow is None or not tensorflow.version:
        return ""
    if name == "protobuf" and tensorflow.manager == CONDA and (beside := of_libprotobuf(libprotobuf(context))):
        return beside
    python = context.env.python.version
    seen = [
        entry["works"].replace("{minor}", tensorflow.minor)
        for entry in context.matrix.entries(table, name)
        if entry.get("works")
        and not _is_conditional(entry)
        and versions.contains(entry.get("tensorflow", ""), tensorflow.version)
        and (not entry.get("python") or (python and versions.contains(entry["python"], python)))
    ]
    return joined(requirements(context).get(name, ""), *seen)


def _is_conditional(entry: Mapping[str, Any]) -> bool:
    """Tell whether a range is for no TensorFlow in particular, and only beside another package (numpy 2)."""
    breaks = entry.get("breaks", ())
    beside = [each for each in breaks if "with" in each and "tensorflow" not in each]
    return not entry.get("tensorflow") and bool(breaks) and len(beside) == len(breaks)


def needed(said: Mapping[str, str], name: str) -> str:
    """Return the range of a package that an installer says TensorFlow asks for, as PEP 440 has it; empty where none."""
    asked = re.sub(r"\band\b|\s|dev\b", lambda found: "," if found[0] == "and" else "", said.get("needs", ""))
    named = normalise(said.get("package", "") or said.get("name", "")) == name and re.fullmatch(
        r"[<>=!~][^;]*[\d*]", asked
    )
    return asked if named else ""


def fresh(
    python: str, *conda: str, pip: tuple[str, ...] = (), platform: str = "", channel: str = ""
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that make an environment beside the others, and install into it what pip brings.

    Args:
        python: Its minor; empty for the solver's choice.
        conda: What conda installs besides.
        pip: PEP 508 requirements.
        platform: Where it is not that of this machine's conda.
        channel: Where the configured ones may lack it.
    """
    where = ("--platform", platform) if platform else ()
    source = ("-c", channel) if channel else ()
    made = ("conda", "create", "-n", NEW, *where, *source, f"python={python}" if python else "python", *conda)
    entered = (made, ("conda", "activate", NEW))
    return (*entered, pip_install(pip)) if pip else entered


def in_a_channel(context: Context, version: str) -> str:
    """Return a version of TensorFlow where a channel of conda's has it here; else an empty text, for any version."""
    known = (
        v
        for channel in (FORGE, "defaults")
        for v in context.matrix.versions("tensorflow", channel, context.env.platform)
    )
    return version if any(f"{each}.".startswith(f"{version}.") for each in known) else ""


def pair(context: Context, changes: Mapping[str, str], note: str, minor: str = "") -> Fix:
    """Return the TensorFlow to go to with what belongs to it, in a new environment where this Python has no such one.

    Args:
        context: The environment.
        changes: PEP 440 range by normalised name.
        note: What else is to be said.
        minor: That of the TensorFlow, where it is not in the changes.
    """
    name = context.tensorflow.name if context.tensorflow else "tensorflow"
    spec = next((s for other, s in changes.items() if other.split("[")[0] == "tensorflow"), f"=={minor}.*")
    rows = [
        row
        for row in context.matrix.builds(channel=PYPI, platform=context.env.platform)
        if row.distribution in (name, *_NAMES)
        and row.python
        and not row.prerelease
        and versions.contains(spec, row.tensorflow)
    ]
    # tensorflow-gpu ended, and Macs with Apple silicon had tensorflow-macos first.
    carry = {row.distribution for row in rows}
    name = next((one for one in (name, *_NAMES) if one in carry), name)
    wanted = tuple(f"{name if other == 'tensorflow' else other}{spec}" for other, spec in changes.items())
    pythons, python = sorted({m for r in rows for m in r.python}, key=versions.key), context.env.python.minor
    # pip's TensorFlow is not laid over conda's.
    if is_conda(context) or (python and pythons and python not in pythons):
        return Fix((), wanted, fresh(python if python in pythons or not pythons else pythons[-1], pip=wanted), note)
    return by_pip(wanted, note)


def is_conda(context: Context) -> bool:
    """Tell whether TensorFlow is conda's."""
    return context.tensorflow is not None and context.tensorflow.manager == CONDA


def minors(context: Context, python: str = "") -> list[str]:
    """Return the minors of TensorFlow that pip can have on this platform, newest first.

    Args:
        context: Tells the platform.
        python: A minor that there is to be a wheel for; empty for any.
    """
    known = stable(context.matrix.versions("tensorflow", PYPI, context.env.platform, python))
    return sorted({versions.minor(version) for version in known}, key=versions.key, reverse=True)


def before(context: Context, version: str) -> bool | None:
    """Tell whether TensorFlow is older than a version; ``None`` where its own is unknown."""
    known = context.tensorflow.version if context.tensorflow else ""
    return versions.contains(f"<{version}", known) if known else None


def minor_of(context: Context) -> str:
    """Return TensorFlow's minor; empty where it is unknown."""
    return context.tensorflow.minor if context.tensorflow else ""


def stable(known: Iterable[str]) -> list[str]:
    """Return the versions that are no prereleases, oldest first."""
    return sorted((v for v in known if not versions.is_prerelease(v)), key=versions.key)


def asking(context: Context) -> str:
    """Return the name of the package whose file is the last in the traceback; empty where none is named."""
    found = re.findall(r"(?:site|dist)-packages[\\/](\w+)", context.env.error_text)
    module = normalise(found[-1]) if found else ""
    if not module or context.env.package(module):
        return module
    # keras-tcn's module is tcn.
    named = [p.name for p in context.env.packages if p.name.endswith(f"-{module}")]
    return named[0] if len(named) == 1 else module
