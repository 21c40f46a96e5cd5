"""What package managers list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.subdirs import this_platform
from tools.files import read, rows

EXPLICIT = """\
# This file may be used to create an environment using:
# $ conda create --name <env> --file <this file>
# platform: win-64
@EXPLICIT
https://conda.anaconda.org/conda-forge/win-64/python-3.10.13-h4de0772_0_cpython.conda#0123456789abcdef0123456789abcdef
https://conda.anaconda.org/conda-forge/noarch/six-1.16.0-pyh6c4a22f_0.tar.bz2
https://repo.anaconda.com/pkgs/main/win-64/vc-14.2-h21ff451_1.conda#sha256:00
"""


def test_explicit_lists(tmp_path: Path) -> None:
    env = read(tmp_path, EXPLICIT)
    assert (env.platform, env.python.version, env.partial) == ("win-64", "3.10.13", False)
    assert rows(env) == {
        "python": ("3.10.13", "", "conda:conda-forge"),
        "six": ("1.16.0", "", "conda:conda-forge"),
        "vc": ("14.2", "", "conda:defaults"),
    }
    with pytest.raises(UsageError, match=r"not for linux-64; it has win-64"):
        read(tmp_path, EXPLICIT, platform="linux-64")


CONDA_LIST = """\
# packages in environment at C:\\Users\\alice\\miniconda3\\envs\\tf:
#
# Name                    Version                   Build  Channel
cudatoolkit               11.2.2               h933977f_10    conda-forge
numpy                     1.23.5           py39h3b20f71_0
python                    3.9.16               h1aa4202_3
tensorflow                2.10.0                   pypi_0    pypi
"""
MICROMAMBA_LIST = """\
List of packages in environment: "/home/alice/micromamba/envs/tf"

  Name         Version  Build           Channel
──────────────────────────────────────────────────
  cudatoolkit  11.2.2   h933977f_10     conda-forge
  numpy        1.23.5   py39h3b20f71_0  defaults
  python       3.9.16   h1aa4202_3      pkgs/main
  tensorflow   2.10.0   pypi_0          pypi
