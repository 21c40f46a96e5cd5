"""The Windows verdict against a loader: DLLs built with mingw-w64, loaded under Wine the way Python would."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import NamedTuple

import pytest

from conda_tf_doctor.binaries.resolve import resolve
from conda_tf_doctor.binaries.windows import CONDA_FOLDERS
from tests.binaries.oracle import named, verdict
from tools.tiny_pe import make_dll

pytestmark = [pytest.mark.wine, pytest.mark.slow]

COMPILERS = {"x86_64": "x86_64-w64-mingw32-gcc", "x86": "i686-w64-mingw32-gcc"}
FUNCTION = "__declspec(dllexport) int {0}(void) {{ return 1; }}\n"
ENTRY = "int __stdcall DllMainCRTStartup(void *a, unsigned b, void *c) { return 1; }\n"


class Dlls:
    """Builds DLLs once each; layouts are made of copies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def build(
        self,
        kind: str,
        name: str,
        exports: tuple[str, ...] = (),
        calls: dict[str, tuple[str, ...]] | None = None,
        machine: str = "x86_64",
        definitions: str = "",
    ) -> Path:
        """Return a DLL: `exports` are its functions, `calls` those it imports by the kind of DLL that it links to."""
        out = self.folder / kind / name
        if out.exists():
            return out
        out.parent.mkdir(parents=True, exist_ok=True)
        called = [symbol for symbols in (calls or {}).values() for symbol in symbols]
        source = ENTRY + "".join(map(FUNCTION.format, exports))
        source += "".join(f"__declspec(dllimport) int {symbol}(void);\n" for symbol in called)
        body = " + ".join(f"{symbol}()" for symbol in called) or "0"
        source += f"__declspec(dllexport) int uses_{name.split('.')[0]}(void) {{ return {body}; }}\n"
        (out.parent / "source.c").write_text(source)
        inputs = [str(out.parent / "source.c")]
        if definitions:
            (out.parent / "exports.def").write_text(definitions)
            inputs.append(str(out.parent / "exports.def"))
        entry = "DllMainCRTStartup" if machine == "x86_64" else "_DllMainCRTStartup@12"
        links = [str(next((self.folder / other).glob("*.dll"))) for other in calls or {}]
        command = [COMPILERS[machine], "-shared", "-nostdlib", "-O1", "-s", f"-Wl,-e,{entry}", "-o", str(out), *inputs]
        subprocess.run([*command, *links], check=True, capture_output=True)
        return out


@pytest.fixture(scope="session")
def dlls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dlls:
    lacking = [compiler for compiler in COMPILERS.values() if shutil.which(compiler) is None]
    if lacking and not request.config.getoption("--wine"):
        pytest.skip(f"{' and '.join(lacking)} (Debian: gcc-mingw-w64) is not installed")
    made = Dlls(tmp_path_factory.mktemp("dlls"))
    made.build("good", "dep.dll", ("wanted", "other"))
    made.build("lacks-symbol", "dep.dll", ("other",))
    made.build("32-bit", "dep.dll", ("wanted", "other"), machine="x86")
    made.build("nowhere", "nowhere.dll", ("lost",))
    made.build("needs-missing", "dep.dll", ("wanted",), {"nowhere": ("lost",)})
    made.build("top", "top.dll", (), {"good": ("wanted",)})
    return made


