"""Real wheels of the index in a Windows environment that is looked at from wherever this runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.binaries.read import read_image
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.binaries.closure import binaries
from tools.images import executable
from tools.index_wheels import KINDS, Wheel, link_into, unpacked
from tools.tiny_pe import make_dll

pytestmark = [pytest.mark.network, pytest.mark.slow]

TF15 = ("tensorflow==1.5.0", "3.6")
TF21 = ("tensorflow-cpu==2.1.0", "3.7")
TF210 = ("tensorflow==2.10.0", "3.10")
TF219 = ("tensorflow==2.19.0", "3.12")
# The same of a small wheel, and of those that most people have.
NEWER = [TF21, pytest.param(TF210, marks=pytest.mark.real)]
RUNTIMES = {
    "14.26": ("msvc-runtime==14.26.28720", "3.9"),
    "14.29": ("msvc-runtime==14.29.30133", "3.10"),
    "14.40": ("msvc-runtime==14.40.33807", "3.12"),
    "14.44": ("msvc-runtime==14.44.35112", "3.13"),
}
MAIN = "Lib/site-packages/tensorflow/python/_pywrap_tensorflow_internal.pyd"
PYTHON_DLLS = ("python36.dll", "python39.dll", "python310.dll", "python312.dll")


def runtime(version: str, folder: Path) -> None:
    """Put the DLLs of a runtime into a folder, as conda does with the environment's root."""
    source = unpacked(RUNTIMES[version][0], python=RUNTIMES[version][1])
    folder.mkdir(parents=True, exist_ok=True)
    for dll in source.rglob("*.dll"):
        shutil.copy(dll, folder)
    if not (folder / "vcruntime140_1.dll").exists() and version != "14.16":
        # CPython's own installer brings this one, so that the wheel leaves it out.
        other = unpacked(RUNTIMES["14.29"][0], python=RUNTIMES["14.29"][1])
        shutil.copy(next(other.rglob("vcruntime140_1.dll")), folder)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def build(wheel: tuple[str, str], version: str | None, python: str = "") -> Path:
        prefix = tmp_path / "env"
        minor = python or wheel[1]
        link_into(unpacked(wheel[0], python=wheel[1]), prefix / "Lib" / "site-packages")
        for folder in (prefix / "Lib" / "site-packages").glob("*.dist-info"):
            (folder / "INSTALLER").unlink(missing_ok=True)
            (folder / "INSTALLER").write_text("pip\n")
        (prefix / "conda-meta").mkdir()
        record = {"name": "python", "version": f"{minor}.5", "build": "h0_0", "build_number": 0, "depends": []}
        record |= {"channel": "conda-forge", "subdir": "win-64", "files": ["python.exe"]}
        (prefix / "conda-meta" / f"python-{minor}.5-h0_0.json").write_text(json.dumps(record))
        (prefix / "python.exe").write_bytes(executable("win-64"))
        make_dll(prefix / f"python{minor.replace('.', '')}.dll", _python_symbols(prefix))
        if version:
            runtime(version, prefix)
        return prefix

    return build


def _python_symbols(prefix: Path) -> list[str]:
    """Return what the modules import of Python: the stand-in offers just that."""
    found: set[str] = set()
    for path in (prefix / "Lib" / "site-packages").glob("tensorflow*/**/*"):
        if path.suffix in (".pyd", ".dll", ".so"):
            for wanted in read_image(str(path)).imports:
                if wanted.name.lower().startswith("python3"):
                    found |= {symbol for symbol in wanted.symbols if isinstance(symbol, str)}
    return sorted(found)


def check(prefix: Path) -> list[Finding]:
    return list(binaries(Context(read_prefix(str(prefix)), load_matrix())))


def codes(found: list[Finding]) -> dict[str, str]:
    return {finding.code: finding.severity for finding in found}


HEALTHY = [(TF15, "14.26"), (TF15, "14.44"), (TF21, "14.29"), (TF21, "14.44")]
HEALTHY_LARGE = [(TF210, "14.29"), (TF210, "14.44"), (TF219, "14.44")]


@pytest.mark.parametrize(
    ("wheel", "version"), HEALTHY + [pytest.param(*case, marks=pytest.mark.real) for case in HEALTHY_LARGE]
)
def test_a_healthy_environment_gets_no_finding(make: Callable[..., Path], wheel: tuple[str, str], version: str) -> None:
    assert check(make(wheel, version)) == []


def test_no_runtime_at_all(make: Callable[..., Path]) -> None:
    found = check(make(TF15, None))
    assert codes(found) == {"TFD401": "info"}
    assert "msvcp140.dll" in found[0].message
    assert "VCRUNTIME140.dll" in found[0].message


@pytest.mark.parametrize("wheel", NEWER)
def test_one_dll_of_the_runtime_is_gone(make: Callable[..., Path], wheel: tuple[str, str]) -> None:
    prefix = make(wheel, "14.29")
    (prefix / "msvcp140_1.dll").unlink()
    found = check(prefix)
    assert codes(found) == {"TFD401": "info"}
    assert "System32" in found[0].needs[0]
    assert "loads msvcp140_1.dll by name" in found[0].message


@pytest.mark.real
def test_a_runtime_older_than_the_compiler_works(make: Callable[..., Path]) -> None:
    assert check(make(TF210, "14.26")) == []


