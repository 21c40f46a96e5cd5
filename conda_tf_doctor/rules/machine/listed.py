"""TFD103 of files: what a file asks an installer for, and that has for no Python on this platform."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from ... import versions
from ...advice import advise
from ...advice.add_ons import IN_STEP
from ...advice.machine import other_name
from ...advice.make import working
from ...advice.nvidia import asks_in_vain
from ...context.context import Context
from ...environment.facts import CONDA, PIP, Package
from ...environment.gpu import LAST_TOOLKIT, TOOLKITS
from ...environment.tensorflow import OWNERS
from ...findings import ERROR, LIKELY, WARNING, Finding, Fix
from ...matrix.model import CONDA_FORGE, DEFAULTS, PYPI, WITHOUT_TENSORFLOW
from ...names import parse_requirement
from ...specifiers import joined, to_conda

EXTRA = "and-cuda"
# Nobody builds these of their source: what has no wheel here is not to be had here.
_WHEELS_ONLY = ("tensorflow-", "nvidia-", "jaxlib")
_ADD_ONS = ("works_symbols", "works_plugins")
_INDEX = "the files of its releases in the package index"
# What a range begins with, or names alone.
_LEAST = r"(?:^|[,|\s])\s{0,9}(?:>=|>|==?|~=)?\s{0,9}(\d+(?:\.\d+)?)"
# Packages of conda's that one platform alone has: Apple's channel has the dependencies of its wheels for its own Macs.
_FOR_ONE = {"tensorflow-deps": "osx-arm64"}
# What NVIDIA's packages are not for: Apple's processors at all, and of an Intel Mac's these releases are the last.
_OF_NVIDIA: dict[str, tuple[str, ...]] = {
    "cudatoolkit": ("7.5", "8.0", "9.0"), "cudnn": ("5.1", "6.0", "7.0.5", "7.1.2"), "libcudnn": (), "nccl": (),
    "cudatoolkit-dev": (), "cuda-toolkit": (), "cuda-runtime": (), "cuda-cudart": (), "cuda-nvcc": (),
}  # fmt: skip


def not_to_be_had(context: Context) -> Iterator[Finding]:
    """TFD103: a package, a release or an extra of a file that no installer finds for this platform."""
    env, tensorflow = context.env, context.tensorflow
    if tensorflow is not None and tensorflow.manager == CONDA and tensorflow.name == "tensorflow":
        yield from _never_in_channels(context, tensorflow.package)
    for package in env.packages if env.platform else ():
        if package.manager != PIP:
            yield from _after_its_end(context, package)
            yield from _for_another(context, package)
            continue
        mine = tensorflow is not None and package is tensorflow.package
        if not mine:
            yield from _never_here(context, package)
        else:
            yield from _never_released(context, package)
        if package.name in OWNERS:
            yield from _removed(context, package)
            yield from _asks_in_vain(context, package)
        yield from _for_linux(context, package)


# Packages that ask for an add-on of their own minor, by their wheels' requirements.
_BRING = {"tf-models-official": "tensorflow-text", "mediapipe-model-maker": "tensorflow-text"}


def _wants(package: Package) -> dict[str, str]:
    """Return the range of a package that was asked for, and that of the add-on which it asks for itself."""
    spec = f"=={package.version}" if package.version else package.spec
    if package.name not in _BRING:
        return {package.name: spec}
    of_its_minor = f"=={versions.minor(package.version)}.*" if package.version else spec
    return {package.name: spec, _BRING[package.name]: of_its_minor}


def asked_in_vain(context: Context) -> Iterator[Finding]:
    """TFD103: an add-on that was asked for, of which there is no wheel for this platform and Python."""
    env, wheels = context.env, context.matrix.wheels
    for package in env.requested:
        if package.manager == CONDA or package.name in OWNERS:
            continue
        for name, wanted in _wants(package).items():
            elsewhere = wheels.newest(name, wanted)
            if not elsewhere or wheels.newest(name, wanted, env.platform, env.python.minor):
                continue
            its = (
                f"{name} {elsewhere}" if name == package.name else f"{name} {elsewhere}, which {package.name} asks for,"
            )
            python = "" if not wheels.newest(name, wanted, env.platform) else f" and Python {env.python.minor}"
            yield _finding(
                package,
                f"{its} has no wheel for {env.platform}{python}.",
                advise("TFD103", context, {"name": name, "wanted_version": wanted}),
                f"{name} for {env.platform}{python}",
            )
            break


def _finding(package: Package, message: str, fix: Fix, expected: str, source: str = _INDEX) -> Finding:
    found = f"{package.name} {package.version or package.spec}".strip()
    return Finding("TFD103", ERROR, message, found, expected, package.where, source, package=package.name, fix=fix)


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
            if package.name not in IN_STEP:
                # What asks for no TensorFlow itself has to go with this one, or the next repair changes it again.
                seen = filter(None, (working(context, package.name, table) for table in _ADD_ONS))
                spec = joined(*seen)
                there = [version for version in there if versions.contains(spec, version)] or there
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
    return " or ".join(f"sys_platform == '{names[each]}'" for each in systems)


def _never_released(context: Context, package: Package) -> Iterator[Finding]:
    """Report a TensorFlow whose number no release had."""
    released = [each.version for each in context.matrix.wheels.releases(package.name)]
    if released and versions.key(released[0]) < versions.key(package.version) and not context.builds:
        yield from _no_such(package, released, released[-1:], "", _INDEX)


def _removed(context: Context, package: Package) -> Iterator[Finding]:
    """Report a release without a wheel: installing ``tensorflow-gpu`` 2.12.0 fails on purpose."""
    row = context.matrix.refusal(package.name, package.version)
    if row is not None:
        here = context.matrix.builds("tensorflow", package.version, PYPI, context.env.platform)
        name = "tensorflow" if here else other_name(context, package.version, context.env.platform) or "tensorflow"
        yield _finding(
            package,
            f"{package.name} {package.version} brings no TensorFlow: {row.notes}.",
            Fix(pip=(f"{name}=={package.version}",)),
            f"{name} {package.version}",
            row.id,
        )


def _asks_in_vain(context: Context, package: Package) -> Iterator[Finding]:
    """Report an extra that asks for a TensorRT which the index has no more; another index may have it."""
    if context.env.platform != "linux-64" or EXTRA not in package.metadata.get("extras", ()) or not package.version:
        return
    if asks_in_vain(package.version, context.env.python.minor):
        yield _finding(
            package,
            f"{package.name}[{EXTRA}] {package.version} asks for a TensorRT that the index has no more.",
            Fix(note=f"Write {package.name}[{EXTRA}]==2.15.1, whose extra asks for none, or a later release."),
            "2.15.1 or later",
        )._replace(severity=WARNING, confidence=LIKELY, needs=("whether pip asks NVIDIA's own index as well",))


def _never_in_channels(context: Context, package: Package) -> Iterator[Finding]:
    """Report a TensorFlow that none of a file's channels ever had; one with a build string was there for somebody."""
    names = context.counted_channels or {package.channel}
    if not names <= {CONDA_FORGE, DEFAULTS} or re.search(r"_\d+\Z", package.build):
        return
    matrix, platform = context.matrix, context.env.platform
    known = {name: matrix.versions("tensorflow", name) for name in sorted(names)}
    if any(matrix.builds("tensorflow", package.version, name) for name in known):
        return
    here = {version for name in known for version in matrix.versions("tensorflow", name, platform)}
    last = [max(each, key=versions.key) for each in known.values()]
    where = f" in {' or '.join(known)}"
    yield from _no_such(package, sorted(here, key=versions.key), last, where, "the histories of their recipes")


