"""What can be done about a finding: each way, as demands on packages."""

from __future__ import annotations

from typing import Any

import pytest

from conda_tf_doctor.environment.facts import CONDA, PIP
from conda_tf_doctor.findings import ERROR, Finding, Fix
from conda_tf_doctor.repair.levers import Want, Way, ways
from tests.repair.test_wholes import environment_of


def by_pip(name: str, spec: str = "", **more: Any) -> Want:
    return Want(PIP, name, name, spec, **more)


def by_conda(name: str, spec: str = "", **more: Any) -> Want:
    return Want(CONDA, name, name, spec, **more)


BOTH = ["tensorflow 2.10.0 conda-forge", "tensorflow-base 2.10.0 conda-forge", "tensorflow {} pip"]
BACK = {"remove": True, "back": ("tensorflow==2.10.0",)}
CASES: dict[str, tuple[list[Any], str, str, Fix, list[Way]]] = {
    "pip's": (
        ["tensorflow 2.15.0 pip", "numpy 2.1.3 pip"],
        "TFD603",
        "numpy",
        Fix(pip=("numpy<2",)),
        [(by_pip("numpy", "<2"),)],
    ),
    "conda's, asked for as pip's": (
        ["tensorflow 2.15.0 pip", "numpy 2.1.3 conda-forge"],
        "TFD603",
        "numpy",
        Fix(pip=("numpy<2,>=1.23.5",)),
        [(by_conda("numpy", "<2,>=1.23.5"),)],
    ),
    "pip's, asked for as conda's": (
        ["tensorflow 2.15.0 pip", "numpy 2.1.3 pip"],
        "TFD603",
        "numpy",
        Fix(pins=("numpy <2",)),
        [(by_pip("numpy", "<2"),)],
    ),
    "of neither yet": (
        ["tensorflow 2.15.0 pip"],
        "TFD603",
        "numpy",
        Fix(pins=("numpy <2",), pip=("numpy<2",)),
        [(by_pip("numpy", "<2"),)],
    ),
    "of neither yet, beside conda's": (
        ["tensorflow 2.15.0 conda-forge"],
        "TFD603",
        "numpy",
        Fix(pins=("numpy <2",), pip=("numpy<2",)),
        [(by_conda("numpy", "<2"),)],
    ),
    "TensorFlow may stay": (
        ["tensorflow 2.15.0 pip", "numpy 2.1.3 pip"],
        "TFD603",
        "numpy",
        Fix(pip=("tensorflow==2.15.*", "numpy<2")),
        [(by_pip("numpy", "<2"),)],
    ),
    "TensorFlow may not stay": (
        ["tensorflow 2.15.0 pip", "numpy 2.1.3 pip"],
        "TFD603",
        "numpy",
        Fix(pip=("tensorflow==2.16.*", "numpy<2")),
        [],
    ),
    "TensorFlow under another name": (
        ["tensorflow 2.15.0 pip"],
        "TFD103",
        "tensorflow",
        Fix(pip=("tensorflow-macos==2.15.0",)),
        [(by_pip("tensorflow", remove=True), by_pip("tensorflow-macos", "==2.15.0"))],
    ),
    "without its extras": (
        ["tensorflow 2.15.0 pip"],
        "TFD103",
        "tensorflow",
        Fix(bare=("tensorflow",)),
        [(by_pip("tensorflow", bare=True),)],
    ),
    "an add-on that is to be had nowhere": (
        ["tensorflow 2.15.0 pip", "tensorflow-io 0.37.1 pip"],
        "TFD103",
        "tensorflow-io",
        Fix(),
        [(by_pip("tensorflow-io", remove=True),)],
    ),
    "conda's under another name alone": (
        ["tensorflow 2.15.0 pip", "cudatoolkit 12.1 conda-forge"],
        "TFD103",
        "cudatoolkit",
        Fix(pins=("cuda-version 12.1.*",)),
        [(by_conda("cudatoolkit", remove=True), by_conda("cuda-version", "12.1.*"))],
    ),
    "conda's and pip's of one version": (
        BOTH,
        "TFD601",
        "tensorflow",
        Fix(),
        [
            (
                by_pip("tensorflow", remove=True),
                *(by_conda(n, reinstall=True) for n in ("tensorflow", "tensorflow-base")),
            ),
            tuple(by_conda(name, **BACK) for name in ("tensorflow", "tensorflow-base")),
        ],
    ),
    "pip's over another package of conda's": (
        ["tensorflow 2.10.0 conda-forge", "numpy 1.23.5 conda-forge", "numpy 1.24.2 pip"],
        "TFD601",
        "numpy",
        Fix(),
        [(by_pip("numpy", remove=True), by_conda("numpy", reinstall=True))],
    ),
    "conda's was written over, and pip's is gone": (
        ["tensorflow 2.10.0 conda-forge", "numpy 1.23.5 conda-forge"],
        "TFD601",
        "numpy",
        Fix(),
        [(by_conda("numpy", reinstall=True),)],
    ),
    "two distributions": (
        ["tensorflow 2.10.0 pip", "tensorflow-cpu 2.9.1 pip"],
        "TFD602",
        "tensorflow",
        Fix(),
        [
            (by_pip("tensorflow-cpu", remove=True, back=("tensorflow==2.10.0",)),),
            (by_pip("tensorflow", remove=True, back=("tensorflow-cpu==2.9.1",)),),
        ],
    ),
    "a stub and what it requires, and another": (
        ["tensorflow 2.11.0 pip", "tensorflow-intel 2.11.0 pip", "tensorflow-cpu 2.9.1 pip"],
        "TFD602",
        "tensorflow",
        Fix(),
        [
            (by_pip("tensorflow-cpu", remove=True, back=("tensorflow==2.11.0", "tensorflow-intel==2.11.0")),),
            (by_pip("tensorflow-cpu", remove=True, back=("tensorflow==2.11.0", "tensorflow-intel==2.11.0")),),
            tuple(by_pip(n, remove=True, back=("tensorflow-cpu==2.9.1",)) for n in ("tensorflow", "tensorflow-intel")),
        ],
    ),
    "files of both": (
        ["tensorflow 2.15.0 pip", "numpy 1.26.4 conda-forge", "h5py 3.1 pip"],
        "TFD502",
        "tensorflow",
        Fix(reinstall=((PIP, "tensorflow"), (CONDA, "numpy"), (PIP, "gone"), (CONDA, "h5py"))),
        [(by_pip("tensorflow", reinstall=True), by_conda("numpy", reinstall=True))],
    ),
    "files of one of conda's parts": (
        ["tensorflow 2.10.0 conda-forge", "tensorflow-base 2.10.0 conda-forge"],
        "TFD502",
        "tensorflow",
        Fix(reinstall=((CONDA, "tensorflow"),)),
        [tuple(by_conda(name, reinstall=True) for name in ("tensorflow", "tensorflow-base"))],
    ),
}


@pytest.mark.parametrize(("packages", "code", "package", "fix", "expected"), CASES.values(), ids=CASES)
def test_the_ways_to_repair_a_finding(
    packages: list[Any], code: str, package: str, fix: Fix, expected: list[Way]
) -> None:
    env = environment_of(
        {
            "platform": "linux-64",
            "packages": ["python 3.10.18 conda-forge", *(str(text).format("2.10.0") for text in packages)],
        }
    )
    assert ways(Finding(code, ERROR, "It is wrong.", package=package, fix=fix), env) == expected
