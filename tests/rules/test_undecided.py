"""What a report leaves open is asked for: the rule that it belongs to, as an information, and how to get the fact."""

from __future__ import annotations

from typing import Any

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import INFO, WARNING
from conda_tf_doctor.matrix.load import load_matrix
from tests.rules.cases import package
from tests.wholes import said


def asked(report: dict[str, Any]) -> dict[str, str]:
    findings = said(diagnose(environment_of(report, "test"), load_matrix()).findings)
    assert all(finding.severity == INFO and finding.needs for finding in findings if finding.found == "unknown")
    return {finding.code: finding.needs[0] for finding in findings if finding.found == "unknown"}


@pytest.mark.parametrize(
    ("report", "code", "need"),
    [
        pytest.param(
            {"platform": "linux-64", "packages": [{"name": "tensorflow", "manager": "pip"}]},
            "TFD104",
            "CPU",
            id="no version: it may need AVX",
        ),
        pytest.param(
            {
                "platform": "win-64",
                "system": {"machine": "arm64"},
                "packages": [{"name": "tensorflow", "version": "2.18.0", "manager": "pip"}],
            },
            "TFD102",
            "translates AVX",
            id="Windows on ARM",
        ),
        pytest.param(
            {"platform": "linux-64", "packages": [{"name": "tensorflow", "version": "1.15.0", "manager": "pip"}]},
            "TFD606",
            "h5py",
            id="h5py beside a TensorFlow that h5py 3 breaks",
        ),
        pytest.param(
            {
                "platform": "linux-64",
                "packages": [
                    {"name": "tensorflow", "version": "2.12.0", "manager": "pip"},
                    {"name": "cudatoolkit", "version": "11.8.0", "manager": "conda"},
                ],
                "system": {"cuda_installed": ["11.8"]},
            },
            "TFD308",
            "XLA_FLAGS",
            id="where XLA finds ptxas",
        ),
        pytest.param(
            {
                "platform": "win-64",
                "packages": [{"name": "tensorflow", "version": "2.10.1", "manager": "pip"}],
                "system": {"cuda_installed": ["11.2"]},
            },
            "TFD308",
            "XLA_FLAGS",
            id="and on Windows up to 2.10",
        ),
        pytest.param(
            {
                "platform": "linux-64",
                "packages": [{"name": "tensorflow", "manager": "pip"}],
                "system": {"gpu": "NVIDIA GeForce GTX 1080 Ti"},
            },
            "TFD306",
            "nvidia-smi",
            id="a GPU is there, its driver is not named",
        ),
        pytest.param(
            {"platform": "linux-64", "packages": [{"name": "tensorflow", "manager": "pip"}]},
            "TFD303",
            "cuDNN",
            id="a release that is not known may use a GPU",
        ),
        pytest.param(
            {
                "platform": "linux-64",
                "packages": [
                    {"name": "tensorflow", "version": "2.12.0", "manager": "pip"},
                    {"name": "tensorflow-compression", "version": "2.11.0", "manager": "pip"},
                ],
            },
            "TFD607",
            "pip show tensorflow-compression",
            id="an add-on that there is no table of",
        ),
        pytest.param(
            {
                "platform": "linux-64",
                "system": {"cuda_driver": "410.72", "gpu": "Tesla K80"},
                "packages": [
                    {"name": "tensorflow-gpu", "version": "1.14.0", "manager": "conda", "channel": "defaults"},
                ],
            },
            "TFD306",
            "cudatoolkit",
            id="a driver without the CUDA beside it",
        ),
        pytest.param(
            {
                "platform": "linux-64",
                "packages": [{"name": "python", "version": "3.4.5", "manager": "conda"}],
                "requested": [{"name": "tensorflow", "manager": "conda", "channel": "conda-forge"}],
            },
            "TFD201",
            "Python",
            id="asked of conda without a version",
        ),
    ],
)
def test_what_is_missing_is_asked_for(report: dict[str, Any], code: str, need: str) -> None:
    assert need in asked(report)[code]


@pytest.mark.parametrize(
    ("report", "code"),
    [
        pytest.param(
            {
                "platform": "linux-aarch64",
                "packages": [{"name": "tensorflow", "manager": "pip"}],
            },
            "TFD104",
            id="no AVX on ARM",
        ),
        pytest.param(
            {"platform": "linux-64", "packages": [{"name": "tensorflow", "version": "1.5.0", "manager": "pip"}]},
            "TFD104",
            id="1.5 needs no AVX",
        ),
        pytest.param(
            {"platform": "linux-64", "packages": [{"name": "tensorflow-cpu", "version": "2.12.0", "manager": "pip"}]},
            "TFD308",
            id="a CPU build compiles for no GPU",
        ),
        pytest.param(
            {"platform": "win-64", "packages": [{"name": "tensorflow", "version": "2.12.0", "manager": "pip"}]},
            "TFD308",
            id="not on Windows from 2.11 on",
        ),
        pytest.param(
            {
                "platform": "linux-64",
                "packages": [{"name": "tensorflow", "manager": "pip"}],
                "system": {"gpu": "Intel UHD Graphics 630"},
            },
            "TFD303",
            id="no GPU of NVIDIA's",
        ),
    ],
)
def test_what_does_not_matter_is_not_asked(report: dict[str, Any], code: str) -> None:
    assert code not in asked(report)


