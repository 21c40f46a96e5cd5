"""What is printed for Windows' shells, pasted into cmd.exe: every word arrives, and no file is written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from conda_tf_doctor.shell import command_line
from tests.printed import WINDOWS, printed
from tests.shells import received

ECHO = "import json, os, sys; open(os.environ['ECHOED'], 'a').write(json.dumps(sys.argv[1:]) + chr(10))"
PROGRAMS = ("conda", "pip", "pixi", "uv")


def arrived(tmp_path: Path, lines: Sequence[str]) -> list[list[str]]:
    """Return what a conda.bat hands on that is written as conda's own, and programs of other names with it."""
    (tmp_path / "echo.py").write_text(ECHO, encoding="ascii")
    echo = f'@"{sys.executable}" -I -S "{tmp_path / "echo.py"}" %*\n'
    for name in PROGRAMS:
        (tmp_path / f"{name}.bat").write_text(echo, encoding="ascii")
    # cmd.exe reads a file in the console's code page.
    (tmp_path / "pasted.cmd").write_text("".join(f"@call {line}\n" for line in lines), encoding="oem")
    environ = {**os.environ, "PATH": f"{tmp_path};{os.environ['PATH']}", "ECHOED": str(tmp_path / "echoed.json")}
    subprocess.run(["cmd", "/c", str(tmp_path / "pasted.cmd")], cwd=tmp_path, env=environ, check=True)
    known = {"echo.py", "echoed.json", "pasted.cmd", *(f"{name}.bat" for name in PROGRAMS)}
    assert set(os.listdir(tmp_path)) == known
    return [json.loads(line) for line in (tmp_path / "echoed.json").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "words",
    [
        ["install", "-p", r"C:\envs\tf", "vc14_runtime>=14.40"],
        ["install", "-p", r"C:\R&D\a b", "numpy>=1.20,<2", "keras!=3.1"],
        ["run", "-p", "C:\\a b\\", "python", "-m", "pip", "install", "tensorflow==2.10.*", "numpy<2"],
        ["install", "numpy[version='>=1.20,<2']", "a|b", "(c)"],
    ],
)
def test_every_word_arrives(tmp_path: Path, words: list[str]) -> None:
    assert arrived(tmp_path, [command_line(["conda", *words])]) == [words]


def test_every_printed_command_arrives(tmp_path: Path) -> None:
    commands, in_prose = printed()
    # A batch file takes `%` for its own, which at the prompt stands for itself. What Python is told arrives as pip's.
    told = [words for words in commands if not any("%" in word for word in words)]
    sent = [["pip" if re.search(r"python(?:\.exe)?\Z", words[0]) else words[0], *words[1:]] for words in told]
    prose = [line for line in in_prose if line.startswith(PROGRAMS)]
    lines = [command_line(words, WINDOWS) for words in sent] + prose
    expected = [words[1:] for words in sent] + [received(line)[1:] for line in prose]
    assert len(told) > 80 and arrived(tmp_path, lines) == expected
