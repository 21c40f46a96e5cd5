"""The `matrix` command as users run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conda_tf_doctor.matrix.check import SCHEMA


def run(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", "conda_tf_doctor.cli.main", "matrix", *args]
    env = {**os.environ, "PYTHONIOENCODING": "cp1252", **variables}
    return subprocess.run(command, capture_output=True, text=True, encoding="cp1252", env=env, check=False)


def document(result: subprocess.CompletedProcess[str]) -> Any:
    loaded = json.loads(result.stdout)
    schema = json.loads(Path(SCHEMA).with_name("matrix.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(loaded, schema)
    return loaded


def test_json_of_everything_fits_the_schema() -> None:
    result = run("--json")
    assert result.returncode == 0
    assert len(document(result)["rows"]) > 1500


@pytest.mark.parametrize(
    ("args", "ids"),
    [
        (
            ["--tensorflow", "2.10.0", "--platform", "win-64", "--channel", "pypi", "--variant", "gpu"],
            ["pypi/tensorflow-gpu/2.10.0/win-64", "pypi/tensorflow/2.10.0/win-64"],
        ),
        (
            ["--tensorflow", "2.11.0", "--cuda", "11.8", "--channel", "conda-forge", "--python", "3.9"],
            ["conda-forge/tensorflow/2.11.0-0/linux-64/cuda112", "conda-forge/tensorflow/2.11.0-1/linux-64/cuda112"],
        ),
        (["--tensorflow", "2.15.0", "--python", "3.12"], []),
    ],
    ids=["windows-gpu", "conda-cuda", "nothing"],
)
def test_json_filters(args: list[str], ids: list[str]) -> None:
    result = run("--json", *args)
    assert result.returncode == 0
    assert sorted(row["id"] for row in document(result)["rows"]) == sorted(ids)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
@pytest.mark.parametrize("width", [80, 120, 200])
def test_table_fits_the_terminal(width: int) -> None:
    import os
    import pty

    parent, child = pty.openpty()
    env = {**os.environ, "COLUMNS": str(width), "LINES": "40"}
    command = [
        sys.executable,
        "-m",
        "conda_tf_doctor.cli.main",
        "matrix",
        "--tensorflow",
        "2.10",
        "--platform",
        "win-64",
    ]
    process = subprocess.Popen(command, stdout=child, env=env)
    os.close(child)
    content = b""
    while True:
        try:
            block = os.read(parent, 65536)
        except OSError:
            break
        if not block:
            break
        content += block
    os.close(parent)
    assert process.wait() == 0
    lines = content.decode().splitlines()
    title = next(line for line in lines if line.startswith("TensorFlow"))
    assert max(map(len, lines)) <= width and "CUDA  " in title and title.rstrip().endswith(("cuDNN", "numpy", "system"))
    # What has no column stands above, or in the second line of a row.
    for words in ("win-64", ">=11.2,<12", ">=8.1,<9", "tensorflow-gpu", ">=3.9.2,<3.20", "VC runtime >=14.20"):
        assert words in " ".join(" ".join(lines).split()), words


def test_releases_that_look_alike_share_a_line() -> None:
    text = run("--tensorflow", ">=2.10.0,<=2.10.1", "--platform", "win-64", "--distribution", "tensorflow-gpu").stdout
    assert "2.10.0 - 2.10.1" in text
    assert "2 builds" in text


def test_verbose_shows_the_source() -> None:
    text = run("-v", "--tensorflow", "2.10.0", "--platform", "win-64", "--distribution", "tensorflow-gpu").stdout
    assert text.startswith("pypi/tensorflow-gpu/2.10.0/win-64\n")
    assert "\n  source: metadata of the tensorflow-gpu 2.10.0 wheels" in text
    assert "\n  libraries: nvcuda.dll cudart64_110.dll" in text


def test_nothing_found() -> None:
    result = run("--platform", "win-32")
    assert (result.returncode, result.stdout) == (
        0,
        "No build matches --platform win-32; take a filter away to see more.\n",
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--tensorflow", "latest"], "--tensorflow latest is no version"),
        (["--python", "three"], "--python three is no version"),
        (["--cuda", "11,2"], "--cuda 11,2 is no version"),
        (["--matrix", "absent.yaml"], "absent.yaml cannot be read"),
        (["--validate", "absent.yaml"], "absent.yaml cannot be read"),
    ],
    ids=["tensorflow", "python", "cuda", "matrix", "validate"],
)
def test_unusable_request(args: list[str], message: str) -> None:
    result = run(*args)
    assert result.returncode == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert run("--json", *args).returncode == 2


@pytest.mark.parametrize(
    ("text", "status", "problems"),
    [
        ("schema_version: 1\n", 0, 0),
        ("schema_version: 1\nrows:\n  - {id: a, avx: 1}\n  - {id: b, colour: red}\n", 1, 2),
        ("schema_version: [\n", 1, 1),
    ],
    ids=["valid", "invalid", "not-yaml"],
)
def test_validate(tmp_path: Path, text: str, status: int, problems: int) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    result = run("--validate", str(file))
    assert result.returncode == status
    lines = result.stdout.splitlines()
    assert len(lines) == (problems or 1)
    assert all(line.startswith(str(file)) for line in lines)
    as_json = run("--json", "--validate", str(file))
    assert as_json.returncode == status
    loaded = document(as_json)
    assert (loaded["ok"], len(loaded["problems"])) == (status == 0, problems)


def test_own_rows_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "schema_version: 1\nrows:\n"
        "  - {channel: ours, distribution: tensorflow, tensorflow: 2.99.0, platform: linux-64, source: us}\n",
        encoding="utf-8",
    )
    assert "2.99.0" in run("--matrix", str(file), "--tensorflow", "2.99").stdout
    assert "2.99.0" in run("--tensorflow", "2.99", CONDA_PLUGINS_TF_DOCTOR_MATRIX=str(file)).stdout
