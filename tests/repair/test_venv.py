"""A venv: conda can change nothing in it and it has no pins; pip's part is repaired all the same, without a conda."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.repair import journal
from conda_tf_doctor.shell import quoted
from tools.prefixes import add_dist

from .conftest import SMALL, TENSORFLOW_OF, WINDOWS, binaries_of, python_in, site_of
from .test_apply import beside


@pytest.fixture
def no_conda(wheelhouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No conda anywhere, and a pip that knows the wheels for tests alone."""
    for name in ("CONDA_EXE", "CONDA_PREFIX", "VIRTUAL_ENV", "MAMBA_EXE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", r"C:\Windows\System32;C:\Windows" if WINDOWS else "/usr/bin:/bin")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", wheelhouse.as_uri())


@pytest.fixture
def venv(no_conda: None, fresh_venv: Path, tmp_path: Path) -> Path:
    """A virtual environment with pip."""
    return shutil.copytree(fresh_venv, tmp_path / "venv", symlinks=True)


@pytest.fixture(scope="session")
def broken_venv(
    fresh_venv: Path, alive: tuple[str, str], wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same with TensorFlow and a package that it does not work with, to be copied."""
    prefix = shutil.copytree(fresh_venv, tmp_path_factory.mktemp("broken") / "venv", symlinks=True)
    version, bad = TENSORFLOW_OF[alive[1]], wrong(alive)
    stack = [text for text in beside(version) if text.split("==")[0] != bad.split("==")[0]]
    pip = [python_in(prefix), "-m", "pip", "install", "-q", "--no-deps"]
    found = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheelhouse.as_uri()}
    subprocess.run([*pip, f"tensorflow=={version}", *stack, bad], check=True, env={**os.environ, **found})
    return prefix


@pytest.fixture
def broken(no_conda: None, broken_venv: Path, tmp_path: Path) -> Path:
    """A virtual environment with TensorFlow and a package that it does not work with."""
    return shutil.copytree(broken_venv, tmp_path / "venv", symlinks=True)


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = console([*map(str, words), "--json"])
    return status, json.loads(capsys.readouterr().out)


def commands(document: dict[str, Any]) -> list[list[str]]:
    return [command for finding in document["findings"] for command in finding["fix"]["commands"]]


def wrong(alive: tuple[str, str]) -> str:
    """Return what the TensorFlow for the Python that runs here does not work with."""
    return "numpy==2.1.3" if alive[1] in ("3.10", "3.11") else "protobuf==3.19.6"


def test_what_check_advises_repairs(broken: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    venv, bad = broken, wrong(alive)
    before = {path.name for path in venv.iterdir()}
    assert console(["check", "-p", str(venv)]) == 1
    assert f"fix --apply -p {quoted(str(venv))}" in capsys.readouterr().out
    status, document = call(capsys, "fix", "-p", venv, "--yes")
    assert (status, document["written"], document["applied"]) == (0, False, False)
    assert "--apply installs them" in document["message"]
    status, document = call(capsys, "fix", "--apply", "-p", venv, "--yes")
    assert (status, document["applied"], document["written"]) == (0, True, False), document["message"]
    assert [(c["package"], c["where"]) for c in document["changes"]] == [(bad.split("==")[0], "pip")]
    assert call(capsys, "check", "-p", venv)[0] == 0
    # Not one file of conda's: with a conda-meta it would be taken for conda's.
    assert {path.name for path in venv.iterdir()} - before <= {".tf-doctor.lock", journal.HISTORY}


def test_a_rule_that_fails_after_the_repair_is_told(
    broken: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from conda_tf_doctor.rules.machine import python

    works, bad = python.python_unsupported, wrong(alive)

    def fails(context: Any) -> Any:
        """Fails at what is on the disk once pip has been there."""
        if not list(site_of(broken).glob(f"{bad.replace('==', '-')}.dist-info")):
            raise ValueError("a fault of ours")
        return works(context)

    monkeypatch.setattr(python, "python_unsupported", fails)
    status, document = call(capsys, "fix", "--apply", "-p", broken, "--yes")
    assert (status, document["applied"], document["ok"]) == (1, True, False)
    said = "The environment was repaired. Not everything could be checked afterwards; `check` tells what."
    assert document["message"] == said


def test_what_pip_alone_repairs_needs_no_conda(
    venv: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (venv / "conda-meta").mkdir()  # as micromamba and pixi make them, where no conda is about
    (venv / "conda-meta" / "history").touch()
    version = TENSORFLOW_OF[alive[1]]
    for name in {"tensorflow", binaries_of(version)}:
        add_dist(venv, name, version)
    add_dist(venv, *wrong(alive).split("=="))
    status, document = call(capsys, "fix", "--apply", "--keep", "tensorflow", "--keep", "python", "-p", venv, "--yes")
    assert "There is no conda" not in document.get("error", "") + document.get("message", "")
    assert [(c["package"], c["where"]) for c in document["changes"]] == [(wrong(alive).split("==")[0], "pip")]
    assert document["applied"] is True and status == 0


def test_its_python_stays(venv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_dist(venv, "tensorflow", "1.15.5")
    for name, version in SMALL.items():
        add_dist(venv, name, version)
    status, document = call(capsys, "fix", "--dry-run", "--offline", "-p", venv)
    assert status == 0 and {change["where"] for change in document["changes"]} == {"pip"}
    assert "tensorflow" in {change["package"] for change in document["changes"]}
    assert not [command for command in document["commands"] if command[0] == "conda"]
    _, document = call(capsys, "check", "-p", venv)
    assert document["findings"][0]["code"] == "TFD201"
    assert not [command for command in commands(document) if command[0] == "conda"]
    fix = document["findings"][0]["fix"]
    assert "venv" in fix["commands"][0] and "tensorflow==1.15.5" in fix["commands"][2]
    assert fix["note"].startswith("Or keep Python")


def test_an_interrupted_repair_is_taken_back(
    venv: Path, alive: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    add_dist(venv, "tensorflow", TENSORFLOW_OF[alive[1]])
    journal.Journal(started="2026-01-01", pip_before=(f"tensorflow=={TENSORFLOW_OF[alive[1]]}",)).save(str(venv))
    assert (venv / journal.NAME).is_file()
    assert console(["fix", "--dry-run", "--offline", "-p", str(venv)]) in (0, 1)
    assert "was interrupted" in capsys.readouterr().out
    assert call(capsys, "fix", "--undo", "-p", venv)[0] == 0
    assert not (venv / journal.NAME).exists()