@pytest.fixture(scope="session")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("loader") / "python.exe"
    source = Path(__file__).with_name("loader.c")
    subprocess.run([COMPILERS["x86_64"], "-O1", "-s", "-o", str(out), str(source)], check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Wine of its own, started once: each of the layouts then takes a fraction of a second."""
    env = {**os.environ, "WINEPREFIX": str(tmp_path_factory.mktemp("wine") / "prefix"), "WINEDEBUG": "-all"}
    env["WINEDLLOVERRIDES"] = "mscoree,mshtml="
    # No pipes: Wine's services inherit them and keep them open.
    subprocess.run(["wine", "wineboot", "-i"], env=env, check=True, stdout=DEVNULL, stderr=DEVNULL, timeout=300)
    # One program that waits keeps Wine's server: starting it anew costs more than a layout.
    with subprocess.Popen(["wine", "cmd", "/k"], env=env, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL) as waiting:
        yield env
        waiting.communicate(b"exit\r\n", timeout=60)
    # Hundreds of megabytes, which pytest would keep for three runs.
    shutil.rmtree(env["WINEPREFIX"], ignore_errors=True)


class Layout(NamedTuple):
    """Which DLL lies where, below the environment; `python` and `path` decide the search."""

    files: dict[str, str]
    python: str = "3.10"
    path: tuple[str, ...] = ()
    top: str = "top"
    chain: tuple[str, ...] = ("dep.dll",)
    symbols: tuple[tuple[str, str], ...] = (("dep.dll", "wanted"),)


OWN = "Lib/site-packages/tensorflow/python"
STATES = ("good", "absent", "32-bit", "truncated", "empty", "text", "lacks-symbol", "needs-missing")
WAYS = {
    "own-folder": (OWN, "3.10", ()),
    "application-folder": (".", "3.10", ()),
    "conda-library-bin": ("Library/bin", "3.12", ()),
    "own-folder-3.7": (OWN, "3.7", ("elsewhere",)),
    "path-3.7": ("elsewhere", "3.7", ("elsewhere",)),
    "path-3.10-is-not-searched": ("elsewhere", "3.10", ("elsewhere",)),
}


def _layouts() -> dict[str, Layout]:
    found = {
        f"{way}-{state}": Layout({} if state == "absent" else {f"{folder}/dep.dll": state}, python, path)
        for way, (folder, python, path) in WAYS.items()
        for state in STATES
    }
    good, less = f"{OWN}/dep.dll", "Library/bin/dep.dll"
    return found | {
        "first-folder-wins": Layout({good: "good", less: "lacks-symbol"}),
        "wrong-copy-wins": Layout({good: "lacks-symbol", less: "good"}),
        "wrong-copy-in-the-application-folder": Layout({"dep.dll": "lacks-symbol", less: "good"}),
        "32-bit-is-passed-over": Layout({good: "32-bit", less: "good"}),
        "damaged-stops": Layout({good: "truncated", less: "good"}),
        "empty-stops": Layout({good: "empty", less: "good"}),
        "folder-of-a-dependency-is-not-searched": Layout(
            {"Library/bin/mid.dll": "mid", "Library/bin/deeper/dep.dll": "good"}, top="over-mid", chain=("mid.dll",)
        ),
        "dependency-of-a-dependency-in-the-own-folder": Layout(
            {"Library/bin/mid.dll": "mid", good: "good"}, top="over-mid", symbols=(("mid.dll", "through"),)
        ),
        "dependency-of-a-dependency-lacks": Layout({f"{OWN}/mid.dll": "mid"}, top="over-mid", chain=("mid.dll",)),
        "circle": Layout(
            {f"{OWN}/one.dll": "one", f"{OWN}/two.dll": "two"},
            top="over-one",
            chain=("one.dll", "two.dll"),
            symbols=(("one.dll", "first"), ("two.dll", "second")),
        ),
        "forwarder": Layout({good: "forwards", f"{OWN}/target.dll": "target"}),
        "forwarder-chain": Layout(
            {good: "forwards-twice", less: "absent", f"{OWN}/hop.dll": "hop", f"{OWN}/target.dll": "target"}
        ),
        "forwarder-to-nothing": Layout({good: "forwards"}),
        "forwarder-to-what-lacks-it": Layout({good: "forwards", f"{OWN}/target.dll": "target-less"}),
        "ordinal": Layout({good: "by-ordinal"}, top="top-by-ordinal", symbols=(("dep.dll", "#7"),)),
        "ordinal-lacks": Layout({good: "good"}, top="top-by-ordinal", symbols=(("dep.dll", "#7"),)),
        "delayed-may-lack": Layout({}, top="top-delayed", chain=(), symbols=()),
        "module-32-bit": Layout({good: "good"}, top="top-32-bit"),
        "module-truncated": Layout({good: "good"}, top="top-truncated"),
        "module-text": Layout({good: "good"}, top="top-text"),
        "module-absent": Layout({good: "good"}, top="absent"),
    }


LAYOUTS = _layouts()


def test_at_least_forty_layouts() -> None:
    assert len(LAYOUTS) >= 40


def _cut(path: Path, source: Path) -> None:
    path.write_bytes(source.read_bytes()[:200])


def _make(dlls: Dlls, kind: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], object]] = {
        "absent": lambda: None,
        "truncated": lambda: _cut(path, dlls.build("good", "dep.dll")),
        "top-truncated": lambda: _cut(path, dlls.build("top", "top.dll")),
        "empty": lambda: path.write_bytes(b""),
        "text": lambda: path.write_text("<html>404 Not Found</html>" * 20),
        "top-text": lambda: path.write_text("version of a file that is none\n" * 20),
        # From here on byte by byte: what a linker makes only with effort.
        "forwards": lambda: make_dll(path, {"wanted": "target.wanted"}),
        "forwards-twice": lambda: make_dll(path, {"wanted": "hop.wanted"}),
        "hop": lambda: make_dll(path, {"wanted": "target.wanted"}),
        "target": lambda: make_dll(path, ["wanted"]),
        "target-less": lambda: make_dll(path, ["unwanted"]),
        "by-ordinal": lambda: make_dll(path, ["seventh"], base_ordinal=7),
        "top-by-ordinal": lambda: make_dll(path, imports={"dep.dll": [7]}),
        "top-delayed": lambda: make_dll(path, delayed={"dep.dll": ["wanted"]}),
        "mid": lambda: make_dll(path, ["through"], {"dep.dll": ["wanted"]}),
        "over-mid": lambda: make_dll(path, imports={"mid.dll": ["through"]}),
        "one": lambda: make_dll(path, ["first"], {"two.dll": ["second"]}),
        "two": lambda: make_dll(path, ["second"], {"one.dll": ["first"]}),
        "over-one": lambda: make_dll(path, imports={"one.dll": ["first"]}),
        "top-32-bit": lambda: make_dll(path, ["nothing"], machine="x86"),
    }
    if kind in makers:
        makers[kind]()
    else:
        shutil.copy(next((dlls.folder / kind).glob("*.dll")), path)


def _windows(path: Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


@pytest.mark.parametrize("name", LAYOUTS)
def test_verdict_agrees_with_wine(name: str, dlls: Dlls, loader: Path, wine: dict[str, str], tmp_path: Path) -> None:
    layout, prefix = LAYOUTS[name], tmp_path / "env"
    for file, kind in layout.files.items():
        _make(dlls, kind, prefix / file)
    top = prefix / OWN / "top.dll"
    _make(dlls, layout.top, top)
    shutil.copy(loader, prefix / "python.exe")
    path = ";".join(_windows(prefix / entry) for entry in layout.path)
    folders = [prefix.joinpath(*parts) for parts in CONDA_FOLDERS]
    pairs = ",".join(f"{dll}:{symbol}" for dll, symbol in layout.symbols)
    mode = "old" if layout.python == "3.7" else "new"
    command = ["wine", str(prefix / "python.exe"), mode, _windows(top), _windows(top.parent)]
    command += [",".join(layout.chain), pairs, *(_windows(folder) for folder in folders if folder.is_dir())]
    output = tmp_path / "told.txt"
    with output.open("wb") as stream:
        env = {**wine, "WINEPATH": path}
        subprocess.run(command, env=env, stdout=stream, stderr=DEVNULL, timeout=120, check=True)
    text = output.read_text(errors="replace").strip()
    *loaded, told = text.rsplit(" ", 1)

    ours = resolve(
        str(prefix),
        "win-64",
        [str(top)],
        layout.python,
        env_vars={"PATH": ";".join(str(prefix / entry) for entry in layout.path)},
    )
    assert verdict(ours) == int(told), (ours.problems, text)
    if int(told) == 0 and loaded:
        files = [name.split(":", 1)[1].replace("\\", "/") for name in loaded[0].split(" ")]
        for (dll, _), file in zip(layout.symbols, files, strict=True):
            module = named(ours, dll)
            assert module is not None
            assert os.path.normpath(module.path).lower() == file.lower()
