"""PATH, LD_LIBRARY_PATH and activation, from reports."""

from __future__ import annotations

import sys
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


@pytest.mark.parametrize(("folder", "found_first"), [(f"{LINUX}/lib/", False), (f"{LINUX.upper()}/lib", True)])
def test_folders_are_what_they_are_on_linux(folder: str, found_first: bool) -> None:
    """A slash at the end is no other folder, and capitals are."""
    variables = {"LD_LIBRARY_PATH": f"{folder}:/usr/local/cuda-10.1/lib64"}
    assert [f.code for f in found("linux-64", variables, packages=CUDA)] == ["TFD702"] * found_first


def test_condas_own_build_finds_its_cuda_before_any_variable() -> None:
    packages = [{"name": "tensorflow", "version": "2.11.0", "build": "cuda112py39h01bd6f0_0", "channel": "conda-forge"}]
    report = {"schema_version": 1, "platform": "linux-64", "prefix": LINUX, "packages": packages + CUDA}
    report["env_vars"] = {"LD_LIBRARY_PATH": "/usr/local/cuda-10.1/lib64"}
    context = Context(environment_of(report, "report.json"), load_matrix())
    assert context.build is not None
    assert list(surroundings(context)) == []


def test_on_linux_a_variable_is_spelled_as_it_is() -> None:
    wheels = [{"name": "nvidia-cuda-runtime-cu11", "version": "11.7.99", "channel": "pypi", "manager": "pip"}]
    assert found("linux-64", {"Ld_Library_Path": "/usr/local/cuda-10.1/lib64"}, packages=wheels) == []


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("3.8.18", "Python 3.8 finds the DLLs of conda's packages through PATH"),
        ("3.9.18", "Python 3.9 finds the DLLs of conda's packages through PATH"),
        ("3.10.13", "libraries that are loaded by name (CUDA, MKL) are looked for on PATH"),
        ("", "libraries that are loaded by name (CUDA, MKL) are looked for on PATH"),
    ],
)
def test_what_an_environment_that_is_not_activated_does_not_find(python: str, words: str) -> None:
    packages = [
        {"name": "python", "version": python, "channel": "conda-forge", "manager": "conda"},
        {"name": "tensorflow", "version": "2.10.0", "channel": "pypi", "manager": "pip"},
    ]
    report = {"schema_version": 1, "platform": "win-64", "prefix": WINDOWS, "env_vars": {"PATH": SYSTEM}}
    report["packages"] = packages
    (finding,) = said(surroundings(Context(environment_of(report, "report.json"), load_matrix())))
    assert (finding.code, finding.severity, finding.evidence) == ("TFD701", "warning", ("env_vars.PATH",))
    assert words in finding.message


@pytest.mark.parametrize(("folder", "is_said"), [(WINDOWS, False), (sys.prefix, True)], ids=["another's", "ours"])
def test_whose_variables_they_are_when_a_prefix_is_looked_at(folder: str, is_said: bool) -> None:
    """Without CONDA_PREFIX they are those of the Python that runs us."""
    report = {"schema_version": 1, "platform": "win-64", "prefix": folder, "env_vars": {"PATH": SYSTEM}}
    report["packages"] = [{"name": "tensorflow", "version": "2.10.0", "channel": "pypi", "manager": "pip"}]
    env = environment_of(report, "report.json")
    env.kind = "prefix"
    assert [f.code for f in surroundings(Context(env, load_matrix()))] == ["TFD701"] * is_said


def test_a_python_that_is_not_conda_s_is_not_activated() -> None:
    report = {"schema_version": 1, "platform": "win-64", "prefix": WINDOWS, "env_vars": {"PATH": SYSTEM}}
    report["packages"] = [
        {"name": "python", "version": "3.9.18", "manager": "pip"},
        {"name": "tensorflow", "version": "2.10.0", "channel": "pypi", "manager": "pip"},
    ]
    assert list(surroundings(Context(environment_of(report, "report.json"), load_matrix()))) == []


@pytest.mark.parametrize(
    ("first", "severity", "confidence", "asks"),
    [
        # From 11 on its files are named by the major version alone, so that the first on the path is the one.
        ("11.8", "error", "likely", 0), ("10.1", "warning", "possible", 1), ("12.4", "warning", "possible", 1),
    ],
)  # fmt: skip
def test_which_toolkit_s_files_have_the_names_that_are_loaded(
    first: str, severity: str, confidence: str, asks: int
) -> None:
    packages = [
        {"name": "python", "version": "3.8.18", "channel": "conda-forge", "manager": "conda"},
        {"name": "tensorflow", "version": "2.4.1", "channel": "pypi", "manager": "pip"},
        {"name": "cudatoolkit", "version": "11.0.3", "channel": "conda-forge", "manager": "conda"},
    ]
    report = {"schema_version": 1, "platform": "win-64", "prefix": WINDOWS, "packages": packages}
    report |= {"env_vars": {"PATH": f"{toolkit(first)};{ACTIVATED}"}, "error_text": "no GPU: failed call to cuInit"}
    findings = said(surroundings(Context(environment_of(report, "report.json"), load_matrix())))
    (finding,) = findings
    assert (finding.code, finding.severity, finding.confidence) == ("TFD702", severity, confidence)
    assert len(finding.needs) == asks


@pytest.mark.parametrize("tensorflow", ["2.10.0", "1.2.0"])
def test_no_cuda_of_a_cpu_build_is_in_the_way(tensorflow: str) -> None:
    report = {"schema_version": 1, "platform": "linux-64", "prefix": LINUX}
    report["packages"] = [{"name": "tensorflow-cpu", "version": tensorflow, "channel": "pypi", "manager": "pip"}]
    report["env_vars"] = {"LD_LIBRARY_PATH": "/usr/local/cuda-9.0/lib64:/usr/local/cuda-11.2/lib64"}
    assert list(surroundings(Context(environment_of(report, "report.json"), load_matrix()))) == []


def test_no_tensorflow() -> None:
    report = {"schema_version": 1, "platform": "win-64", "packages": [], "env_vars": {"PATH": SYSTEM}}
    assert list(surroundings(Context(environment_of(report, "report.json"), load_matrix()))) == []
