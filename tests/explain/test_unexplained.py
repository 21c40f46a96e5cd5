"""A failure is never OK: what a text shows and nothing explains is a warning, and harmless lines stay harmless."""

from __future__ import annotations

import io
from typing import Any

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.explain.unexplained import failure
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.screen import render
from conda_tf_doctor.render.text import Style

PIP: list[dict[str, Any]] = [{"name": "tensorflow", "version": "2.17.1", "manager": "pip"}]


def checked(text: str, packages: list[dict[str, Any]] | None = None) -> Diagnosis:
    report = {"platform": "linux-64", "packages": PIP if packages is None else packages, "error_text": text}
    return diagnose(environment_of(report, "test"), load_matrix())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nacme.FrobError: no frob',
            "acme.FrobError: no frob",
            id="an exception that nobody knows",
        ),
        pytest.param("Process finished with exit code 77", "Process finished with exit code 77", id="an exit status"),
        pytest.param("the kernel died again", "the kernel died again", id="a notebook"),
    ],
)
def test_a_failure_is_never_ok(text: str, line: str) -> None:
    found = checked(text)
    warning = next(f for f in found.findings if f.code == "TFD903")
    assert (warning.found, found.ok, found.count("error")) == (line, False, 0)
    assert warning.fix.note


def test_a_failure_without_a_tensorflow_is_not_ok_either() -> None:
    assert not checked("acme.FrobError: no frob", []).ok


@pytest.mark.parametrize(
    "text",
    [
        "Does TensorFlow 2.17 work with Python 3.12?",
        "I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized to use it",
        "E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc:485] Unable to register cuFFT factory",
        "UserWarning: something is deprecated",
        "Process finished with exit code 0",
    ],
)
def test_what_is_no_failure_stays_none(text: str) -> None:
    assert failure(text) is None
    assert checked(text).ok


def test_what_is_explained_is_not_unexplained() -> None:
    found = checked("AttributeError: _ARRAY_API not found")
    assert "TFD903" not in {f.code for f in found.findings} and found.count("error") == 1


def test_what_is_known_and_no_fault_of_the_environment_asks_nothing() -> None:
    found = checked("zsh: no matches found: tensorflow[and-cuda]")
    screen = render(found, Style.of(io.StringIO(), {}))
    assert screen.startswith("The failure has no cause in the environment (1 warning")
    assert "'tensorflow[and-cuda]'" in screen
    assert "To be asked" not in screen
    assert not found.ok
