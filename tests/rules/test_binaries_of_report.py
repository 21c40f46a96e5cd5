"""The binaries that a report carries."""

from __future__ import annotations

from typing import Any

import pytest

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.binaries.closure import binaries
from tests.wholes import said

MAIN = "Lib/site-packages/tensorflow/python/_pywrap_tensorflow_internal.pyd"


def environment(
    *entries: dict[str, Any],
    version: str = "2.10.0",
    name: str = "tensorflow",
    machine: str = "x86_64",
    manager: str = "pip",
) -> Environment:
    report = {
        "schema_version": 1,
        "platform": "win-64",
        "python": {"version": "3.10.4", "bits": 64, "machine": machine},
        "packages": [{"name": name, "version": version, "manager": manager}],
        "binaries": list(entries),
    }
    return environment_of(report, "report.json")


def found(*entries: dict[str, Any], **about: str) -> list[Finding]:
    return said(binaries(Context(environment(*entries, **about), load_matrix())))


def binary(**fields: Any) -> dict[str, Any]:
    return {"path": MAIN, "machine": "x86_64", "bits": 64, "imports": [], "missing": [], "problem": None, **fields}


def test_nothing_is_wrong() -> None:
    assert found(binary(imports=["MSVCP140.dll"])) == []


def test_where_nobody_has_tensorflow_its_binaries_are_no_matter() -> None:
    assert found(binary(problem="truncated"), name="numpy") == []


@pytest.mark.parametrize(
    ("missing", "code", "expected"),
    [
        ("MSVCP140_1.dll", "TFD401", "Visual C++ runtime >=14.20"),
        ("vcruntime140_1.dll", "TFD401", "Visual C++ runtime >=14.20"),
        ("mklml.dll", "TFD501", "mklml.dll"),
        ("python39.dll", "TFD501", "python39.dll"),
        ("python310.dll", "TFD501", "python310.dll"),
    ],
)
def test_missing(missing: str, code: str, expected: str) -> None:
    (finding,) = found(binary(missing=[missing]))
    assert (finding.code, finding.severity, finding.expected) == (code, "error", expected)
    assert missing in finding.message and finding.evidence == (MAIN,)


def test_what_lacks_of_the_runtime_is_told_at_once() -> None:
    """As of files on the disk: one finding, with every DLL, and one runtime that has them all."""
    entries = binary(missing=["MSVCP140.dll"]), binary(path=MAIN + "x", missing=["vcruntime140_1.dll", "MSVCP140.dll"])
    (finding,) = found(*entries)
    assert finding.message == (
        "MSVCP140.dll and vcruntime140_1.dll of the Visual C++ runtime are nowhere on the search path; "
        f"{MAIN.rpartition('/')[2]}, {MAIN.rpartition('/')[2]}x import them."
    )
    assert (finding.code, finding.expected, finding.evidence) == (
        "TFD401",
        "Visual C++ runtime >=14.20",
        (MAIN, MAIN + "x"),
    )
    assert finding.fix.pins == ("vc14_runtime >=14.20",)


@pytest.mark.parametrize("missing", ["api-ms-win-core-path-l1-1-0.dll", "cudart64_110.dll"])
def test_missing_without_harm(missing: str) -> None:
    assert found(binary(missing=[missing])) == []


def test_a_gpu_library_that_a_release_loads_by_name_which_nobody_knows() -> None:
    assert found(binary(missing=["cudart64_110.dll"]), version="2.99.0") == []


def test_a_gpu_library_where_a_gpu_is_wanted() -> None:
    (finding,) = found(binary(missing=["cudart64_110.dll"]), name="tensorflow-gpu")
    assert (finding.code, finding.expected) == ("TFD501", "cudart64_110.dll")
    assert finding.fix.note.startswith("Install the CUDA or cuDNN package that has cudart64_110.dll")


def test_a_gpu_library_that_is_an_import() -> None:
    (finding,) = found(binary(missing=["cudart64_100.dll"]), name="tensorflow-gpu", version="1.14.0")
    assert finding.code == "TFD501"


def test_damaged() -> None:
    (finding,) = found(binary(problem="truncated"))
    assert (finding.code, finding.found, finding.package) == ("TFD502", "truncated", "tensorflow")
    assert finding.fix.commands
    (finding,) = found(binary(problem="truncated"), manager="conda")
    assert finding.fix.commands == (("conda", "install", "--force-reinstall", "tensorflow"),)


@pytest.mark.parametrize(
    ("python", "image", "codes"),
    [
        ("x86", "x86_64", ["TFD102"]),
        ("x86_64", "AMD64", []),
        ("x86_64", "arm64", ["TFD102"]),
        ("", "x86_64", []),
        ("x86_64", "", []),
    ],
)
def test_machines(python: str, image: str, codes: list[str]) -> None:
    assert [finding.code for finding in found(binary(machine=image), machine=python)] == codes


@pytest.mark.parametrize(("count", "words"), [(9, "_m4.pyd and 4 more are for x86"), (5, "_m4.pyd are for x86")])
def test_several_are_told_at_once(count: int, words: str) -> None:
    folder = "Lib/site-packages/tensorflow/python"
    (finding,) = found(*(binary(path=f"{folder}/_m{number}.pyd", machine="x86") for number in range(count)))
    assert words in finding.message


def test_a_library_that_several_lack_is_one_finding() -> None:
    (finding,) = found(binary(missing=["mklml.dll"]), binary(path=MAIN + "x", missing=["mklml.dll"]))
    name = MAIN.rpartition("/")[2]
    assert finding.message == f"mklml.dll, which {name}, {name}x import, is nowhere on the search path."
    assert finding.evidence == (MAIN, MAIN + "x")


@pytest.mark.parametrize("held", [False, True])
def test_binaries_that_a_report_holds_are_not_asked_for(held: bool) -> None:
    findings = diagnose(environment(*[binary()] * held), load_matrix()).findings
    asked = said(finding for finding in findings if finding.is_open and finding.code in ("TFD501", "TFD502"))
    assert [finding.code for finding in asked] == ([] if held else ["TFD501", "TFD502"])
