"""What files ask for, in every notation that people's tools write."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.environment.files.specs import conda_package, pinned
from conda_tf_doctor.environment.prefix import this_platform
from conda_tf_doctor.errors import UsageError

Row = tuple[str, str, str]


def read(folder: Path, text: str | bytes, name: str = "file.txt", platform: str = "") -> Environment:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(str(path), platform)


def rows(env: Environment) -> dict[str, Row]:
    return {p.name: (p.version, p.spec, f"{p.manager}:{p.channel}".rstrip(":")) for p in env.packages}


# MatchSpec, version, range, build, channel. With a build behind it, conda takes `=1.24` for exactly that.
MATCHSPECS = [
    ("numpy", "", "", "", ""),
    ("numpy *", "", "", "", ""),
    ("numpy=1.24", "1.24", "=1.24", "", ""),
    ("numpy=1.24.3", "1.24.3", "", "", ""),
    ("numpy==1.24.3", "1.24.3", "", "", ""),
    ("numpy 1.24.3", "1.24.3", "", "", ""),
    ("numpy==1.24", "1.24", "", "", ""),
    ("numpy=1", "", "=1", "", ""),
    ("numpy=1.24.*", "1.24", "=1.24.*", "", ""),
    ("numpy 1.24.*", "1.24", "1.24.*", "", ""),
    ("numpy>=1.20", "", ">=1.20", "", ""),
    ("numpy >=1.20,<2", "", ">=1.20,<2", "", ""),
    ("numpy >=1.20, <1.21", "1.20", ">=1.20,<1.21", "", ""),
    ("numpy>=1.24.2,<1.25.0a0", "1.24.2", ">=1.24.2,<1.25.0a0", "", ""),
    ("numpy<2", "", "<2", "", ""),
    ("numpy!=1.24.0", "", "!=1.24.0", "", ""),
    ("numpy~=1.24.1", "1.24.1", "~=1.24.1", "", ""),
    ("cudatoolkit 11.2|11.2.*", "11.2", "11.2|11.2.*", "", ""),
    ("cudatoolkit 10.1|11.2.*", "", "10.1|11.2.*", "", ""),
    ("numpy=1.24.3=py310hd5efca6_0", "1.24.3", "", "py310hd5efca6_0", ""),
    ("numpy 1.24.3 py310hd5efca6_0", "1.24.3", "", "py310hd5efca6_0", ""),
    ("tensorflow=2.15=*cuda120*", "2.15", "", "cuda120", ""),
    ("tensorflow=*=gpu_*", "", "", "gpu_", ""),
    ("libabseil =20220623.0=cxx17*", "20220623.0", "", "cxx17", ""),
    ("conda-forge::numpy=1.24", "1.24", "=1.24", "", "conda-forge"),
    ("defaults::numpy", "", "", "", "defaults"),
    ("pkgs/main::numpy", "", "", "", "defaults"),
    ("conda-forge/linux-64::numpy==1.24.3", "1.24.3", "", "", "conda-forge"),
    ("https://conda.anaconda.org/conda-forge::numpy", "", "", "", "conda-forge"),
    ("numpy[version='>=1.20,<2',build=py310_0]", "", ">=1.20,<2", "py310_0", ""),
    ('numpy[version="1.24.*", channel=conda-forge]', "1.24", "1.24.*", "", "conda-forge"),
    ("numpy 2.0.0rc1", "2.0.0rc1", "", "", ""),
    ("https://conda.anaconda.org/conda-forge/linux-64/numpy-1.24.3-py_0.conda", "1.24.3", "", "py_0", "conda-forge"),
    ("https://repo.anaconda.com/pkgs/main/win-64/numpy-1.24.3-py_0.tar.bz2#012", "1.24.3", "", "py_0", "defaults"),
    ("https://conda.anaconda.org/t/tk-1-2/acme/linux-64/numpy-1.24.3-0.conda", "1.24.3", "", "0", "acme"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "version", "spec", "build", "channel"), MATCHSPECS, ids=[row[0] for row in MATCHSPECS]
)
def test_matchspecs(text: str, version: str, spec: str, build: str, channel: str) -> None:
    package = conda_package(text, [], "f.yml", "item 1")
    assert package.name in text and package.name in ("numpy", "scipy", "cudatoolkit", "tensorflow", "libabseil")
    assert package.manager == "conda"
    assert (package.version, package.spec, package.build, package.channel) == (version, spec, build, channel)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("==2.10.0", ("2.10.0", "")),
        ("===2.10.0", ("2.10.0", "")),
        ("==2.10.*", ("2.10", "==2.10.*")),
        ("==2.*", ("", "==2.*")),
        ("~=2.10.0", ("2.10.0", "~=2.10.0")),
        ("~=2.10", ("", "~=2.10")),
        (">=2.10,<2.11", ("2.10", ">=2.10,<2.11")),
        ("<2.11,>=2.10.1", ("2.10.1", "<2.11,>=2.10.1")),
        (">=2.10,<2.12", ("", ">=2.10,<2.12")),
        (">=2.11", ("", ">=2.11")),
        ("", ("", "")),
    ],
)
def test_requirements_ranges(spec: str, expected: tuple[str, str]) -> None:
    assert pinned(spec, "pip") == expected


ENVIRONMENT = """\
name: tf
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.10
  - numpy<2
  - defaults::scipy
  - pip
  - pip:
    - tensorflow==2.15.0
    - keras>=2.14  # a comment
    - "-r requirements.txt"
    - git+https://example.org/x.git#egg=mine
    - -e .
    - --extra-index-url https://example.org/simple
