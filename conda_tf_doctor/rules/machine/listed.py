"""TFD103 of files: what a file asks pip for, and pip has for no Python on this platform."""

from __future__ import annotations

from collections.abc import Iterator

from ... import versions
from ...context.context import Context
from ...environment.facts import PIP, Package
from ...environment.tensorflow import OWNERS
from ...findings import ERROR, Finding, Fix
from ...names import parse_requirement

EXTRA = "and-cuda"
# Nobody builds these of their source: what has no wheel here is not to be had here.
_WHEELS_ONLY = ("tensorflow-", "nvidia-", "jaxlib")


def not_to_be_had(context: Context) -> Iterator[Finding]:
    """TFD103: a package, a release or an extra of a file that no installer finds for this platform."""
    env, tensorflow = context.env, context.tensorflow
    for package in env.packages if env.platform else ():
        if package.manager != PIP:
            continue
        mine = tensorflow is not None and package is tensorflow.package
        if not mine:
            yield from _never_here(context, package)
        elif package.version:
            yield from _never_released(context, package)
        lacking = lacks(context, package)
        if lacking:
            yield _finding(
                package,
                f"{package.name}[{EXTRA}] brings {lacking}, of which there is no wheel for {env.platform}: pip "
                "installs nothing of the file.",
                Fix(note=f"Write {package.name} without [{EXTRA}]: no TensorFlow of this platform uses CUDA's wheels."),
                f"{package.name} without [{EXTRA}]",
            )


def _finding(package: Package, message: str, fix: Fix, expected: str) -> Finding:
    where = (package.source,) if package.source else ()
    found = f"{package.name} {package.version or package.spec}".strip()
    source = "the files of its releases in the package index"
    return Finding("TFD103", ERROR, message, found, expected, where, source, package=package.name, fix=fix)


def _never_here(context: Context, package: Package) -> Iterator[Finding]:
    """Report a package of which no release can be installed here (tensorflow-metal beside Linux)."""
    wheels, platform = context.matrix.wheels, context.env.platform
    released = wheels.releases(package.name)
    if any(each.pythons for each in released) and not wheels.installable(package.name, platform):
        others = sorted({name for each in released for names in each.pythons for name in names.split()})
        yield _finding(
            package,
            f"No release of {package.name} exists for {platform}: pip installs nothing of the file.",
            Fix(note=f"Take {package.name} out, or mark it: `{package.name}; {_marker(others)}`."),
            " or ".join(others),
        )
    elif package.version and package.name not in OWNERS and package.name.startswith(_WHEELS_ONLY):
        yield from _not_in_this_release(context, package)


def _not_in_this_release(context: Context, package: Package) -> Iterator[Finding]:
    """Report a release that has wheels, but none for this platform and Python, where another one has."""
    wheels, where = context.matrix.wheels, (context.env.platform, context.env.python.version)
    if wheels.has(package.name, package.version) and wheels.has(package.name, package.version, *where) is False:
        there = wheels.installable(package.name, *where)
        if there:
            wanted = versions.key(package.version)
            nearest = next((version for version in there if versions.key(version) < wanted), there[-1])
            on = f"{where[0]} and Python {context.env.python.minor}" if where[1] else where[0]
            yield _finding(
                package,
                f"{package.name} {package.version} has no wheel for {on}: pip installs nothing of the file.",
                Fix(pip=(f"{package.name}=={nearest}",)),
                nearest,
            )


def _marker(platforms: list[str]) -> str:
    systems = dict.fromkeys(platform.split("-")[0] for platform in platforms)
    names = {"win": "win32", "linux": "linux", "osx": "darwin"}
    return " or ".join(f"sys_platform == '{names[each]}'" for each in systems if each in names)


def _never_released(context: Context, package: Package) -> Iterator[Finding]:
    """Report a TensorFlow whose number no release had."""
    released = context.matrix.wheels.releases(package.name)
    wanted = versions.key(package.version)
    known = [versions.key(each.version) for each in released]
    # What is newer than the tables is not known; a local version (+cpu) is somebody's own build.
    if not known or "+" in package.version or versions.is_prerelease(package.version):
        return
    if known[0] < wanted < known[-1] and wanted not in known and not context.builds:
        minor = versions.minor(package.version)
        same = [each.version for each in released if versions.minor(each.version) == minor]
        instead = f"; of {minor} there are {', '.join(same)}" if same else ""
        yield _finding(
            package,
            f"There never was a release {package.version} of {package.name}{instead}.",
            Fix(note="Name a release that exists; `conda tf-doctor matrix` lists them."),
            same[-1] if same else "a release",
        )


def lacks(context: Context, package: Package) -> str:
    """Return which of NVIDIA's wheels the extra of a TensorFlow would bring here and cannot; empty where none.

    The extra is declared for every platform, and its wheels are for Linux.
    """
    if package.name not in OWNERS or EXTRA not in package.metadata.get("extras", ()) or context.env.os == "linux":
        return ""
    wheels, platform = context.matrix.wheels, context.env.platform
    rows = context.matrix.builds(package.name, package.version, "pypi", "linux-64")
    named = [parse_requirement(text) for row in rows for text in row.nvidia] or [("nvidia-nccl-cu12", "")]
    return next((name for name, spec in named if not wheels.newest(name, spec, platform)), "")
