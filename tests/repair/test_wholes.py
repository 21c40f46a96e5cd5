"""Whole plans, recipes and files, as users read them and `fix` and `create` carry them out."""

from __future__ import annotations

import os
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import CONDA, PIP, Environment, System
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.environment.tensorflow import find_tensorflow
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.findings import INFO
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.model import CPU, GPU
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.repair import apply, show
from conda_tf_doctor.repair.candidates import Catalogue
from conda_tf_doctor.repair.demands import NO_DEMANDS, Demands, parse_demand
from conda_tf_doctor.repair.files.leftopen import left_open, not_for_pip
from conda_tf_doctor.repair.plan import Edit
from conda_tf_doctor.repair.planner import Planner
from conda_tf_doctor.repair.recipe import NoRecipeError, Wanted, make
from tests import wholes
from tests.rules.cases import OF_PAGES, WRITTEN, environment
from tests.wholes import said

DATA = Path(__file__).parents[1] / "data" / "repair"
FILES = DATA / "files"
CASES = {
    name: case for name, case in {**OF_PAGES, **WRITTEN}.items() if "windows" not in case and "error_text" not in case
}
_WISHES = ("to", "keep", "without", "warnings")
PLANS = {case["id"]: case for case in YAML(typ="safe").load(DATA / "plans.yaml")}
_OF_FILES = ((), ("--warnings",), ("--to", "tensorflow=2.16"), ("--without", "keras"))
# What is added to a file and taken out of it, in each of its forms.
_FORMS = (
    "Pipfile", "pyproject-groups.toml", "pixi-targets.toml", "pixi-conda.toml", "environment-inline.yml",
    "spelled.txt", "freeze.txt",
)  # fmt: skip
_OF_FORMS = (("--without", "numpy"), ("--to", "h5py<3.11", "--to", "scipy=1.11", "--keep", "protobuf"), ("--diff",))
_PLATFORMS = (
    "linux-64 gpu", "linux-64 cpu", "win-64 gpu", "win-64 cpu", "osx-arm64 gpu", "linux-aarch64 cpu", "osx-64 cpu",
)  # fmt: skip
# TensorFlow, Python, channel.
_ASKED = (
    ("", "", ""), ("", "", "conda-forge"), ("2.10", "", ""), ("2.10", "", "conda-forge"), ("2.4.*", "3.8", ""),
    ("1.15", "", "defaults"), (">=2.14,<2.16", "3.10", ""), ("2.18", "3.9", "pypi"), ("2.16.0rc0", "", "pypi"),
    ("2.99", "3.11", "conda-forge"),
)  # fmt: skip
RECIPES = [
    Wanted("tf", *platform.split()[:1], version, *platform.split()[1:], python, channel)
    for platform, (version, python, channel) in product(_PLATFORMS, _ASKED)
]
# When it was, what was there before, and the same changes again.
_NOT_OF_THE_PLAN = {"started", "step", "revision", "conda_before", "pip_before", "changes"}


def shown(text: str) -> str:
    """Hold a text to what was reviewed, without this checkout's folder, and with POSIX's quotes for Windows' own."""
    return wholes.shown(text.replace(f"{FILES}{os.sep}", "").replace('"', "'"))


@pytest.fixture(autouse=True)
def _lines_of_one_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def environment_of(case: dict[str, Any]) -> Environment:
    """Return a case as an environment that can be repaired."""
    env = environment({name: value for name, value in case.items() if name not in _WISHES})
    env.kind, env.path = "prefix", "/envs/tf"
    return env


def plan_text(env: Environment, demands: Demands) -> str:
    """Return what a plan shows, the commands that it stands for, and what is found after it."""
    planner = Planner(env, load_matrix(), (), demands)
    plan = planner.plan()
    text = show.render(plan, "/envs/tf", Style(StringIO(), False))
    after = [f"After: {f.code} {f.severity} {f.package}".rstrip() for f in plan.after.findings if f.severity != INFO]
    journal = {} if plan.conflict else apply.draft(plan, env, 7, None, ["scipy 1.11.*"])._asdict()
    kept = {name: value for name, value in journal.items() if name not in _NOT_OF_THE_PLAN and value}
    return text + "\n".join((*after, *(f"{name}: {', '.join(map(str, value))}" for name, value in kept.items())))


def is_repaired(name: str) -> bool:
    """Tell whether a case has a TensorFlow, and something to be repaired."""
    env = environment_of(CASES[name])
    found = diagnose(env, load_matrix()).findings
    return find_tensorflow(env) is not None and any(finding.severity != INFO for finding in found)


@pytest.mark.parametrize("name", CASES, ids=list(CASES))
def test_a_plan(name: str) -> None:
    if is_repaired(name):
        plain = shown(plan_text(environment_of(CASES[name]), NO_DEMANDS))
        whole = plan_text(environment_of(CASES[name]), NO_DEMANDS._replace(warnings=True))
        if whole.replace('"', "'") != plain:
            shown(whole)


@pytest.mark.parametrize("case", PLANS.values(), ids=list(PLANS))
def test_a_plan_that_was_asked_for(case: dict[str, Any]) -> None:
    wished = {name: frozenset(case.get(name, ())) for name in ("keep", "without")}
    to = tuple(map(parse_demand, case.get("to", ())))
    try:
        shown(plan_text(environment_of(case), Demands(to=to, warnings=case.get("warnings", False), **wished)))
    except UsageError as error:
        shown(str(error))


