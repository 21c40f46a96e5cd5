"""Beside conda-workspaces and conda-pypi as the index has them: whoever makes a transaction, it is judged.

Both need a conda of 26.7 or later, and come from the index: ``--long`` runs this.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.shell import quoted
from tests import shells
from tests.serving import served
from tools.condas import Conda, Result
from tools.wheels import make_runnable, pip_install_tensorflow, write_wheel

pytestmark = [pytest.mark.network, pytest.mark.long]

MANIFEST = """
[workspace]
name = "mine"
channels = ["inhouse", "conda-forge"]
platforms = ["linux-64"]

[dependencies]
python = "3.11.*"
tensorflow = "2.15.*"
numpy = "*"
"""


@pytest.fixture(scope="session")
def neighbours(_conda_and_solver: tuple[object, str], tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The folder of both plugins; `None` where this conda is too old for them."""
    installation, solver = _conda_and_solver
    if not installation.error_hints or solver == "classic":  # type: ignore[attr-defined]
        return None
    target = tmp_path_factory.mktemp("neighbours")
    python = installation.python  # type: ignore[attr-defined]
    # conda-lockfiles is imported by the first, and not asked for.
    command = [
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--target",
        target,
        "conda-workspaces",
        "conda-pypi",
        "conda-lockfiles",
    ]
    subprocess.run(command, check=True)
    return target


@pytest.fixture
def beside(conda: Conda, neighbours: Path | None) -> Callable[..., Result] | None:
    """`beside(*args, mode="block", cwd=None)`: conda with both plugins."""
    if neighbours is None:
        return None
    path = os.pathsep.join([conda.environ()["PYTHONPATH"], str(neighbours)])

    def call(*args: str | Path, mode: str = "block", cwd: Path | None = None) -> Result:
        variables = {
            "PYTHONPATH": path,
            "CONDA_PLUGINS_TF_DOCTOR_MODE": mode,
            "NO_PROXY": "127.0.0.1",
            "COLUMNS": "900",
        }
        return conda.run(*args, env=variables, cwd=cwd)

    return call


def test_a_workspace_is_refused_and_its_manifest_is_corrected(
    beside: Callable[..., Result] | None, tmp_path: Path
) -> None:
    if beside is None:
        return
    manifest = tmp_path / "conda.toml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    refused = beside("workspace", "install", cwd=tmp_path)
    assert refused.rc, refused
    assert "this would break tensorflow 2.15.0" in refused.told, refused
    told = (refused.out + refused.err).replace("\\x0a", "\n")
    (named,) = [line for line in told.splitlines() if line.startswith("What it is made from is corrected by: ")]
    command = shells.words(named.partition(": ")[2])
    assert command[1:5] == ["tf-doctor", "fix", "--file", str(manifest)]
    corrected = beside(*command[1:], "--yes")
    assert corrected.rc == 0, corrected
    done = beside("workspace", "install", cwd=tmp_path)
    assert done.rc == 0, done
    prefix = tmp_path / ".conda" / "envs" / "default"
    found = beside("tf-doctor", "check", "-p", prefix, "--json").json()["findings"]
    assert "TFD603" not in {finding["code"] for finding in found}, found
    applied = beside("tf-doctor", "fix", "--apply", "--yes", "-p", prefix, "--to", "numpy=2")
    assert applied.rc == 1
    assert f"use fix --file {quoted(str(manifest))}" in applied.out + applied.err


def test_what_conda_pypi_makes_of_a_wheel_is_judged(
    beside: Callable[..., Result] | None, conda: Conda, make_env: Callable[..., Path], tmp_path: Path
) -> None:
    if beside is None:
        return
    for name, version in (("keras", "3.3.3"), ("puresmall", "1.0")):
        wheel = write_wheel(tmp_path / "simple" / name, name, version)
        (wheel.parent / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>', encoding="utf-8")
    prefix = make_env("env", "python=3.11", "numpy=1.26", "h5py", "protobuf=4")
    make_runnable(prefix)
    pip_install_tensorflow(prefix, "2.15.0", stack=dict.fromkeys(("numpy", "h5py", "protobuf")))
    with served(tmp_path / "simple") as address:
        install = ("pypi", "install", "-y", "-p", prefix, "-i", address)
        refused = beside(*install, "keras==3.3.3")
        assert "TFD605" in refused.err, refused
        assert not list(prefix.glob("conda-meta/keras-*.json"))
        done = beside(*install, "puresmall")
    assert done.rc == 0, done
    assert "tf-doctor" not in done.told
    assert list(prefix.glob("conda-meta/puresmall-*.json"))
