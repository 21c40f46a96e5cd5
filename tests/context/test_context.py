"""What a rule is given: which row of the matrix an environment's TensorFlow is, and what is known beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.context import binaries
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.context.gpu import system_cuda
from conda_tf_doctor.context.promises import complete, is_missing, requirements
from conda_tf_doctor.context.sources import damaged_sources, is_whole, read_by
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from tests.rules.cases import environment
from tools.prefixes import add_dist, make_prefix

WHOLE = [
    "python 3.11.9", "pip 24.0 pip", "tensorflow 2.16.1 pip", "absl-py 2.1.0 pip", "astunparse 1.6.3 pip",
    "flatbuffers 24.3.25 pip", "gast 0.5.4 pip", "google-pasta 0.2.0 pip", "grpcio 1.62.1 pip", "h5py 3.10.0 pip",
    "keras 3.1.1 pip", "libclang 18.1.1 pip", "ml-dtypes 0.3.2 pip", "numpy 1.26.4 pip", "opt-einsum 3.3.0 pip",
    "packaging 24.0 pip", "protobuf 4.25.3 pip", "requests 2.31.0 pip", "six 1.16.0 pip", "tensorboard 2.16.2 pip",
    "termcolor 2.4.0 pip", "typing-extensions 4.10.0 pip", "wrapt 1.16.0 pip",
    "tensorflow-io-gcs-filesystem 0.36.0 pip",
]  # fmt: skip


def context(*packages: str, platform: str = "linux-64", **more: Any) -> Context:
    return Context(environment({"platform": platform, "packages": list(packages), **more}), load_matrix())


@pytest.mark.parametrize(
    ("packages", "platform", "row"),
    [
        (["tensorflow 2.10.0 pip"], "linux-64", "pypi/tensorflow/2.10.0/linux-64"),
        # Reports that leave the channel out come from pip.
        (["tensorflow 2.10.0"], "linux-64", "pypi/tensorflow/2.10.0/linux-64"),
        (["tensorflow 2.10.0 pip"], "osx-arm64", ""),
        (["tensorflow"], "linux-64", ""),
        (["numpy 1.26.4 pip"], "linux-64", ""),
        (["tensorflow-cpu 2.10.0 pip"], "linux-64", "pypi/tensorflow-cpu/2.10.0/linux-64"),
        # Of another vendor the official row says nothing.
        (["tensorflow-rocm 2.10.0 pip"], "linux-64", ""),
        # An alpha is what it became; a release candidate has rows of its own.
        (["tensorflow 2.0.0a0 pip"], "linux-64", "pypi/tensorflow/2.0.0/linux-64"),
        (["tensorflow 2.19.0rc0 pip"], "linux-64", "pypi/tensorflow/2.19.0rc0/linux-64"),
        (["tensorflow 2.99.0 pip"], "linux-64", ""),
        # The build string tells the variant; without one several may be meant.
        (
            ["tensorflow 2.10.0 conda-forge cpu_py39h4655687_0"],
            "linux-64",
            "conda-forge/tensorflow/2.10.0-0/linux-64/cpu",
        ),
        (
            ["tensorflow 2.10.0 conda-forge cuda112py39h01bd6f0_0"],
            "linux-64",
            "conda-forge/tensorflow/2.10.0-0/linux-64/cuda112",
        ),
        (["tensorflow 2.10.0 conda-forge"], "linux-64", ""),
        (["tensorflow 2.4.1 conda-forge"], "linux-64", "conda-forge/tensorflow/2.4.1-0/linux-64/cpu"),
        # A mirror shows whose builds it has; what is repackaged under another string are the wheels.
        (
            ["tensorflow 2.10.0 mirror cuda112py39h01bd6f0_0"],
            "linux-64",
            "conda-forge/tensorflow/2.10.0-0/linux-64/cuda112",
        ),
        (
            ["tensorflow 2.10.0 mirror gpu_py39h6559e04_0"],
            "linux-64",
            "defaults/tensorflow/2.10.0-0/linux-64/gpu-cuda11.3",
        ),
        (["tensorflow 2.10.0 mirror py39_0"], "linux-64", "pypi/tensorflow/2.10.0/linux-64"),
        # Defaults built for two releases of CUDA under one string: the hash tells, else what lies beside it.
        (
            ["tensorflow-base 1.15.0 defaults gpu_py37h9dcbed7_0", "tensorflow 1.15.0 defaults gpu_py37h0f0df58_0"],
            "linux-64",
            "defaults/tensorflow/1.15.0-0/linux-64/gpu-cuda10.0",
        ),
        (
            ["tensorflow-base 1.15.0 defaults gpu_py37he45bfe2_0", "tensorflow 1.15.0 defaults gpu_py37h0f0df58_0"],
            "linux-64",
            "defaults/tensorflow/1.15.0-0/linux-64/gpu-cuda10.1",
        ),
        (
            ["tensorflow 1.15.0 defaults gpu_py37h0f0df58_0", "cudatoolkit 10.1.243 defaults"],
            "linux-64",
            "defaults/tensorflow/1.15.0-0/linux-64/gpu-cuda10.1",
        ),
        (
            ["tensorflow 1.15.0 defaults gpu_py37h0f0df58_0", "cudatoolkit 10.0.130 defaults"],
            "linux-64",
            "defaults/tensorflow/1.15.0-0/linux-64/gpu-cuda10.0",
        ),
        (["tensorflow 1.15.0 defaults mkl_py37h28c19af_0"], "linux-64", "defaults/tensorflow/1.15.0-0/linux-64/mkl"),
        # Conda's tensorflow-gpu is no CPU build, whatever its string hides.
        (
            ["tensorflow-gpu 2.1.0 defaults h0d30ee6_0", "tensorflow 2.1.0 defaults"],
            "linux-64",
            "defaults/tensorflow/2.1.0-0/linux-64/gpu-cuda10.1",
        ),
    ],
)
def test_which_build_it_is(packages: list[str], platform: str, row: str) -> None:
    build = context(*packages, platform=platform).build
    assert (build.id if build else "") == row


@pytest.mark.parametrize(
    ("version", "asked", "before"),
    [("2.10.0", "2.11", True), ("2.11.0", "2.11", False), ("2.12.0", "2.11", False), ("", "2.11", False)],
)
def test_a_version_that_is_not_known_is_before_none(version: str, asked: str, before: bool) -> None:
    assert context(f"tensorflow {version} pip" if version else "tensorflow").is_before(asked) == before


@pytest.mark.parametrize(
    ("packages", "names", "mixture"),
    [
        (["tensorflow 2.10.0 pip"], [], False),
        (["tensorflow 2.10.0 pip", "tensorflow-cpu 2.9.1 pip"], ["tensorflow", "tensorflow-cpu"], True),
        (["tensorflow 2.9.1 pip", "tensorflow-cpu 2.9.1 pip"], ["tensorflow", "tensorflow-cpu"], False),
        # Conda's is another owner, not a rival.
        (["tensorflow 2.10.0 pip", "tensorflow 2.9.1 conda-forge cpu_py39h4655687_0"], [], False),
        # The wheel that holds the binaries of the other.
        (["tensorflow 2.10.0 pip", "tensorflow-intel 2.10.0 pip"], [], False),
        (["tensorflow 2.10.0 pip", "tensorflow-intel 2.9.1 pip"], ["tensorflow", "tensorflow-intel"], True),
    ],
)
def test_who_owns_the_folder(packages: list[str], names: list[str], mixture: bool) -> None:
    found = context(*packages, platform="win-64")
    assert sorted(package.name for package in found.rivals) == names
    assert found.is_mixed == mixture


@pytest.mark.parametrize(
    ("left_out", "more", "asked", "missing"),
    [
        ("wrapt", {}, "wrapt", True),
        ("", {}, "wrapt", False),
        # Few packages are no whole list: then nothing is missing.
        ("absl-py astunparse flatbuffers gast wrapt", {}, "wrapt", False),
        ("wrapt", {"user_site": ["wrapt 1.16.0 pip"]}, "wrapt", False),
        # `pip freeze` leaves setuptools out, and wheel and pip with it.
        ("pip", {}, "setuptools", False),
        ("", {}, "setuptools", True),
    ],
)
def test_what_is_missing(left_out: str, more: dict[str, Any], asked: str, missing: bool) -> None:
    packages = [text for text in WHOLE if text.split()[0] not in left_out.split()]
    found = context(*packages, **more)
    assert is_missing(found, asked) == missing
    assert complete(found) == ("absl-py" not in left_out)


FILES = {
    "tensorflow/__init__.py": "import os  # and wrapt\nfrom tensorflow.python import eager as e\nfrom . import sub\n",
    "tensorflow/sub.py": "import wrapt.deep as deep, six\n",
    "tensorflow/python/__init__.py": "if True:\n    from .lazy import (one,  # the first\n        two)\n",
    "tensorflow/python/eager.py": "def later():\n    import termcolor\n",
    "tensorflow/python/lazy.py": "one = two = 1\n",
    "tensorflow/python/spare.py": "",
    "wrapt/__init__.py": "",
    "wrapt/deep.py": "",
    "six.py": "",
    "termcolor/__init__.py": "",
}


def test_what_an_import_reads(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    asked = [str(tmp_path / name) for name in (*FILES, "tensorflow/gone.py")]
    read = {
        os.path.relpath(path, tmp_path).replace(os.sep, "/") for path in read_by(["tensorflow"], str(tmp_path), asked)
    }
    # A function's imports run later, if at all.
    assert read == set(FILES) - {"tensorflow/python/spare.py", "termcolor/__init__.py"}


@pytest.mark.parametrize(
    ("left", "damaged"),
    [
        # Unpacked for its binaries alone: nobody expects it to be imported.
        (["tensorflow/core.so"], False),
        # Not even these are there: it is what remains of an installation.
        ([], True),
        (["tensorflow/core.so", "tensorflow/__init__.py"], True),
        (["tensorflow/core.so", *(f"tensorflow/m{number}.py" for number in range(5))], True),
        (["tensorflow/core.so", *(f"tensorflow/m{number}.py" for number in range(4))], False),
    ],
)
def test_binaries_alone_are_no_damage(tmp_path: Path, left: list[str], damaged: bool) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    modules = {f"tensorflow/m{number}.py": f"m = {number}\n" for number in range(7)}
    files = {"tensorflow/__init__.py": "x = 1\n", "tensorflow/core.so": "\x7fELF", **modules}
    site = add_dist(prefix, "tensorflow", "2.10.1", files=files).parent
    for name in files.keys() - set(left):
        (site / name).unlink()
    assert bool(damaged_sources(read_prefix(str(prefix)), str(site))) == damaged


def test_conda_s_sources_do_not_count_where_pip_s_lie_over_them(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    site = add_dist(prefix, "wrapt", "1.14.1", files={"wrapt/__init__.py": "a = 1\n"}).parent
    add_dist(prefix, "requests", "2.31.0", files={"requests/__init__.py": "b = 1\n"})
    env = read_prefix(str(prefix))
    assert damaged_sources(env, str(site)) == []
    (site / "wrapt" / "__init__.py").write_text("longer = 1\n")
    (site / "requests" / "__init__.py").write_text("longer = 1\n")
    # What TensorFlow does not import may be what it will.
    assert [damage.recorded.owner for damage in damaged_sources(env, str(site))] == ["wrapt"]


def test_a_zero_byte_in_a_record_is_no_part_of_a_path(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    site = add_dist(prefix, "wrapt", "1.14.1", files={"wrapt/__init__.py": "a = 1\n"}).parent
    record = site / "wrapt-1.14.1.dist-info" / "RECORD"
    record.write_bytes(record.read_bytes() + b"wrapt/\0.py,,7\nwrapt/\0.so,,7\n")
    (damage,) = damaged_sources(read_prefix(str(prefix)), str(site))
    assert damage.kind == "gone"


@pytest.mark.parametrize(
    ("platform", "system", "given", "provided"),
    [
        ("win-64", "14.29.30139", "", "14.29.30139"),
        ("win-64", "missing", "", ""),
        ("win-64", "", "", ""),
        ("win-64", "", "vc14-runtime 14.38.33135 conda-forge", "14.38.33135"),
        # What is in the environment is met first.
        ("win-64", "14.29.30139", "vc14-runtime 14.38.33135 conda-forge", "14.38.33135"),
        ("linux-64", "14.29.30139", "", ""),
    ],
)
def test_a_runtime_that_cannot_be_looked_at(platform: str, system: str, given: str, provided: str) -> None:
    packages = ["tensorflow 2.10.0 pip", *filter(None, [given])]
    found = context(*packages, platform=platform, system={"vc_runtime": system})
    known = binaries._provided(found)
    assert known.get("msvcp140.dll", "") == provided
    assert bool(known) == bool(provided)


def test_variables_of_another_machine_decide_nothing() -> None:
    here = {"win32": "win-64", "darwin": "osx-arm64"}.get(sys.platform, "linux-64")
    there = "linux-64" if here != "linux-64" else "win-64"
    for platform, this_machine, used in ((here, True, True), (here, False, False), (there, True, False)):
        env = context("tensorflow 2.10.0 pip", platform=platform).env
        env.env_vars, env.this_machine = {"LD_LIBRARY_PATH": "/opt"}, this_machine
        assert binaries.is_at_hand(env) == used
        assert ("LD_LIBRARY_PATH" in binaries._variables(env)) == used


@pytest.mark.parametrize(
    ("packages", "more", "why"),
    [
        (["tensorflow 2.10.0 pip"], {}, ""),
        (["tensorflow-gpu 2.10.0 pip"], {}, "tensorflow-gpu 2.10.0 is a GPU build"),
        (["tensorflow 2.10.0 pip", "tensorflow-gpu 2.12.0 pip"], {}, "tensorflow-gpu is installed"),
        (["tensorflow 2.10.0 pip"], {"requested": ["cudnn 8.1.0.77 conda-forge"]}, "cudnn was asked for"),
        (
            ["tensorflow 2.10.0 pip"],
            {"requested": ["nvidia-cudnn-cu11 8.6.0.163 pip"]},
            "nvidia-cudnn-cu11 was asked for",
        ),
        (["tensorflow 2.10.0 pip", "cudatoolkit 11.2.2 conda-forge"], {}, "cudatoolkit 11.2.2 (conda) is installed"),
        (["tensorflow 2.10.0 pip", "cudatoolkit 11.2.2 conda-forge", "torch 2.1.0 pip"], {}, ""),
        (["tensorflow 2.10.0 pip"], {"system": {"cuda_driver": "525.60.13", "cuda_installed": ["11.2"]}}, ""),
    ],
)
def test_why_a_gpu_is_wanted(packages: list[str], more: dict[str, Any], why: str) -> None:
    assert context(*packages, **more).gpu_wanted == why


def test_a_toolkit_without_a_number_is_no_version() -> None:
    found = context("tensorflow 2.10.0 pip", system={"cuda_installed": ["11.2", "some CUDA", "10.1 Update 2"]})
    assert system_cuda(found) == ["11.2", "10.1"]


@pytest.mark.parametrize(
    ("package", "platform", "empty"),
    [
        ("tensorflow 2.12.0 pip", "win-64", True),
        ("tensorflow 2.12.0 pip", "linux-64", False),
        ("tensorflow 2.12.0 conda-forge cpu_py310h0_0", "win-64", False),
        ("tensorflow pip", "win-64", False),
        ("tensorflow-intel 2.12.0 pip", "win-64", False),
    ],
)
def test_a_wheel_without_files_of_its_own(package: str, platform: str, empty: bool) -> None:
    found = context("tensorflow 2.12.0 pip", package, platform=platform)
    assert found.is_empty_wheel(found.env.packages[-1]) == empty


def test_an_unknown_patch_release_asks_for_what_the_one_before_it_asked() -> None:
    assert (
        requirements(context("tensorflow 2.16.99 pip"))["numpy"]
        == requirements(context("tensorflow 2.16.2 pip"))["numpy"]
    )
    assert requirements(context("tensorflow 2.16.99 conda-forge cpu_py310h0_0")) == {}
    assert requirements(context("tensorflow 9.9.0 pip")) == {}


@pytest.mark.parametrize(
    ("content", "whole"),
    [(b"", True), (b"x = 1\n", True), (b"x = 1", False), (b"def f(:\n", False), (b"x = 1\n\0", False)],
    ids=["empty", "fine", "ends within a line", "cut within a statement", "no text"],
)
def test_a_file_that_was_cut_is_not_whole(content: bytes, whole: bool, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(content)
    assert is_whole(str(tmp_path / "a.py")) is whole
    assert not is_whole(str(tmp_path / "gone.py"))
