"""The files of the releases: each is whole, says what was read, and makes the rows that a reader expects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.matrix.check import check_document
from conda_tf_doctor.matrix.compiled import DATA, RELEASES
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.matrix.model import Build, canonical
from conda_tf_doctor.matrix.release import requirements, rows_of
from conda_tf_doctor.matrix.source import Problem, parse
from conda_tf_doctor.versions import key
from tools.release_file import HEADS, second_part, text

FILES = sorted(Path(DATA, RELEASES).glob("*.yaml"))
each_file = pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
# What has to be established of a build on a platform, from which release on.
KEYS = {
    "win-64": {"vc_runtime": "0", "vc_basis": "0", "vc_dlls": "0", "avx": "0", "preloads": "1.13"},
    "linux-64": {"avx": "0", "glibc": "1.2"},
    "linux-aarch64": {"glibc": "0"},
    "osx-64": {"macos": "0"},
    "osx-arm64": {"macos": "0"},
}
GPU_KEYS = {
    "gpu_functional": "0", "cuda": "0", "cuda_loads": "0", "cuda_built": "0", "cudnn": "0", "cudnn_built": "0",
    "driver": "1.2", "libraries": "1.2", "compute_capabilities": "2.3",
}  # fmt: skip
# What every wheel requires, from which release on.
ALWAYS = {
    "numpy": "0", "protobuf": "0", "six": "0", "termcolor": "1.6", "absl-py": "1.6", "wrapt": "1.14", "gast": "1.6",
    "google-pasta": "1.14", "opt-einsum": "1.15", "astunparse": "2.2", "h5py": "2.2", "typing-extensions": "2.4",
    "flatbuffers": "2.4", "libclang": "2.7", "packaging": "2.10", "ml-dtypes": "2.14", "requests": "2.16",
}  # fmt: skip
KERAS = ("keras", "keras-nightly")


def document(file: Path) -> dict[str, Any]:
    value: dict[str, Any] = parse(file.read_text(encoding="utf-8"), file.name).value
    return value


def rows(file: Path, matrix: Matrix) -> dict[str, Build]:
    value = document(file)
    found = {
        f"{distribution}/{platform}": matrix.builds(distribution, str(value["release"]), "pypi", platform)
        for distribution, its in value["wheels"].items()
        for platform in its["platforms"]
    }
    assert {name: len(one) for name, one in found.items()} == dict.fromkeys(found, 1)
    return {name: one[0] for name, one in found.items()}


@each_file
def test_a_file_is_named_after_its_release_and_is_as_the_tool_writes_it(file: Path) -> None:
    value = document(file)
    release = str(value["release"])
    plugin = next(iter(value["wheels"])) if file.stem != release else ""
    assert file.stem in (release, f"{plugin}-{release}")
    written = file.read_text(encoding="utf-8")
    assert text(release, {name: value.get(name) for name in HEADS}, second_part(written), plugin) == written


@each_file
def test_every_wheel_of_a_release_has_the_full_set_of_keys(file: Path) -> None:
    value = document(file)
    declared = {name for entry in value["requires"] for name in entry["of"]}
    read = {name for entry in value.get("read", ()) for name in entry["of"]}
    for name, row in rows(file, load_matrix()).items():
        assert declared & {name, row.distribution} or row.kind == "empty", name
        assert row.date, name
        assert row.source, name
        if row.kind == "empty":
            continue
        # A wheel that no Python can have says why.
        assert row.python or row.notes, name
        assert row.requires_python or row.kind == "plugin" or before(row, "2.9"), name
        assert row.for_tensorflow or row.kind != "plugin" or row.prerelease, name
        if row.kind != "plugin":
            required = {*row.requires, *row.requires_if}
            assert not {one for one, since in ALWAYS.items() if not before(row, since)} - required, name
            assert before(row, "2.6") or required & set(KERAS), name
        if row.kind == "build":
            # What build_info.py does not say of a wheel that was read is not to be had.
            was_read = {"compute_capabilities"} if name in read else set()
            assert set(lacking(row)) <= was_read, name


def before(row: Build, release: str) -> bool:
    return key(row.tensorflow) < key(release)


def lacking(row: Build) -> list[str]:
    """Return what is not established of a build; Microsoft's forks are theirs."""
    if row.variant_name == "directml":
        return []
    wanted = {**KEYS.get(row.platform, {}), **(GPU_KEYS if row.variant == "gpu" else {})}
    if row.platform == "linux-64":
        wanted["nvidia"] = "2.14"
    return [name for name, since in wanted.items() if not before(row, since) and getattr(row, name) in ("", (), None)]


