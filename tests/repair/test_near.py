"""A file is repaired near to what it says: never to another major, never out of a written range."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conda_tf_doctor.cli.main import console

EXPORTED = """\
channels: [defaults]
dependencies:
  - python=3.10.13=h955ad1f_0
  - pip:
      - h5py==3.11.0
      - keras==2.15.0
      - numpy==1.26.4
      - nvidia-cuda-runtime-cu12==12.2.140
      - nvidia-cudnn-cu12==8.9.4.25
      - tensorboard==2.15.2
      - tensorflow==2.15.0.post1
      - tensorflow-estimator==2.15.0
"""
GPU = """\
channels: [defaults, conda-forge]
dependencies:
  - python=3.8
  - cudatoolkit=11
  - cudnn==8
  - pip:
    - tensorflow==2.15
"""
BOUND = """\
channels: [conda-forge]
dependencies:
  - python=3.11
  - tensorflow>=2.17.0=cuda12*
"""
OPEN = """\
channels: [conda-forge, defaults]
dependencies:
  - python=3.8
  - tensorflow
  - keras
"""
SINGLE_SIGN = """\
dependencies:
  - python=3.8
  - pip:
    - tensorflow=2.15
    - numpy=1.24.4  # ours
"""
OF_MACS = """\
dependencies:
  - python=3.9
  - pip:
    - tensorflow-macos
    - tensorflow-metal
"""
NEVER = """\
dependencies:
  - python=3.10
  - pip:
    - tensorflow==2.12.9
    - tensorflow-io-gcs-filesystem==0.37.1
"""
# Of 2.13 conda-forge has 2.13.1 alone, defaults nothing.
OF_CONDA = """\
channels: [{channels}]
dependencies:
  - python=3.9
  - tensorflow={version}
"""
MINOR = """\
dependencies:
  - python=3.12
  - pip:
    - tensorflow==2.14.0