"""


def test_environment_yml(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("h5py==3.10.0\n-r more/deeper.txt\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "deeper.txt").write_text("six==1.16.0\n-r ../requirements.txt\n")
    env = read(tmp_path, ENVIRONMENT, "environment.yml", "win-64")
    assert (env.kind, env.platform, env.python.minor, env.partial) == ("file", "win-64", "3.10", True)
    assert rows(env) == {
        "python": ("3.10", "=3.10", "conda:conda-forge"),
        "numpy": ("", "<2", "conda:conda-forge"),
        "scipy": ("", "", "conda:defaults"),
        "pip": ("", "", "conda:conda-forge"),
        "tensorflow": ("2.15.0", "", "pip:pypi"),
        "keras": ("", ">=2.14", "pip:pypi"),
        "h5py": ("3.10.0", "", "pip:pypi"),
        "six": ("1.16.0", "", "pip:pypi"),
        "mine": ("", "", "pip:pypi"),
    }
    sources = {package.name: package.source for package in env.packages}
    assert sources["numpy"].endswith("environment.yml: item 2 of dependencies")
    assert sources["tensorflow"].endswith("item 1 of the pip section") and "deeper.txt: line 1" in sources["six"]


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("[conda-forge]", "conda-forge"),
        ("[conda-forge, defaults]", "conda-forge"),
        ("[nvidia, defaults, conda-forge]", "defaults"),
        ("[nvidia]", "nvidia"),
        ("[nvidia, pytorch]", ""),
        ("[https://repo.anaconda.com/pkgs/main]", "defaults"),
        ("[https://user:secret@host.example/conda-forge]", "conda-forge"),
        ("[]", ""),
    ],
)
def test_a_package_comes_from_the_first_channel_that_is_known_to_have_it(
    tmp_path: Path, channels: str, expected: str
) -> None:
    env = read(tmp_path, f"channels: {channels}\ndependencies: [tensorflow=2.10]\n", "environment.yml", "linux-64")
    assert env.packages[0].channel == expected


SELECTORS = """\
dependencies:
  - python=3.10
  - tensorflow=2.10  # [linux]
  - tensorflow=2.9   # [win]
  - tensorflow-deps  # [osx and arm64]
  - numpy=1.23       # [unix] why
  - numpy=1.22       # [not unix]
  - scipy            # [linux or osx]
  - six              # [py310 or py311]
"""


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux-64", {"tensorflow": "2.10", "numpy": "1.23", "scipy": "", "six": ""}),
        ("win-64", {"tensorflow": "2.9", "numpy": "1.22", "six": ""}),
        ("osx-64", {"numpy": "1.23", "scipy": "", "six": ""}),
        ("osx-arm64", {"tensorflow-deps": "", "numpy": "1.23", "scipy": "", "six": ""}),
    ],
)
def test_selectors(tmp_path: Path, platform: str, expected: dict[str, str]) -> None:
    env = read(tmp_path, SELECTORS, "environment.yml", platform)
    assert {p.name: p.version for p in env.packages if p.name != "python"} == expected


EXPORT = """\
name: tf
channels: [defaults]
dependencies:
  - ca-certificates=2023.05.30=haa95532_0
  - numpy=1.23.5=py39h3b20f71_0
  - openssl=1.1.1u=h2bbff1b_0
  - pip=23.1.2=py39haa95532_0
  - python=3.9.16=h1aa4202_3
  - setuptools=67.8.0=py39haa95532_0
  - vc=14.2=h21ff451_1
  - vs2015_runtime=14.27.29016=h5e58377_2
  - wheel=0.38.4=py39haa95532_0
  - pip:
      - tensorflow==2.10.0
