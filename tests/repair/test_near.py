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
