"""What an add-on's binaries ask of TensorFlow's, read from files of a few hundred bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.symbols import Wheel, first_missing
from tools.tiny_elf import make_so
from tools.tiny_macho import make_dylib
from tools.tiny_pe import make_dll

FRAMEWORK = "@rpath/libtensorflow_framework.2.dylib"
MUTEX = "__ZN3tsl5mutexC1Ev"


def tensorflow(folder: Path, *defines: str, machine: str = "arm64") -> Wheel:
    path = folder / "tf/tensorflow/libtensorflow_framework.2.dylib"
    make_dylib(path, ["/usr/lib/libSystem.B.dylib"], install_name=FRAMEWORK, machines=[machine], defines=defines)
    return Wheel(folder / "tf", machine)


def addon(folder: Path, library: str, *, weak: bool = False, rpaths: tuple[str, ...] = (), **asks: int) -> Wheel:
    path = folder / "addon/tensorflow_text/core/_ops.so"
    libraries = ["/usr/lib/libSystem.B.dylib"] + ([] if weak else [library])
    make_dylib(path, libraries, [library] if weak else [], rpaths, machines=["arm64"], asks={"_malloc": 1, **asks})
    return Wheel(folder / "addon", "arm64")


@pytest.mark.parametrize(
    ("library", "rpaths", "defines", "missing"),
    [
        (FRAMEWORK, (), [MUTEX], ""),
        (FRAMEWORK, (), ["__ZN3tsl4timeEv"], MUTEX),
        # dyld finds it where the run path leads, or by the name that the loaded one gives itself.
        ("@loader_path/../../tensorflow/libtensorflow_framework.2.dylib", (), [MUTEX], ""),
        ("@rpath/../libtensorflow_framework.2.dylib", ("@loader_path/../../tensorflow/python",), [MUTEX], ""),
        ("@loader_path/../../addon.dylibs/libtensorflow_framework.2.dylib", (), [MUTEX], "library"),
        ("@rpath/_pywrap_tensorflow_internal.so", (), [MUTEX], "library"),
    ],
)
def test_mach_o_binds_each_symbol_to_a_library(
    tmp_path: Path, library: str, rpaths: tuple[str, ...], defines: list[str], missing: str
) -> None:
    wheel = addon(tmp_path, library, rpaths=rpaths, **{MUTEX: 2})
    assert first_missing(wheel, tensorflow(tmp_path, *defines)) == (library if missing == "library" else missing)


def test_a_weak_library_may_be_absent(tmp_path: Path) -> None:
    wheel = addon(tmp_path, "@rpath/libgone.dylib", weak=True, **{MUTEX: 2})
    assert first_missing(wheel, tensorflow(tmp_path, MUTEX)) == ""


def test_of_a_universal_file_the_slice_of_the_machine_counts(tmp_path: Path) -> None:
    path = tmp_path / "tf/tensorflow/libtensorflow_framework.2.dylib"
    make_dylib(path, install_name=FRAMEWORK, machines=["x86_64", "arm64"], defines=[MUTEX])
    assert first_missing(addon(tmp_path, FRAMEWORK, **{MUTEX: 2}), Wheel(tmp_path / "tf", "arm64")) == ""


@pytest.mark.parametrize(("defined", "missing"), [(["_ZN3tsl5mutexC1Ev"], ""), ([], "_ZN3tsl5mutexC1Ev")])
def test_of_elf_s_flat_names_tensorflow_s_own_count(tmp_path: Path, defined: list[str], missing: str) -> None:
    undefined = ["PyLong_FromLong", "_ZN3tsl5mutexC1Ev"]
    make_so(tmp_path / "addon/text/_ops.so", ["libtensorflow_framework.so.2", "libc.so.6"], undefined=undefined)
    make_so(tmp_path / "tf/tensorflow/libtensorflow_framework.so.2", defines=defined)
    wheel = Wheel(tmp_path / "addon", "x86_64")
    assert first_missing(wheel, Wheel(tmp_path / "tf", "x86_64")) == missing
    assert first_missing(wheel, Wheel(tmp_path / "none", "x86_64")) == "libtensorflow_framework.so.2"


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"_pywrap_tensorflow_internal.pyd": ["??0Status@tsl@@QEAA@XZ"]}, ""),
        ({"_pywrap_tensorflow_internal.pyd": ["??0Status@tensorflow@@QEAA@XZ"]}, "??0Status@tensorflow@@QEAA@XZ"),
        ({"_PYWRAP_TensorFlow_internal.pyd": ["??0Status@tsl@@QEAA@XZ"]}, ""),
        ({"_pywrap_tensorflow_common.dll": ["TF_NewStatus"]}, "_pywrap_tensorflow_common.dll"),
        # Windows', Python's and the runtime's own are no matter of TensorFlow.
        ({"KERNEL32.dll": ["Sleep"], "python310.dll": ["PyLong_FromLong"], "MSVCP140.dll": ["?_Xbad@std@@YAXXZ"]}, ""),
    ],
)
def test_pe_binds_each_symbol_to_a_file(tmp_path: Path, asked: dict[str, list[str]], missing: str) -> None:
    make_dll(tmp_path / "addon/text/_ops.pyd", imports=asked)
    make_dll(tmp_path / "tf/tensorflow/python/_pywrap_tensorflow_internal.pyd", exports=["??0Status@tsl@@QEAA@XZ"])
    assert first_missing(Wheel(tmp_path / "addon", "x86_64"), Wheel(tmp_path / "tf", "x86_64")) == missing