"""
CONDA_EXPORT = """\
# This file may be used to create an environment using:
# $ conda create --name <env> --file <this file>
# platform: win-64
cudatoolkit=11.2.2=h933977f_10
numpy=1.23.5=py39h3b20f71_0
python=3.9.16=h1aa4202_3
tensorflow=2.10.0=pypi_0
"""
CONDA_JSON = [
    {
        "base_url": "https://conda.anaconda.org/conda-forge", "build_number": 10, "build_string": "h933977f_10",
        "channel": "conda-forge", "dist_name": "cudatoolkit-11.2.2-h933977f_10", "name": "cudatoolkit",
        "platform": "win-64", "version": "11.2.2",
    },
    {
        "base_url": "https://repo.anaconda.com/pkgs/main", "build_number": 0, "build_string": "py39h3b20f71_0",
        "channel": "pkgs/main", "dist_name": "numpy-1.23.5-py39h3b20f71_0", "name": "numpy",
        "platform": "win-64", "version": "1.23.5",
    },
    {"name": "python", "version": "3.9.16", "build_string": "h1aa4202_3", "channel": "pkgs/main", "platform": "win-64"},
    {
        "base_url": "https://pypi.invalid", "build_string": "pypi_0", "channel": "pypi", "name": "tensorflow",
        "platform": "pypi", "version": "2.10.0",
    },
]  # fmt: skip
PIXI_JSON = [
    {"name": "cudatoolkit", "version": "11.2.2", "build": "h933977f_10", "kind": "conda", "is_explicit": True,
     "source": "https://conda.anaconda.org/conda-forge/"},
    {"name": "numpy", "version": "1.23.5", "build": "py39h3b20f71_0", "kind": "conda", "source": "pkgs/main"},
    {"name": "python", "version": "3.9.16", "build": "h1aa4202_3", "kind": "conda", "source": "pkgs/main"},
    {"name": "tensorflow", "version": "2.10.0", "build": None, "kind": "pypi", "source": None},
]  # fmt: skip
PIXI_LIST = """\
Environment: default
Package      Version  Build           Size       Kind   Source
cudatoolkit  11.2.2   h933977f_10     607.6 MiB  conda  https://conda.anaconda.org/conda-forge/
numpy        1.23.5   py39h3b20f71_0             conda  pkgs/main
python       3.9.16   h1aa4202_3      19.7 MiB   conda  pkgs/main
tensorflow   2.10.0                   455.9 MiB  pypi   tensorflow-2.10.0-cp39-cp39-win_amd64.whl
"""


@pytest.mark.parametrize(
    ("text", "platform", "channels"),
    [
        (CONDA_LIST, "win-64", True),
        (MICROMAMBA_LIST, this_platform(), True),
        (CONDA_EXPORT, "win-64", False),
        (json.dumps(CONDA_JSON), "win-64", True),
        (json.dumps(PIXI_JSON), this_platform(), True),
        (PIXI_LIST, this_platform(), True),
    ],
    ids=["conda list", "micromamba list", "conda list --export", "conda list --json", "pixi list --json", "pixi list"],
)
def test_lists_of_conda(tmp_path: Path, text: str, platform: str, channels: bool) -> None:
    env = read(tmp_path, text)
    assert (env.platform, env.python.version, env.partial) == (platform, "3.9.16", False)
    expected = {
        "cudatoolkit": ("11.2.2", "h933977f_10", "conda:conda-forge"),
        "numpy": ("1.23.5", "py39h3b20f71_0", "conda:defaults"),
        "python": ("3.9.16", "h1aa4202_3", "conda:defaults"),
        "tensorflow": ("2.10.0", "", "pip:pypi"),
    }
    if not channels:
        expected = {name: (v, b, c if c == "pip:pypi" else "conda:") for name, (v, b, c) in expected.items()}
    assert {p.name: (p.version, p.build, f"{p.manager}:{p.channel}") for p in env.packages} == expected


def test_an_export_in_json(tmp_path: Path) -> None:
    document = {"channels": ["conda-forge"], "dependencies": ["python=3.9.16", {"pip": ["tensorflow==2.10.0"]}]}
    env = read(tmp_path, json.dumps(document), platform="win-64")
    assert rows(env) == {"python": ("3.9.16", "", "conda:conda-forge"), "tensorflow": ("2.10.0", "", "pip:pypi")}


def test_lists_of_pip(tmp_path: Path) -> None:
    table = "Package    Version\n---------- -------\nnumpy      1.23.5\ntensorflow 2.10.0\n"
    listed = json.dumps([{"name": "numpy", "version": "1.23.5"}, {"name": "tensorflow", "version": "2.10.0"}])
    frozen = "numpy==1.23.5\ntensorflow==2.10.0\n"
    rows_alone = "numpy      1.23.5\ntensorflow 2.10.0\n"
    pasted = f"My list:\n```text\n{table}```\nand tensorflow is broken.\n"
    for text in (table, listed, frozen, rows_alone, pasted):
        env = read(tmp_path, text)
        assert rows(env) == {"numpy": ("1.23.5", "", "pip:pypi"), "tensorflow": ("2.10.0", "", "pip:pypi")}
        assert env.partial and env.python.version == ""


@pytest.mark.parametrize("header", [True, False])
def test_a_pasted_list_stands_between_sentences(tmp_path: Path, header: bool) -> None:
    rows_alone = "\n".join(CONDA_LIST.splitlines()[3:]) + "\n"
    text = f"Hello, my list is\n\n{CONDA_LIST}\nAny help is welcome, thanks!\n" if header else rows_alone
    env = read(tmp_path, text, platform="win-64")
    assert {p.name: p.version for p in env.packages} == {
        "cudatoolkit": "11.2.2",
        "numpy": "1.23.5",
        "python": "3.9.16",
        "tensorflow": "2.10.0",
    }


def test_conda_info_beside_a_list_tells_the_platform(tmp_path: Path) -> None:
    info = "     active environment : tf\n           conda version : 24.7.1\n               platform : osx-arm64\n\n"
    rows_alone = "# Name  Version  Build  Channel\npython 3.10.13 h1 conda-forge\ntensorflow 2.15.0 pypi_0 pypi\n"
    env = read(tmp_path, info + rows_alone)
    assert (env.platform, len(env.packages)) == ("osx-arm64", 2)


def test_a_frozen_list_stands_between_sentences_and_what_is_passed_over_is_told(tmp_path: Path) -> None:
    env = read(
        tmp_path,
        "Sure! - my pip freeze:\n```\ntensorflow==2.15.0\nnumpy==1.26.4\n```\nwhat is wrong here?\nThanks!\n",
        "a.txt",
        "linux-64",
    )
    assert {p.name: p.version for p in env.packages} == {"tensorflow": "2.15.0", "numpy": "1.26.4"}
    assert [note.message.partition("a.txt ")[2] for note in env.notes] == [
        "line 1 was passed over: 'Sure! - my pip freeze:'.",
        "line 6 was passed over: 'what is wrong here?'.",
        "line 7 was passed over: 'Thanks!'.",
    ]
