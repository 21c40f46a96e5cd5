"""Lock files and pixi's manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.errors import UsageError
from tools.files import read, rows

CONDA_LOCK = """\
version: 1
metadata:
  content_hash: {linux-64: 00, win-64: 11}
  channels: [{url: conda-forge, used_env_vars: []}]
  platforms: [linux-64, win-64]
package:
- name: python
  version: 3.10.13
  manager: conda
  platform: linux-64
  dependencies: {libffi: '>=3.4,<4.0a0'}
  url: https://conda.anaconda.org/conda-forge/linux-64/python-3.10.13-hd12c33a_0_cpython.conda
  hash: {md5: 00, sha256: 11}
  category: main
  optional: false
- name: python
  version: 3.9.18
  manager: conda
  platform: win-64
  dependencies: {}
  url: https://conda.anaconda.org/conda-forge/win-64/python-3.9.18-h4de0772_0_cpython.conda
  hash: {md5: 00}
  category: main
  optional: false
- name: tensorflow
  version: 2.10
  manager: pip
  platform: linux-64
  dependencies: {numpy: '>=1.20'}
  url: https://example.org/tensorflow-2.10.0-cp310-cp310-manylinux.whl
  hash: {sha256: 00}
  category: main
  optional: false
- name: docs
  version: '1'
  manager: pip
  platform: linux-64
  url: https://example.org/docs-1.tar.gz
  category: docs
  optional: true
"""


def test_conda_lock(tmp_path: Path) -> None:
    env = read(tmp_path, CONDA_LOCK, "conda-lock.yml", "linux-64")
    assert rows(env) == {
        "python": ("3.10.13", "", "conda:conda-forge"), "tensorflow": ("2.10", "", "pip:pypi"),
    }  # fmt: skip
    assert env.conda("python").depends == ("libffi >=3.4,<4.0a0",)  # type: ignore[union-attr]
    assert env.conda("python").build == "hd12c33a_0_cpython" and not env.partial  # type: ignore[union-attr]
    assert read(tmp_path, CONDA_LOCK, "conda-lock.yml", "win-64").python.version == "3.9.18"
    with pytest.raises(UsageError, match=r"not for osx-arm64; it has linux-64, win-64"):
        read(tmp_path, CONDA_LOCK, "conda-lock.yml", "osx-arm64")


PIXI_6 = """\
version: 6
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    indexes:
    - https://example.org/simple
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/python-3.10.13-hd12c33a_0_cpython.conda
      - conda: https://conda.anaconda.org/conda-forge/noarch/tensorflow-2.15.0-cuda120_0.conda
      - pypi: https://example.org/aa/bb/numpy-1.26.4-cp310-cp310-manylinux_2_17_x86_64.whl
      - pypi: ./mine
      win-64:
      - conda: https://conda.anaconda.org/conda-forge/win-64/python-3.9.18-h4de0772_0_cpython.conda
packages:
- conda: https://conda.anaconda.org/conda-forge/noarch/tensorflow-2.15.0-cuda120_0.conda
  sha256: '00'
  depends:
  - python >=3.10,<3.11.0a0
  constrains:
  - tensorflow-gpu ==2.15.0
  license: Apache-2.0
- conda: https://conda.anaconda.org/conda-forge/linux-64/python-3.10.13-hd12c33a_0_cpython.conda
  sha256: '00'
- pypi: https://example.org/aa/bb/numpy-1.26.4-cp310-cp310-manylinux_2_17_x86_64.whl
  name: numpy
  version: 1.26.4
  requires_dist:
  - pytest ; extra == 'test'
- pypi: ./mine
  name: mine
  version: 0.1.0
"""
PIXI_4 = """\
version: 4
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/python-3.10.13-hd12c33a_0_cpython.conda
      - conda: https://conda.anaconda.org/conda-forge/noarch/tensorflow-2.15.0-cuda120_0.conda
      - pypi: https://example.org/aa/bb/numpy-1.26.4-cp310-cp310-manylinux_2_17_x86_64.whl
      - pypi: ./mine
packages:
- kind: conda
  name: tensorflow
  version: 2.15.0
  build: cuda120_0
  subdir: noarch
  url: https://conda.anaconda.org/conda-forge/noarch/tensorflow-2.15.0-cuda120_0.conda
  depends:
  - python >=3.10,<3.11.0a0
  constrains:
  - tensorflow-gpu ==2.15.0
