"""What a stranger's machine has is taken out of set-up and tests; what leads to the package index stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import world
from tools.condas import Conda

HOSTILE = {
    "CONDARC": "/nowhere", "CONDA_OVERRIDE_CUDA": "9.0", "CONDA_SUBDIR": "win-64", "CUDA_HOME": "/usr/local/cuda",
    "FORCE_COLOR": "1", "LD_LIBRARY_PATH": "/nowhere", "NO_COLOR": "1", "PYTEST_ADDOPTS": "--no-such",
    "PIP_NO_BINARY": ":all:", "PIP_PREFIX": "/nowhere", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_TARGET": "/nowhere",
    "PIP_USER": "1", "PYTHONOPTIMIZE": "2", "PYTHONPATH": "/nowhere",
    "PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error", "XDG_CONFIG_HOME": "/nowhere",
}  # fmt: skip
PIP_CONF = """
[global]
user = true
target = /nowhere
index-url = https://files.example/simple
timeout = 30
[install]
no-binary = :all:
extra-index-url =
    https://one.example/simple
    https://two.example/simple
"""


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Set what strangers have set; their pip's configuration names an index, and more."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pip.conf").write_text(PIP_CONF)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_TRUSTED_HOST", "files.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    world._index.cache_clear()
    yield tmp_path
    world._index.cache_clear()


def test_the_index_is_kept_and_nothing_else_of_pip(stranger: Path) -> None:
    found = world.for_setup(stranger / "dev", sys.executable)
    pip = {name: value for name, value in found.items() if name.startswith("PIP_")}
    # The machine's own file may name more that leads to the index.
    assert not {name for name in pip if name in HOSTILE}
    expected = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_EXTRA_INDEX_URL": "https://one.example/simple https://two.example/simple",
        "PIP_INDEX_URL": "https://files.example/simple",
        "PIP_TIMEOUT": "30",
        "PIP_TRUSTED_HOST": "files.example",
    }
    assert {name: pip.get(name) for name in expected} == expected
    assert found["HTTPS_PROXY"] == "http://proxy.example"
    assert not set(HOSTILE) - {"XDG_CONFIG_HOME"} & set(found)


def test_pip_itself_takes_nothing_else(stranger: Path) -> None:
    """A second look: what is kept is all that a pip of that world has."""
    environ = world.for_setup(stranger / "dev", sys.executable)
    command = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert not [word for word in ("user", "target", "no-binary", "prefix", "virtualenv") if f".{word}=" in told]


def test_tests_have_a_home_and_a_machine_of_their_own(stranger: Path) -> None:
    folder = stranger / "dev"
    found = world.for_tests(folder, sys.executable)
    assert {name: found[name] for name in world.MACHINE} == world.MACHINE
    assert (found["HOME"], found["TMPDIR"]) == (str(folder / "home"), str(folder / "tmp"))
    assert not set(HOSTILE) - set(world.MACHINE) & set(found)


def test_this_suite_runs_in_that_world(registry_conda: Conda) -> None:
    for environ in (os.environ, registry_conda.environ()):
        assert environ["CONDA_OVERRIDE_ARCHSPEC"] == "x86_64_v3"
        assert environ["CONDA_SUBDIR"] == "linux-64"
        assert not {"LD_LIBRARY_PATH", "CUDA_HOME", "FORCE_COLOR", "NO_COLOR"} & set(environ)
        assert os.path.realpath(environ["TMPDIR"]).endswith(os.path.join(".dev", "tmp"))