@pytest.mark.parametrize("wanted", RECIPES, ids=lambda w: "-".join(filter(None, w[1:])))
def test_a_recipe(wanted: Wanted) -> None:
    try:
        shown(make(wanted, load_matrix()).to_yaml())
    except NoRecipeError as error:
        shown("\n".join((str(error), *error.ways)))


_OF_BASE = ["python 3.11.*", "h5py >=3.10", "numpy >=1.23.5,<2.0a0"]
_BASE = {"name": "tensorflow-base", "version": "2.15.0", "channel": "conda-forge", "depends": _OF_BASE}
_OLD = {"name": "old", "version": "1.0", "manager": "pip", "depends": ["numpy<1.27", "six>2"]}
# Packages, what is edited, and whether of a file.
BROKEN: dict[str, tuple[list[Any], list[Edit], bool]] = {
    "no TensorFlow": (["tensorflow 2.15.0 pip"], [Edit(PIP, "tensorflow", "tensorflow")], False),
    "no GPU": (
        ["tensorflow 2.10.1 pip", "cudatoolkit 11.2.2 conda-forge", "cudnn 8.1.0 conda-forge", "numpy 1.23.5 pip"],
        [Edit(CONDA, name, name) for name in ("cudatoolkit", "cudnn")], False,
    ),
    "no wheel for the Python": (
        ["tensorflow 2.10.1 pip", "numpy 1.23.5 pip", "ml-dtypes 0.5.3 pip"],
        [Edit(CONDA, "python", "python", ("3.8.*",), "3.8.20")], False,
    ),
    "no wheel of another name for the platform": (
        ["tensorflow 2.15.0 pip", "numpy 1.26.4 pip", "tensorflow-rocm 2.14.0.600 pip", "tensorflow-intel 2.15.0 pip"],
        [Edit(PIP, "tensorflow", "tensorflow", ("==2.15.1",), "2.15.1")], True,
    ),
    "what pip refuses": (
        ["tensorflow 2.15.0 pip", "numpy 1.26.4 pip", "keras 2.15.0 pip", "wrapt 1.16.0 pip"],
        [Edit(PIP, "tensorflow", "tensorflow", ("==2.14.1",), "2.14.1")], True,
    ),
    "what conda's TensorFlow asks for": (
        [_BASE, "numpy 1.26.4 conda-forge", "h5py 3.10.0 conda-forge"],
        [Edit(CONDA, "h5py", "h5py", ("3.8.*",), "3.8.0")], False,
    ),
    "what a neighbour asks for": (
        ["tensorflow 2.20.0 pip", "numpy 1.26.4 pip", _OLD],
        [Edit(PIP, "numpy", "numpy", ("==2.1.3",), "2.1.3"), Edit(PIP, "six", "six", ("==1.0",), "1.0")], False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("packages", "edits", "of_file"), BROKEN.values(), ids=BROKEN)
def test_what_a_plan_must_not_leave(packages: list[Any], edits: list[Edit], of_file: bool) -> None:
    env = environment_of({"platform": "linux-64", "packages": ["python 3.11.13 conda-forge", *packages]})
    env.kind = "file" if of_file else "prefix"
    planner = Planner(env, load_matrix())
    planner._heed = True
    assert said(planner.errors({edit.key: edit for edit in edits}))


MACHINES: dict[str, tuple[Wanted, dict[str, str], System]] = {
    "a driver for CUDA 11": (Wanted("tf", "linux-64", "", GPU), {"__cuda": "11.4"}, System(gpu="NVIDIA A100")),
    "a driver for nothing": (Wanted("tf", "linux-64", "", GPU), {"__cuda": "9.0"}, System(gpu="NVIDIA K80")),
    "a driver, and a release": (Wanted("tf", "linux-64", "2.16.*", GPU), {"__cuda": "11.4"}, System()),
    "no AVX, and a release": (Wanted("tf", "linux-64", "2.10.*", CPU, "3.9"), {}, System(cpu_features={"avx": False})),
    "an old libc": (Wanted("tf", "linux-64", "2.15.*"), {"__glibc": "2.12"}, System()),
}


@pytest.mark.parametrize(("wanted", "virtual", "system"), MACHINES.values(), ids=MACHINES)
def test_a_recipe_for_a_machine(wanted: Wanted, virtual: dict[str, str], system: System) -> None:
    machine = Environment("machine", "", wanted.platform)
    machine.virtual_packages, machine.system = virtual, system
    try:
        shown(make(wanted, load_matrix(), machine).to_yaml())
    except NoRecipeError as error:
        shown("\n".join((str(error), *error.ways)))


@pytest.mark.parametrize("platform", ["linux-64", "win-64", "osx-arm64"])
@pytest.mark.parametrize("file", sorted(FILES.iterdir()), ids=lambda file: file.name)
def test_a_file(file: Path, platform: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(FILES)
    # The file's forms differ, and what is asked for little: on one platform all of it.
    wishes = _OF_FILES if platform == "linux-64" else ((),)
    for wished in (*wishes, *(_OF_FORMS if platform == "linux-64" and file.name in _FORMS else ())):
        status = console(["fix", "--file", file.name, "--platform", platform, "--offline", "--dry-run", *wished])
        out, err = capsys.readouterr()
        shown(f"{' '.join(wished)} exit {status}\n{out}{err}".lstrip())
    try:
        found = read_file(file.name, platform)
    except UsageError:  # shown above
        return
    said((*left_open(found, load_matrix(), Catalogue(load_matrix(), platform)), *not_for_pip(found)))