def _of_its_time(context: Context, minor: str) -> Fix | None:
    """Return the cudatoolkit that this TensorFlow's GPU builds ask for, where none of them goes with a newer CUDA."""
    ranges = context.accepted_for_gpu("cuda")
    if not ranges or any(versions.contains(spec, minor) for spec in ranges):
        return None
    return Fix(pins=(f"cudatoolkit {to_conda(ranges[0])}",))


def _after_its_end(context: Context, package: Package) -> Iterator[Finding]:
    """Report a cudatoolkit of CUDA 12 or later: no channel has one, and so no solver finds the file's packages."""
    asked = package.picked_from or package.spec or package.version
    channels = set(package.metadata.get("channels") or (package.channel,)) - WITHOUT_TENSORFLOW
    # (For a Mac there is none at all, which is said by itself.)
    if package.name != "cudatoolkit" or not asked or context.env.os == "osx":
        return
    if not channels <= {CONDA_FORGE, DEFAULTS, ""}:
        return
    terms = re.findall(_LEAST, asked)
    if not terms or any(versions.release(term)[:1] < (12,) for term in terms):
        return
    if _admits(package, TOOLKITS):
        return
    by_conda = context.tensorflow is not None and context.tensorflow.manager == CONDA
    name = "cuda-version" if by_conda else "cuda-toolkit"
    minor = versions.minor(terms[0])
    why = "which TensorFlow's builds ask for" if by_conda else "of which cuda-toolkit brings all"
    yield _finding(
        package,
        f"There never was a cudatoolkit {asked.lstrip('=')}: conda installs nothing of the file. {LAST_TOOLKIT}, "
        f"{why}.",
        _of_its_time(context, minor)
        or Fix(pins=(f"{name} {minor}.*",), note=f"Write {name}={minor} in the place of cudatoolkit."),
        f"{name} {minor}, or cudatoolkit up to 11.8",
        "the histories of their recipes",
    )


