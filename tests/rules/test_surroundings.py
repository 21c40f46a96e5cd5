"""PATH, LD_LIBRARY_PATH and activation, from reports."""

from __future__ import annotations

from typing import Any

import pytest

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.paths.surroundings import surroundings
from tests.wholes import said

WINDOWS = r"C:\Users\me\miniconda3\envs\tf"
LINUX = "/home/me/miniconda3/envs/tf"
ACTIVATED = rf"{WINDOWS};{WINDOWS}\Library\mingw-w64\bin;{WINDOWS}\Library\bin;{WINDOWS}\Scripts"
SYSTEM = r"C:\Windows\system32;C:\Windows"


def toolkit(version: str) -> str:
    return rf"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v{version}\bin"


def found(platform: str, variables: dict[str, str], **more: Any) -> list[Finding]:
    windows = platform == "win-64"
    packages = [
        {"name": "python", "version": "3.9.18", "channel": "conda-forge", "manager": "conda"},
        {"name": "tensorflow", "version": "2.10.0", "channel": "pypi", "manager": "pip"},
    ]
    report = {
        "schema_version": 1,
        "platform": platform,
        "prefix": WINDOWS if windows else LINUX,
        "packages": packages + more.pop("packages", []),
        "env_vars": variables,
        **more,
    }
    return said(surroundings(Context(environment_of(report, "report.json"), load_matrix())))


CUDA = [
    {"name": "cudatoolkit", "version": "11.2.2", "channel": "conda-forge", "manager": "conda"},
    {"name": "cudnn", "version": "8.1.0.77", "channel": "conda-forge", "manager": "conda"},
]


@pytest.mark.parametrize(
    "path", [f"{ACTIVATED};{SYSTEM}", f"{ACTIVATED.lower()}\\;{SYSTEM}", f'"{WINDOWS}/Library/bin"']
)
def test_an_activated_environment_is_fine(path: str) -> None:
    assert found("win-64", {"Path": path, "CONDA_PREFIX": WINDOWS}, packages=CUDA) == []


def test_not_activated() -> None:
    (finding,) = found("win-64", {"PATH": SYSTEM})
    assert (finding.code, finding.severity) == ("TFD701", "warning")
    assert f"conda activate {WINDOWS}" in finding.fix.note


def test_not_activated_with_an_error_and_conda_cuda() -> None:
    text = "Could not load dynamic library 'cudart64_110.dll'; dlerror: cudart64_110.dll not found"
    (finding,) = found("win-64", {"PATH": SYSTEM}, packages=CUDA, error_text=text)
    assert (finding.code, finding.severity) == ("TFD701", "error")
    assert "cudatoolkit 11.2.2" in finding.message


@pytest.mark.parametrize(
    "variables",
    [{}, {"CUDA_PATH": toolkit("11.2")}, {"PATH": SYSTEM, "CONDA_PREFIX": r"C:\Users\me\miniconda3"}],
    ids=["no-variables", "no-PATH", "PATH-of-base"],
)
def test_unknown_is_no_finding(variables: dict[str, str]) -> None:
    assert found("win-64", variables, packages=CUDA) == []


def test_a_toolkit_of_another_version_before_the_environment() -> None:
    path = f"{toolkit('10.1')};{ACTIVATED};{SYSTEM}"
    (finding,) = found("win-64", {"PATH": path}, packages=CUDA)
    assert (finding.code, finding.severity) == ("TFD702", "warning")
    assert "CUDA 10.1" in finding.message


@pytest.mark.parametrize(
    "path",
    [
        f"{ACTIVATED};{toolkit('10.1')}",
        f"{toolkit('11.2')};{ACTIVATED}",
        f"{toolkit('11.2')};{toolkit('10.1')};{ACTIVATED}",
    ],
    ids=["behind", "same-version", "right-one-first"],
)
def test_toolkits_that_do_no_harm(path: str) -> None:
    assert [f for f in found("win-64", {"PATH": path}, packages=CUDA) if f.code == "TFD702"] == []


def test_the_right_toolkit_comes_too_late() -> None:
    path = f"{ACTIVATED};{toolkit('9.0')};{toolkit('11.2')}"
    (finding,) = found("win-64", {"PATH": path})
    assert finding.code == "TFD702"
    assert "before" in finding.message


def test_only_a_wrong_toolkit_is_the_cuda_rules_business() -> None:
    assert found("win-64", {"PATH": f"{ACTIVATED};{toolkit('9.0')}"}) == []


def test_ld_library_path_before_pips_cuda() -> None:
    wheels = [{"name": "nvidia-cuda-runtime-cu11", "version": "11.7.99", "channel": "pypi", "manager": "pip"}]
    (finding,) = found("linux-64", {"LD_LIBRARY_PATH": "/usr/local/cuda-10.1/lib64:/opt/x"}, packages=wheels)
    assert (finding.code, finding.severity) == ("TFD702", "warning")


@pytest.mark.parametrize(
    "value", ["/usr/local/cuda-11.2/lib64", "/opt/lib:/usr/lib", f"{LINUX}/lib:/usr/local/cuda-10.1/lib64"]
)
def test_ld_library_path_that_does_no_harm(value: str) -> None:
    assert found("linux-64", {"LD_LIBRARY_PATH": value}, packages=CUDA) == []


def test_condas_own_build_finds_its_cuda_before_any_variable() -> None:
    packages = [{"name": "tensorflow", "version": "2.11.0", "build": "cuda112py39h01bd6f0_0", "channel": "conda-forge"}]
    report = {"schema_version": 1, "platform": "linux-64", "prefix": LINUX, "packages": packages + CUDA}
    report["env_vars"] = {"LD_LIBRARY_PATH": "/usr/local/cuda-10.1/lib64"}
    context = Context(environment_of(report, "report.json"), load_matrix())
    assert context.build is not None
    assert list(surroundings(context)) == []


def test_no_tensorflow() -> None:
    report = {"schema_version": 1, "platform": "win-64", "packages": [], "env_vars": {"PATH": SYSTEM}}
    assert list(surroundings(Context(environment_of(report, "report.json"), load_matrix()))) == []
