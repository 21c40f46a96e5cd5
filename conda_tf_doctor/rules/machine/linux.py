"""TFD106, 610: have the C library and the environment's libstdc++ the symbols that a build for Linux asks for?"""

from __future__ import annotations

from ... import versions
from ..._light import re
from ..._typing import TYPE_CHECKING
from ...advice import advise
from ...context.context import Context
from ...findings import ERROR, LIKELY, Finding, open_question

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def glibc_too_old(context: Context) -> Iterator[Finding]:
    """TFD106: the C library is older than the symbols that the build asks for."""
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or env.os != "linux":
        return
    floor, source = _floor(context, "GLIBC")
    have, how = _glibc(context)
    if not floor or not have or versions.key(have) >= versions.key(floor):
        return
    yield Finding(
        "TFD106",
        ERROR,
        f"This system's glibc {have} is older than the {floor} that {tensorflow.label} needs.",
        found=f"glibc {have} ({how})",
        expected=f"glibc >={floor}",
        source=source,
        package=tensorflow.name,
        confidence="certain" if how == "__glibc" else LIKELY,
        fix=advise("TFD106", context, {"glibc": floor}),
    )


def _glibc(context: Context) -> tuple[str, str]:
    """Return the glibc version and how it is known: the virtual package, or the distribution's name."""
    have = context.env.virtual_packages.get("__glibc", "")
    if have:
        return have.split("=")[0], "__glibc"
    system = context.env.system.os
    for entry in context.matrix.table("linux")["glibc_of_system"] if system else ():
        if re.search(entry["os"], system, re.I):
            return str(entry["glibc"]), system
    return "", ""


def _floor(context: Context, family: str) -> tuple[str, str]:
    """Return the newest version of a symbol family that pip's binaries ask for, and the source of that fact."""
    tensorflow, build = context.tensorflow, context.build
    if tensorflow is None:
        return "", ""
    if context.channel == "pypi" and context.env.platform == "linux-64":
        own = build.glibc_by_python.get(context.env.python.minor, "") if build and family == "GLIBC" else ""
        if build and own:
            return own, build.id
        for entry in context.matrix.table("linux")["symbols"]:
            if versions.contains(str(entry["tensorflow"]), tensorflow.version):
                return str(entry.get(family, "")), str(entry["source"])
    if build and family == "GLIBC" and context.channel != "pypi":
        return build.glibc, build.id
    return "", ""


def libstdcxx_too_old(context: Context) -> Iterator[Finding]:
    """TFD610: the environment's own libstdc++ comes first, and lacks a symbol version that the build asks for."""
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or env.os != "linux" or tensorflow.manager == "conda":
        return
    need, source = _floor(context, "GLIBCXX")
    library = next((p for p in map(env.conda, ("libstdcxx", "libstdcxx-ng", "libgcc")) if p and p.version), None)
    if not need or library is None:
        return
    have = _glibcxx(context.matrix.table("linux")["libstdcxx"], library.version)
    if not have or versions.key(have) >= versions.key(need):
        return
    yield Finding(
        "TFD610",
        ERROR,
        f"The environment's {library.name} {library.version} knows GLIBCXX up to {have}; "
        f"{tensorflow.label} needs GLIBCXX_{need}.",
        found=f"{library.name} {library.version}: GLIBCXX_{have}",
        expected=f"GLIBCXX_{need}",
        evidence=(library.source,),
        source=source,
        package=library.name,
        fix=advise("TFD610", context, {"symbol": f"GLIBCXX_{need}"}),
    )


def _glibcxx(table: Iterable[dict[str, object]], version: str) -> str:
    """Return the newest GLIBCXX of a libstdc++, by GCC's own version."""
    for entry in table:
        if versions.contains(str(entry["gcc"]), version):
            return str(entry["glibcxx"])
    return ""


def open_libraries(context: Context) -> Iterator[Finding]:
    """Ask for the system's C and C++ libraries on Linux, TFD106 and TFD610."""
    env, build = context.env, context.build
    if env.os != "linux":
        return
    glibc = env.virtual_packages.get("__glibc", "")
    if not glibc and (not env.system.os or build is None):
        yield open_question(
            "TFD106", "The report does not say which glibc the system has.", "",
            "glibc's version: `ldd --version`", build.id if build else "", "tensorflow",
        )  # fmt: skip
    if glibc and not context.builds:
        yield open_question(
            "TFD106", f"The system has glibc {glibc}, but TensorFlow's version is not known.", "",
            "TensorFlow's version", "", "tensorflow",
        )  # fmt: skip
    if context.channel == "pypi" and not context.has_record("libstdcxx", "libstdcxx-ng"):
        yield open_question(
            "TFD610", "The report does not say which libstdc++ the process loads.", "",
            "`ldd` of the environment's python, and LD_LIBRARY_PATH", build.id if build else "", "libstdcxx-ng",
        )  # fmt: skip
