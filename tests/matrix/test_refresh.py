"""What refresh-matrix establishes of a release, from wheels as the index describes them."""

from __future__ import annotations

import pytest

from conda_tf_doctor.matrix import refresh
from conda_tf_doctor.matrix.check import check_document
from conda_tf_doctor.matrix.expand import rows_of
from conda_tf_doctor.matrix.index import Wheel, versions, wheel
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.source import parse

REQUIRES = (
    "absl-py>=1.0.0",
    "numpy<2.0.0,>=1.23.5; python_version <= '3.11'",
    "numpy<2.0.0,>=1.26.0; python_version >= '3.12'",
    "tensorflow-io-gcs-filesystem>=0.23.1; python_version < '3.12'",
    "tensorflow-intel==2.17.9; platform_system == 'Windows'",
    "nvidia-cuda-runtime-cu12==12.5.82; extra == 'and-cuda'",
    "nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == 'and-cuda'",
)


def wheels(platform: str, tag: str, *minors: str) -> list[Wheel]:
    return [Wheel(platform, minor, f"tensorflow-2.17.9-cp312-cp312-{tag}.whl", REQUIRES, ">=3.9") for minor in minors]


def made(platform: str, tag: str, *minors: str) -> refresh.Row:
    return refresh.row(load_matrix(), "tensorflow", "2.17.9", platform, wheels(platform, tag, *minors))


def test_linux_row() -> None:
    row = made("linux-64", "manylinux_2_17_x86_64.manylinux2014_x86_64", "3.11", "3.12")
    assert (row["python"], row["glibc"]) == ("3.11-3.12", "2.17")
    assert (row["cuda_built"], row["cuda"]) == ("12.5", ">=12.5,<13")
    assert (row["cudnn_built"], row["cudnn"]) == ("9.3", ">=9.3,<10")
    assert row["nvidia"] == ["nvidia-cuda-runtime-cu12==12.5.82", "nvidia-cudnn-cu12>=9.3.0.75,<10.0"]
    assert row["requires"] == {"absl-py": ">=1.0.0"}
    assert set(row["requires_if"]) == {"numpy", "tensorflow-io-gcs-filesystem"}
    assert "as in 2.17.1, not read" in row["notes"]


def test_requirement_that_holds_for_every_python_there_is() -> None:
    row = made("linux-64", "manylinux_2_17_x86_64", "3.12")
    assert row["requires"] == {"absl-py": ">=1.0.0", "numpy": ">=1.26.0,<2.0.0"}
    assert "requires_if" not in row


def test_windows_row_is_a_stub() -> None:
    row = made("win-64", "win_amd64", "3.9", "3.11", "3.12")
    assert (row["kind"], row["stub_for"]) == ("stub", "tensorflow-intel==2.17.9")
    assert row["python"] == "3.9, 3.11, 3.12"
    assert "vc_dlls" not in row
    assert "tensorflow-intel" not in row["requires"]


def test_binaries_of_the_release_before_are_taken_over() -> None:
    one = Wheel("win-64", "3.13", "tensorflow-9.0.0-cp313-cp313-win_amd64.whl", ("numpy>=2",))
    row = refresh.row(load_matrix(), "tensorflow", "9.0.0", "win-64", [one])
    assert row["preloads"] == ["msvcp140.dll", "msvcp140_1.dll"]
    assert "preloads" in row["notes"]


def test_macos_row() -> None:
    row = made("osx-arm64", "macosx_12_0_arm64", "3.12")
    assert (row["macos"], row["requires"]["absl-py"]) == ("12.0", ">=1.0.0")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (
            "build_info = collections.OrderedDict([('cuda_version', '12.5.1'), ('is_cuda_build', True)])",
            {"variant": "gpu", "cuda_built": "12.5", "cuda": ">=12.5,<13"},
        ),
        ('build_info = {"is_cuda_build": False, "is_rocm_build": False}', {"variant": "cpu"}),
        ("", {}),
    ],
    ids=["gpu", "cpu", "empty"],
)
def test_build_info(text: str, read: refresh.Row) -> None:
    assert refresh._build_info(text) == read


def test_review_file_is_a_matrix_file_and_grows() -> None:
    group = {"distribution": "tensorflow", "versions": {"2.17.9": None}, "requires_python": ">=3.9"}
    first = refresh.review_text([{**group, "builds": [made("linux-64", "manylinux_2_17_x86_64", "3.10", "3.11")]}])
    both = refresh.review_text(
        [{**group, "versions": {"2.17.10": None}, "builds": [made("win-64", "win_amd64", "3.10")]}], first
    )
    document = parse(both, "review.yaml")
    assert check_document(document) == []
    rows = [row for _, row in rows_of(document, {}, [])]
    assert [row["id"] for row in rows] == ["pypi/tensorflow/2.17.9/linux-64", "pypi/tensorflow/2.17.10/win-64"]
    assert all(row["review"] for row in rows)
    # 3.10 survives being written and read.
    assert rows[0]["python"] == ["3.10", "3.11"]
    assert rows[1]["python"] == ["3.10"]


def test_newer_looks_forward_only() -> None:
    known = load_matrix().versions("tensorflow")
    assert refresh.newer(load_matrix(), "tensorflow", [set(known), {"1.4.99", "99.0.0rc1", "99.0.0"}]) == [
        "99.0.0rc1",
        "99.0.0",
    ]


@pytest.mark.network
def test_index_and_matrix_agree_on_versions() -> None:
    found = versions("tensorflow", ["win-64"], "3.12")
    ours = set(load_matrix().versions("tensorflow", platform="win-64", python="3.12"))
    assert ours <= found


@pytest.mark.network
def test_stub_of_the_index() -> None:
    found = wheel("tensorflow", "2.18.0", "win-64", "3.12")
    assert found is not None
    row = refresh.row(load_matrix(), "tensorflow", "2.18.0", "win-64", [found])
    assert (row["kind"], row["stub_for"]) == ("stub", "tensorflow-intel==2.18.0")
    assert row["python"] == "3.12"


@pytest.mark.network
def test_no_wheel_is_none() -> None:
    assert wheel("tensorflow", "2.10.0", "win-64", "3.12") is None