@each_file
def test_what_is_established_agrees_with_what_was_read(file: Path) -> None:
    value = document(file)
    known = rows(file, load_matrix())
    for entry in value.get("read", ()):
        for name, row in known.items():
            if not {name, row.distribution} & set(entry["of"]):
                continue
            for fact in ("compute_capabilities", "preloads", "vc_dlls"):
                assert sorted(entry.get(fact, getattr(row, fact))) == sorted(getattr(row, fact)), (name, fact)
            if "mtx_in_situ" in entry:
                assert row.mtx_in_situ is entry["mtx_in_situ"], name
                assert (row.vc_runtime == ">=14.40") is not entry["mtx_in_situ"], name
            if "cuda_build" in entry:
                assert bool(row.cuda_built) is entry["cuda_build"], name
                assert row.gpu_functional is (True if entry["cuda_build"] or row.variant == "gpu" else None), name
            assert set(entry.get("cuda_dlls", ())) <= set(row.libraries), name
            assert row.load_time or not entry.get("cuda_dlls"), name
            cuda, cudnn = str(entry.get("cuda_version", "")), str(entry.get("cudnn_version", ""))
            if cuda and cuda != "10":  # to 2.2 it says 10 for 10.0 and 10.1
                assert key(row.cuda_built)[1][:2] == key(cuda)[1][:2], name
            if cudnn:
                # 2.16 and 2.17: build_info knows the major alone
                assert row.cudnn_built.split(".")[0] == cudnn.split(".")[0], name
                assert f"libcudnn.so.{cudnn.split('.')[0]}" in row.libraries, name


def test_no_two_files_are_of_one_release() -> None:
    plain = [canonical(file.stem) for file in FILES if not file.stem.startswith("tensorflow-")]
    assert len(plain) == len(set(plain))


SMALL = """\
schema_version: 1
kind: release
release: 9.1.0
wheels:
  tensorflow:
    date: 2031-02-03
    platforms:
      win-64: {python: 3.12-3.13}
      linux-64: {python: "3.12, 3.14", glibc: "2.28"}
  tensorflow-intel:
    date: 2031-02-03
    platforms:
      win-64: {python: 3.12-3.13}
requires:
- of: [tensorflow/win-64]
  packages:
  - tensorflow-intel==9.1 ; platform_system == "Windows"
- of: [tensorflow/linux-64, tensorflow-intel]
  python: ">=3.12"
  packages:
  - keras>=4
  - numpy>=2,<4 ; python_version < "3.14"
  - numpy>=3,<4 ; python_version >= "3.14"
  - tensorflow-intel==9.1 ; platform_system == "Windows"
  - tensorflow-io-gcs-filesystem>=1 ; python_version < "3.13" or platform_system == "Windows"
  - nvidia-cudnn-cu12>=9 ; extra == "and-cuda"
read:
- of: [tensorflow/linux-64]
  cuda_build: true
  compute_capabilities: [sm_90]
builds:
- of: [tensorflow/linux-64, tensorflow-intel]
  facts: {avx: true, glibc: "2.31"}
"""
COMMON = {
    "channel": "pypi",
    "tensorflow": "9.1.0",
    "date": "2031-02-03",
}


