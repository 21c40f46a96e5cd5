"""uv.lock, poetry.lock, pdm.lock, pylock.toml and Pipfile.lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.pylock import Pylock

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.reading import load_toml
from tools.files import read, rows

PIP = "pip:pypi"
UV = """\
version = 1
requires-python = ">=3.10"

[[package]]
name = "mine"
version = "0.1"
source = { virtual = "." }
dependencies = [
  { name = "numpy", version = "1.26.4", source = { registry = "x" }, marker = "sys_platform == 'linux'" },
  { name = "numpy", version = "1.24.4", source = { registry = "x" }, marker = "sys_platform == 'win32'" },
]
[package.dev-dependencies]
docs = [{ name = "sphinx" }]
ml = [{ name = "tensorflow", extra = ["and-cuda"], marker = "python_full_version < '3.12'" }]

[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "x" }

[[package]]
name = "numpy"
version = "1.24.4"
source = { registry = "x" }

[[package]]
name = "tensorflow"
version = "2.15.0"
source = { registry = "x" }
dependencies = [{ name = "keras" }, { name = "numpy", version = "1.26.4", marker = "sys_platform == 'linux'" }]
[package.optional-dependencies]
and-cuda = [{ name = "nvidia-cudnn-cu12", marker = "sys_platform == 'linux'" }]

[[package]]
name = "keras"
version = "2.15.0"
source = { registry = "x" }
dependencies = [{ name = "tensorflow", extra = ["and-cuda"] }]

[[package]]
name = "nvidia-cudnn-cu12"
version = "8.9.4.25"
source = { registry = "x" }

[[package]]
name = "sphinx"
version = "7.0"
source = { registry = "x" }

[[package]]
name = "of-nobody"
version = "1"
source = { registry = "x" }
"""


def test_a_uv_lock_is_followed_from_the_project(tmp_path: Path) -> None:
    both = {"python": ("", ">=3.10", ""), "tensorflow": ("2.15.0", "", PIP), "keras": ("2.15.0", "", PIP)}
    linux = {**both, "numpy": ("1.26.4", "", PIP), "nvidia-cudnn-cu12": ("8.9.4.25", "", PIP)}
    env = read(tmp_path, UV, "uv.lock", "linux-64")
    assert rows(env) == linux and not env.partial
    assert rows(read(tmp_path, UV, "uv.lock", "win-64")) == {**both, "numpy": ("1.24.4", "", PIP)}


POETRY = """\
[[package]]
name = "tensorflow"
version = "2.15.0"
optional = false
groups = ["main"]
markers = "sys_platform == \\"linux\\""

[[package]]
name = "Keras_Preprocessing"
version = "1.1.2"
markers = {main = "sys_platform == \\"win32\\"", dev = "sys_platform == \\"darwin\\""}

[metadata]
lock-version = "2.1"
python-versions = "^3.10"
"""


def test_a_poetry_lock_has_markers_for_each_package(tmp_path: Path) -> None:
    python = {"python": ("", ">=3.10,<4", "")}
    linux = rows(read(tmp_path, POETRY, "poetry.lock", "linux-64"))
    assert linux == {**python, "tensorflow": ("2.15.0", "", PIP)}
    for platform in ("win-64", "osx-64"):
        found = rows(read(tmp_path, POETRY, "poetry.lock", platform))
        assert found == {**python, "keras-preprocessing": ("1.1.2", "", PIP)}


OLD_POETRY = """\
[[package]]
name = "tensorflow-cpu"
version = "2.13.1"
files = [{file = "tensorflow_cpu-2.13.1-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", hash = "x"}]
[package.dependencies]
keras = ">=2.13.1"
tensorflow-io-gcs-filesystem = {version = ">=0.23.1", markers = "platform_machine != \\"arm64\\""}
colorama = {version = "*", optional = true, markers = "extra == \\"screen\\""}

[[package]]
name = "tensorflow-macos"
version = "2.13.1"
files = [{file = "tensorflow_macos-2.13.1-cp39-cp39-macosx_12_0_arm64.whl", hash = "x"}]

[[package]]
name = "tensorflow-io-gcs-filesystem"
version = "0.35.0"
files = [{file = "tensorflow_io_gcs_filesystem-0.35.0-cp39-cp39-manylinux_2_12_x86_64.whl", hash = "x"}]

