"""The smallest valid executables of each platform, for packages whose Python is looked at and does nothing.

Those of x86-64 start on Linux and Windows, and end with status 0. ELF and Mach-O images are written here; the other
machines' of Windows are distlib's launchers, which are real programs and come with a package of the index.
"""

from __future__ import annotations

import struct
from pathlib import Path

from tools import tiny_pe

ELF_MACHINES = {"linux-64": 0x3E, "linux-aarch64": 0xB7}
MACHO_CPUS = {"osx-64": 0x01000007, "osx-arm64": 0x0100000C}
PE_LAUNCHERS = {"win-32": "t32.exe", "win-arm64": "t64-arm.exe"}


def elf(machine: int) -> bytes:
    """Return a 64-bit little-endian ELF executable: header, one loadable segment, and on x86-64 a clean ``exit(0)``."""
    code = bytes.fromhex("31ffb83c0000000f05") if machine == ELF_MACHINES["linux-64"] else bytes(8)
    base, header = 0x400000, 64 + 56
    identity = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    head = identity + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + header, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, header + len(code), header + len(code), 0x1000)
    return head + segment + code


def macho(cpu: int) -> bytes:
    """Return a 64-bit Mach-O executable that has a header and no load commands."""
    return struct.pack("<8I", 0xFEEDFACF, cpu, 0, 2, 0, 0, 0, 0)


def pe(platform: str) -> bytes:
    """Return a Windows console program for a conda platform.

    Args:
        platform: ``win-32``, ``win-64`` or ``win-arm64``.

    Raises:
        ImportError: distlib is not installed (it is among the project's test requirements).
    """
    if platform == "win-64":
        return tiny_pe.program()
    import distlib  # type: ignore[import-untyped]

    return (Path(distlib.__file__).parent / PE_LAUNCHERS[platform]).read_bytes()


def executable(platform: str) -> bytes:
    """Return an executable image for a conda platform (``linux-64``, ``win-32``, ``osx-arm64`` …)."""
    if platform in ELF_MACHINES:
        return elf(ELF_MACHINES[platform])
    if platform in MACHO_CPUS:
        return macho(MACHO_CPUS[platform])
    return pe(platform)
