"""requirements.txt and what pip freezes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from conda_tf_doctor.errors import UsageError
from tools.files import read, rows

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


@pytest.mark.parametrize(
    "lines", [("tensorflow>=2", "tensorflow[and-cuda]==2.15.0"), ("tensorflow[and-cuda]", "tensorflow==2.15.0")]
)
def test_lines_of_one_package_ask_for_all_that_any_of_them_does(tmp_path: Path, lines: tuple[str, ...]) -> None:
    env = read(tmp_path, "\n".join(lines), "requirements.txt", "linux-64")
    [package] = env.packages
    assert (package.version, package.metadata["extras"]) == ("2.15.0", ("and-cuda",))


@pytest.mark.parametrize(
    ("line", "version", "spec"),
    [
        ("numpy>=1.16.*", "", ">=1.16"),
        ("numpy>1.16,<2.*", "", "<2,>1.16"),
        ("numpy>=1.19<1.25", "", "<1.25,>=1.19"),
        ("numpy[all]>=1.*; python_version>='3'", "", ">=1"),
        ("numpy>=1.12.0.", "", ">=1.12.0"),
        ("numpy>=1.17+mkl", "", ">=1.17"),
        ("numpy = 1.26.4", "1.26.4", ""),
        ("numpy==1.26.*", "1.26", "==1.26.*"),
    ],
)
def test_what_pip_took_before_its_24_1_is_read(tmp_path: Path, line: str, version: str, spec: str) -> None:
    env = read(tmp_path, f"{line}\n", "requirements.txt", "linux-64")
    assert [(p.name, p.version, p.spec) for p in env.packages] == [("numpy", version, spec)]


@pytest.mark.parametrize("line", ["numpy>=1.19 <1.25", "numpy=>1.19", "numpy>=one", "numpy ~= 1"])
def test_what_no_pip_took_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError, match="line 1 is no requirement"):
        read(tmp_path, f"{line}\n", "requirements.txt", "linux-64")


@pytest.mark.parametrize("address", ["file:more.txt", "file:{folder}/more.txt", "file://{folder}/more.txt"])
def test_an_included_file_may_have_an_address(tmp_path: Path, address: str) -> None:
    (tmp_path / "more.txt").write_text("numpy==1.26.4\n")
    folder = tmp_path.as_posix() if tmp_path.as_posix().startswith("/") else f"/{tmp_path.as_posix()}"
    included = f"-r {address.format(folder=quote(folder, safe='/:'))}"
    text = f"dependencies: [pip, {{pip: ['{included}', h5py==3.10.0]}}]\n"
    env = read(tmp_path, text, "environment.yml", "linux-64")
    assert {p.name: p.version for p in env.packages} == {"pip": "", "numpy": "1.26.4", "h5py": "3.10.0"}