- kind: pypi
  name: numpy
  version: 1.26.4
  url: https://example.org/aa/bb/numpy-1.26.4-cp310-cp310-manylinux_2_17_x86_64.whl
- kind: pypi
  name: mine
  version: 0.1.0
  path: ./mine
"""


@pytest.mark.parametrize("text", [PIXI_6, PIXI_6.replace("version: 6", "version: 7"), PIXI_4], ids=["6", "7", "4"])
def test_pixi_lock(tmp_path: Path, text: str) -> None:
    env = read(tmp_path, text, "pixi.lock", "linux-64")
    assert rows(env) == {
        "python": ("3.10.13", "", "conda:conda-forge"),
        "tensorflow": ("2.15.0", "", "conda:conda-forge"),
        "numpy": ("1.26.4", "", "pip:pypi"),
        "mine": ("0.1.0", "", "pip:pypi"),
    }
    tensorflow = env.conda("tensorflow")
    assert tensorflow is not None and tensorflow.build == "cuda120_0" and not env.partial
    assert tensorflow.depends == ("python >=3.10,<3.11.0a0",) and tensorflow.constrains == ("tensorflow-gpu ==2.15.0",)


PIXI_TOML = """\
[workspace]
channels = ["conda-forge"]
platforms = ["linux-64", "win-64"]

[tasks]
train = "python -c 'import tensorflow'"

[dependencies]
python = "3.10.*"
numpy = ">=1.23,<2"
cudnn = { version = "8.1.*", channel = "nvidia" }

[target.win-64.dependencies]
numpy = "1.22.*"

[feature.tf.pypi-dependencies]
tensorflow = { version = "==2.10.0", extras = ["and-cuda"] }
keras = "*"

[environments]
train = ["tf"]
"""


@pytest.mark.parametrize(("platform", "numpy"), [("linux-64", ("", ">=1.23,<2")), ("win-64", ("1.22", "1.22.*"))])
def test_pixi_toml(tmp_path: Path, platform: str, numpy: tuple[str, str]) -> None:
    env = read(tmp_path, PIXI_TOML, "pixi.toml", platform)
    assert rows(env) == {
        "python": ("3.10", "3.10.*", "conda:conda-forge"),
        "numpy": (*numpy, "conda:conda-forge"),
        "cudnn": ("8.1", "8.1.*", "conda:nvidia"),
        "tensorflow": ("2.10.0", "", "pip:pypi"),
        "keras": ("", "", "pip:pypi"),
    }
    assert env.partial and env.python.minor == "3.10"


def test_a_pyproject_with_pixi_tables(tmp_path: Path) -> None:
    text = (
        '[build-system]\nrequires = []\n[project]\nname = "x"\n[tool.pixi.workspace]\nchannels = ["conda-forge"]\n'
        'platforms = ["linux-64"]\n[tool.pixi.dependencies]\ntensorflow = "2.15.*"\n'
    )
    env = read(tmp_path, text, "pyproject.toml")
    assert (env.platform, rows(env)) == ("linux-64", {"tensorflow": ("2.15", "2.15.*", "conda:conda-forge")})


def test_a_workspace_has_the_requirements_of_the_project_that_it_stands_in(tmp_path: Path) -> None:
    project = (
        '[project]\nname = "x"\nrequires-python = "==3.11.*"\ndependencies = ["numpy==2.0.2"]\n'
        '[project.optional-dependencies]\nold = ["h5py==3.1"]\n'
        '[dependency-groups]\ntf = ["tensorflow==2.15.1", {include-group = "more"}]\nmore = ["six==1.0"]\n'
        '[tool.pixi.workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n'
        '[tool.pixi.environments]\ngpu = ["tf"]\n'
    )
    versions = {"numpy": "2.0.2", "tensorflow": "2.15.1", "six": "1.0"}
    own = {name: (version, "", "pip:pypi") for name, version in versions.items()}
    env = read(tmp_path, project, "pyproject.toml")
    assert rows(env) == {"python": ("3.11", "3.11.*", ""), **own}
    env = read(tmp_path, project + '[tool.pixi.dependencies]\npython = "3.10.*"\n', "pyproject.toml")
    assert rows(env) == {"python": ("3.10", "3.10.*", "conda:conda-forge"), **own}
