"""Tests of what a GPU's name says."""

import pytest

from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.gpu import first_cuda, has_nvidia


@pytest.mark.parametrize(
    ("model", "cuda"),
    [
        ("NVIDIA GeForce RTX 3060 Laptop GPU", "11.0"),
        ("RTX4070", "11.0"),
        ("RTX 3000 series", "11.0"),
        ("RTX 40-series", "11.0"),
        ("RTX 4000 Ada", "11.0"),
        ("RTX A4000", "11.0"),
        ("RTX5090", "12.8"),
        ("RTX 50 series", "12.8"),
        ("Quadro RTX 5000", "10.0"),
        ("RTX 4000", "10.0"),
        ("GTX1660 Ti", "10.0"),
        ("GTX1080", "8.0"),
        ("GeForce GT 710", ""),
    ],
)
def test_the_first_cuda_of_a_gpu(model: str, cuda: str) -> None:
    assert first_cuda(model) == cuda


@pytest.mark.parametrize(
    ("model", "nvidia"),
    [
        ("A5000", True),
        ("RTX3090", True),
        ("GTX1080", True),
        ("3080 Ti", True),
        ("T4", True),
        ("940MX", True),
        ("Intel HD Graphics 630, GeForce GTX 1050", True),
        ("AMD Radeon Pro 5700 XT", False),
        ("Intel(R) Iris(R) Xe Graphics", False),
        ("Apple M2 Max", False),
        ("none", False),
        ("yes, 8 GB", None),
        ("", None),
    ],
)
def test_whose_a_gpu_is(model: str, nvidia: bool | None) -> None:
    env = Environment("report", platform="linux-64")
    env.system = env.system._replace(gpu=model)
    assert has_nvidia(env) is nvidia
