"""TFD501 and TFD505 beyond the plain cases: what is gone, what lacks, how sure that is, and what it stops."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.binaries.records import Recorded
from conda_tf_doctor.binaries.resolve import resolve
from conda_tf_doctor.context.binaries import BinaryFacts
from conda_tf_doctor.rules.binaries.closure import judge
from conda_tf_doctor.rules.binaries.words import again
from tests.wholes import said
from tools.images import ELF_MACHINES, elf
from tools.prefixes import add_dist
from tools.tiny_elf import make_so
from tools.tiny_pe import make_dll

from . import test_rules_linux as linux
from .conftest import MAIN, OTHER, SITE, write_conda, write_record
from .test_rules import CUDNN, GPU, codes, context, found

FOLDER = f"{SITE}/tensorflow/python"
REST = f"{FOLDER}/_pywrap_tfcompile.pyd"
PART = "_pywrap_tensorflow_common.dll"


# What is gone


@pytest.mark.parametrize(
    ("file", "content", "codes"),
    [
        # Said as a whole, by what holds the Python files to their records.
        ("tensorflow/__init__.py", None, []),
        ("tensorflow/__init__.py", "", ["TFD501"]),
        ("tensorflow/python/__init__.py", None, ["TFD501"]),
        ("keras/__init__.py", None, ["TFD501"]),
    ],
)
def test_a_tensorflow_of_which_nothing_is_left_is_said_once(
    file: str, content: str | None, codes: list[str], env: Path
) -> None:
    for name in ("__init__", "python/__init__", "python/a", "python/b", "python/c", "python/d", "python/e"):
        (env / SITE / "tensorflow" / f"{name}.py").write_text("a = 1\n")
    write_record(env)
    add_dist(env, "keras", "2.10.0", files={"keras/__init__.py": "a = 1\n"})
    (env / SITE / file).unlink() if content is None else (env / SITE / file).write_text(content)
    (env / OTHER).unlink()
    assert [finding.code for finding in found(env)] == codes


@pytest.mark.parametrize(
    ("gone", "severity"),
    [
        (["python/_pywrap_tfcompile.pyd"], "warning"),
        (["python/_pywrap_tfcompile.pyd", "python/_pywrap_tfe.pyd"], "error"),
        # No extension module, and nothing imports it.
        (["spare.dll"], "warning"),
        (["lite/spare.pyd"], "warning"),
        (["python/_pywrap_tfcompile.pyd", "spare.dll"], "warning"),
    ],
)
def test_what_is_gone_is_an_error_where_something_asks_for_it(gone: list[str], severity: str, env: Path) -> None:
    for file in gone:
        make_dll(env / SITE / "tensorflow" / file)
    write_record(env)
    assert found(env) == []
    for file in gone:
        (env / SITE / "tensorflow" / file).unlink()
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.package) == ("TFD501", severity, "tensorflow")
    assert (" is recorded" if len(gone) == 1 else " are recorded") in finding.message
    assert finding.evidence == tuple(sorted(f"{SITE}/tensorflow/{file}" for file in gone))


@pytest.mark.parametrize(("delayed", "severity"), [(True, "warning"), (False, "error")])
def test_what_is_gone_and_loaded_at_the_first_call_only_stops_no_import(
    delayed: bool, severity: str, env: Path
) -> None:
    make_dll(env / FOLDER / "part.dll", ["x"])
    make_dll(env / OTHER, **{"delayed" if delayed else "imports": {"part.dll": ["x"]}})
    write_record(env)
    (env / FOLDER / "part.dll").unlink()
    [finding] = found(env)
    assert (finding.severity, finding.evidence) == (severity, (f"{FOLDER}/part.dll",))


@pytest.mark.parametrize("manager", ["pip", "conda"], ids=["a wheel", "a record"])
def test_what_recorded_a_file_and_is_listed_no_more_is_installed_again_by_its_name(manager: str, env: Path) -> None:
    fix = again(context(env), Recorded(str(env / "a.dll"), "", 9, "", "gone-one", manager))
    assert fix.commands[0][-1] == "gone-one" and fix.reinstall == ((manager, "gone-one"),)


def test_a_module_of_the_oldest_layout_is_gone(env: Path) -> None:
    """1.15 has its modules in tensorflow_core."""
    folder = env / SITE / "tensorflow_core" / "python"
    for name in ("_pywrap_tensorflow_internal.pyd", "_tf_stack.pyd"):
        make_dll(folder / name)
    info = env / SITE / "tensorflow-2.10.0.dist-info"
    sizes = {path: path.stat().st_size for path in sorted(folder.iterdir())}
    (info / "RECORD").write_text("".join(f"tensorflow_core/python/{p.name},,{size}\n" for p, size in sizes.items()))
    (folder / "_tf_stack.pyd").unlink()
    [finding] = [finding for finding in found(env) if finding.code == "TFD501"]
    assert (finding.severity, finding.evidence) == ("error", (f"{SITE}/tensorflow_core/python/_tf_stack.pyd",))


def test_on_linux_no_antivirus_is_blamed(tmp_path: Path) -> None:
    prefix = a_linux(tmp_path)
    record = "".join(f"{p.removeprefix(linux.SITE + '/')},,9\n" for p in (linux.MAIN, "tensorflow/python/gone.so"))
    (prefix / linux.SITE / "tensorflow-2.10.0.dist-info" / "RECORD").write_text(record)
    finding = next(finding for finding in linux.found(prefix) if finding.code == "TFD501")
    assert finding.message == (
        "gone.so of tensorflow is recorded as installed, but not there: it was deleted, or the installation was "
        "interrupted."
    )


# What is nowhere


def test_a_part_that_no_record_has_is_certainly_tensorflow_s(env: Path) -> None:
    for file in (OTHER, f"{FOLDER}/_more.pyd"):
        make_dll(env / file, imports={PART: ["x"]})
    write_record(env)
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD501", "error", "certain")
    assert finding.message == f"{PART}, which _more.pyd, _pywrap_tfe.pyd import, is nowhere on the search path."
    assert finding.fix.reinstall == (("pip", "tensorflow"),)


@pytest.mark.parametrize(("rest", "severity"), [([REST], "warning"), ([REST, OTHER], "error")])
def test_what_only_a_module_at_rest_imports_stops_nothing(rest: list[str], severity: str, env: Path) -> None:
    for file in rest:
        make_dll(env / file, imports={"mklml.dll": ["x"]})
    write_record(env)
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD501", severity, "likely")


def test_a_folder_that_nobody_knows_may_have_it(env: Path) -> None:
    make_dll(env / OTHER, imports={PART: ["x"]})
    write_record(env)
    (env / SITE / "sitecustomize.py").write_text("import os\nos.add_dll_directory(os.environ['WHERE'])\n")
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD501", "warning", "likely")
    assert finding.needs == (f"which folders {SITE}/sitecustomize.py adds with os.add_dll_directory",)


@pytest.mark.parametrize(
    ("dll", "why"),
    [
        ("python311.dll", ": the module is built for Python 3.11, the environment has 3.10.4"),
        # The environment's own is gone.
        ("python310.dll", ""),
    ],
)
def test_the_dll_of_python(dll: str, why: str, env: Path) -> None:
    (env / "python310.dll").rename(env / "python39.dll")
    make_dll(env / "python39.dll")
    make_dll(env / MAIN, ["TF_Version"], {dll: ["PyLong_FromLong"]})
    make_dll(env / "python.exe", imports={"python39.dll": []})
    write_record(env)
    [finding] = [finding for finding in found(env) if finding.expected == dll]
    assert (finding.code, finding.severity, finding.confidence) == ("TFD501", "error", "certain")
    assert finding.message.endswith(f"is nowhere on the search path{why}.")
    assert finding.fix.reinstall == ((("pip", "tensorflow"),) if why else (("conda", "python"),))


def test_a_module_that_dlls_is_asked_for_and_is_not_there_has_no_importer(env: Path) -> None:
    path = str(env / "gone.pyd")
    closure = resolve(str(env), "win-64", [path], "3.10.4")
    assert closure.roots[0].kind == "missing"
    assert list(judge(context(env), BinaryFacts(closure, (path,), machine="x86_64"), closure)) == []


def test_what_lies_outside_of_the_environment_is_named_in_full(env: Path, tmp_path: Path) -> None:
    path = str(make_dll(tmp_path / "outside" / "module.pyd", imports={"mklml.dll": ["x"]}))
    closure = resolve(str(env), "win-64", [path], "3.10.4")
    [finding] = judge(context(env), BinaryFacts(closure, (path,), machine="x86_64"), closure)
    assert finding.evidence == (path,) and finding.package == ""


# What a GPU needs


def a_linux(folder: Path, subdir: str = "linux-aarch64", machine: str = "aarch64") -> Path:
    prefix = linux.environment(folder / "env", machine, subdir)
    (prefix / "bin" / "python").write_bytes(elf(ELF_MACHINES[subdir]))
    return prefix


@pytest.fixture
def wanted(env: Path) -> Path:
    """Nothing of CUDA lies in the environment that wants it."""
    write_conda(env, "cudatoolkit", "11.2.2")
    write_conda(env, "cudnn", "8.1.0.77")
    return env


@pytest.mark.parametrize(
    ("there", "lacks"),
    [
        # How a GPU's libraries are missing as a whole, and cuDNN, is the CUDA rules' to say.
        ((), []),
        (CUDNN, []),
        (("nvcuda",), []),
        ((*CUDNN, "nvcuda"), []),
        # Without the runtime it alone is told.
        (("cublas64_11", *CUDNN), ["cudart64_110.dll"]),
        (("cudart64_110", *CUDNN, *GPU[1:-1]), ["cusparse64_11.dll"]),
    ],
    ids=["nothing", "cuDNN", "the driver", "cuDNN and the driver", "no runtime", "one lacks"],
)
def test_parts_of_cuda(there: tuple[str, ...], lacks: list[str], wanted: Path) -> None:
    for name in there:
        make_dll(wanted / "Library" / "bin" / f"{name}.dll", ["x"])
    told = found(wanted)
    assert [(finding.code, finding.severity, finding.expected) for finding in told] == [
        ("TFD501", "error", name) for name in lacks
    ]


def test_a_damaged_runtime_is_no_sign_that_the_rest_is_missing(wanted: Path) -> None:
    make_dll(wanted / "Library/bin/cudart64_110.dll").write_bytes(b"MZ cut")
    assert codes(wanted) == {"TFD502": "error"}


def test_the_driver_s_library_is_no_part_of_an_environment(tmp_path: Path) -> None:
    prefix = a_linux(tmp_path, "linux-64", "x86_64")
    write_conda(prefix, "cudatoolkit", "11.2.2", subdir="linux-64")
    folder = prefix / linux.SITE / "nvidia" / "cudnn" / "lib"
    for name in ("cudart.so.11.0", "cublas.so.11", "cublasLt.so.11", "cufft.so.10", "curand.so.10", "cusparse.so.11"):
        make_so(folder / f"lib{name}", soname=f"lib{name}")
    for machine in ("x86_64", "aarch64"):
        make_so(folder / "libcusolver.so.11", soname="libcusolver.so.11", machine=machine)
    told = linux.found(prefix)
    assert [finding.expected for finding in told if finding.code == "TFD501"] == []


def test_a_release_that_nobody_knows_and_loads_cuda_at_the_first_call(wanted: Path) -> None:
    libraries = {"cudart64_130.dll": ["x"], "cublas64_13.dll": ["x"]}
    make_dll(wanted / OTHER, delayed=libraries)
    shutil.rmtree(wanted / SITE / "tensorflow-2.10.0.dist-info")
    info = "tensorflow-2.99.0.dist-info"
    write_record(wanted, info)
    (wanted / SITE / info / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.99.0\n")
    make_dll(wanted / "Library/bin/cudart64_130.dll", ["x"])
    [finding] = found(wanted)
    assert (finding.code, finding.expected, finding.source) == ("TFD501", "cublas64_13.dll", "")
    assert "which _pywrap_tfe.pyd loads for the GPU" in finding.message


# Symbols


@pytest.mark.parametrize(
    ("exports", "wanted", "words"),
    [
        ({"a": ""}, ["b"], "part.dll does not export 1 symbol that _more.pyd, _pywrap_tfe.pyd need: b."),
        ({"a": ""}, ["b", "c"], "does not export 2 symbols that _more.pyd, _pywrap_tfe.pyd need: b, c."),
        ({"a": ""}, [7], "need: ordinal 7."),
        ({"a": ""}, ["b" * 80], f"need: {'b' * 80}."),
        ({"a": ""}, ["b" * 81], f"need: {'b' * 77}…."),
        (
            {"b": "GONE.b"},
            ["a", "b"],
            "need: a, b (it is forwarded to GONE.b, and GONE.dll is not found).",
        ),
    ],
)
def test_what_a_library_lacks(exports: dict[str, str], wanted: list[str | int], words: str, env: Path) -> None:
    make_dll(env / "part.dll", exports, version="1.2.0.0")
    for file in (OTHER, f"{FOLDER}/_more.pyd"):
        make_dll(env / file, imports={"part.dll": wanted})
    write_record(env)
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.found) == ("TFD505", "error", "part.dll 1.2.0.0")
    assert finding.message.endswith(words)
    assert finding.fix.note.startswith("Bring part.dll and _more.pyd, _pywrap_tfe.pyd to versions that belong together")


@pytest.mark.parametrize("undefined", [["A"], ["A", "B"]])
@linux.here
def test_what_no_library_defines(undefined: list[str], tmp_path: Path) -> None:
    machine = linux.MACHINE
    prefix = linux.environment(tmp_path / "env", machine, "linux-64" if machine == "x86_64" else "linux-aarch64")
    (prefix / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    make_so(prefix / linux.MAIN, ["libtensorflow_framework.so.2"], undefined=undefined, runpath="$ORIGIN/..",
            machine=machine)  # fmt: skip
    [finding] = linux.found(prefix)
    many = "1 symbol" if len(undefined) == 1 else "2 symbols"
    assert finding.message == (
        f"_pywrap_tensorflow_internal.so needs {many} that no library defines: {', '.join(undefined)}."
    )


@pytest.mark.parametrize(
    ("library", "told", "pins"),
    [
        ("libtensorflow_framework.so.2", ("TFD505", "error", "", ()), "Use a newer libtensorflow_framework.so.2."),
        ("libstdc++.so.6", ("TFD610", "error", "libstdcxx-ng", ("libstdcxx-ng >=12",)), ""),
    ],
)
def test_a_library_without_the_version_of_a_symbol(
    library: str, told: tuple[str, str, str, tuple[str, ...]], pins: str, tmp_path: Path
) -> None:
    prefix = a_linux(tmp_path)
    place = prefix / "lib" / library
    make_so(place, soname=library, versions=["V_1", "V_2"], defines=["TF"], machine="aarch64")
    other = prefix / linux.SITE / "tensorflow" / "python" / "_other.so"
    for path, needs in ((prefix / linux.MAIN, ["V_1", "V_3"]), (other, ["V_4"])):
        make_so(path, [library], version_needs={library: needs}, rpath="$ORIGIN/../../../..", machine="aarch64")
    (prefix / linux.FRAMEWORK).unlink()
    [finding] = said(linux.found(prefix))
    assert (finding.code, finding.severity, finding.package, finding.fix.pins) == told
    assert finding.message.endswith(
        f"{library} is too old for _pywrap_tensorflow_internal.so, _other.so: it lacks V_3, V_4."
    )
    assert finding.found == f"lib/{library}" and finding.source == os.path.basename(linux.MAIN)
    assert finding.fix.note == pins