def _admits(package: Package, released: Iterable[str]) -> bool:
    """Tell whether any of some releases is what a file asks conda for."""
    asked = package.picked_from or package.spec or (f"{package.version}.*" if package.version else "*")
    return any(versions.conda_contains(asked, version) for version in released)


def _for_another(context: Context, package: Package) -> Iterator[Finding]:
    """Report a package that channels have for other platforms alone: no solver finds it here."""
    its, here = _FOR_ONE.get(package.name), context.env.platform
    source = "the packages of Apple's channel"
    if its is None and package.name in _OF_NVIDIA and context.env.os == "osx":
        had = _OF_NVIDIA[package.name] if here == "osx-64" else ()
        its, source = ("" if _admits(package, had) else "linux-64 or win-64"), "NVIDIA's toolkits: none for macOS today"
    if not its or its == here:
        return
    asked = "" if package.name in _FOR_ONE else (package.picked_from or package.spec or package.version).lstrip("=*")
    yield _finding(
        package,
        f"No build of {f'{package.name} {asked}'.strip()} exists for {here}: conda installs nothing of the file.",
        Fix(note=f"Take {package.name} out: it is for {its} alone."),
        its,
        source,
    )


def _no_such(
    package: Package, released: Collection[str], last: Iterable[str], where: str, source: str
) -> Iterator[Finding]:
    """Report a version that is none of those released.

    What is newer than the tables is not known; a local version (+cpu) is somebody's own build.
    """
    if not package.version or package.spec or "+" in package.version or versions.is_prerelease(package.version):
        return
    wanted = versions.key(package.version)
    if wanted in map(versions.key, released) or any(wanted >= versions.key(each) for each in last):
        return
    minor = versions.minor(package.version)
    same = [version for version in released if versions.minor(version) == minor]
    instead = f"; of {minor} there {'is' if len(same) == 1 else 'are'} {', '.join(same)}" if same else ""
    yield _finding(
        package,
        f"There never was a release {package.version} of {package.name}{where}{instead}.",
        Fix(note="Name a release that exists; `conda tf-doctor matrix` lists them."),
        same[-1] if same else "a release",
        source,
    )


def _brings(context: Context, package: Package) -> list[tuple[str, str]] | None:
    """Return which wheels of NVIDIA's the extra of a TensorFlow brings elsewhere than on Linux, which they are for.

    Returns:
        ``None`` where there is no such extra to speak of; nothing for a release of before the extra.
    """
    if package.name not in OWNERS or EXTRA not in package.metadata.get("extras", ()) or context.env.os == "linux":
        return None
    rows = context.matrix.builds(package.name, package.version, PYPI, "linux-64")
    # A release that nobody knows asks for what all ask for that have the extra.
    return [parse_requirement(text) for row in rows for text in row.nvidia] if rows else [("nvidia-nccl-cu12", "")]


def lacks(context: Context, package: Package) -> str:
    """Return which of NVIDIA's wheels the extra of a TensorFlow would bring here and cannot; empty where none.

    The extra is declared for every platform, and its wheels are for Linux.
    """
    wheels, platform = context.matrix.wheels, context.env.platform
    named = _brings(context, package) or ()
    return next((name for name, spec in named if not wheels.newest(name, spec, platform)), "")


def _for_linux(context: Context, package: Package) -> Iterator[Finding]:
    """Report the extra of CUDA's wheels elsewhere than on Linux: of a release of before it, pip warns and takes it."""
    lacking, platform = lacks(context, package), context.env.platform
    if lacking:
        refused = "takes no release that has it" if package.picked_from else "installs nothing of the file"
        why = f" brings {lacking}, of which there is no wheel for {platform}: pip {refused}."
    elif _brings(context, package) == []:
        why = f": {package.version} has no such extra, and pip installs it without CUDA's wheels."
    else:
        return
    fix = Fix(
        note=f"Write {package.name} without [{EXTRA}]: no TensorFlow of this platform uses CUDA's wheels.",
        bare=(package.name,),
    )
    found = _finding(package, f"{package.name}[{EXTRA}]{why}", fix, f"{package.name} without [{EXTRA}]")
    yield found if lacking else found._replace(severity=WARNING)
