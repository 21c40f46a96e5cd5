"""TFD401 and TFD402 from files, beyond the plain cases: which runtime is judged, and how new one has to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.matrix.load import load_matrix
from tools.tiny_pe import make_dll

from .conftest import MAIN, OTHER, RUNTIME, SITE, write_conda, write_record
from .test_rules import codes, found

CORE = "msvcp140.dll"
PART = f"{SITE}/tensorflow/python/part.dll"


def tensorflow(env: Path, linker: tuple[int, int], *symbols: str) -> None:
    """Have TensorFlow's modules built by one linker and import some symbols of the C++ library."""
    make_dll(env / MAIN, ["TF_Version"], {CORE: ["common"]}, linker=linker)
    make_dll(env / OTHER, imports={CORE: ["common", *symbols]}, linker=linker)
    write_record(env)


@pytest.mark.parametrize(
    ("version", "linker", "wanted"),
    [
        ("14.20.27508.1", (14, 29), "14.29"),
        ("14.36.32532.0", (14, 42), "14.42"),
        ("14.40.33810.0", (14, 42), "14.42"),
        # What is newer than the linker and older than 14.40 may lack what every release since then has.
        ("14.36.32532.0", (14, 29), "14.40"),
        # clang's linker tells nothing, and what is there is no cure of itself.
        ("14.29.30133.0", (14, 0), "14.40"),
        # Of Visual Studio 2013, and of a linker of another maker's numbers.
        ("14.29.30133.0", (12, 0), "14.40"),
        ("14.29.30133.0", (15, 7), "14.40"),
    ],
)
def test_the_runtime_to_install_has_what_this_one_lacks(
    version: str, linker: tuple[int, int], wanted: str, env: Path
) -> None:
    for name in RUNTIME:  # whose linker says nothing of TensorFlow
        make_dll(env / name, ["common"], version=version, linker=(14, 50))
    tensorflow(env, linker, "newer")
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD402", "error", "certain")
    assert finding.expected == f"Visual C++ runtime >={wanted}" and finding.fix.pins == (f"vc14_runtime >={wanted}",)
    assert finding.message.endswith("it lacks newer, which _pywrap_tfe.pyd imports.")


def test_what_is_newer_than_the_linker_and_lacks_a_symbol_is_an_odd_file(env: Path) -> None:
    make_dll(env / CORE, ["common"], version="14.42.34433.0")
    tensorflow(env, (14, 42), "newer")
    assert codes(env) == {"TFD505": "error"}


def test_a_library_of_somebody_else_is_no_runtime_however_old(env: Path) -> None:
    make_dll(env / "mklml.dll", ["dgemm"], version="2.0.0.0")
    make_dll(env / OTHER, imports={"mklml.dll": ["sgemm"]})
    write_record(env)
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.found) == ("TFD505", "error", "mklml.dll 2.0.0.0")
    assert finding.package == "" and "reinstall both" in finding.fix.note


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ({"part.dll": ["_Mtx_lock"]}, {}),
        ({"PART.dll": ["_Mtx_lock"], CORE: ["common", "_Mtx_lock"]}, {"TFD402": "error"}),
        ({"part.dll": ["_Mtx_init_in_situ"], CORE: ["common", "_Mtx_lock"]}, {"TFD402": "error"}),
        ({CORE: ["_Mtx_lock", "common"]}, {"TFD402": "error"}),
    ],
    ids=["a lock of its own", "both", "initialised by its own", "the library's"],
)
def test_mutexes_of_the_library_alone_count(imports: dict[str, list[str]], expected: dict[str, str], env: Path) -> None:
    make_dll(env / CORE, ["common", "_Mtx_lock", "_Mtx_init_in_situ"], version="14.38.33130.0")
    make_dll(env / PART, ["_Mtx_lock", "_Mtx_init_in_situ"])
    make_dll(env / OTHER, imports=imports)
    make_dll(env / MAIN, ["TF_Version"], {CORE: ["common"]})
    write_record(env)
    assert codes(env) == expected


def test_what_others_lock_is_theirs(env: Path) -> None:
    """Of numpy's own libraries nobody knows with which compiler they were made."""
    make_dll(env / CORE, ["common", "_Mtx_lock"], version="14.38.33130.0")
    make_dll(env / "mklml.dll", ["dgemm"], {CORE: ["_Mtx_lock"]})
    make_dll(env / OTHER, imports={"mklml.dll": ["dgemm"]})
    write_record(env)
    assert found(env) == []


@pytest.mark.parametrize("version", ["", "14.29.30133.0", "14.36.32532.0"])
def test_a_copy_behind_that_is_no_newer_hides_nothing(version: str, env: Path) -> None:
    exports = ["common", "_Mtx_lock"]
    make_dll(env / CORE, exports, version="14.29.30133.0")
    make_dll(env / "Library/bin" / CORE, exports, version=version)
    tensorflow(env, (14, 0), "_Mtx_lock")
    assert codes(env) == {"TFD402": "error"}


def test_a_newer_copy_behind_is_hidden_and_one_for_another_machine_is_none(env: Path) -> None:
    exports = ["common", "_Mtx_lock"]
    make_dll(env / CORE, exports, version="14.29.30133.0")
    make_dll(env / "Library/mingw-w64/bin" / CORE, exports, version="14.44.35211.0", machine="x86")
    tensorflow(env, (14, 0), "_Mtx_lock")
    assert codes(env) == {"TFD402": "error"}
    make_dll(env / "Library/bin" / CORE, exports, version="14.44.35211.0")
    [first, second] = found(env)
    assert (first.code, first.found) == ("TFD402", f"{CORE} 14.29.30133.0")
    assert (second.code, second.severity, second.expected) == ("TFD504", "error", f"Library/bin/{CORE}")
    assert "version 14.29.30133.0" in second.message