@pytest.mark.parametrize("wheel", NEWER)
def test_runtime_of_visual_studio_2017_under_2_1_and_later(make: Callable[..., Path], wheel: tuple[str, str]) -> None:
    prefix = make(wheel, None)
    old = unpacked("pandas==1.1.5", python="3.9")
    shutil.copy(next(old.rglob("msvcp140.dll")), prefix)
    make_dll(prefix / "vcruntime140.dll", _exports("14.29", "vcruntime140.dll"), version="14.16.27033.0")
    make_dll(prefix / "msvcp140_1.dll", _exports("14.29", "msvcp140_1.dll"), version="14.16.27033.0")
    found = check(prefix)
    assert codes(found) == {"TFD402": "error", "TFD401": "info"}
    assert found[0].code == "TFD402"
    assert "14.16.27033" in found[0].found
    assert "VCRUNTIME140_1.dll" in found[0].message


def _exports(version: str, name: str) -> list[str]:
    source = unpacked(RUNTIMES[version][0], python=RUNTIMES[version][1])
    return list(read_image(str(next(source.rglob(name)))).exports.names)


def test_a_32_bit_dll_is_all_there_is(make: Callable[..., Path]) -> None:
    prefix = make(TF15, "14.29")
    (prefix / "msvcp140.dll").unlink()
    source = unpacked(RUNTIMES["14.29"][0], platform="win32", python="3.10")
    shutil.copy(next(source.rglob("msvcp140.dll")), prefix)
    found = check(prefix)
    assert codes(found) == {"TFD102": "error"}
    assert (found[0].found, found[0].expected) == ("x86", "x86_64")


def test_a_32_bit_dll_in_the_way_is_a_warning(make: Callable[..., Path]) -> None:
    prefix = make(TF15, None)
    runtime("14.29", prefix / "Library" / "bin")
    source = unpacked(RUNTIMES["14.29"][0], platform="win32", python="3.10")
    shutil.copy(next(source.rglob("msvcp140.dll")), prefix)
    assert codes(check(prefix)) == {"TFD102": "warning"}


def test_python_for_another_machine(make: Callable[..., Path]) -> None:
    prefix = make(TF15, "14.29")
    (prefix / "python.exe").write_bytes(executable("win-32"))
    found = check(prefix)
    assert found[0].code == "TFD102"
    assert (found[0].found, found[0].expected) == ("x86_64", "x86")


def _copied(path: Path) -> Path:
    """Replace a hard link into the cache by a file of its own."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    return path


def test_a_truncated_module(make: Callable[..., Path]) -> None:
    prefix = make(TF15, "14.29")
    main = _copied(prefix / MAIN)
    main.write_bytes(main.read_bytes()[: 40 * 1024 * 1024])
    found = check(prefix)
    assert codes(found) == {"TFD502": "error"}
    assert "truncated" in found[0].message
    assert "it has 41,943,040 bytes, recorded are " in found[0].message
    assert found[0].evidence[1].endswith("dist-info/RECORD")


def test_one_flipped_byte(make: Callable[..., Path]) -> None:
    prefix = make(TF15, "14.29")
    module = _copied(prefix / "Lib/site-packages/tensorflow/contrib/rnn/python/ops/_gru_ops.dll")
    data = bytearray(module.read_bytes())
    data[len(data) // 2] ^= 1
    module.write_bytes(data)
    found = check(prefix)
    assert codes(found) == {"TFD503": "warning"}
    assert found[0].evidence == ("Lib/site-packages/tensorflow/contrib/rnn/python/ops/_gru_ops.dll",)
    assert found[0].source.endswith("dist-info/RECORD")


def test_a_module_that_an_antivirus_took(make: Callable[..., Path]) -> None:
    prefix = make(TF15, "14.29")
    (prefix / MAIN).unlink()
    found = check(prefix)
    assert found[0].code == "TFD501"
    assert found[0].severity == "error"
    assert "_pywrap_tensorflow_internal.pyd" in found[0].message
    assert len(found) == 1, "what imports it is no second cause"


def test_a_dll_that_exports_less(make: Callable[..., Path]) -> None:
    prefix = make(TF15, "14.44")
    names = [name for name in _exports("14.44", "msvcp140.dll") if name != "?_Xbad_alloc@std@@YAXXZ"]
    make_dll(prefix / "msvcp140.dll", names, version="14.44.35211.0")
    found = check(prefix)
    assert codes(found) == {"TFD505": "error"}
    assert "_Xbad_alloc" in found[0].message


def test_two_copies_and_the_wrong_one_wins(make: Callable[..., Path]) -> None:
    prefix = make(TF15, None)
    runtime("14.44", prefix / "Library" / "bin")
    make_dll(prefix / "msvcp140.dll", ["nothing"], version="14.0.23026.0")
    env = read_prefix(str(prefix))
    env.python = env.python._replace(version="3.10.5")  # below 3.8 the root is no DLL folder
    found = {f.code: f for f in binaries(Context(env, load_matrix()))}
    assert set(found) == {"TFD402", "TFD504"}
    assert found["TFD504"].found == "msvcp140.dll"
    assert found["TFD504"].expected == "Library/bin/msvcp140.dll"


@pytest.mark.real
def test_runtime_14_29_under_2_19(make: Callable[..., Path]) -> None:
    found = check(make(TF219, "14.29"))
    assert codes(found) == {"TFD402": "error"}
    assert found[0].confidence == "likely"
    assert "14.40" in found[0].expected


@pytest.mark.parametrize(("wheel", "machine"), KINDS.items(), ids=[f"{w.requirement}-{w.platform}" for w in KINDS])
def test_wheels_of_all_kinds(wheel: Wheel, machine: str) -> None:
    files = [p for p in unpacked(*wheel[:3]).rglob("*") if p.suffix in (".pyd", ".so", ".dll")]
    assert files
    for path in files:
        image = read_image(str(path), machine)
        assert not image.problem
        assert image.imports
        assert machine in image.machines or path.name == "cudart32_110.dll"
