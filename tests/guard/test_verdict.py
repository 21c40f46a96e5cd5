"""What counts as worse, on facts alone."""

from __future__ import annotations

import pytest

from conda_tf_doctor.environment.facts import CONDA, PIP, Environment, Package, Python
from conda_tf_doctor.guard.verdict import judge
from conda_tf_doctor.matrix.load import load_matrix


def to_be_made(python: str, *packages: Package) -> Environment:
    """An environment that conda and pip are about to make on a machine with CUDA 13."""
    env = Environment("solve", "env", "linux-64")
    env.python = Python(python, 64, "x86_64", "")
    env.partial = True
    env.add([Package("python", python, CONDA), *packages])
    env.system = env.system._replace(cuda_installed=("13.0",))
    return env


@pytest.mark.parametrize(("extras", "codes"), [((), ["TFD301"]), (("and-cuda",), [])], ids=["alone", "and-cuda"])
def test_a_wheel_that_brings_its_own_cuda_does_without_the_machines(extras: tuple[str, ...], codes: list[str]) -> None:
    wanted = Package("tensorflow", "2.15.0", PIP, channel="pypi", metadata={"extras": extras})
    after = to_be_made("3.10.13", wanted)
    verdict = judge(Environment("solve", "env", "linux-64"), after, load_matrix())
    assert [finding.code for finding in verdict.findings] == codes
