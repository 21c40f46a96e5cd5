"""A list of what is installed is repaired where it came from: `check` prints what to type, `fix` edits no list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conda_tf_doctor.cli.main import console

CONDA = """# packages in environment at /home/me/miniconda3/envs/tf:
#
# Name                    Version                   Build  Channel
numpy                     2.1.0           py310h1d_0  conda-forge
python                    3.10.14         hd12c33a_0_cpython    conda-forge
tensorflow                2.10.0          cpu_py310hd1aba9c_0    conda-forge
"""
PIP = "Package    Version\n---------- -------\nnumpy      2.1.0\ntensorflow 2.15.0\n"
JSON = json.dumps([{"name": "numpy", "version": "2.1.0"}, {"name": "tensorflow", "version": "2.15.0"}])


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (CONDA, "conda install 'numpy>=1.20,<2'"),
        (PIP, "python -m pip install 'numpy>=1.23.5,<2.0.0'"),
        (JSON, "python -m pip install 'numpy>=1.23.5,<2.0.0'"),
    ],
)
def test_what_check_advises_for_a_list_can_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, command: str
) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    assert console(["check", "--file", str(path), "--platform", "linux-64"]) == 1
    printed = capsys.readouterr().out
    assert command in printed
    assert "fix" not in printed
    assert console(["fix", "--file", str(path), "--platform", "linux-64", "--dry-run"]) == 2
    assert "lists what is installed" in capsys.readouterr().err
    assert path.read_text() == text
