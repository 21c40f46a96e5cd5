"""What is asked of a solver in addition, on facts alone."""

from __future__ import annotations

import pytest

from conda_tf_doctor.environment.facts import CONDA, PIP, Environment, Package
from conda_tf_doctor.environment.solve import Plan
from conda_tf_doctor.findings import ERROR, Finding, Fix
from conda_tf_doctor.guard.strategies import by_keeping, by_rules, by_stepping_down
from conda_tf_doctor.guard.verdict import Verdict

PLAN = Plan("env", "win-64", (), ())


def verdict(finding: Finding, before: Package, after: Package) -> Verdict:
    envs = []
    for package in (before, after):
        env = Environment("solve", "env", "win-64")
        env.add([Package("tensorflow", "2.19.0", PIP), package])
        envs.append(env)
    return Verdict((finding,), None, *envs)


def record(name: str, version: str) -> Package:
    return Package(name, version, CONDA, "h5081d32_16", source=f"conda-meta/{name}-{version}-h5081d32_16.json")


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (record("vc14_runtime", "14.44.35208"), ["vc14_runtime 14.44.35208"]),
        (record("opt_einsum", "3.3.0"), ["opt_einsum 3.3.0"]),
        (Package("ml-dtypes", "0.2.0", PIP), ["ml_dtypes 0.2.*"]),
        (Package("keras", "2.15.0", PIP), ["keras 2.15.*"]),
        (Package("keras", "2.15.0+local", PIP), []),
        (Package("tensorflow-intel", "2.10.0", PIP), []),
    ],
    ids=lambda value: value.name if isinstance(value, Package) else "",
)
def test_what_is_there_is_kept_under_the_name_that_conda_knows(before: Package, kept: list[str]) -> None:
    finding = Finding("TFD402", ERROR, "too old", package=before.name)
    assert list(by_keeping(verdict(finding, before, record("other", "1")), PLAN)) == kept


@pytest.mark.parametrize(
    ("solved", "step"),
    [("6.33.5", ["protobuf <6"]), ("4.25.3", ["protobuf <4"]), ("3.20.3", ["protobuf <3.20"]), ("3.19.6", [])],
)
def test_steps_are_series(solved: str, step: list[str]) -> None:
    finding = Finding("TFD604", ERROR, "", package="protobuf", fix=Fix(pins=("protobuf >=3.9.2,<3.20",)))
    found = verdict(finding, record("protobuf", "3.19.6"), record("protobuf", solved))
    assert list(by_stepping_down(found, PLAN)) == step


@pytest.mark.parametrize(("python", "asked"), [("3.10.13", "python 3.10.*"), ("3.12.1", "python >=3.7,<3.11")])
def test_pips_tensorflow_keeps_its_python(python: str, asked: str) -> None:
    finding = Finding("TFD201", ERROR, "", package="python", fix=Fix(pins=("python >=3.7,<3.11",)))
    found = verdict(finding, record("python", python), record("python", "3.13.0"))
    found.before.python = found.before.python._replace(version=python)
    assert list(by_rules(found, PLAN)) == [asked]