prefix: C:\\Users\\alice\\anaconda3\\envs\\tf
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_an_export_tells_its_platform_and_is_whole(tmp_path: Path, encoding: str) -> None:
    text = EXPORT.replace("\n", "\r\n")
    data = text.encode(encoding) if encoding != "utf-16-be" else b"\xfe\xff" + text.encode(encoding)
    env = read(tmp_path, data, "environment.yml")
    assert (env.platform, env.python.version, env.partial) == ("win-64", "3.9.16", False)
    assert env.conda("vs2015-runtime").version == "14.27.29016"  # type: ignore[union-attr]
    assert env.conda("numpy").build == "py39h3b20f71_0"  # type: ignore[union-attr]
    assert env.pip("tensorflow").version == "2.10.0"  # type: ignore[union-attr]


def test_the_prefix_line_tells_windows(tmp_path: Path) -> None:
    text = "dependencies: [python=3.9]\nprefix: D:\\envs\\tf\n"
    assert read(tmp_path, text, "environment.yml").platform == "win-64"
    text = "dependencies: [python=3.9]\n"
    assert read(tmp_path, text, "environment.yml").platform == this_platform()


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


@pytest.mark.parametrize(
    ("text", "platform", "channels"),
    [
        (CONDA_LIST, "win-64", True),
        (MICROMAMBA_LIST, this_platform(), True),
        (CONDA_EXPORT, "win-64", False),
        (json.dumps(CONDA_JSON), "win-64", True),
        (json.dumps(PIXI_JSON), this_platform(), True),
    ],
    ids=["conda list", "micromamba list", "conda list --export", "conda list --json", "pixi list --json"],
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
    for text in (table, listed, frozen):
        env = read(tmp_path, text)
        assert rows(env) == {"numpy": ("1.23.5", "", "pip:pypi"), "tensorflow": ("2.10.0", "", "pip:pypi")}
        assert env.partial and env.python.version == ""


REQUIREMENTS = """\
# comment
--index-url https://example.org/simple
tensorflow[and-cuda]==2.15.0 \\
    --hash=sha256:00 \\
    --hash=sha256:11  # pinned
numpy >=1.23 , <2   # a comment
Keras_Preprocessing==1.1.2
h5py==3.10.0 ; sys_platform == "win32"
six==1.16.0 ; platform_machine == "AMD64" and python_version >= "3.8"
colorama==0.4.6 ; os_name == "nt"
jax==0.4 ; extra == "jax"
protobuf @ https://example.org/protobuf-4.25.3-cp310-abi3-win_amd64.whl
./wheels/gast-0.5.4-py3-none-any.whl
scipy @ file:///home/conda/feedstock_root/build_artifacts/scipy_1.11.4/work
wrapt=1.14.1
tb-nightly==2.15.0a20231201
-e git+https://example.org/mine.git#egg=mine
.
"""


@pytest.mark.parametrize("platform", ["win-64", "linux-64"])
def test_requirements(tmp_path: Path, platform: str) -> None:
    env = read(tmp_path, REQUIREMENTS, "requirements.txt", platform)
    expected = {
        "tensorflow": ("2.15.0", "", "pip:pypi"),
        "numpy": ("", "<2,>=1.23", "pip:pypi"),
        "keras-preprocessing": ("1.1.2", "", "pip:pypi"),
        "protobuf": ("4.25.3", "", "pip:pypi"),
        "gast": ("0.5.4", "", "pip:pypi"),
        "scipy": ("1.11.4", "", "conda"),
        "wrapt": ("1.14.1", "", "pip:pypi"),
        "tb-nightly": ("2.15.0a20231201", "", "pip:pypi"),
        "mine": ("", "", "pip:pypi"),
    }
    if platform == "win-64":
        expected |= {
            "h5py": ("3.10.0", "", "pip:pypi"), "colorama": ("0.4.6", "", "pip:pypi"),
            "six": ("", "", "pip:pypi"),  # not for every Python that may be meant
        }  # fmt: skip
    assert rows(env) == expected and env.python.version == ""


def test_markers_are_read_for_the_pythons_that_tensorflow_is_asked_for(tmp_path: Path) -> None:
    text = (
        'tensorflow==2.15.0 ; python_version >= "3.9" and python_version < "3.12"\n'
        'numpy==1.26.4 ; python_version >= "3.9" and python_version < "3.13"\n'
        'numpy==2.1.0 ; python_version >= "3.13"\n'
        'scipy==1.9.0 ; python_version < "3.10"\n'
        'scipy==1.11.4 ; python_version >= "3.10"\n'
    )
    env = read(tmp_path, text, "requirements.txt", "linux-64")
    assert {p.name: p.version for p in env.packages} == {"tensorflow": "2.15.0", "numpy": "1.26.4", "scipy": ""}


def test_markers_are_read_for_the_python_of_the_environment(tmp_path: Path) -> None:
    text = (
        "dependencies: [python=3.8, {pip: [\"numpy==1.24 ; python_version<'3.9'\", \"six==1; python_version>'3.8'\"]}]"
    )
    env = read(tmp_path, text, "environment.yml", "linux-64")
    assert {p.name: p.version for p in env.packages} == {"python": "3.8", "numpy": "1.24"}


def test_constraints_bound_what_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("numpy==1.26.4\nprotobuf<5\nunused==1\n")
    env = read(tmp_path, "-c constraints.txt\nnumpy\nprotobuf>=4\nh5py==3.10.0\n", "requirements.txt", "linux-64")
    expected = {"numpy": ("1.26.4", ""), "protobuf": ("", ">=4,<5"), "h5py": ("3.10.0", "")}
    assert {p.name: (p.version, p.spec) for p in env.packages} == expected


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


def test_standard_input_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"tensorflow==2.10.0\n")))
    assert rows(read_file("-", "win-64")) == {"tensorflow": ("2.10.0", "", "pip:pypi")}


