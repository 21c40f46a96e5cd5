"""Which platform a file is for, and what its selectors and markers mean there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...errors import UsageError
from ...subdirs import marker_variables, this_platform
from ..facts import Package

# Packages that exist for one system only; an export that names one is of that system.
_TELLING = {
    "ld-impl-linux-aarch64": "linux-aarch64", "ld-impl-linux-ppc64le": "linux-ppc64le", "ld-impl-linux-64": "linux-64",
    "_libgcc-mutex": "linux-64", "libgcc-ng": "linux-64", "libstdcxx-ng": "linux-64",
    "vs2015-runtime": "win-64", "vc14-runtime": "win-64", "ucrt": "win-64", "vc": "win-64", "wincertstore": "win-64",
    "pywin32": "win-64", "win-inet-pton": "win-64", "pywinpty": "win-64", "menuinst": "win-64",
    "tensorflow-metal": "osx-arm64", "tensorflow-macos": "osx-arm64", "tensorflow-deps": "osx-arm64",
}  # fmt: skip
# How the text ends with which a Mac's kernel names itself: markers look for `ARM64` in it.
_KERNELS = {"osx-arm64": "Darwin Kernel Version RELEASE_ARM64", "osx-64": "Darwin Kernel Version RELEASE_X86_64"}


def chosen(platform: str, offered: Iterable[str], path: str) -> str:
    """Return the platform of a file that has several.

    Args:
        platform: What the user named; may be empty.
        offered: The platforms of the file.
        path: The file, for messages.

    Raises:
        UsageError: The file lacks the platform, or has several of which none is this machine's.
    """
    there = sorted(set(offered) - {"noarch"})
    if platform:
        if there and platform not in there:
            raise UsageError(f"The file {path} is not for {platform}; it has {', '.join(there)}.")
        return platform
    if len(there) == 1:
        return there[0]
    here = this_platform()
    if there and here not in there:
        raise UsageError(f"The file {path} is for {', '.join(there)}; say which one with --platform.")
    return here


def told_by(packages: Iterable[Package], prefix: str = "") -> str:
    """Return the platform that the packages of an export, or the prefix it names, give away; empty where none does."""
    names = {package.name for package in packages}
    for name, platform in _TELLING.items():
        if name in names:
            return platform
    return "win-64" if re.match(r"[A-Za-z]:[\\/]", prefix) else ""


def _truth(platform: str) -> dict[str, bool]:
    system, _, machine = platform.partition("-")
    words = {name: system == name for name in ("win", "linux", "osx")}
    words["unix"] = system in ("linux", "osx")
    words |= {f"{name}64": platform == f"{name}-64" for name in ("win", "linux", "osx")}
    words |= {f"{name}32": platform == f"{name}-32" for name in ("win", "linux")}
    words |= {name: machine == name for name in ("arm64", "aarch64", "ppc64le", "s390x")}
    words |= {"x86_64": machine == "64", "x86": machine in ("64", "32"), "noarch": False}
    return words


# As conda-build writes it behind a line; words may follow.
SELECTOR = re.compile(r"#\s*\[([^\]]*)\]")


def selected(selector: str, platform: str) -> bool:
    """Tell whether a line with a selector (``win``, ``linux and not aarch64``) counts; one with unknown words does."""
    truth = _truth(platform)
    words = re.findall(r"\w+", selector)
    if not words or any(word not in truth and word not in ("and", "or", "not") for word in words):
        return True

    def term(text: str) -> bool:
        text = text.strip()
        negated = text.startswith("not ")
        return truth.get(text[4:].strip() if negated else text, True) != negated

    return any(all(term(part) for part in alternative.split(" and ")) for alternative in selector.split(" or "))


def marker_environment(platform: str, python: str) -> dict[str, str]:
    """Return the variables of PEP 508 markers on a platform.

    Args:
        platform: Conda subdir.
        python: Version of Python.
    """
    minor = ".".join(python.split(".")[:2])
    return {
        **marker_variables(platform),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": _KERNELS.get(platform, ""),
        "implementation_name": "cpython",
        "implementation_version": python if python.count(".") > 1 else f"{python}.0",
        "python_version": minor,
        "python_full_version": python if python.count(".") > 1 else f"{python}.0",
        "extra": "",
    }
