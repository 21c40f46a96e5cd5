"""What conda and pip answer decides about a plan: whole screens of `fix`, with what was asked for them."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.repair import by_pip
from conda_tf_doctor.subdirs import this_platform
from tests.repair.test_steps import environment, journal_of, there
from tests.repair.told import Told, posix
from tests.wholes import shown

pytestmark = posix
_WHEN = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+\+00:00)?")
_THIS = re.compile(rf"{this_platform()} and Python 3\.\d+")
CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in YAML(typ="safe").load(Path(__file__).parents[1] / "data" / "repair" / "answers.yaml")
}


FILE = """\
channels: [{channels}]
dependencies:
  - python=3.8
  - tensorflow=2.10.0
  - numpy=2.0
{more}"""


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("CONDA_EXE", "MAMBA_EXE", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@contextmanager
def answered(text: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a text piped in."""
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    with os.fdopen(read) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield


@pytest.mark.parametrize("case", [case for case in CASES.values() if "channels" in case], ids=lambda case: case["id"])
def test_what_is_answered_of_a_file(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Told(tmp_path, environment(tmp_path, {}), case.get("effects"), case.get("program", "conda"))
    monkeypatch.setenv("CONDA_EXE", str(told.conda))
    path = tmp_path / "environment.yml"
    path.write_text(FILE.format(channels=case["channels"], more=case.get("more", "")))
    status = console(["fix", "--file", str(path), "--platform", "linux-64", "--dry-run"])
    out, err = capfd.readouterr()
    temporary = re.escape(tempfile.gettempdir())
    lines = [re.sub(rf"-p {temporary}\S*", "-p NEW", line) for line in told.lines]
    shown(_THIS.sub("Python HERE", "\n".join((f"exit {status}", out, err, "Told:", *lines))))


@pytest.mark.parametrize("case", [case for case in CASES.values() if "fix" in case], ids=lambda case: case["id"])
def test_what_is_answered_and_shown(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    prefix = environment(tmp_path, case)
    program = case.get("program", "conda")
    told = Told(tmp_path, prefix, case.get("effects"), program or "conda")
    if program:
        monkeypatch.setenv("CONDA_EXE" if program == "conda" else "MAMBA_EXE", str(told.conda))
    for path, text in case.get("files", {}).items():
        (prefix / path).write_text(text)
    if "journal" in case:
        journal_of(case, prefix).save(str(prefix))
    by_pip.pip_command.cache_clear()
    seen = 0
    for words in case["fix"]:
        with answered(case.get("answer", ""), monkeypatch):
            status = console(["fix", "-p", str(prefix), *words.split()])
        out, err = capfd.readouterr()
        lines, seen = told.lines[seen:], len(told.lines)
        text = "\n".join((f"fix {words} exit {status}", out, err, "Told:", *lines, f"There: {there(prefix)}"))
        shown(_WHEN.sub("WHEN", text))
    by_pip.pip_command.cache_clear()