# name, content, platform, what the sentence has to say
UNUSABLE = [
    ("missing.yml", None, "", "does not exist"),
    ("empty.yml", "", "", "is empty"),
    ("binary.txt", b"\x00\x01\x02", "", "not text"),
    ("no.yml", "name: x\n", "", "list named dependencies"),
    ("bad.yml", "dependencies: [a\n  b: c\n", "", "valid YAML"),
    ("text.yml", "dependencies: python\n", "", "dependencies has to be a list"),
    ("nested.yml", "dependencies: [[python]]\n", "", "item 1 of dependencies"),
    ("spec.yml", "dependencies: ['=1.0']\n", "", "item 1 of dependencies"),
    ("pip.yml", "dependencies: [{pip: [{a: b}]}]\n", "", "item 1 of the pip section"),
    ("pips.yml", "dependencies: [{pip: numpy}]\n", "", "item 1 of dependencies (pip)"),
    ("requirements.txt", "numpy==1.0\n=== what\n", "", "line 2"),
    ("recursive.txt", "-r gone.txt\n", "", "gone.txt"),
    ("list.json", "[1]", "", "entry 1"),
    ("list.json", '[{"name": "a", "version": 2}]', "", "version of entry 1"),
    ("what.json", '{"a": 1}', "", "no list of packages"),
    ("report.json", '{"packages": [], "platform": "win-64"}', "", "--report"),
    ("broken.json", '{"a": ', "", "not valid JSON"),
    ("deep.json", "[" * 100_000, "", "not valid JSON"),
    ("explicit.txt", "@EXPLICIT\nnumpy\n", "", "line 2"),
    ("list.txt", "# Name Version Build Channel\none\n", "", "line 2"),
    ("lock.yml", "version: 2\npackage: []\n", "", "version 1 can be read"),
    ("lock.yml", "version: 1\npackage:\n- platform: linux-64\n", "linux-64", "entry 1"),
    ("pixi.lock", "version: 3\nenvironments:\n  default: {}\n", "", "versions 4 to 7"),
    ("pixi.lock", "version: 6\nenvironments:\n  default: {}\n", "", "has no packages"),
    ("pixi.lock", "version: 6\nenvironments:\n  a:\n    packages:\n      linux-64:\n      - x: y\n", "", "entry 1"),
    ("pixi.toml", "[dependencies\n", "", "valid TOML"),
    ("pyproject.toml", "[project]\nname = 'x'\n[build-system]\nrequires = []\n", "", "no [tool.pixi] table"),
    ("ok.txt", "numpy==1.0\n", "win-46", "There is no platform win-46"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "platform", "words"), UNUSABLE, ids=[f"{r[0]}: {r[3]}" for r in UNUSABLE])
def test_an_unusable_file_is_one_sentence_that_names_it(
    tmp_path: Path, name: str, content: str | bytes | None, platform: str, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        read_file(str(path), platform)
    sentence = str(caught.value)
    assert words in sentence and "\n" not in sentence and sentence.endswith(".")
    assert platform or name in sentence


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder; name a file"):
        read_file(str(tmp_path))
