"""What the installers say of a file as a repair leaves it: real condas, and pip, on local channels and wheels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pip
import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.subdirs import this_platform
from tests.repair.conftest import TENSORFLOW_OF, make_wheel, put_pip, put_venv, python_in, site_of

MINOR = ".".join(map(str, sys.version_info[:2]))
TENSORFLOW = TENSORFLOW_OF.get(MINOR, "")
OF_CONDA = "channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - tensorflow=2.15\n  - numpy=2.1\n{more}"
# No channel has that TensorFlow for every machine that runs this.
FOR_LINUX = ("--platform", "linux-64")

pytestmark = [
    pytest.mark.skipif(not TENSORFLOW, reason="the wheels are for other Pythons"),
    pytest.mark.network,
]


@pytest.fixture(scope="module")
def new_pip(alive: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """This Python with a pip that resolves by metadata."""
    venv = tmp_path_factory.mktemp("pip") / "venv"
    put_venv(venv, alive[0])
    if int(pip.__version__.split(".")[0]) >= 25:
        put_pip(venv)
    else:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site_of(venv))]
        subprocess.run([*command, "pip>=25"], check=True)
    return python_in(venv)


@pytest.fixture
def by_wheels(monkeypatch: pytest.MonkeyPatch, wheelhouse: Path, new_pip: str) -> None:
    """A pip whose index is a folder, and no conda."""
    monkeypatch.setattr(sys, "executable", new_pip)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", wheelhouse.as_uri())
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CONDA_EXE", raising=False)
    monkeypatch.delenv("MAMBA_EXE", raising=False)


def fixed(path: Path, text: str, capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert console(["fix", "--file", str(path), "--yes", "--json", *args]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize(
    ("more", "verified", "unverified"),
    [
        ("", "pip", None),
        (
            "nowhere-to-be-had==1.0\n",
            None,
            "of wheels alone, pip says: Could not find a version that satisfies the requirement nowhere-to-be-had==1.0 "
            "(from versions: none)",
        ),
        ("--extra-index-url file:///x\n", None, "pip was not asked, for the file names other places than its index"),
        ("x @ file:///x.whl\n", None, "pip was not asked, for the file names other places than its index"),
    ],
    ids=["had", "not had", "another index", "a file"],
)
def test_pip_is_asked_for_its_lines(
    more: str,
    verified: str | None,
    unverified: str | None,
    by_wheels: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = f"tensorflow=={TENSORFLOW}\nprotobuf==2.6.1\n{more}"
    (change,) = fixed(tmp_path / "requirements.txt", old, capsys, "--offline", "--dry-run")["changes"]
    make_wheel(tmp_path, change["package"], change["to"])
    monkeypatch.setenv("PIP_FIND_LINKS", f"{os.environ['PIP_FIND_LINKS']} {tmp_path.as_uri()}")
    document = fixed(tmp_path / "requirements.txt", old, capsys)
    assert document["changes"] == [change]
    assert (document["verified_by"], document["unverified"]) == (verified, unverified)


@pytest.mark.parametrize("where", [["--platform", "osx-64"], []], ids=["platform", "python"])
def test_pip_is_asked_for_no_other_machine_or_python(
    where: list[str], by_wheels: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = "dependencies:\n  - python=3.9\n  - pip:\n    - tensorflow==2.10.1\n    - numpy==2.0.2\n"
    document = fixed(tmp_path / "environment.yml", old, capsys, *where)
    why = f"pip can only be asked for {this_platform()} and Python {MINOR}, which run it"
    assert (document["verified_by"], document["unverified"]) == (None, why)


def test_a_pip_that_would_get_every_wheel_is_not_asked(
    by_wheels: None,
    alive: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_venv(tmp_path / "venv", alive[0])
    monkeypatch.setattr(sys, "executable", python_in(tmp_path / "venv"))
    text = f"tensorflow=={TENSORFLOW}\nprotobuf==2.6.1\n"
    assert fixed(tmp_path / "requirements.txt", text, capsys)["unverified"] == "there is no pip beside this program"
    package = site_of(tmp_path / "venv") / "pip"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("print('pip 23.2.1 from here (python 3)')")
    why = "pip 23.2.1 would get every wheel to answer"
    assert fixed(tmp_path / "requirements.txt", text, capsys)["unverified"] == why


def test_offline_nothing_is_asked(by_wheels: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = f"tensorflow=={TENSORFLOW}\nprotobuf==2.6.1\n"
    document = fixed(tmp_path / "requirements.txt", old, capsys, "--offline")
    assert (document["verified_by"], document["unverified"]) == (None, "neither channels nor index were asked")


def test_every_conda_solves_what_the_file_asks_for(conda, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(OF_CONDA.format(more=""), encoding="utf-8")
    document = conda.doctor("fix", "--file", path, *FOR_LINUX, "--yes", "--json").json()
    assert (document["verified_by"], document["unverified"]) == ("conda", None)
    assert "numpy=1.26" in path.read_text(encoding="utf-8")


def test_what_conda_says_against_it_is_said(registry_conda, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(OF_CONDA.format(more="  - nowhere-to-be-had=1.0\n"), encoding="utf-8")
    document = registry_conda.doctor("fix", "--file", path, *FOR_LINUX, "--yes", "--json").json()
    assert document["verified_by"] is None
    assert document["unverified"].startswith("conda says: ") and "nowhere-to-be-had" in document["unverified"]
