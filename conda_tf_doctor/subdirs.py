"""Conda's subdirs, and the machines that they stand for."""

from __future__ import annotations

import os
import sys

# The machine of each, as executables name it.
PLATFORM_MACHINES = {
    "win-64": "x86_64",
    "win-32": "x86",
    "win-arm64": "arm64",
    "linux-64": "x86_64",
    "linux-32": "x86",
    "linux-aarch64": "aarch64",
    "linux-ppc64le": "ppc64",
    "linux-s390x": "s390x",
    "osx-64": "x86_64",
    "osx-arm64": "arm64",
}
_FORMATS = {"win": "pe", "linux": "elf", "osx": "macho"}
# By format and machine of an executable.
SUBDIRS = {(_FORMATS[subdir.split("-")[0]], machine): subdir for subdir, machine in PLATFORM_MACHINES.items()}
# Other names of a machine: of Windows, of compilers, of users.
_SAME = {"amd64": "x86_64", "x64": "x86_64", "i386": "x86", "i586": "x86", "i686": "x86", "x86_32": "x86"}


def plain_machine(name: str) -> str:
    """Return a machine's name as executables have it (``AMD64`` is ``x86_64``)."""
    lowered = name.strip().lower()
    return _SAME.get(lowered, lowered)


def is_arm64(name: str) -> bool:
    """Tell whether a machine is a 64-bit ARM, which Linux calls ``aarch64``."""
    return plain_machine(name) in ("arm64", "aarch64")


def same_machine(one: str, other: str) -> bool:
    """Tell whether two names are of one machine."""
    return plain_machine(one) == plain_machine(other) or (is_arm64(one) and is_arm64(other))


def marker_variables(subdir: str) -> dict[str, str]:
    """Return what markers of PEP 508 ask of a platform; of an unknown system only its machine."""
    system, _, rest = subdir.partition("-")
    machine = PLATFORM_MACHINES.get(subdir, rest)
    machine = {"ppc64": "ppc64le"}.get(machine, machine)
    if system == "win":
        machine = {"x86_64": "AMD64", "arm64": "ARM64"}.get(machine, machine)
    elif system == "linux" and machine == "x86":
        machine = "i686"
    names = {"win": ("nt", "win32", "Windows"), "osx": ("posix", "darwin", "Darwin")}.get(system)
    os_name, sys_platform, platform_system = names or ("posix", system, system.capitalize())
    return {
        "os_name": os_name,
        "sys_platform": sys_platform,
        "platform_system": platform_system,
        "platform_machine": machine,
    }


def this_platform() -> str:
    """Return the conda subdir of the machine and interpreter this runs on."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "AMD64")
    if sys.platform == "win32":
        if is_arm64(machine):
            return "win-arm64"
        return "win-64" if sys.maxsize > 2**32 else "win-32"
    if sys.platform == "darwin":
        return "osx-arm64" if is_arm64(machine) else "osx-64"
    plain = plain_machine({"arm64": "aarch64", "ppc64le": "ppc64"}.get(machine.lower(), machine))
    return SUBDIRS.get(("elf", plain), f"linux-{plain}")
