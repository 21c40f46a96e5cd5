"""What is said of an environment hangs on nothing but the environment: not on the order that a set happens to have."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# Several owners of the package tensorflow, of which each has another answer to what is beside them.
SEVERAL = {
    "platform": "win-64",
    "python": {"version": "3.10"},
    "packages": [
        {"name": name, "version": version, "manager": "pip"}
        for name, version in (
            ("tensorflow", "2.19.0"),
            ("tensorflow-intel", "2.10.0"),
            ("tensorflow-cpu", "2.10.0"),
            ("tensorflow-io", "0.31.0"),
            ("tensorflow-text", "2.10.0"),
            ("numpy", "2.1.0"),
            ("protobuf", "5.29.0"),
        )
    ],
}
SAY = "import json, sys; from conda_tf_doctor.api import diagnose; print(json.dumps(diagnose(sys.argv[1])))"


def said(seed: int) -> str:
    command = [sys.executable, "-c", SAY, json.dumps(SEVERAL)]
    variables = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_an_answer_is_the_same_in_every_run(seed: int) -> None:
    assert "tensorflow-io" in said(0)
    assert said(seed) == said(0)
