"""What counts as worse, on facts alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import CONDA, PIP, Environment, Package, Python
from conda_tf_doctor.environment.solve import Plan, after
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


def codes(planned: Environment) -> list[str]:
    verdict = judge(Environment("solve", "env", "linux-64"), planned, load_matrix())
    return [finding.code for finding in verdict.findings]


@pytest.mark.parametrize(
    ("extras", "told"), [((), ["TFD301", "TFD304"]), (("and-cuda",), [])], ids=["alone", "and-cuda"]
)
def test_a_wheel_that_brings_its_own_cuda_does_without_condas(extras: tuple[str, ...], told: list[str]) -> None:
    wanted = Package("tensorflow", "2.15.0", PIP, channel="pypi", metadata={"extras": extras})
    assert codes(to_be_made("3.10.13", wanted, Package("cudatoolkit", "11.8.0", CONDA, channel="conda-forge"))) == told


def test_the_machines_own_cuda_is_no_matter_of_a_transaction() -> None:
    assert codes(to_be_made("3.10.13", Package("tensorflow", "2.15.0", PIP, channel="pypi"))) == []


def test_what_is_wrong_with_the_machines_own_cuda_does_not_hide_what_comes() -> None:
    wheel = Package("tensorflow", "2.10.0", PIP, channel="pypi")
    before, then = to_be_made("3.10.13", wheel), to_be_made("3.10.13", wheel)
    then.add([Package("cudatoolkit", "11.8.0", CONDA, channel="conda-forge")])
    then.add([Package("cudnn", "8.1.0.77", CONDA, channel="conda-forge")])
    for env in (before, then):
        env.partial = False
        env.system = env.system._replace(cuda_driver="580.65.06")
    assert any(finding.code == "TFD301" for finding in diagnose(before, load_matrix()).findings)
    assert [finding.code for finding in judge(before, then, load_matrix()).findings if finding.code == "TFD301"]


def test_a_rule_that_fails_is_said_also_where_it_failed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    from conda_tf_doctor.rules.packages import packages

    def fails(context: object) -> list[object]:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(packages, "packages", fails)
    wheel = Package("tensorflow", "2.15.0", PIP, channel="pypi")
    before = to_be_made("3.10.13", wheel)
    then = to_be_made("3.10.13", wheel, Package("numpy", "2.0.0", CONDA, channel="conda-forge"))
    before.partial = then.partial = False
    verdict = judge(before, then, load_matrix())
    assert [finding.code for finding in verdict.findings] == ["TFD902"] and not verdict.stopping


def test_what_is_told_does_not_depend_on_the_order_of_a_solver() -> None:
    """Solvers keep their records in sets, whose order is another one in every process."""
    names = ("numpy", "cudnn", "keras", "cudatoolkit", "protobuf")
    records = tuple(
        SimpleNamespace(name=name, version="1.0", build="0", channel="conda-forge", subdir="linux-64") for name in names
    )
    before = Environment("solve", "env", "linux-64")
    orders = [
        [package.name for package in after(before, Plan("env", "linux-64", (), link)).packages]
        for link in (records, records[::-1])
    ]
    assert orders[0] == orders[1] == sorted(names)
