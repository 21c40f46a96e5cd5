"""What is printed for Windows' shells, pasted into cmd.exe: every word arrives, and no file is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.shell import command_line

ECHO = "import json, os, sys; json.dump(sys.argv[1:], open(os.environ['ECHOED'], 'w'))"


def arrived(tmp_path: Path, line: str) -> list[str]:
    """Return what a conda.bat hands on that is written as conda's own."""
    (tmp_path / "echo.py").write_text(ECHO, encoding="ascii")
    echo = f'@"{sys.executable}" "{tmp_path / "echo.py"}" %*\n'
    (tmp_path / "conda.bat").write_text(echo, encoding="ascii")
    (tmp_path / "pasted.cmd").write_text(f"@call {line}\n", encoding="utf-8")
    environ = {**os.environ, "PATH": f"{tmp_path};{os.environ['PATH']}", "ECHOED": str(tmp_path / "echoed.json")}
    subprocess.run(["cmd", "/c", str(tmp_path / "pasted.cmd")], cwd=tmp_path, env=environ, check=True)
    words: list[str] = json.loads((tmp_path / "echoed.json").read_text())
    return words


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
    assert arrived(tmp_path, command_line(["conda", *words])) == words
    assert sorted(os.listdir(tmp_path)) == ["conda.bat", "echo.py", "echoed.json", "pasted.cmd"]
