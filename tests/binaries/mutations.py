"""Reads mutated binaries and says how that went; run as a program of its own, so that its memory can be measured.

    python mutations.py SEED COUNT FOLDER

Prints one JSON object: slowest file in seconds, peak memory in MB, files opened outside what may be read, and how
many files of each kind were read and found bad.
"""

from __future__ import annotations

import json
import os
import random
import struct
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from conda_tf_doctor.binaries.linux import CACHE, default_folders
from conda_tf_doctor.binaries.read import read_image
from conda_tf_doctor.binaries.resolve import resolve
from tests.binaries.oracle import verdict
from tools.images import executable
from tools.tiny_elf import make_so
from tools.tiny_macho import make_dylib
from tools.tiny_pe import make_dll

EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def seeds(folder: Path) -> list[tuple[str, str, bytes]]:
    """Return platform, file name and content of what is mutated: small files of ours, and real programs."""
    pe = {"exports": {"one": "", "two": "OTHER.two", "three": "OTHER.#3"}, "version": "14.29.30133.0"}
    links = {"imports": {"KERNEL32.dll": ["Sleep"], "dep.dll": ["one", 7]}, "delayed": {"late.dll": ["x"]}}
    files = [
        ("win-64", make_dll(folder / "a.dll", **pe, **links)),  # type: ignore[arg-type]
        ("win-32", make_dll(folder / "b.dll", machine="x86", **pe, **links)),  # type: ignore[arg-type]
    ]
    elf = {"needed": ["libc.so.6", "libdep.so"], "soname": "lib.so", "runpath": "$ORIGIN/../lib:$ORIGIN"}
    more = {"defines": ["one", "two"], "undefined": ["malloc", "three"], "versions": ["V_1", "V_2"]}
    needs = {"libc.so.6": ["GLIBC_2.2.5"], "libdep.so": ["W_1", "W_2"]}
    for platform, machine, hashes in (("linux-64", "x86_64", "gnu"), ("linux-aarch64", "aarch64", "sysv")):
        more |= {"machine": machine, "hashes": hashes}  # type: ignore[dict-item]
        path = make_so(folder / f"{machine}.so", **elf, **more, version_needs=needs)  # type: ignore[arg-type]
        files.append((platform, path))
    names = ["@rpath/libdep.dylib", "/usr/lib/libSystem.B.dylib"]
    dylib = {"weak": ["@loader_path/w.dylib"], "rpaths": ["@loader_path/../lib"], "install_name": "@rpath/l.dylib"}
    files.append(("osx-64", make_dylib(folder / "thin.dylib", names, **dylib)))  # type: ignore[arg-type]
    files.append(
        ("osx-arm64", make_dylib(folder / "fat.dylib", names, **dylib, machines=["x86_64", "arm64"]))  # type: ignore[arg-type]
    )
    found = [(platform, path.name, path.read_bytes()) for platform, path in files]
    found += [(platform, f"{platform}.dll", executable(platform)) for platform in ("win-32", "win-64", "win-arm64")]
    extension = next((p for p in Path(os.__file__).parent.glob("lib-dynload/*.so") if p.stat().st_size < 200_000), None)
    if extension is not None and sys.platform.startswith("linux"):
        found.append(("linux-64", extension.name, extension.read_bytes()))
    return found


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a file with some of: flipped bytes, extreme numbers, a cut, bytes put in, a part written over another."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        # Most of what is read lies in the headers and tables at the beginning.
        at = chance.randrange(min(len(out), chance.choice((64, 512, 4096, len(out)))) or 1)
        kind = chance.randrange(7)
        if kind == 0 and out:
            out[at] ^= 1 << chance.randrange(8)
        elif kind in (1, 2):
            size = chance.choice((2, 4, 8))
            number = chance.choice((*EXTREMES, len(out), len(out) - 1, chance.getrandbits(32)))
            out[at : at + size] = struct.pack("<Q", number)[:size]
        elif kind == 3:
            del out[chance.randrange(len(out) + 1) :]
        elif kind == 4:
            out[at:at] = chance.randbytes(chance.randrange(1, 64))
        elif kind == 5 and len(out) > 64:
            other = chance.randrange(len(out) - 32)
            out[at : at + 32] = out[other : other + 32]
        else:
            out[at : at + 8] = b"\xff" * 8
    return bytes(out)


def _peak() -> float:
    """Return the most memory that this process ever had, in MB."""
    if os.path.exists("/proc/self/status"):
        # Not getrusage: its maximum starts at what the process that started this one had.
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    if sys.platform == "win32":
        import ctypes

        # PROCESS_MEMORY_COUNTERS: cb and PageFaultCount, both DWORDs, then PeakWorkingSetSize and seven sizes more.
        counters = (ctypes.c_size_t * 9)(ctypes.sizeof(ctypes.c_size_t) * 9)
        kernel = ctypes.WinDLL("kernel32")
        kernel.K32GetProcessMemoryInfo.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
        assert kernel.K32GetProcessMemoryInfo(ctypes.c_void_p(-1), counters, ctypes.sizeof(counters))
        return counters[1] / 1024 / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024


def main(seed: int, count: int, folder: Path) -> None:
    """Mutate, read, resolve, print."""
    chance = random.Random(seed)
    originals = seeds(folder / "seeds")
    prefix = folder / "env"
    (prefix / "lib").mkdir(parents=True)
    (prefix / "Library" / "bin").mkdir(parents=True)
    make_dll(prefix / "dep.dll", ["one"])
    make_so(prefix / "lib" / "libdep.so", versions=["W_1", "W_2"], defines=["three"])
    make_dylib(prefix / "lib" / "libdep.dylib")
    allowed = (str(folder), CACHE, *(folder + os.sep for folder in default_folders("x86_64")))
    allowed += tuple({sys.prefix, sys.base_prefix, str(Path(os.__file__).parent), str(Path(__file__).parents[2])})
    outside: set[str] = set()

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and not os.path.abspath(arguments[0]).startswith(allowed):
            outside.add(arguments[0])

    sys.addaudithook(watch)
    slowest, bad = 0.0, Counter[str]()
    for number in range(count):
        platform, name, data = originals[number % len(originals)]
        path = prefix / "lib" / name
        path.write_bytes(mutated(data, chance))
        start = time.perf_counter()
        image = read_image(str(path))
        assert image.exports.names is not None
        assert image.symbols.among({b"wanted"}) <= {b"wanted"}
        assert isinstance(image.version, str)
        closure = resolve(str(prefix), platform, [str(path)], "3.10.1")
        for root in closure.roots:
            verdict(closure, root)
        slowest = max(slowest, time.perf_counter() - start)
        bad[f"{platform} {closure.roots[0].kind or 'good'}"] += 1
    seen, peak = sorted(outside), _peak()
    print(json.dumps({"slowest": slowest, "peak": peak, "outside": seen, "read": dict(sorted(bad.items()))}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
