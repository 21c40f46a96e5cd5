"""The binaries that a report carries."""

from __future__ import annotations

from typing import Any

import pytest

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.binaries.closure import binaries
from tests.wholes import said

MAIN = "Lib/site-packages/tensorflow/python/_pywrap_tensorflow_internal.pyd"


def found(
    *entries: dict[str, Any], version: str = "2.10.0", name: str = "tensorflow", machine: str = "x86_64"
) -> list[Finding]:
    report = {
        "schema_version": 1,
        "platform": "win-64",
        "python": {"version": "3.10.4", "bits": 64, "machine": machine},
        "packages": [{"name": name, "version": version, "manager": "pip", "channel": "pypi"}],
        "binaries": list(entries),
    }
    return said(binaries(Context(environment_of(report, "report.json"), load_matrix())))


def binary(**fields: Any) -> dict[str, Any]:
    return {"path": MAIN, "machine": "x86_64", "bits": 64, "imports": [], "missing": [], "problem": None, **fields}


def test_nothing_is_wrong() -> None:
    assert found(binary(imports=["MSVCP140.dll"])) == []


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("MSVCP140_1.dll", "TFD401"),
        ("vcruntime140_1.dll", "TFD401"),
        ("mklml.dll", "TFD501"),
        ("python39.dll", "TFD501"),
    ],
)
def test_missing(missing: str, code: str) -> None:
    (finding,) = found(binary(missing=[missing]))
    assert (finding.code, finding.severity, finding.expected) == (code, "error", missing)
    assert finding.evidence == (MAIN,)


@pytest.mark.parametrize("missing", ["api-ms-win-core-path-l1-1-0.dll", "cudart64_110.dll"])
def test_missing_without_harm(missing: str) -> None:
    assert found(binary(missing=[missing])) == []


def test_a_gpu_library_that_is_an_import() -> None:
    (finding,) = found(binary(missing=["cudart64_100.dll"]), name="tensorflow-gpu", version="1.14.0")
    assert finding.code == "TFD501"


def test_damaged() -> None:
    (finding,) = found(binary(problem="truncated"))
    assert (finding.code, finding.found, finding.package) == ("TFD502", "truncated", "tensorflow")
    assert finding.fix.commands


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


def test_several_are_told_at_once() -> None:
    entries = [binary(path=f"Lib/site-packages/tensorflow/python/_m{number}.pyd", machine="x86") for number in range(9)]
    (finding,) = found(*entries)
    assert "and 4 more are for x86" in finding.message
