"""Install names, run paths and slices of macOS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conda_tf_doctor.binaries.closure import Closure
from conda_tf_doctor.binaries.read import read_image
from conda_tf_doctor.binaries.resolve import resolve
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.report import collect
from tests.binaries.oracle import named, verdict
from tools.prefixes import add_dist, make_prefix
from tools.tiny_macho import make_dylib

MODULE = "lib/python3.11/site-packages/tensorflow/python/_pywrap.so"


def load(prefix: Path, top: Path, platform: str = "osx-arm64", **variables: str) -> Closure:
    return resolve(str(prefix), platform, [str(top)], env_vars=variables)


@pytest.mark.parametrize(
    ("name", "rpaths"),
    [
        ("@rpath/libdep.dylib", ["@loader_path/../nothing", "@loader_path/../../../.."]),
        ("@loader_path/../../../../libdep.dylib", []),
        ("@executable_path/../lib/libdep.dylib", []),
    ],
    ids=["rpath", "loader-path", "executable-path"],
)
def test_names_are_resolved(name: str, rpaths: list[str], tmp_path: Path) -> None:
    make_dylib(tmp_path / "lib/libdep.dylib", machines=["arm64"])
    top = make_dylib(tmp_path / MODULE, [name, "/usr/lib/libSystem.B.dylib"], rpaths=rpaths, machines=["arm64"])
    found = load(tmp_path, top)
    assert found.failures == []
    assert [m.found_by != "" for m in found.modules] == [True] * 3


def test_run_paths_of_the_importer_are_inherited(tmp_path: Path) -> None:
    make_dylib(tmp_path / "lib/one.dylib", ["@rpath/two.dylib"], machines=["arm64"])
    make_dylib(tmp_path / "lib/two.dylib", machines=["arm64"])
    top = make_dylib(tmp_path / MODULE, ["@rpath/one.dylib"], rpaths=["@loader_path/../../../../"], machines=["arm64"])
    assert load(tmp_path, top).failures == []


def test_missing_and_weak(tmp_path: Path) -> None:
    top = make_dylib(tmp_path / MODULE, ["@rpath/gone.dylib"], ["@rpath/perhaps.dylib"], machines=["arm64"])
    found = load(tmp_path, top)
    assert [m.name for m in found.failures] == ["gone.dylib"]
    assert verdict(found) == 126


def test_x86_library_under_arm_python(tmp_path: Path) -> None:
    make_dylib(tmp_path / "lib/libdep.dylib", machines=["x86_64"])
    top = make_dylib(tmp_path / MODULE, [f"{tmp_path}/lib/libdep.dylib"], machines=["x86_64", "arm64"])
    found = load(tmp_path, top)
    assert [(m.name, m.problem) for m in found.failures] == [("libdep.dylib", "for x86_64, Python is for arm64")]


def test_a_universal_binary_serves_both(tmp_path: Path) -> None:
    top = make_dylib(tmp_path / MODULE, machines=["x86_64", "arm64"])
    assert load(tmp_path, top).failures == load(tmp_path, top, "osx-64").failures == []
    assert read_image(str(top), "arm64").machine == "arm64"


@pytest.mark.skipif(os.name == "nt", reason="a colon is in every path here, and parts this variable")
def test_library_path_comes_first(tmp_path: Path) -> None:
    make_dylib(tmp_path / "lib/libdep.dylib", machines=["arm64"])
    make_dylib(tmp_path / "first/libdep.dylib", machines=["arm64"])
    top = make_dylib(tmp_path / MODULE, [f"{tmp_path}/lib/libdep.dylib"], machines=["arm64"])
    found = named(load(tmp_path, top, DYLD_LIBRARY_PATH=str(tmp_path / "first")), "libdep.dylib")
    assert found is not None
    assert found.path == str(tmp_path / "first/libdep.dylib")


@pytest.mark.parametrize("keep", [20, 40, 200, 4000])
def test_truncated(keep: int, tmp_path: Path) -> None:
    top = make_dylib(tmp_path / MODULE, ["@rpath/libdep.dylib"], machines=["arm64"])
    top.write_bytes(top.read_bytes()[:keep])
    assert verdict(load(tmp_path, top)) == 193


def test_what_is_loaded_already_is_found_by_its_install_name(tmp_path: Path) -> None:
    name = "@rpath/_pywrap_internal.so"
    main = make_dylib(tmp_path / MODULE, install_name=name, machines=["arm64"])
    far = make_dylib(tmp_path / "lib/python3.11/site-packages/tensorflow/a/b/far.so", [name], machines=["arm64"])
    assert resolve(str(tmp_path), "osx-arm64", [str(main), str(far)], env_vars={}).failures == []
    # Alone, or before it, nothing leads there.
    assert [m.name for m in load(tmp_path, far).failures] == ["_pywrap_internal.so"]


def test_of_a_slice_that_a_thin_copy_left_out_nothing_is_told(tmp_path: Path) -> None:
    top = make_dylib(tmp_path / MODULE, machines=["x86_64", "arm64"])
    start, size = 8192, 1 << 20
    with open(top, "r+b") as stream:
        whole = stream.read()
        stream.seek(start)
        stream.truncate()
        stream.truncate(size)
    # (Windows does not tell which bytes of a file were never written: all may be.)
    assert len(whole) > start and not read_image(str(top), "arm64").problem
    # Zeros that were written are damage.
    top.write_bytes(whole[:start] + bytes(size - start))
    assert os.name == "nt" or "no Mach-O image" in read_image(str(top), "arm64").problem


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ("13.0", [("TFD103", "warning", "_pywrap.so", "macOS >=13.3")]),
        ("13.3", []),
        ("15.1", []),
        # What a Python built for old systems is told, and what nobody tells.
        ("10.16", []),
        ("", []),
        # Older than the wheel's tag: that is the one thing to say.
        ("11.6", [("TFD103", "error", "tensorflow", "macOS >=12.0")]),
    ],
)
def test_what_was_built_for_a_newer_macos_is_a_warning(
    installed: str, found: list[tuple[str, ...]], tmp_path: Path
) -> None:
    prefix = make_prefix(tmp_path / "env", "osx-arm64", "3.11.7")
    add_dist(prefix, "tensorflow", "2.16.1")
    site = prefix / "lib/python3.11/site-packages"
    make_dylib(site / "tensorflow/libtensorflow_framework.2.dylib", machines=["arm64"], system="12.0")
    make_dylib(site / "tensorflow/python/_pywrap.so", machines=["arm64", "x86_64"], system="13.3")
    env = read_prefix(str(prefix))
    env.virtual_packages = {"__osx": installed} if installed else {}
    whole = diagnose(env, load_matrix()).findings
    findings = [f for f in whole if f.code == "TFD103"]
    assert [(f.code, f.severity, f.message.split()[0], f.expected) for f in findings] == found
    # A report says it elsewhere, too.
    report = environment_of(collect(env, load_matrix(), findings=whole), "report.json")
    there = [f for f in diagnose(report, load_matrix()).findings if f.code == "TFD103"]
    assert [(f.severity, f.message, f.fix) for f in there] == [(f.severity, f.message, f.fix) for f in findings]
