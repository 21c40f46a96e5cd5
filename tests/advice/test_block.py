from __future__ import annotations

import pytest

from conda_tf_doctor.advice.block import together
from conda_tf_doctor.findings import Fix

PIP = ("python", "-m", "pip", "install")


@pytest.mark.parametrize(
    ("commands", "block"),
    [
        pytest.param(
            [(*PIP, "numpy<2"), (*PIP, "keras<3", "numpy<2")], [(*PIP, "numpy<2", "keras<3")], id="one pip for both"
        ),
        pytest.param(
            [("conda", "install", "numpy<2"), (*PIP, "keras<3")],
            [("conda", "install", "numpy<2"), (*PIP, "keras<3")],
            id="two installers",
        ),
        pytest.param(
            [("conda", "install", "-c", "nvidia", "cuda-nvcc=12.5"), ("conda", "install", "numpy<2")],
            [("conda", "install", "-c", "nvidia", "cuda-nvcc=12.5"), ("conda", "install", "numpy<2")],
            id="two channels",
        ),
        pytest.param(
            [("conda", "create", "-n", "tf", "python=3.12"), ("conda", "activate", "tf"), (*PIP, "a"), (*PIP, "b")],
            [("conda", "create", "-n", "tf", "python=3.12"), ("conda", "activate", "tf"), (*PIP, "a"), (*PIP, "b")],
            id="another environment",
        ),
        pytest.param(
            [(*PIP, "--force-reinstall", "h5py"), (*PIP, "numpy<2")],
            [(*PIP, "--force-reinstall", "h5py"), (*PIP, "numpy<2")],
            id="other options",
        ),
    ],
)
def test_one_block(commands: list[tuple[str, ...]], block: list[tuple[str, ...]]) -> None:
    assert together(Fix(commands=(command,)) for command in commands) == block