def test_what_is_loaded_at_the_first_call_only_is_no_part_of_the_runtime(env: Path) -> None:
    """OpenMP's DLL, which TensorFlow can do without: neither missing nor old, and no sign of the others."""
    make_dll(env / OTHER, imports={CORE: ["common"]}, delayed={"vcomp140.dll": ["omp"]})
    write_record(env)
    assert found(env) == []
    make_dll(env / "vcomp140.dll", ["omp"], version="14.16.27033.0")
    assert found(env) == []
    for name in RUNTIME:
        (env / name).unlink()
    assert codes(env) == {"TFD401": "info"}


def test_without_the_library_itself_the_other_dlls_tell_the_version(env: Path) -> None:
    for name in (CORE, "msvcp140_1.dll", "vcruntime140_1.dll"):
        (env / name).unlink()
    make_dll(env / "vcruntime140.dll", ["common"], version="14.16.27033.0")
    told = {finding.code: finding for finding in found(env)}
    assert set(told) == {"TFD401", "TFD402"}
    assert told["TFD402"].evidence == ("vcruntime140.dll",)


def test_a_copy_for_another_machine_tells_no_version(env: Path) -> None:
    make_dll(env / CORE, ["common"], machine="x86", version="14.16.27033.0")
    (env / "vcruntime140_1.dll").unlink()
    assert codes(env) == {"TFD102": "error", "TFD401": "info"}


@pytest.mark.parametrize(("part", "confidence"), [(False, "likely"), (True, "certain")])
def test_what_a_record_lists_and_is_gone_is_certain_where_a_part_is_left(
    part: bool, confidence: str, env: Path
) -> None:
    write_conda(env, "vc14_runtime", "14.29.30139", files=list(RUNTIME))
    for name in RUNTIME[part:]:
        (env / name).unlink()
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD401", "error", confidence)
    assert finding.needs == ()


def test_a_dll_that_nothing_imports_is_loaded_by_name(env: Path) -> None:
    write_conda(env, "vc14_runtime", "14.29.30139", files=list(RUNTIME))
    (env / "msvcp140_1.dll").unlink()
    [finding] = found(env)
    assert finding.message == (
        "msvcp140_1.dll of the Visual C++ runtime is nowhere on the search path; TensorFlow loads msvcp140_1.dll by "
        "name before anything else."
    )
    assert finding.evidence == ("tensorflow/python/platform/build_info.py",)
    assert finding.source == "tensorflow/python/platform/self_check.py"


def test_of_a_release_that_was_tried_it_is_certain(env: Path) -> None:
    exports = ["common", "_Mtx_lock"]
    make_dll(env / CORE, exports, version="14.38.33130.0")
    tensorflow(env, (14, 0), "_Mtx_lock")
    old = env / SITE / "tensorflow-2.10.0.dist-info"
    new = old.rename(env / SITE / "tensorflow-2.18.1.dist-info")
    (new / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.18.1\n")
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD402", "error", "certain")


def test_a_folder_that_nobody_knows_may_have_what_a_record_lists(env: Path) -> None:
    write_conda(env, "vc14_runtime", "14.29.30139", files=list(RUNTIME))
    (env / CORE).unlink()
    (env / SITE / "sitecustomize.py").write_text("import os\nos.add_dll_directory(os.environ['WHERE'])\n")
    [finding] = found(env)
    assert (finding.code, finding.severity, finding.confidence) == ("TFD401", "warning", "likely")
    assert finding.needs == (f"which folders {SITE}/sitecustomize.py adds with os.add_dll_directory",)


def test_a_dll_that_tells_no_version_is_an_odd_file(env: Path) -> None:
    make_dll(env / CORE, ["other"])
    assert codes(env) == {"TFD505": "error"}


def test_files_are_judged_and_not_what_a_record_says_of_them(env: Path) -> None:
    """Somebody put newer DLLs over what conda installed."""
    write_conda(env, "vc14_runtime", "14.16.27033", files=list(RUNTIME))
    told = diagnose(read_prefix(str(env)), load_matrix()).findings
    assert [finding.code for finding in told if finding.code in ("TFD401", "TFD402")] == []


@pytest.mark.parametrize(
    ("system", "packages", "asked"),
    [
        ({}, [], ["TFD402", "TFD401"]),
        ({"vc_runtime": "14.44.35211"}, [], []),
        ({}, [{"name": "vc14_runtime", "version": "14.44.35211", "manager": "conda"}], []),
    ],
    ids=["nothing tells", "the system", "a record"],
)
def test_a_report_is_asked_for_the_runtime_where_nothing_tells(
    system: dict[str, str], packages: list[dict[str, str]], asked: list[str]
) -> None:
    tensorflow = {"name": "tensorflow", "version": "2.10.0", "manager": "pip"}
    report = {"platform": "win-64", "packages": [tensorflow, *packages], "system": system}
    told = diagnose(environment_of(report, "report.json"), load_matrix()).findings
    opened = [finding.code for finding in told if finding.is_open and finding.code in ("TFD401", "TFD402")]
    assert sorted(opened) == sorted(asked)
