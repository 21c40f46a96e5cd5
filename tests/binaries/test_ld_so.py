"""The ELF verdict against the machine's own ``ld.so``: the same layouts, the same outcome, the same files."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from conda_tf_doctor.binaries.resolve import resolve
from tests.binaries.oracle import verdict
from tools.tiny_elf import make_so

MACHINE = platform.machine()
FOREIGN = "aarch64" if MACHINE == "x86_64" else "x86_64"

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or MACHINE not in ("x86_64", "aarch64") or platform.libc_ver()[0] != "glibc",
    reason="asks the ld.so of a Linux with glibc",
)

# What one file of a layout is made of; the search decides whether it is met.
STATES: dict[str, Callable[[Path], object]] = {
    "good": lambda path: so(path, soname=path.name, defines=["wanted"], versions=["V_1", "V_2"]),
    "good-with-old-hashes": lambda path: so(
        path, soname=path.name, defines=["wanted"], versions=["V_1", "V_2"], hashes="sysv"
    ),
    "unversioned": lambda path: so(path, soname=path.name, defines=["wanted"]),
    "foreign": lambda path: make_so(path, soname=path.name, defines=["wanted"], machine=FOREIGN),
    "empty": lambda path: _write(path, b""),
    "text": lambda path: _write(path, b"/* GNU ld script */\nINPUT(libother.so)\n"),
    "header-only": lambda path: _write(path, b"\x7fELF\x02\x01\x01"),
    "lacks-symbol": lambda path: so(path, soname=path.name, defines=["other"], versions=["V_1", "V_2"]),
    "lacks-symbol-with-old-hashes": lambda path: so(
        path, soname=path.name, defines=["other"], versions=["V_1", "V_2"], hashes="sysv"
    ),
    "lacks-version": lambda path: so(path, soname=path.name, defines=["wanted"], versions=["V_1"]),
    "needs-missing": lambda path: so(path, needed=["libnowhere.so"], soname=path.name, defines=["wanted"]),
}


class Layout(NamedTuple):
    files: dict[str, str]
    rpath: str = ""
    runpath: str = ""
    library_path: str = ""
    undefined: tuple[str, ...] = ("wanted",)


def so(path: Path, **options: object) -> Path:
    return make_so(path, machine=MACHINE, **options)  # type: ignore[arg-type]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _layouts() -> dict[str, Layout]:
    found: dict[str, Layout] = {}
    ways = {
        "rpath": {"rpath": "$ORIGIN/a"},
        "runpath": {"runpath": "${ORIGIN}/a"},
        "library-path": {"library_path": "a"},
        "own-folder-is-not-searched": {},
    }
    for way, options in ways.items():
        for state in STATES:
            where = "a" if options else "."
            found[f"{way}-{state}"] = Layout({f"{where}/libdep.so": state}, **options)  # type: ignore[arg-type]
    both = {"a/libdep.so": "good", "b/libdep.so": "lacks-symbol"}
    found |= {
        "rpath-before-library-path": Layout(both, rpath="$ORIGIN/b", library_path="a"),
        "library-path-before-runpath": Layout(both, runpath="$ORIGIN/b", library_path="a"),
        "runpath-hides-rpath": Layout(both, rpath="$ORIGIN/b", runpath="$ORIGIN/a"),
        "first-folder-wins": Layout(both, rpath="$ORIGIN/a:$ORIGIN/b"),
        "wrong-one-wins": Layout(both, rpath="$ORIGIN/b:$ORIGIN/a"),
        "foreign-is-passed-over": Layout(
            {"a/libdep.so": "foreign", "b/libdep.so": "good"}, rpath="$ORIGIN/a:$ORIGIN/b"
        ),
        "empty-stops": Layout({"a/libdep.so": "empty", "b/libdep.so": "good"}, rpath="$ORIGIN/a:$ORIGIN/b"),
        "text-stops": Layout({"a/libdep.so": "text", "b/libdep.so": "good"}, rpath="$ORIGIN/a:$ORIGIN/b"),
        "folder-that-is-not-there": Layout({"a/libdep.so": "good"}, rpath="$ORIGIN/x:$ORIGIN/a"),
        "empty-library-path-entries": Layout({"a/libdep.so": "good"}, library_path=":a:"),
        "runpath-with-dots": Layout({"a/libdep.so": "good"}, runpath="$ORIGIN/b/../a"),
        "nothing-undefined": Layout({"a/libdep.so": "lacks-symbol"}, rpath="$ORIGIN/a", undefined=()),
    }
    return found


LAYOUTS = _layouts()

LOAD = """
import ctypes, json, os, sys
try:
    ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW)
    mapped = [line.rstrip("\\n") for line in open("/proc/self/maps") if sys.argv[2] in line]
    loaded = sorted({line.split(maxsplit=5)[5] for line in mapped})
    print(json.dumps({"error": "", "loaded": loaded}))