def made(content: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    parsed = parse(content, "9.1.0.yaml")
    problems = check_document(parsed)
    return [row for _, row in rows_of(parsed, {}, problems)] if not problems else [], problems


def test_rows_of_a_release() -> None:
    found, problems = made(SMALL)
    numpy = '>=2,<4 ; python_version < "3.14" | >=3,<4 ; python_version >= "3.14"'
    assert problems == []
    assert found == [
        {
            **COMMON,
            "id": "pypi/tensorflow/9.1.0/win-64",
            "distribution": "tensorflow",
            "platform": "win-64",
            "kind": "stub",
            "stub_for": "tensorflow-intel==9.1.0",
            "python": ["3.12", "3.13"],
            "numpy": ">=2,<4",
            "keras": ">=4",
            "requires": {"keras": ">=4", "numpy": ">=2,<4", "tensorflow-io-gcs-filesystem": ">=1"},
            "source": "metadata of the tensorflow 9.1.0 wheels",
        },
        {
            **COMMON,
            "id": "pypi/tensorflow/9.1.0/linux-64",
            "distribution": "tensorflow",
            "platform": "linux-64",
            "python": ["3.12", "3.14"],
            "requires_python": ">=3.12",
            "compute_capabilities": ["sm_90"],
            "nvidia": ["nvidia-cudnn-cu12>=9"],
            "glibc": "2.31",
            "avx": True,
            "numpy": ">=2,<4",
            "keras": ">=4",
            "requires": {"keras": ">=4", "numpy": ">=2,<4"},
            "requires_if": {
                "numpy": numpy,
                "tensorflow-io-gcs-filesystem": '>=1 ; python_version <= "3.12"',
            },
            "source": "metadata of the tensorflow 9.1.0 wheels",
        },
        {
            **COMMON,
            "id": "pypi/tensorflow-intel/9.1.0/win-64",
            "distribution": "tensorflow-intel",
            "platform": "win-64",
            "python": ["3.12", "3.13"],
            "requires_python": ">=3.12",
            "glibc": "2.31",
            "avx": True,
            "numpy": ">=2,<4",
            "keras": ">=4",
            "requires": {"keras": ">=4", "numpy": ">=2,<4", "tensorflow-io-gcs-filesystem": ">=1"},
            "source": "metadata of the tensorflow-intel 9.1.0 wheels",
        },
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("read:\n- of: [tensorflow/linux-64]", "read:\n- of: [tensorflow/osx-64]", "read[0].of[0]: there is no wheel"),
        ("  facts: {avx: true", "  facts: {avcs: true", "builds[0].facts.avcs: is no field"),
        ("  packages:\n  - keras", "  things:\n  - keras", "requires[1]: lacks packages"),
        ("python: 3.12-3.13", "python: new", "wheels.tensorflow.platforms.win-64.python:"),
    ],
)
def test_what_is_wrong_with_a_release_is_told_with_its_place(old: str, new: str, problem: str) -> None:
    _, problems = made(SMALL.replace(old, new, 1))
    assert problem in str(problems[0])


@pytest.mark.parametrize(
    ("python", "required"),
    [
        ("3.12", {"keras": ">=4", "numpy": ">=2,<4", "tensorflow-io-gcs-filesystem": ">=1"}),
        ("3.14", {"keras": ">=4", "numpy": ">=3,<4"}),
        ("", {"keras": ">=4", "numpy": ">=2,<4"}),
    ],
)
def test_what_is_required_with_a_python(python: str, required: dict[str, str]) -> None:
    found, _ = made(SMALL)
    row = next(row for row in found if row["platform"] == "linux-64")
    assert Build(**row).required(python) == required


def test_requirements_of_other_platforms_are_left_out() -> None:
    packages = ['a>=1 ; sys_platform == "darwin"', 'b<2 ; platform_machine == "aarch64"', "c[x]>=1", 'd ; extra == "e"']
    assert requirements(packages, "osx-64", ["3.12"]) == ({"a": ">=1", "c": ">=1"}, {})
    assert requirements(packages, "linux-aarch64", ["3.12"]) == ({"b": "<2", "c": ">=1"}, {})


@pytest.mark.parametrize(
    ("wheel", "requires"),
    [
        (
            "tensorflow 2.21.0 linux-64",
            "absl-py>=1.0.0 astunparse>=1.6.0 flatbuffers>=25.9.23 gast>=0.2.1,!=0.5.0,!=0.5.1,!=0.5.2 "
            "google-pasta>=0.1.1 grpcio>=1.24.3,<2.0 h5py>=3.11.0,<3.15.0 keras>=3.12.0 libclang>=13.0.0 "
            "ml-dtypes>=0.5.1,<1.0.0 numpy>=1.26.0 opt-einsum>=2.3.2 packaging protobuf>=6.31.1,<8.0.0 "
            "requests>=2.21.0,<3 setuptools six>=1.12.0 termcolor>=1.1.0 typing-extensions>=3.6.6 wrapt>=1.11.0",
        ),
        (
            "tensorflow 1.15.0 win-64",
            "absl-py>=0.7.0 astor>=0.6.0 gast==0.2.2 google-pasta>=0.1.6 grpcio>=1.8.6 keras-applications>=1.0.8 "
            "keras-preprocessing>=1.0.5 numpy>=1.16.0,<2.0 opt-einsum>=2.3.2 protobuf>=3.6.1 six>=1.10.0 "
            "tensorboard>=1.15.0,<1.16.0 tensorflow-estimator==1.15.1 termcolor>=1.1.0 wheel>=0.26 wrapt>=1.11.1",
        ),
    ],
)
def test_requirements_of_known_wheels(wheel: str, requires: str) -> None:
    (row,) = load_matrix().builds(*wheel.split()[:2], "pypi", wheel.split()[2])
    assert " ".join(name + spec for name, spec in row.requires.items()) == requires
