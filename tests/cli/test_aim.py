"""The commands that `check` advises change the environment that was examined, not the one that is active."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from conda_tf_doctor.advice.make import fresh
from conda_tf_doctor.cli.aim import aimed
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.findings import ERROR, Finding, Fix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.programs import for_uv
from conda_tf_doctor.repair.apply import commands
from conda_tf_doctor.repair.journal import Journal
from tests.wine import no_junctions
from tools.prefixes import add_dist, link_folder, make_prefix

ADVICE = (
    ("conda", "install", "-c", "nvidia", "cuda-nvcc=12.5"),
    ("conda", "remove", "--force", "tensorflow"),
    ("conda", "env", "config", "vars", "set", "PYTHONNOUSERSITE=1"),
    ("conda", "config", "--env", "--set", "channel_priority", "strict"),
    ("conda", "create", "-n", "tensorflow", "python"),
    ("python", "-m", "pip", "uninstall", "-y", "tensorflow-cpu"),
)


ACTIVATED = (r"tensorflow\Scripts\activate",) if os.name == "nt" else ("source", "tensorflow/bin/activate")


def advised(path: str, kind: str = "prefix") -> tuple[tuple[str, ...], ...]:
    env = Environment(path=path, kind=kind)
    env.is_venv = not (Path(path) / "conda-meta").is_dir()
    [finding] = aimed(Diagnosis(env, None, (Finding("TFD201", ERROR, "", fix=Fix(commands=ADVICE)),))).findings
    return finding.fix.commands


@pytest.fixture
def inactive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "env" / "conda-meta").mkdir(parents=True)
    return str(tmp_path / "env")


def test_an_environment_that_is_not_active_is_named_in_every_command(inactive: str) -> None:
    assert advised(inactive) == (
        ("conda", "install", "-p", inactive, "-c", "nvidia", "cuda-nvcc=12.5"),
        ("conda", "remove", "-p", inactive, "--force", "tensorflow"),
        ("conda", "env", "config", "vars", "set", "-p", inactive, "PYTHONNOUSERSITE=1"),
        ("conda", "config", "--file", os.path.join(inactive, ".condarc"), "--set", "channel_priority", "strict"),
        ADVICE[4],
        ("conda", "run", "-p", inactive, *ADVICE[5]),
    )


def test_the_active_environment_needs_no_name(inactive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_PREFIX", inactive)
    assert advised(inactive) == ADVICE


@no_junctions
def test_the_active_environment_has_a_second_name(
    inactive: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    link_folder(tmp_path / "link", Path(inactive))
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "link"))
    assert advised(inactive) == ADVICE


def test_in_a_plain_venv_only_its_own_pip_can_change_anything(
    inactive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "venv"
    venv.mkdir()
    monkeypatch.setenv("CONDA_PREFIX", inactive)
    python = os.path.join(venv, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    assert advised(str(venv)) == (ADVICE[4], (python, *ADVICE[5][1:]))
    monkeypatch.setenv("VIRTUAL_ENV", str(venv))
    assert advised(str(venv)) == (ADVICE[4], ADVICE[5])


@pytest.mark.parametrize("kind", ["report", "file"])
def test_what_is_no_environment_of_this_machine_keeps_its_commands(inactive: str, kind: str) -> None:
    assert advised(inactive, kind) == ADVICE


def test_a_real_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    prefix = make_prefix(tmp_path / "env", "win-64", "3.12.1")
    add_dist(prefix, "tensorflow", "2.10.0")
    diagnosis = aimed(diagnose(read_prefix(str(prefix)), load_matrix()))
    [first, *_] = diagnosis.findings
    assert first.code == "TFD201"
    # With another Python goes what pip installed for the one before.
    again = ("conda", "run", "-p", str(prefix), "python", "-m", "pip", "install", "tensorflow==2.10.0")
    assert first.fix.commands == (("conda", "install", "-p", str(prefix), "python=3.10"), again)


def test_pixi_is_told_what_its_environment_is_made_from(tmp_path: Path) -> None:
    prefix = tmp_path / ".pixi" / "envs" / "default"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "pixi").write_text("{}")
    manifest = tmp_path / "pixi.toml"
    manifest.write_text("[workspace]\n")
    where = ("--manifest-path", str(manifest))
    assert advised(str(prefix)) == (
        ("pixi", "add", *where, "cuda-nvcc=12.5"),
        ("pixi", "remove", *where, "tensorflow"),
        ADVICE[4],
        ("pixi", "remove", "--pypi", *where, "tensorflow-cpu"),
    )


def test_a_workspace_is_told_what_its_environment_is_made_from(tmp_path: Path) -> None:
    prefix = tmp_path / ".conda" / "envs" / "gpu"
    (prefix / "conda-meta").mkdir(parents=True)
    # Conda's own folder for environments in a home folder is none of a workspace.
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.ruff]\n")
    assert advised(str(prefix))[1] == ("conda", "remove", "-p", str(prefix), "--force", "tensorflow")
    manifest = tmp_path / "conda.toml"
    manifest.write_text("[workspace]\n")
    start, where = ("conda", "workspace", "--file", str(manifest)), ("-e", "gpu")
    assert advised(str(prefix)) == (
        (*start, "add", *where, "cuda-nvcc=12.5"),
        (*start, "remove", *where, "tensorflow"),
        ADVICE[4],
        (*start, "remove", "--pypi", *where, "tensorflow-cpu"),
    )


def test_uv_is_asked_where_it_made_the_environment(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.8.0\n")
    assert advised(str(tmp_path))[-1] == ("uv", "pip", "uninstall", "--python", str(tmp_path), "tensorflow-cpu")


@pytest.mark.parametrize(
    ("by_uv", "expected"),
    [
        (
            False,
            [
                (*(("py", "-3.11") if os.name == "nt" else ("python3.11",)), "-m", "venv", "tensorflow"),
                ACTIVATED,
                ("python", "-m", "pip", "install", "tensorflow==2.13.0"),
            ],
        ),
        (
            True,
            [
                ("uv", "venv", "--python", "3.11", "tensorflow"),
                ACTIVATED,
                ("uv", "pip", "install", "tensorflow==2.13.0"),
            ],
        ),
    ],
)
def test_a_venv_is_replaced_by_a_venv(tmp_path: Path, by_uv: bool, expected: list[tuple[str, ...]]) -> None:
    venv = tmp_path / "a venv"
    venv.mkdir()
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\n" + "uv = 0.9.1\n" * by_uv)
    env = Environment(path=str(venv), kind="prefix")
    env.is_venv = True
    commands = fresh("3.11", pip=("tensorflow==2.13.0",))
    [finding] = aimed(Diagnosis(env, None, (Finding("TFD201", ERROR, "", fix=Fix(commands=commands)),))).findings
    assert list(finding.fix.commands) == expected


def test_a_venv_without_pip_gets_one_first(tmp_path: Path) -> None:
    """What is typed starts; with the base's packages in sight, the base's pip is there, too."""
    prefix = make_prefix(tmp_path / "env", "linux-64")
    shutil.rmtree(prefix / "conda-meta")
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.10.13\n")
    add_dist(prefix, "tensorflow", "2.15.1")
    add_dist(prefix, "numpy", "2.2.6")
    for made_by, there, first in (("", False, "ensurepip"), ("uv = 0.9.1\n", False, "--python"), ("", True, "pip")):
        (prefix / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = 3.10.13\n{made_by}")
        if there:
            add_dist(prefix, "pip", "26.3")
        env = read_prefix(str(prefix))
        findings = aimed(diagnose(env, load_matrix())).findings
        (found,) = [f for f in findings if f.code == "TFD603" and f.severity == ERROR]
        by_hand = [list(command) for command in found.fix.commands]
        record = Journal("2026-01-01", pip_install=("numpy<2",))
        typed = commands(record, str(prefix))
        assert [first in each[0] for each in (by_hand, typed)] == [True, True], (by_hand, typed)
        assert len(by_hand) == len(typed) == (2 if first == "ensurepip" else 1)
        assert first != "ensurepip" or by_hand[1][1:4] == typed[1][1:4] == ["-m", "pip", "install"]


def test_uv_is_spoken_to_in_its_own_words() -> None:
    pip = ("python", "-m", "pip", "install", "--ignore-installed", "--no-deps", "keras==2.15.0")
    assert for_uv(pip, "/venv") == (
        "uv", "pip", "install", "--python", "/venv", "--force-reinstall", "--no-deps", "keras==2.15.0",
    )  # fmt: skip