@pytest.mark.parametrize(
    ("told", "asks"),
    [
        ({}, {"TFD701", "TFD702", "TFD703", "TFD704"}),
        # Whoever lists the variables would have listed the user site.
        ({"env_vars": {"HOME": "/home/me"}}, {"TFD704"}),
        ({"user_site": [package("requests 2.31.0 pip")]}, {"TFD701", "TFD702", "TFD704"}),
        ({"working_folder": ["train.py"]}, {"TFD701", "TFD702", "TFD703"}),
    ],
)
def test_what_comes_before_the_environment_is_asked_for(told: dict[str, Any], asks: set[str]) -> None:
    found = asked({"platform": "linux-64", "packages": [package("tensorflow 2.15.0 pip")], **told})
    assert found.keys() & {"TFD701", "TFD702", "TFD703", "TFD704"} == asks


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        pytest.param("7", INFO, id="it may be the one"),
        pytest.param("7.0.5", WARNING, id="too old"),
        pytest.param("6", WARNING, id="another major version"),
    ],
)
def test_a_cudnn_of_which_only_the_major_version_is_known(version: str, severity: str) -> None:
    report = {
        "platform": "linux-64",
        "packages": [{"name": "tensorflow", "version": "2.2.0", "manager": "pip"}],
        "system": {"cuda_installed": ["10.1"], "cudnn_installed": [version]},
    }
    findings = said(diagnose(environment_of(report, "test"), load_matrix()).findings)
    assert [finding.severity for finding in findings if finding.code == "TFD303"] == [severity]


@pytest.mark.parametrize(
    ("report", "first"),
    [
        ({"platform": "win-64", "packages": [{"name": "tensorflow", "version": "2.1.0"}]}, "TFD402"),
        ({"platform": "linux-64", "packages": [{"name": "tensorflow"}, {"name": "numpy"}]}, "TFD603"),
        (
            {
                "platform": "linux-64",
                "packages": [{"name": "tensorflow", "manager": "pip"}],
                "system": {"cuda_installed": ["11.2"]},
            },
            "TFD301",
        ),
    ],
)
def test_what_decides_most_is_asked_first(report: dict[str, Any], first: str) -> None:
    found = said(diagnose(environment_of(report, "test"), load_matrix()).findings)
    assert next(finding.code for finding in found if finding.is_open) == first


@pytest.mark.parametrize(
    ("platform", "packages"),
    [
        ("linux-64", ["tensorflow"]),
        ("osx-arm64", ["tensorflow"]),
        ("win-64", ["tensorflow-gpu 2.10.0 pip"]),
        ("linux-64", ["tensorflow 2.10.0 conda-forge"]),
        ("win-64", ["tensorflow 2.16.1 pip", "numpy pip", "keras pip", "protobuf pip", "h5py pip"]),
        # What is there, and what it goes with is not known.
        ("linux-64", ["tensorflow pip", "numpy 1.26.4 pip", "tensorflow-text 2.15.0 pip", "tf-keras pip"]),
        ("linux-64", ["tensorflow 2.15.0 pip", "tensorflow-hub pip", "tensorflow-text pip"]),
        # Compiled for one release, and the report does not say which; in an environment by conda, nothing else is open.
        ("linux-64", ["tensorflow 2.12.0 pip", "tensorflow-compression 2.11.0 pip", "tensorflow-io 0.31.0 pip"]),
        ("linux-64", ["tensorflow 2.4.1 conda-forge", "tensorflow-compression 2.0.0 pip"]),
        # Keras 3 came with 2.16, and code for Keras 2 is met from 2.14 on.
        ("linux-64", ["tensorflow 2.13.1 conda-forge", "keras 2.13.1 conda-forge"]),
        ("linux-64", ["tensorflow 2.17.0 conda-forge", "keras 3.5.0 conda-forge"]),
    ],
)
def test_what_a_report_that_says_little_is_asked_for(platform: str, packages: list[str]) -> None:
    named = [package(text) for text in packages]
    findings = said(diagnose(environment_of({"platform": platform, "packages": named}, "test"), load_matrix()).findings)
    left = [finding for finding in findings if finding.is_open]
    assert left and all(finding.needs and finding.severity == INFO for finding in left)