[[package]]
name = "keras"
version = "2.13.1"
files = [{file = "keras-2.13.1-py3-none-any.whl", hash = "x"}]

[[package]]
name = "colorama"
version = "0.4.6"

[metadata]
lock-version = "2.0"
python-versions = "^3.9"
"""


def test_a_poetry_lock_from_before_markers_is_read_by_what_asks_for_what(tmp_path: Path) -> None:
    everywhere = {"python", "keras", "colorama"}
    for platform, own in (
        ("linux-64", {"tensorflow-cpu", "tensorflow-io-gcs-filesystem"}),
        ("osx-arm64", {"tensorflow-macos"}),
        # Nothing in it is for Windows: what is asked for there, is asked for in vain.
        ("win-64", {"tensorflow-cpu", "tensorflow-macos", "tensorflow-io-gcs-filesystem"}),
    ):
        assert set(rows(read(tmp_path, OLD_POETRY, "poetry.lock", platform))) == everywhere | own


def test_a_pdm_lock_has_the_form_of_poetrys(tmp_path: Path) -> None:
    text = '[metadata]\nlock_version = "4.5.0"\n[[metadata.targets]]\nrequires_python = "==3.11.*"\n'
    text += '[[package]]\nname = "tensorflow"\nversion = "2.15.0"\nmarker = "python_version < \'3.12\'"\n'
    env = read(tmp_path, text, "pdm.lock", "linux-64")
    assert rows(env) == {"python": ("3.11", "3.11.*", ""), "tensorflow": ("2.15.0", "", PIP)}


def test_a_pylock_lists_what_is_installed(tmp_path: Path) -> None:
    text = """\
lock-version = "1.0"
created-by = "pip"
requires-python = "==3.12.*"
[[packages]]
name = "tensorflow"
version = "2.15.0"
marker = "sys_platform == 'linux' or 'dev' in dependency_groups"
wheels = [{name = "tensorflow-2.15.0-cp312-cp312-linux_x86_64.whl", path = "x.whl", hashes = {sha256 = "00"}}]
[[packages]]
name = "colorama"
version = "0.4.6"
marker = "sys_platform == 'win32'"
wheels = [{name = "colorama-0.4.6-py3-none-any.whl", path = "y.whl", hashes = {sha256 = "00"}}]
[[packages]]
name = "mine"
directory = {path = "."}
"""
    env = read(tmp_path, text, "pylock.toml", "linux-64")
    assert env.python.minor == "3.12"
    expected = {"python": ("3.12", "3.12.*", ""), "tensorflow": ("2.15.0", "", PIP), "mine": ("", "", PIP)}
    assert rows(env) == expected
    # As packaging reads it, of which an older one, as conda has it, cannot.
    where = {"sys_platform": "linux", "extras": set(), "dependency_groups": set()}
    lock = Pylock.from_dict(load_toml(text, "pylock.toml")).packages
    held = {p.name for p in lock if p.marker is None or p.marker.evaluate(where, context="lock_file")}
    assert {"python", *held} == set(expected)


def test_a_pipfile_lock_has_default_and_develop(tmp_path: Path) -> None:
    lock = {
        "_meta": {"requires": {"python_full_version": "3.11.4"}},
        "default": {"numpy": {"version": "==1.26.4"}},
        "develop": {"tensorflow": {"version": "==2.15.0", "markers": "sys_platform == 'linux'"}},
    }
    env = read(tmp_path, json.dumps(lock), "Pipfile.lock", "linux-64")
    expected = {"python": ("3.11.4", "", ""), "numpy": ("1.26.4", "", PIP), "tensorflow": ("2.15.0", "", PIP)}
    assert rows(env) == expected and env.python.version == "3.11.4"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("uv.lock", "version = 1\nrequires-python = '>=3.9'\npackage = 3\n", "package has to be a list"),
        ("uv.lock", "version = 1\nrequires-python = '>=3.9'\n[[package]]\nversion = '1'\n", "entry 1 of package lacks"),
        ("poetry.lock", "package = [1]\n[metadata]\nlock-version = '2'\n", "entry 1 of package has to be a mapping"),
        ("pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = 'x'\nversion = 1\n", "version of entry 1"),
        ("Pipfile.lock", '{"_meta": [], "default": {}}', "_meta has to be a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, text, name, "linux-64")
