"""Shared objects of an environment on Linux, and one for another machine looked at from here."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.report import collect
from conda_tf_doctor.rules.binaries.closure import binaries
from conda_tf_doctor.rules.paths.surroundings import surroundings
from tests.wholes import said
from tools.images import ELF_MACHINES, elf
from tools.tiny_elf import make_so

from .conftest import write_conda

# Windows has a word of its own for it.
MACHINE = platform.machine().replace("AMD64", "x86_64")
SITE = "lib/python3.10/site-packages"
MAIN = f"{SITE}/tensorflow/python/_pywrap_tensorflow_internal.so"
FRAMEWORK = f"{SITE}/tensorflow/libtensorflow_framework.so.2"

here = pytest.mark.skipif(
    not sys.platform.startswith("linux") or MACHINE not in ("x86_64", "aarch64"),
    reason="runs on a Linux of its own kind",
)


def environment(prefix: Path, machine: str, subdir: str) -> Path:
    write_conda(prefix, "python", "3.10.4", subdir=subdir)
    runpath = "$ORIGIN:$ORIGIN/../nvidia/cudnn/lib"
    make_so(
        prefix / FRAMEWORK, ["libc.so.6"], FRAMEWORK.rsplit("/", 1)[1], runpath=runpath, defines=["TF"], machine=machine
    )
    make_so(
        prefix / MAIN, ["libtensorflow_framework.so.2", "libstdc++.so.6", "libc.so.6"], undefined=["TF"],
        runpath="$ORIGIN/..", machine=machine,
    )  # fmt: skip
    make_so(
        prefix / "lib" / "libstdc++.so.6", ["libc.so.6"], versions=["GLIBCXX_3.4.19", "CXXABI_1.3"], machine=machine
    )
    info = prefix / SITE / "tensorflow-2.10.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.10.0\n")
    (info / "INSTALLER").write_text("pip\n")
    (prefix / "bin").mkdir()
    return prefix


@pytest.fixture
def env(tmp_path: Path) -> Path:
    prefix = environment(tmp_path / "env", MACHINE, "linux-64" if MACHINE == "x86_64" else "linux-aarch64")
    (prefix / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    # This machine's own C++ library stands behind; the environment's is not on any path but its Python's.
    return prefix


def found(prefix: Path, **variables: str) -> list[Finding]:
    facts = read_prefix(str(prefix))
    facts.env_vars = variables
    return list(binaries(Context(facts, load_matrix())))


@here
def test_nothing_is_wrong(env: Path) -> None:
    assert found(env, LD_LIBRARY_PATH=str(env / "lib")) == []


@here
def test_a_library_lacks(env: Path) -> None:
    (env / FRAMEWORK).unlink()
    (finding,) = found(env, LD_LIBRARY_PATH=str(env / "lib"))
    assert (finding.code, finding.expected, finding.package) == ("TFD501", "libtensorflow_framework.so.2", "tensorflow")


@here
def test_a_symbol_that_nothing_defines(env: Path) -> None:
    undefined = ["TF", "_ZN10tensorflow3NewEv"]
    make_so(env / MAIN, ["libtensorflow_framework.so.2"], undefined=undefined, runpath="$ORIGIN/..", machine=MACHINE)
    (finding,) = found(env)
    assert finding.code == "TFD505"
    assert finding.expected == "_ZN10tensorflow3NewEv"
    name = os.path.basename(MAIN)
    assert finding.fix.note.count(name) == 1, "no file is told to fit itself"


@here
@pytest.mark.parametrize(
    "file", ["numpy/core/_multiarray_umath.cpython-310-x86_64-linux-gnu.so", "tensorflow-plugins/libplugin.so"]
)
def test_what_stands_beside_finds_symbols_among_all_that_is_loaded(file: str, env: Path) -> None:
    make_so(env / SITE / file, ["libc.so.6"], undefined=["TF"], machine=MACHINE)
    assert found(env, LD_LIBRARY_PATH=str(env / "lib")) == []


@here
@pytest.mark.parametrize(
    ("library", "version", "code", "package"),
    [("libc.so.6", "GLIBC_9.9", "TFD106", ""), ("libstdc++.so.6", "GLIBCXX_3.4.29", "TFD610", "libstdcxx-ng")],
)
def test_versions_of_symbols(library: str, version: str, code: str, package: str, env: Path) -> None:
    oldest = {"libc.so.6": "GLIBC_2.17", "libstdc++.so.6": "GLIBCXX_3.4.19"}[library]
    make_so(env / MAIN, [library], version_needs={library: [oldest, version]}, machine=MACHINE)
    (finding,) = found(env, LD_LIBRARY_PATH=str(env / "lib"))
    assert (finding.code, finding.severity, finding.expected) == (code, "error", version)
    assert finding.package == package and finding.found == finding.evidence[0] and finding.found.endswith(library)
    assert finding.message == f"{finding.found} is too old for {os.path.basename(MAIN)}: it lacks {version}." or package
    assert finding.source == os.path.basename(MAIN) and (finding.fix.pins or finding.fix.note)


@here
def test_condas_cuda_is_not_where_pips_tensorflow_looks(env: Path) -> None:
    write_conda(env, "cudatoolkit", "11.2.2", subdir="linux-64")
    make_so(env / "lib" / "libcudart.so.11.0", machine=MACHINE)
    facts = read_prefix(str(env))
    facts.env_vars = {"CONDA_PREFIX": str(env)}
    if Context(facts, load_matrix()).build is None:
        pytest.fail("the matrix has TensorFlow 2.10 for linux-64")
    told = [f for f in surroundings(Context(facts, load_matrix())) if f.code == "TFD701"]
    if MACHINE == "x86_64":
        assert [f.severity for f in said(told)] == ["warning"]
        assert "libcudart.so.11.0" in told[0].message
        # Elsewhere a report says so, too.
        found = diagnose(facts, load_matrix()).findings
        report = environment_of(collect(facts, load_matrix(), findings=found), "report.json")
        there = [f.message for f in diagnose(report, load_matrix()).findings if f.code == "TFD701"]
        assert there == [f.message for f in found if f.code == "TFD701"] == [told[0].message]
        # Of another machine's, and where nobody wants a GPU, its path says nothing.
        facts.this_machine = False
        assert list(surroundings(Context(facts, load_matrix()))) == []
        facts.this_machine = True
        asked = Context(facts, load_matrix())
        asked.__dict__["gpu_wanted"] = ""
        assert list(surroundings(asked)) == []
    facts.env_vars["LD_LIBRARY_PATH"] = str(env / "lib")
    assert [f for f in surroundings(Context(facts, load_matrix())) if f.code == "TFD701"] == []


@pytest.mark.parametrize(("subdir", "machine"), [("linux-64", "x86_64"), ("linux-aarch64", "aarch64")])
def test_any_linux_environment_from_anywhere(subdir: str, machine: str, tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env", machine, subdir)
    (prefix / "bin" / "python").write_bytes(elf(ELF_MACHINES[subdir]))
    assert found(prefix) == []
    (prefix / MAIN).write_bytes((prefix / MAIN).read_bytes()[:300])
    assert "TFD502" in {finding.code for finding in said(found(prefix))}


@pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link, as Linux' packages hold them")
def test_a_truncated_library_behind_a_link_is_said_once(env: Path) -> None:
    real = env / f"{FRAMEWORK}.10.0"
    (env / FRAMEWORK).rename(real)
    (env / FRAMEWORK).symlink_to(real.name)
    paths = [
        {"_path": str(path.relative_to(env)), "path_type": "hardlink", "size_in_bytes": path.stat().st_size}
        for path in (real, env / MAIN)
    ] + [{"_path": FRAMEWORK, "path_type": "softlink"}]
    listed = {"files": [entry["_path"] for entry in paths], "paths_data": {"paths": paths, "paths_version": 1}}
    write_conda(env, "tensorflow-base", "2.10.0", "py310h_0", subdir="linux-64", **listed)
    assert [finding for finding in found(env) if finding.code in ("TFD502", "TFD503")] == []
    real.write_bytes(real.read_bytes()[:300])
    (finding,) = said(found(env))
    assert (finding.code, finding.package) == ("TFD502", "tensorflow-base")
    assert finding.evidence == (FRAMEWORK, "conda-meta/tensorflow-base-2.10.0-py310h_0.json")


def test_an_object_for_another_machine(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "env", "aarch64", "linux-aarch64")
    (prefix / "bin" / "python").write_bytes(elf(ELF_MACHINES["linux-aarch64"]))
    make_so(prefix / MAIN, machine="x86_64")
    first = said(found(prefix))[0]
    assert (first.code, first.found, first.expected) == ("TFD102", "x86_64", "aarch64")


def test_what_ld_so_passes_over_is_in_nobodys_way(tmp_path: Path) -> None:
    """It has always gone on searching where a library is for another machine; some versions of Windows stop there."""
    prefix = environment(tmp_path / "env", "aarch64", "linux-aarch64")
    (prefix / "bin" / "python").write_bytes(elf(ELF_MACHINES["linux-aarch64"]))
    name = os.path.basename(FRAMEWORK)
    make_so(prefix / SITE / "other" / name, soname=name, machine="x86_64")
    runpath = "$ORIGIN/../../other:$ORIGIN/.."
    make_so(prefix / MAIN, [name], undefined=["TF"], runpath=runpath, machine="aarch64")
    assert found(prefix) == []
