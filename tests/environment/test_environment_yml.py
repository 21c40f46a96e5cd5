"""environment.yml: channels, the pip section, selectors, exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.subdirs import this_platform
from tools.files import read, rows

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


@pytest.mark.parametrize("name", ["environment.yml", "no-name-that-tells"])
def test_mappings_with_braces_are_yaml_too(tmp_path: Path, name: str) -> None:
    text = (
        "{name: flow, channels: [conda-forge], dependencies: [python=3.12, tensorflow=2.15, {pip: [h5py==3.11.0]}]}\n"
    )
    env = read(tmp_path, text, name, "linux-64")
    assert [(p.name, p.version, p.manager) for p in env.packages] == [
        ("python", "3.12", "conda"),
        ("tensorflow", "2.15", "conda"),
        ("h5py", "3.11.0", "pip"),
    ]
