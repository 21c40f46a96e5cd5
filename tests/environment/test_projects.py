"""pyproject.toml, Pipfile and setup.cfg: what a project asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.environment.files import FORMS
from conda_tf_doctor.environment.files.projects import poetry_range
from conda_tf_doctor.errors import UsageError
from tools.files import read, rows

PIP = "pip:pypi"
PYPROJECT = """\
[project]
name = "mine"
requires-python = ">=3.10"
dependencies = [
  "tensorflow==2.15.0; sys_platform != 'darwin'",
  "tensorflow-macos==2.15.0; sys_platform == 'darwin'",
  "numpy>=1.26",
]
[project.optional-dependencies]
extra = ["scipy==1.11.4"]
[build-system]
requires = ["hatchling"]
"""


@pytest.mark.parametrize(("platform", "name"), [("win-64", "tensorflow"), ("osx-arm64", "tensorflow-macos")])
def test_a_project_names_its_dependencies(tmp_path: Path, platform: str, name: str) -> None:
    env = read(tmp_path, PYPROJECT, "pyproject.toml", platform)
    assert (env.platform, env.partial) == (platform, True)
    assert rows(env) == {"python": ("", ">=3.10", ""), name: ("2.15.0", "", PIP), "numpy": ("", ">=1.26", PIP)}
    assert {p.name: p.source.partition(": ")[2] for p in env.packages if p.name != name} == {
        "python": "requires-python",
        "numpy": "item 3 of project.dependencies",
    }


def test_the_extra_or_group_with_tensorflow_counts(tmp_path: Path) -> None:
    head = '[project]\nname = "x"\nrequires-python = "==3.11.*"\ndependencies = ["numpy==1.26.4"]\n'
    extras = '[project.optional-dependencies]\ndocs = ["sphinx==7.0"]\ntf = ["tensorflow[and-cuda]==2.15.1"]\n'
    env = read(tmp_path, head + extras, "pyproject.toml", "linux-64")
    expected = {"python": ("3.11", "3.11.*", ""), "numpy": ("1.26.4", "", PIP), "tensorflow": ("2.15.1", "", PIP)}
    assert rows(env) == expected and env.python.minor == "3.11"
    groups = '[dependency-groups]\nbase = ["tensorflow==2.15.1"]\ndev = [{include-group = "base"}, "h5py==3.10.0"]\n'
    assert rows(read(tmp_path, head + groups, "pyproject.toml", "linux-64")) == expected
    only_dev = (
        '[dependency-groups]\ntest = ["pytest==8.0"]\ndev = [{include-group = "tf"}]\ntf = ["tensorflow==2.15.1"]\n'
    )
    assert rows(read(tmp_path, head + only_dev, "pyproject.toml", "linux-64")) == expected


@pytest.mark.parametrize(
    ("table", "group"),
    [
        ("[tool.uv]\ndev-dependencies = ['tensorflow==2.15.1']\n", "tool.uv.dev-dependencies"),
        ("[tool.pdm.dev-dependencies]\nml = ['tensorflow==2.15.1']\n", "tool.pdm.dev-dependencies.ml"),
        (
            "[tool.hatch.envs.ml]\nextra-dependencies = ['tensorflow==2.15.1']\n",
            "tool.hatch.envs.ml.extra-dependencies",
        ),
    ],
)
def test_groups_that_tools_keep_in_tables_of_their_own_are_read(tmp_path: Path, table: str, group: str) -> None:
    env = read(tmp_path, f"[project]\nname = 'x'\ndependencies = ['six']\n{table}", "pyproject.toml", "linux-64")
    assert rows(env) == {"six": ("", "", PIP), "tensorflow": ("2.15.1", "", PIP)}
    assert env.packages[-1].source.endswith(f": item 1 of {group}")


def test_an_item_of_a_group_is_named_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"item 3 of dependency-groups\.a is no requirement"):
        text = "[dependency-groups]\na = ['tensorflow', {include-group = 'b'}, 'tf = 1 2']\nb = []\n"
        read(tmp_path, text, "pyproject.toml")


def test_what_setuptools_reads_from_files_is_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("tensorflow==2.15.0\n")
    text = '[project]\nname = "x"\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\n'
    text += 'dependencies = {file = ["requirements.txt"]}\n'
    assert rows(read(tmp_path, text, "pyproject.toml", "linux-64")) == {"tensorflow": ("2.15.0", "", PIP)}


def test_poetrys_tables_are_read(tmp_path: Path) -> None:
    text = """\
