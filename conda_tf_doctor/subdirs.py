"""Conda's subdirs, and the machines that they stand for."""

from __future__ import annotations

import os
import sys

PLATFORM_MACHINES = {
    "win-64": "x86_64",
    "win-32": "x86",
    "win-arm64": "arm64",
    "linux-64": "x86_64",
    "linux-32": "x86",
    "linux-aarch64": "aarch64",
    "linux-ppc64le": "ppc64le",
    "linux-s390x": "s390x",
    "osx-64": "x86_64",
    "osx-arm64": "arm64",
}

SUBDIRS = {
    ("pe", "x86"): "win-32",
    ("pe", "x86_64"): "win-64",
    ("pe", "arm64"): "win-arm64",
    ("elf", "x86"): "linux-32",
    ("elf", "x86_64"): "linux-64",
    ("elf", "aarch64"): "linux-aarch64",
    ("elf", "ppc64"): "linux-ppc64le",
    ("elf", "s390x"): "linux-s390x",
    ("macho", "x86_64"): "osx-64",
    ("macho", "arm64"): "osx-arm64",
}


def this_platform() -> str:
    """Return the conda subdir of the machine and interpreter this runs on."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "AMD64")
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(machine.lower(), machine.lower())
    if sys.platform == "win32":
        if machine == "arm64":
            return "win-arm64"
        return "win-64" if sys.maxsize > 2**32 else "win-32"
    if sys.platform == "darwin":
        return "osx-arm64" if machine == "arm64" else "osx-64"
    return {"x86_64": "linux-64", "arm64": "linux-aarch64", "ppc64le": "linux-ppc64le", "i686": "linux-32"}.get(
        machine, f"linux-{machine}"
    )


MACHINES = {"64": "x86_64", "32": "x86", "arm64": "arm64", "aarch64": "aarch64", "ppc64le": "ppc64", "s390x": "s390x"}
