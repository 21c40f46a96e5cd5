"""What TensorFlow's own record or wheel says of the packages beside it, and which of those are there."""

from __future__ import annotations

from .. import versions
from .._light import re
from .._typing import TYPE_CHECKING, Any
from ..environment.facts import CONDA, Environment, Package
from ..environment.unrecorded import may_hold
from ..matrix.model import PYPI
from ..names import OF_NIGHTLY, OTHER_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .context import Context


# The conda packages that carry TensorFlow's dependencies as MatchSpecs.
_RECORDS = ("tensorflow-base", "tensorflow", "tensorflow-gpu", "tensorflow-cpu")
# Declared by mistake: it builds packages, and nothing of TensorFlow imports it.
_UNUSED = ("wheel",)
# A distribution that stands for another, or is its binaries: not a dependency.
_SELF = ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "nvidia-")


def find(context: Context, name: str) -> Package | None:
    """Return the package that ``import`` finds under the wheel's name, whoever installed it."""
    found = context.env.package(name)
    if found is None and name in OTHER_NAMES:
        found = context.env.package(OTHER_NAMES[name])
    return found


def records(context: Context) -> tuple[Package, ...]:
    """Return the conda records that carry what TensorFlow depends on."""
    found = (context.env.conda(name) for name in _RECORDS)
    return tuple(record for record in found if record is not None)


def promised(records: Iterable[Package], package: Package) -> bool | None:
    """Tell whether conda records promise to work with a package; ``None`` where they do not speak of it."""
    names = {package.name, OTHER_NAMES.get(package.name, package.name)}
    answers = [
        versions.conda_contains(spec.version, package.version)
        for record in records
        for text in (*record.depends, *record.constrains)
        for spec in (versions.parse_matchspec(text),)
        if spec.name.replace("_", "-") in names and spec.version
    ]
    return all(answers) if answers else None


def requirements(context: Context) -> dict[str, str]:
    """Return what TensorFlow's own wheel declares, by normalised name; an empty range admits every version.

    A conda build's own record is its promise instead, of which the row has the telling part. Of a patch release that
    the matrix does not know yet, the one before it is asked.
    """
    tensorflow = context.tensorflow
    row = context.build or next(iter(context.builds), None)
    if row is None and context.channel == PYPI and tensorflow is not None:
        row = context.matrix.newest_build(tensorflow.name, f"=={tensorflow.minor}.*", context.env.platform)
    found = row.required(context.env.python.minor) if row else {}
    return {OF_NIGHTLY.get(name, name): spec for name, spec in found.items()}


def of_libprotobuf(spec: str) -> str:
    """Return which protobuf goes with a libprotobuf in conda, as PEP 440 has it; empty where that is not known.

    Both are made of one source, and conda's protobuf asks for the libprotobuf that it was made with: for its minor
    where that is 3, for its patch release from 4 on. Only 3.21 has another number in Python, 4.21.

    Args:
        spec: What a build asks of libprotobuf, in conda's syntax or PEP 440's.
    """
    found = re.match(r"\D*((\d+)\.(\d+)(?:\.\d+)?)", spec)
    if found is None:
        return ""
    whole, major, minor = found.groups()
    return f"=={whole}" if int(major) > 3 else f"=={'4' if minor == '21' else major}.{minor}.*"


def libprotobuf(context: Context) -> str:
    """Return what conda's TensorFlow asks of libprotobuf: what its record says, or the row of its build."""
    specs = (versions.parse_matchspec(text) for record in records(context) for text in record.depends)
    recorded = next((spec.version for spec in specs if spec.name == "libprotobuf" and spec.version), "")
    return recorded or requirements(context).get("libprotobuf", "")


def is_dependency(name: str) -> bool:
    """Tell whether what TensorFlow's wheel requires is a package beside it that it imports."""
    return name not in _UNUSED and not name.startswith(_SELF)


def is_missing(context: Context, name: str) -> bool:
    """Tell whether a package is certainly absent: the list has to be complete for that, and a freeze is not.

    ``pip freeze`` leaves out setuptools and wheel, ``conda list`` does not.
    """
    env, names = context.env, {name, OTHER_NAMES.get(name, name)}
    if find(context, name) is not None or any(package.name in names for package in env.user_site):
        return False
    if not complete(context, names):
        return False
    if name == "setuptools" and env.kind in ("report", "file"):
        return any(env.package(other) for other in ("wheel", "pip"))
    tensorflow = context.tensorflow
    return tensorflow is None or tensorflow.manager != CONDA or depended_on(context, name)


def depended_on(context: Context, name: str) -> bool:
    """Tell whether a conda record of TensorFlow's depends on a package."""
    wanted = {name, OTHER_NAMES.get(name, name)}
    specs = (versions.parse_matchspec(text).name for record in records(context) for text in record.depends)
    return any(spec.replace("_", "-") in wanted for spec in specs)


def complete(context: Context, names: Collection[str] = ()) -> bool:
    """Tell whether the list of packages is evidently the whole environment, so that what it lacks is missing.

    It has to hold nearly everything that TensorFlow's wheel requires: the few packages that a report mentions, what a
    file asks for, and records without files do not. Where TensorFlow's own binaries are on this disk, the environment
    is a real one, and nothing else on sys.path holds what it lacks, what is not there is missing.

    Args:
        context: The environment beside the matrix.
        names: What is asked for: the user site and the folders of PYTHONPATH need not hold more than these.
    """
    env, tensorflow = context.env, context.tensorflow
    if tensorflow is None or tensorflow.requested or env.partial or any(note.hides for note in env.notes):
        return False
    if env.prefix and context.has("binaries") and not may_come_from_outside(env, names):
        return True
    return is_whole(context)


def is_whole(context: Context) -> bool:
    """Tell whether nearly all that TensorFlow's wheel requires is listed, as a freeze of an environment has it."""
    required = requirements(context)
    present = sum(find(context, name) is not None for name in required)
    return len(required) >= 10 and present >= len(required) - 3


def may_come_from_outside(env: Environment, names: Collection[str]) -> bool:
    """Tell whether the user site or PYTHONPATH may bring one of some packages to an environment; any, without names."""
    if env.user_site and (not names or any(package.name in names for package in env.user_site)):
        return True
    path = env.env_vars.get("PYTHONPATH", "")
    # What lies in the folders of another machine nobody knows.
    return bool(path) and (not names or env.kind != "prefix" or may_hold(path, names))


def holds_here(context: Context, row: dict[str, Any]) -> bool:
    """Tell whether what is known holds for this platform and distribution; what names none holds for all."""
    env, tensorflow = context.env, context.tensorflow
    platforms, distributions = row.get("platform"), row.get("distribution")
    # Where the platform is not told, it is Linux: most of what is known was measured there.
    if platforms and env.platform not in platforms and (env.os or "linux") not in platforms:
        return False
    return not distributions or (tensorflow is not None and tensorflow.name in distributions)
