from __future__ import annotations

import pytest

from conda_tf_doctor.environment.libraries import CUDA, CUDNN, DRIVER, OTHER, VC, parse_library
from conda_tf_doctor.versions import contains


@pytest.mark.parametrize(
    ("name", "kind", "has_it", "has_another"),
    [
        ("libcudart.so.8.0", CUDA, ["8.0", "8.0.61"], ["7.5", "9.0"]),
        ("libcudart.so.10.1", CUDA, ["10.1.243"], ["10.0", "10.2", "11.0"]),
        ("libcudart.so.11.0", CUDA, ["11.0", "11.2.2", "11.8"], ["10.2", "12.0"]),
        ("libcudart.so.12", CUDA, ["12.0", "12.5"], ["11.8", "13.0"]),
        ("cudart64_80.dll", CUDA, ["8.0"], ["9.0"]),
        ("cudart64_100.dll", CUDA, ["10.0.130"], ["10.1"]),
        ("cudart64_110.dll", CUDA, ["11.0", "11.8"], ["10.2"]),
        ("cudart64_12.dll", CUDA, ["12.3"], ["11.8"]),
        ("libcublas.so.10", CUDA, ["10.1", "10.2"], ["10.0", "11.0"]),
        ("libcublas.so.9.0", CUDA, ["9.0"], ["9.1"]),
        ("cublas64_11.dll", CUDA, ["11.0", "11.8"], ["10.2"]),
        ("cusolver64_10.dll", CUDA, ["10.1", "11.0"], ["11.1", "11.8"]),
        ("libcusolver.so.11", CUDA, ["11.1", "12.2"], ["11.0"]),
        ("libcusolver.so.10.0", CUDA, ["10.0"], ["10.1", "11.0"]),
        ("cudnn64_5.dll", CUDNN, ["5.1"], ["6.0"]),
        ("libcudnn.so.8", CUDNN, ["8.1.0.77"], ["7.6", "9.0"]),
        ("cudnn_ops_infer64_8.dll", CUDNN, ["8.3"], ["7.6"]),
        ("/usr/local/cuda/lib64/libcudnn.so.7", CUDNN, ["7.6.5"], ["8.0"]),
    ],
)
def test_versions_by_name(name: str, kind: str, has_it: list[str], has_another: list[str]) -> None:
    library = parse_library(name)
    assert library.kind == kind
    assert [contains(library.versions, version) for version in has_it] == [True] * len(has_it)
    assert [contains(library.versions, version) for version in has_another] == [False] * len(has_another)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("libcuda.so.1", DRIVER),
        ("nvcuda.dll", DRIVER),
        ("msvcp140_1.dll", VC),
        ("VCRUNTIME140.dll", VC),
        ("libflatbuffers.so.2", OTHER),
        ("libcudart.so", CUDA),
        ("cuDNN", CUDNN),
    ],
)
def test_kind_by_name(name: str, kind: str) -> None:
    assert parse_library(name).kind == kind


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("cudart64_101.dll", "CUDA 10.1"),
        ("cudnn64_7.dll", "cuDNN 7"),
        ("libcudart.so", "CUDA"),
        ("nvcuda.dll", "the NVIDIA display driver"),
    ],
)
def test_wanted_for_people(name: str, wanted: str) -> None:
    assert parse_library(name).wanted == wanted