except OSError as error:
    print(json.dumps({"error": str(error), "loaded": []}))
"""


def _ask_ld_so(top: Path, root: Path, library_path: str) -> tuple[str, list[str]]:
    env = {**os.environ, "LD_LIBRARY_PATH": library_path}
    done = subprocess.run(
        [sys.executable, "-S", "-c", LOAD, str(top), str(root)], env=env, capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    return answer["error"], answer["loaded"]


def _kind(error: str) -> str:
    kinds = {
        "": "",
        r"undefined symbol|version `.*' not found": "symbol",
        r"cannot open shared object file|wrong ELF class": "absent",
        r"file too short|invalid ELF header|load command": "damaged",
    }
    return next(kind for pattern, kind in kinds.items() if (re.search(pattern, error) if pattern else not error))


def _our_kind(verdict: int, kinds: set[str]) -> str:
    # ld.so has no word for an object of another machine: it says that there is none.
    return {0: "", 127: "symbol", 126: "absent", 193: "damaged" if "corrupt" in kinds else "absent"}[verdict]


def _prefix(tmp_path: Path) -> Path:
    prefix = tmp_path / "env"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    return prefix


def _compare(top: Path, root: Path, prefix: Path, library_path: str) -> None:
    closure = resolve(str(prefix), _platform(), [str(top)], env_vars={"LD_LIBRARY_PATH": library_path})
    error, loaded = _ask_ld_so(top, root, library_path)
    module = closure.roots[0]
    below = closure.reach(module)
    assert _our_kind(verdict(closure, module), {m.kind for m in below}) == _kind(error), (error, closure.problems)
    if not error:
        assert sorted(os.path.normpath(m.path) for m in below if m.path.startswith(str(root))) == loaded
    elif verdict(closure, module) == 127:
        symbols = {str(item.symbol) for m in below for item in m.missing_symbols}
        assert any(symbol in error for symbol in symbols), (error, symbols)
    else:
        assert any(m.name in error for m in closure.failures), (error, closure.problems)


def _platform() -> str:
    return {"x86_64": "linux-64", "aarch64": "linux-aarch64"}[MACHINE]


@pytest.mark.parametrize("name", LAYOUTS)
def test_verdict_and_files_agree_with_ld_so(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    root = tmp_path / "layout"
    for file, state in layout.files.items():
        STATES[state](root / file)
    top = so(
        root / "module.so",
        needed=["libdep.so"],
        rpath=layout.rpath,
        runpath=layout.runpath,
        undefined=layout.undefined,
        version_needs={"libdep.so": ["V_1", "V_2"]},
    )
    library_path = ":".join(str(root / entry) if entry else "" for entry in layout.library_path.split(":"))
    _compare(top, root, _prefix(tmp_path), library_path.strip(":"))


def test_there_are_as_many_layouts_as_for_windows() -> None:
    assert len(LAYOUTS) + len(CHAINS) >= 40


def _rpath_is_inherited(root: Path) -> Path:
    so(root / "a" / "libone.so", needed=["libtwo.so"], soname="libone.so")
    so(root / "a" / "libtwo.so", soname="libtwo.so")
    return so(root / "module.so", needed=["libone.so"], rpath="$ORIGIN/a")


def _runpath_is_not_inherited(root: Path) -> Path:
    so(root / "a" / "libone.so", needed=["libtwo.so"], soname="libone.so")
    so(root / "a" / "libtwo.so", soname="libtwo.so")
    return so(root / "module.so", needed=["libone.so"], runpath="$ORIGIN/a")


def _own_runpath_ends_inheritance(root: Path) -> Path:
    so(root / "a" / "libone.so", needed=["libtwo.so"], soname="libone.so", runpath="$ORIGIN/nothing")
    so(root / "a" / "libtwo.so", soname="libtwo.so")
    return so(root / "module.so", needed=["libone.so"], rpath="$ORIGIN/a")


def _loaded_already_by_soname(root: Path) -> Path:
    so(root / "a" / "libfirst.so", soname="libsecond.so", defines=["wanted"])
    return so(root / "module.so", needed=["libfirst.so", "libsecond.so"], rpath="$ORIGIN/a", undefined=["wanted"])


def _circle(root: Path) -> Path:
    so(
        root / "a" / "libone.so",
        needed=["libtwo.so"],
        soname="libone.so",
        rpath="$ORIGIN",
        defines=["one"],
        undefined=["two"],
    )
    so(
        root / "a" / "libtwo.so",
        needed=["libone.so"],
        soname="libtwo.so",
        rpath="$ORIGIN",
        defines=["two"],
        undefined=["one"],
    )
    return so(root / "module.so", needed=["libone.so"], rpath="$ORIGIN/a", undefined=["one", "two"])


def _symbol_of_a_grandchild(root: Path) -> Path:
    so(root / "a" / "libone.so", needed=["libtwo.so"], soname="libone.so", rpath="$ORIGIN")
    so(root / "a" / "libtwo.so", soname="libtwo.so", defines=["deep"])
    return so(root / "module.so", needed=["libone.so"], rpath="$ORIGIN/a", undefined=["deep"])


def _symbol_of_a_library_that_is_not_needed(root: Path) -> Path:
    so(root / "a" / "libone.so", soname="libone.so", defines=["elsewhere"])
    return so(root / "module.so", rpath="$ORIGIN/a", undefined=["elsewhere"])


def _weak_symbol_may_lack(root: Path) -> Path:
    return so(root / "module.so", weak=["nowhere"])


def _symbol_of_python(root: Path) -> Path:
    return so(root / "module.so", undefined=["PyLong_FromLong", "PyErr_SetString"])


def _symbol_of_libc_through_python(root: Path) -> Path:
    return so(root / "module.so", undefined=["malloc"])


def _libc_by_name(root: Path) -> Path:
    return so(root / "module.so", needed=["libc.so.6", "libm.so.6"], undefined=["malloc", "cos"])


def _newer_glibc(root: Path) -> Path:
    oldest = "GLIBC_2.2.5" if MACHINE == "x86_64" else "GLIBC_2.17"
    return so(root / "module.so", needed=["libc.so.6"], version_needs={"libc.so.6": [oldest, "GLIBC_9.99"]})


def _link_in_the_folder(root: Path) -> Path:
    so(root / "real" / "libone.so.1", soname="libone.so.1", needed=["libtwo.so"], rpath="$ORIGIN")
    so(root / "real" / "libtwo.so", soname="libtwo.so")
    (root / "a").mkdir()
    (root / "a" / "libone.so.1").symlink_to(root / "real" / "libone.so.1")
    return so(root / "module.so", needed=["libone.so.1"], rpath="$ORIGIN/a")


def _one_file_under_two_names(root: Path) -> Path:
    so(root / "a" / "libone.so", defines=["one"])
    (root / "a" / "libtwo.so").symlink_to("libone.so")
    return so(root / "module.so", needed=["libone.so", "libtwo.so"], rpath="$ORIGIN/a", undefined=["one"])


CHAINS: dict[str, Callable[[Path], Path]] = {
    function.__name__.strip("_").replace("_", "-"): function
    for function in (
        _rpath_is_inherited,
        _runpath_is_not_inherited,
        _own_runpath_ends_inheritance,
        _loaded_already_by_soname,
        _circle,
        _symbol_of_a_grandchild,
        _symbol_of_a_library_that_is_not_needed,
        _weak_symbol_may_lack,
        _symbol_of_python,
        _symbol_of_libc_through_python,
        _libc_by_name,
        _newer_glibc,
        _link_in_the_folder,
        _one_file_under_two_names,
    )
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains_of_libraries_agree_with_ld_so(name: str, tmp_path: Path) -> None:
    root = tmp_path / "layout"
    root.mkdir()
    _compare(CHAINS[name](root), root, _prefix(tmp_path), "")