[tool.poetry]
name = "x"
[tool.poetry.dependencies]
python = "^3.10"
numpy = "~1.26"
keras = {version = "*", markers = "python_version < '3.9'"}
[tool.poetry.group.ml.dependencies]
tensorflow = [{version = "2.15.0", platform = "linux"}, {version = "2.10.0", platform = "win32"}]
"""
    expected = {"python": ("", ">=3.10,<4", ""), "numpy": ("1.26", "<1.27,>=1.26", PIP)}
    assert rows(read(tmp_path, text, "pyproject.toml", "linux-64")) == {**expected, "tensorflow": ("2.15.0", "", PIP)}
    assert rows(read(tmp_path, text, "pyproject.toml", "win-64")) == {**expected, "tensorflow": ("2.10.0", "", PIP)}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("^2.15", ">=2.15,<3"), ("^0.2.3", ">=0.2.3,<0.3"), ("^0.0.3", ">=0.0.3,<0.0.4"), ("^0", ">=0,<1"),
        ("~2.15.1", ">=2.15.1,<2.16"), ("~2.15", ">=2.15,<2.16"), ("~2", ">=2,<3"), ("~=2.15", "~=2.15"),
        ("2.15.0", "==2.15.0"), ("2.15.*", "==2.15.*"), ("*", ""), ("^1 || ^2", ""), (">=1.23, <2", ">=1.23,<2"),
    ],
)  # fmt: skip
def test_poetrys_ranges(written: str, expected: str) -> None:
    assert poetry_range(written) == expected


def test_a_pipfile_names_packages(tmp_path: Path) -> None:
    text = """\
[[source]]
url = "https://example.org/simple"
verify_ssl = true
name = "index"
[packages]
tensorflow = "==2.15.0"
numpy = "*"
h5py = {version = ">=3.10", sys_platform = "== 'win32'"}
[dev-packages]
pytest = "*"
[requires]
python_version = "3.11"
"""
    env = read(tmp_path, text, "Pipfile", "linux-64")
    expected = {"python": ("3.11", "3.11.*", ""), "tensorflow": ("2.15.0", "", PIP), "numpy": ("", "", PIP)}
    assert rows(env) == expected
    assert rows(read(tmp_path, text, "renamed.txt", "win-64"))["h5py"] == ("", ">=3.10", PIP)


def test_a_setup_cfg_names_requirements(tmp_path: Path) -> None:
    text = """\
[metadata]
name = x
[options]
python_requires = >=3.9
install_requires =
    numpy>=1.20  # a comment
[options.extras_require]
gpu =
    tensorflow-gpu==2.10.0
"""
    expected = {"python": ("", ">=3.9", ""), "numpy": ("", ">=1.20", PIP), "tensorflow-gpu": ("2.10.0", "", PIP)}
    assert rows(read(tmp_path, text, "setup.cfg", "linux-64")) == expected


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", '[build-system]\nrequires = ["x"]\n', "lists no dependencies"),
        ("pyproject.toml", '[project]\nname = "x"\ndependencies = "tensorflow"\n', "dependencies has to be a list"),
        ("pyproject.toml", '[project]\ndependencies = [1]\n', "item 1 of project.dependencies has to be a text"),
        ("pyproject.toml", '[project]\ndependencies = ["tf = 1 2"]\n', "item 1 of project.dependencies is no"),
        ("pyproject.toml", "[dependency-groups]\na = [{include-group = 'b'}]\n", "includes no group"),
        ("pyproject.toml", "[project]\nrequires-python = 3.10\ndependencies = []\n", "requires-python has to be"),
        ("Pipfile", "[packages]\ntensorflow = 2\n", "packages.tensorflow has to be a mapping"),
        ("setup.cfg", "[options]\nzip_safe = no\n", "lists no install_requires"),
        ("setup.cfg", "[aliases]\ntest = pytest\n", "lists no install_requires"),
        ("setup.cfg", "[options]\nwithout a value\n", "is not a valid setup.cfg"),
        ("Cargo.toml", '[profile.release]\nlto = true\n', "this TOML is of no form that is known"),
        ("some.json", '{"version": 3}', "this JSON is of no form that is known"),
        ("setup.py", "from setuptools import setup\n", "is a program"),
        ("train.ipynb", "cells", "is a program"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_never_nothing(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        read(tmp_path, text, name, "linux-64")
    assert name in str(raised.value)


def test_the_forms_are_said_where_none_fits(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, "[tables]\nof = 'nobody'\n", "x.toml", "linux-64")
    assert str(raised.value).endswith(f"these are: {FORMS}.")
