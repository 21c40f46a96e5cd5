"""Conda is started as a program: not out of the working folder, and not through a batch file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conda_tf_doctor.programs import conda_command

ROOT = ("conda-meta/history", "python.exe")


def made(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("files", "named", "path", "expected"),
    [
        ((*ROOT, "Scripts/conda.exe"), "Scripts/conda.exe", [], ["Scripts/conda.exe"]),
        ((*ROOT, "condabin/conda.bat"), "", ["condabin"], ["python.exe", "-m", "conda"]),
        ((*ROOT, "Library/bin/conda.bat"), "", ['"Library/bin"'], ["python.exe", "-m", "conda"]),
        ((*ROOT, "condabin/conda.bat"), "condabin/conda.bat", [], ["python.exe", "-m", "conda"]),
        ((*ROOT, "condabin/conda.bat", "Scripts/conda.exe"), "", ["Scripts", "condabin"], ["Scripts/conda.exe"]),
        (("tools/conda.cmd", "other/conda.exe"), "", ["tools", "other"], ["other/conda.exe"]),
        (("tools/conda.bat", "tools/sub/python.exe"), "tools/conda.bat", ["tools"], []),
        (("conda.exe",), "conda.exe", [], ["conda.exe"]),
    ],
)
def test_a_batch_file_stands_for_the_program_beside_it(
    tmp_path: Path, files: tuple[str, ...], named: str, path: list[str], expected: list[str]
) -> None:
    made(tmp_path, *files)
    folders = [f'"{tmp_path / f[1:-1]}"' if f.startswith('"') else str(tmp_path / f) for f in path]
    command = conda_command(str(tmp_path / named) if named else "", ";".join(folders), windows=True)
    assert command == [str(tmp_path / expected[0]), *expected[1:]] if expected else command == []


# The colon that parts POSIX' PATH is in every absolute path of Windows.
@pytest.mark.parametrize("entry", ["", ".", "bin", "./bin"])
@pytest.mark.parametrize("windows", [True] if os.name == "nt" else [True, False])
def test_nothing_is_started_out_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, windows: bool
) -> None:
    made(tmp_path, "conda", "conda.exe", "bin/conda", "bin/conda.exe")
    monkeypatch.chdir(tmp_path)
    assert conda_command("conda", entry, windows) == []
    assert conda_command("", os.path.join(str(tmp_path), "bin"), windows) != []
