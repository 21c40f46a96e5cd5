"""What counts as a wish for a GPU, and what a machine without a driver does not count as."""

from __future__ import annotations

import pytest

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import CONDA, PIP, Environment, Package, Python, System
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules.cuda.driver import first_too_new
from tests.wholes import said


def machine(driver: str, cuda: tuple[str, ...]) -> Environment:
    env = Environment("prefix", "/env", "linux-64")
    env.python = Python("3.10.4", 64, "x86_64", "bin/python")
    env.add([Package("tensorflow", "2.15.0", PIP, "", "pypi"), Package("python", "3.10.4", CONDA)])
    env.system = System(cuda_driver=driver, cuda_installed=cuda)
    env.this_machine = True
    return env


@pytest.mark.parametrize(("driver", "told"), [("", False), ("580.65.06", True)], ids=["no driver", "driver"])
def test_a_cuda_toolkit_without_a_driver_says_nothing(driver: str, told: bool) -> None:
    findings = said(f for f in diagnose(machine(driver, ("13.0",)), load_matrix()).findings if f.code != "TFD611")
    assert any(f.code == "TFD301" for f in findings) == told


@pytest.mark.parametrize(
    ("requested", "wanted"),
    [("cudatoolkit=11.8", True), ("", True), ("None", False)],
    ids=["asked", "unknown", "dragged"],
)
def test_cuda_that_came_along_with_something_else_is_no_wish(requested: str, wanted: bool) -> None:
    env = machine("", ())
    metadata = {"requested_spec": requested, "files": []} if requested else {}
    env.add([Package("cudatoolkit", "10.1.243", CONDA, "h1_0", "conda-forge", "conda-meta/x.json", metadata)])
    found = diagnose(env, load_matrix())
    said(f for f in found.findings if f.code != "TFD611")
    assert bool(found.gpu_wanted) == wanted
    assert any(f.code == "TFD301" and f.severity == "error" for f in found.findings) == wanted


@pytest.mark.parametrize(
    ("tensorflow", "dragged", "found"),
    [
        # Another minor of the family: what was not asked for need not be what it was tested with.
        ("2.15.0", [("cuda-cudart", "12.4.127"), ("cudnn", "8.9.2.26")], []),
        ("2.15.0", [("cudatoolkit", "11.8.0"), ("cudnn", "8.0.5.39")], [("TFD301", "warning"), ("TFD303", "warning")]),
        # A build without CUDA needs none of it.
        ("1.14.0", [("cudatoolkit", "10.0.130")], []),
    ],
)
def test_what_came_along_is_in_the_way_of_a_gpu_at_most(
    tensorflow: str, dragged: list[tuple[str, str]], found: list[tuple[str, str]]
) -> None:
    env = machine("580.65.06", ())
    packages = [package for package in env.packages if package.name != "tensorflow"]
    env.put([*packages, Package("tensorflow", tensorflow, PIP, "", "pypi")])
    metadata = {"requested_spec": "None", "files": []}
    env.add([Package(name, version, CONDA, "h1_0", "conda-forge", "x.json", metadata) for name, version in dragged])
    findings = said(f for f in diagnose(env, load_matrix()).findings if f.code[:4] == "TFD3")
    assert [(f.code, f.severity) for f in findings] == found


@pytest.mark.parametrize(
    ("platform", "driver", "virtual", "first"),
    [
        ("linux-64", "450.80.02", "", "12"),
        ("linux-64", "450.80.01", "", ""),
        ("linux-64", "525.60.13", "", "13"),
        ("win-64", "525.60.13", "", "12"),
        ("win-64", "528.33", "", "13"),
        ("linux-64", "", "11.4", "12"),
        ("linux-64", "", "11", "12"),
        ("linux-64", "", "10.1", "10.2"),
        ("linux-64", "", "9", "9.1"),
        ("linux-64", "", "", ""),
    ],
)
def test_the_first_cuda_that_a_driver_cannot_run(platform: str, driver: str, virtual: str, first: str) -> None:
    env = Environment("prefix", "/env", platform)
    env.system = System(cuda_driver=driver)
    env.virtual_packages = {"__cuda": virtual} if virtual else {}
    assert first_too_new(Context(env, load_matrix())) == first