"""
PIXI = """\
[workspace]
channels = ["conda-forge"]
platforms = ["win-64"]
[dependencies]
python = "3.11.*"
[pypi-dependencies]
tensorflow = { version = "==2.15.0", extras = ["and-cuda"] }
"""
# What the installers of a platform cannot take, and what becomes of it.
TAKEN = {
    # TensorFlow's minor is given up before the Python that the file names.
    "single-sign": (
        SINGLE_SIGN,
        "linux-64",
        {"tensorflow=2.15": "tensorflow==2.13.1", "numpy=1.24.4": "numpy==1.24.3"},
    ),
    "macs": (OF_MACS, "linux-64", {"tensorflow-macos\n    - tensorflow-metal": "tensorflow==2.16.2"}),
    "macs-there": (OF_MACS, "osx-arm64", {}),
    "extra": ("tensorflow[and-cuda]==2.16.1\n", "win-64", {"[and-cuda]": ""}),
    "extra-of-linux": ("tensorflow[and-cuda]==2.16.1\n", "linux-64", {}),
    "extra-of-any": ("tensorflow [and-cuda] >= 2.16  # gpu\n", "osx-arm64", {" [and-cuda]": ""}),
    "extra-in-toml": (PIXI, "win-64", {', extras = ["and-cuda"]': ""}),
    "never": (NEVER, "win-64", {"2.12.9": "2.12.1", "0.37.1": "0.31.0"}),
    "never-in-conda": (OF_CONDA.format(channels="conda-forge", version="2.13.0"), "linux-64", {"2.13.0": "2.13.1"}),
    "of-somebody": (OF_CONDA.format(channels="conda-forge, mine", version="2.13.0"), "linux-64", {}),
    "was-there": (OF_CONDA.format(channels="conda-forge", version="2.13.0=cpu_py39h1234567_0"), "linux-64", {}),
    # What conda-forge lacks for Windows, defaults has: conda's flexible priority.
    "second-channel": (OF_CONDA.format(channels="conda-forge, defaults", version="2.10.0"), "win-64", {}),
    # Not over to Keras 3: rather another Python.
    "keras": (MINOR, "linux-64", {"3.12": "3.11"}),
}


@pytest.mark.parametrize(("text", "platform", "replaced"), TAKEN.values(), ids=TAKEN)
def test_every_line_of_the_result_is_one_that_an_installer_takes(
    text: str, platform: str, replaced: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "pixi.toml" if text.startswith("[") else "environment.yml" if "dependencies" in text else "requirements.txt"
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    where = ["--file", str(path), "--platform", platform]
    assert (console(["check", *where, "--json"]) == 0) is not bool(replaced)
    assert console(["fix", *where, "--offline", "--yes", "--json"]) == 0
    capsys.readouterr()
    expected = text
    for old, new in replaced.items():
        expected = expected.replace(old, new)
    assert path.read_text(encoding="utf-8") == expected
    assert console(["check", *where, "--json"]) == 0
    assert not [f for f in json.loads(capsys.readouterr().out)["findings"] if f["code"] in ("TFD103", "TFD901")]


def test_a_line_that_pip_cannot_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "environment.yml"
    path.write_text("dependencies:\n  - python=3.10\n  - pip:\n    - tensorflow=2.15.0\n", encoding="utf-8")
    where = ["--file", str(path), "--platform", "linux-64", "--json"]
    assert console(["check", *where]) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["code"], finding["severity"]) == ("TFD901", "warning")
    assert finding["message"] == "pip does not read `tensorflow=2.15.0`, and installs nothing of the file."
    assert console(["fix", *where, "--offline", "--yes"]) == 0
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert (change["pin"], change["where"]) == ("tensorflow==2.15.0", "environment.yml:4")
    assert path.read_text(encoding="utf-8").endswith("    - tensorflow==2.15.0\n")
    assert console(["check", *where]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


@pytest.mark.parametrize("by_file", [False, True], ids=["variable", "condarc"])
def test_under_strict_priority_the_first_channel_alone_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by_file: bool
) -> None:
    if by_file:
        (tmp_path / "condarc").write_text("channel_priority: strict\n", encoding="utf-8")
        monkeypatch.setenv("CONDARC", str(tmp_path / "condarc"))
    else:
        monkeypatch.setenv("CONDA_CHANNEL_PRIORITY", "strict")
    path = tmp_path / "environment.yml"
    path.write_text(OPEN, encoding="utf-8")
    assert console(["check", "--file", str(path), "--platform", "win-64", "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["message"] == (
        "tensorflow 1.14.0, the newest that the file admits, has no build for Python 3.8 on win-64."
    )


def planned(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str | None]]:
    capsys.readouterr()
    status = console(["fix", "--file", str(path), "--platform", "win-64", "--offline", "--dry-run", "--json"])
    document = json.loads(capsys.readouterr().out)
    return status, {change["package"]: change["to"] for change in document["changes"]}


@pytest.mark.parametrize(
    ("text", "status", "changes"),
    [
        # NVIDIA's wheels came with Linux; what TensorFlow's release lacks here, the next of its minor has.
        (EXPORTED, 0, {"nvidia-cuda-runtime-cu12": None, "nvidia-cudnn-cu12": None, "tensorflow": "2.15.1"}),
        # The nearest release with a GPU on native Windows.
        (GPU, 0, {"cudnn": "8.1.0.77", "tensorflow": "2.10.1"}),
        # The user's own bound: told, not overruled.
        (BOUND, 1, {}),
        # What conda-forge lacks for this Python, defaults has: conda's flexible priority.
        (OPEN, 0, {}),
    ],
    ids=["extras", "gpu", "bound", "channels"],
)
def test_near_not_far(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    status: int,
    changes: dict[str, str | None],
) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(text, encoding="utf-8")
    assert planned(path, capsys) == (status, changes)
    assert path.read_text(encoding="utf-8") == text
