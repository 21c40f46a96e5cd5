"""What is said of a TensorFlow that goes, or goes back, without having been asked for."""

from __future__ import annotations

import pytest

from conda_tf_doctor.environment.facts import CONDA, PIP, Environment, Package
from conda_tf_doctor.guard.losses import Asked, losses

GPU, CPU = "cuda112py310he87a039_0", "cpu_py310hd1aba9c_0"


def env(*packages: Package) -> Environment:
    made = Environment("solve", "env", "linux-64")
    made.add(packages)
    return made


def conda(version: str, build: str, name: str = "tensorflow") -> Package:
    return Package(name, version, CONDA, build, "conda-forge")


CASES = {
    "removed with another": (
        conda("2.10.0", GPU),
        None,
        Asked((), ("cudnn",)),
        "tensorflow 2.10.0 is removed with cudnn",
    ),
    "removed by a pattern": (conda("2.10.0", GPU), None, Asked((), ("tensor*",)), ""),
    "removed by another name": (conda("2.10.0", GPU, "tensorflow-base"), None, Asked((), ("tensorflow-base",)), ""),
    "removed for four": (
        conda("2.10.0", GPU),
        None,
        Asked(("a", "b", "c", "d")),
        "tensorflow 2.10.0 is removed because of a, b, c and 1 more",
    ),
    "older": (
        conda("2.19.1", CPU),
        conda("2.12.1", CPU),
        Asked(("python=3.8",)),
        "tensorflow 2.19.1 goes back to 2.12.1 because of python=3.8.",
    ),
    "older, as asked": (conda("2.19.1", CPU), conda("2.12.1", CPU), Asked(("tensorflow<2.13",)), ""),
    "newer": (conda("2.12.1", CPU), conda("2.19.1", CPU), Asked(("numpy=2",)), ""),
    "no GPU": (
        conda("2.10.0", GPU),
        conda("2.10.0", CPU),
        Asked(()),
        f"tensorflow 2.10.0 ({GPU}) becomes a build without CUDA ({CPU}): it will run on the CPU.",
    ),
    "no GPU, another version asked for": (
        conda("2.10.0", GPU),
        conda("2.12.0", CPU),
        Asked(("tensorflow=2.12",)),
        f"tensorflow 2.10.0 ({GPU}) becomes a build without CUDA ({CPU}) because of tensorflow=2.12",
    ),
    "no GPU, as asked": (conda("2.10.0", GPU), conda("2.10.0", CPU), Asked(("tensorflow=*=cpu*",)), ""),
    "a build that tells nothing": (conda("2.10.0", GPU), conda("2.10.0", "py_0"), Asked(("attrs",)), ""),
    "pip's stays": (Package("tensorflow", "2.10.0", PIP), Package("tensorflow", "2.10.0", PIP), Asked(("attrs",)), ""),
}


@pytest.mark.parametrize("case", CASES)
def test_losses(case: str) -> None:
    before, after, asked, said = CASES[case]
    found = losses(env(before), env(*([after] if after else [])), asked)
    assert len(found) == bool(said), found
    assert not said or found[0].startswith(said), found
