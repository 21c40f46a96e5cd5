"""Where there is micromamba and no conda: what is printed is for it, works literally, and `fix` and `create` use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.cli.aim import aimed
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.shell import command_line, quoted
from conda_tf_doctor.specifiers import conda_all_of
from tests import shells
from tests.printed import environments
from tools.condas import Result
from tools.wheels import pip_install_tensorflow
from tools.workshop import ROOT, ensure_tests

Mamba = Callable[..., Result]


@pytest.fixture
def doctor(micromamba: Mamba) -> Callable[..., Result]:
    """`doctor(*args)`: `conda-tf-doctor ARGS…` in micromamba's world, with no conda on PATH."""
    world: dict[str, str] = micromamba.world  # type: ignore[attr-defined]
    environ = {**world, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}

    def run(*args: str | Path) -> Result:
        command = [ensure_tests(), "-m", "conda_tf_doctor", *map(str, args)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def broken(micromamba: Mamba, tmp_path: Path) -> Path:
    """An environment of micromamba's: pip's TensorFlow 2.10 beside conda's numpy 2 and CUDA 11.8."""
    prefix = tmp_path / "env"
    specs = ("python=3.10", "numpy=2.0", "cudatoolkit=11.8", "cudnn=8.1", "h5py", "protobuf=3.20")
    made = micromamba("create", "-y", "-q", "-p", prefix, *specs)
    assert made.rc == 0, made
    pip_install_tensorflow(prefix, "2.10.0", stack=dict.fromkeys(("numpy", "h5py", "protobuf")))
    return prefix


def _versions(prefix: Path) -> dict[str, str]:
    records = (json.loads(path.read_text(encoding="utf-8")) for path in (prefix / "conda-meta").glob("*.json"))
    return {record["name"]: record["version"] for record in records}


def _errors(document: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in document["findings"] if finding["severity"] == "error"}


def test_printed_commands_are_micromambas_and_work(
    broken: Path, doctor: Callable[..., Result], micromamba: Mamba
) -> None:
    found = doctor("check", "-p", broken, "--json").json()
    assert "TFD603" in _errors(found)
    commands = [command for finding in found["findings"] for command in finding["fix"]["commands"]]
    programs = {os.path.basename(command[0]) for command in commands}
    assert "micromamba" in programs and "conda" not in programs, commands
    for command in commands:
        if command[0] == "micromamba":
            assert command[2:4] == ["-p", str(broken)], command
            done = micromamba(*command[1:], "-y")
            assert done.rc == 0, (command, done)
    assert "TFD603" not in _errors(doctor("check", "-p", broken, "--json").json())
    text = doctor("check", "-p", broken).out
    assert "There is no conda" not in text


def _forms(prefix: Path) -> list[tuple[str, ...]]:
    """Return a command of each form that the check prints of an environment of micromamba's."""
    matrix = load_matrix()
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for env in environments("linux-64"):
        diagnosis = diagnose(env, matrix)
        env.kind, env.path, env.is_venv = "prefix", str(prefix), False
        for finding in aimed(diagnosis).findings:
            assert "`conda " not in finding.fix.note.replace("`conda tf-doctor", ""), finding.fix.note
            for command in finding.fix.commands:
                form = (*command[:3], *(word.partition("=")[0] for word in command[3:] if word[0] == "-"))
                found.setdefault(form, command)
    assert "conda" not in {command[0] for command in found.values()}, found
    return [command for command in found.values() if command[0] == "micromamba"]


def test_every_form_of_command_that_is_printed_is_one_of_its_own(
    micromamba: Mamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Literally: what its solver does not find in these channels it has at least understood."""
    world: dict[str, str] = micromamba.world  # type: ignore[attr-defined]
    for name in ("CONDA_EXE", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAMBA_EXE", world["MAMBA_EXE"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    prefix = tmp_path / "env"
    for target in (("-p", prefix), ("-n", "tensorflow")):
        made = micromamba("create", "-y", "-q", *target, "python=3.10", "tensorflow=2.10=cpu*", "libprotobuf")
        assert made.rc == 0, made
    # Which words reach the environment's Python is all that is micromamba's of a command for pip.
    python = prefix / "bin" / "python"
    python.unlink()
    # Its solver asks for what pip has installed.
    answers = """case "$*" in *"pip inspect"*) echo '{"installed": []}';; *) printf '%s\\n' "$@";; esac"""
    python.write_text(f"#!/bin/sh\n{answers}\n", encoding="utf-8")
    python.chmod(0o755)
    forms = _forms(prefix)
    assert {"install", "remove", "create", "run", "config", "env", "activate"} <= {form[1] for form in forms}, forms
    for form in forms:
        if form[1] == "activate":
            hook = f'eval "$({quoted(world["MAMBA_EXE"])} shell hook -s bash)" && {command_line(form)}'
            done = subprocess.run(["bash", "-c", hook], env=world, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (form, done)
            continue
        if form[1] == "run" and "'" in str(prefix):
            continue  # micromamba's own script for `run` does not quote the prefix
        solves = form[1] in ("install", "create", "update", "remove")
        result = micromamba(*form[1:], *(("--dry-run", "-y") if solves else ()))
        told = result.out + result.err
        if form[1] == "run":
            assert (result.rc, result.out.splitlines()) == (0, list(form[5:])), (form, result)
        elif result.rc:
            assert solves and re.search("Could not solve|does not exist|not found in channels", told), (form, result)
        assert "not expected" not in told, (form, result)
    assert (prefix / ".condarc").read_text(encoding="utf-8").strip() == "channel_priority: strict"


def test_fix_applies_with_it_and_shows_what_it_takes(
    broken: Path, doctor: Callable[..., Result], micromamba: Mamba
) -> None:
    planned = doctor("fix", "-p", broken, "--dry-run", "--json")
    assert planned.rc == 0, planned
    document = planned.json()
    (numpy,) = [change for change in document["changes"] if change["package"] == "numpy"]
    solved = micromamba("install", "-y", "--dry-run", "--json", "--no-pin", "-p", broken, "numpy>=1.23.5,<2").json()
    (taken,) = [record["version"] for record in solved["actions"]["LINK"] if record["name"] == "numpy"]
    assert numpy["to"] == taken
    shown = [command for command in document["commands"] if "conda" in os.path.basename(command[0])]
    assert not shown, document["commands"]
    assert any(command[:2] == ["micromamba", "install"] for command in document["commands"])
    text = doctor("fix", "-p", broken, "--dry-run").out
    (line,) = [line for line in text.splitlines() if line.strip().startswith("micromamba install")]
    assert shells.words(line)[1:4] == ["install", "-p", str(broken)]
    applied = doctor("fix", "-p", broken, "--apply", "--yes")
    assert "There is no conda" not in applied.out + applied.err
    assert applied.rc == 0, applied
    assert _versions(broken)["numpy"] == taken
    # Its own later commands read the pins that were written.
    later = micromamba("install", "-y", "--dry-run", "--json", "-p", broken, "attrs")
    assert later.rc == 0, later


def test_what_was_applied_is_taken_back(broken: Path, doctor: Callable[..., Result]) -> None:
    before = _versions(broken)
    applied = doctor("fix", "-p", broken, "--apply", "--yes")
    assert applied.rc == 0, applied
    assert "Confirmed by micromamba" in applied.out, applied
    assert _versions(broken) != before
    undone = doctor("fix", "-p", broken, "--undo", "--yes")
    assert undone.rc == 0, undone
    assert _versions(broken) == before
    assert not (broken / "conda-meta" / "pinned").exists()


@pytest.mark.parametrize(
    ("specs", "taken"),
    [
        ((">=1.20", "1.26.*|1.24.*"), "1.26"),
        ((">=1.26,<2|>=1.20,<1.25",), "1.26"),
        (("<2", "2.0.*|1.24.*", ">=1.20"), "1.24"),
    ],
    ids=" and ".join,
)
def test_alternatives_are_what_conda_takes_them_for(specs: tuple[str, ...], taken: str, micromamba: Mamba) -> None:
    spec = f"numpy[version='{conda_all_of(specs)}']"
    solved = micromamba("create", "-y", "--dry-run", "--json", "-n", "new", "python=3.10", spec).json()
    (numpy,) = [record["version"] for record in solved["actions"]["LINK"] if record["name"] == "numpy"]
    assert numpy.startswith(taken), numpy


def test_create_creates_with_it(doctor: Callable[..., Result], tmp_path: Path) -> None:
    if "'" in str(tmp_path):
        pytest.skip("micromamba's own script for pip's part breaks at an apostrophe in the path")
    target = tmp_path / "made"
    done = doctor("create", target, "--tensorflow", "2.10", "--channel", "conda-forge", "--yes", "--json")
    assert "There is no conda" not in done.err
    assert done.rc == 0, done
    assert done.json()["created"] is True
    assert _versions(target)["tensorflow"].startswith("2.10.")
