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
            [
                ("conda", "remove", "--force", "numpy"),
                ("python", "-m", "pip", "uninstall", "-y", "numpy"),
                ("conda", "install", "numpy=1.26.4"),
                (*PIP, "numpy<2", "keras<3"),
                (*PIP, "--force-reinstall", "numpy"),
            ],
            [
                ("conda", "remove", "--force", "numpy"),
                ("python", "-m", "pip", "uninstall", "-y", "numpy"),
                ("conda", "install", "numpy=1.26.4"),
                (*PIP, "keras<3"),
            ],
            id="handed over to conda",
        ),
        pytest.param(
            [
                ("uv", "pip", "uninstall", "--python", "/e", "tensorflow"),
                ("uv", "pip", "install", "--python", "/e", "tensorflow==2.3.4"),
                ("uv", "pip", "install", "--force-reinstall", "--python", "/e", "tensorflow==2.3.4"),
            ],
            [
                ("uv", "pip", "uninstall", "--python", "/e", "tensorflow"),
                ("uv", "pip", "install", "--python", "/e", "tensorflow==2.3.4"),
            ],
            id="taken away and put in once",
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
        pytest.param(
            [("/v/bin/python", *PIP[1:], "a<2"), ("/v/bin/python", *PIP[1:], "b")],
            [("/v/bin/python", *PIP[1:], "a<2", "b")],
            id="the pip of a venv",
        ),
        pytest.param(
            [("uv", "pip", "install", "--python", "/v", "a<2"), ("uv", "pip", "install", "--python", "/v", "b")],
            [("uv", "pip", "install", "--python", "/v", "a<2", "b")],
            id="uv",
        ),
        pytest.param(
            [("conda", "run", "-p", "/e", *PIP, "a<2"), ("conda", "run", "-p", "/e", *PIP, "b")],
            [("conda", "run", "-p", "/e", *PIP, "a<2", "b")],
            id="pip in an environment that is not active",
        ),
        pytest.param(
            [("micromamba", "install", "-p", "/e", "a<2"), ("micromamba", "install", "-p", "/e", "b")],
            [("micromamba", "install", "-p", "/e", "a<2", "b")],
            id="micromamba",
        ),
        pytest.param([(*PIP, "a<2"), (*PIP, "a>=1,<1.5", "b")], [(*PIP, "a>=1,<1.5", "b")], id="the narrower range"),
        pytest.param(
            [("python3.11", "-m", "venv", "tf"), ("source", "tf/bin/activate"), (*PIP, "a"), (*PIP, "b")],
            [("python3.11", "-m", "venv", "tf"), ("source", "tf/bin/activate"), (*PIP, "a"), (*PIP, "b")],
            id="another venv",
        ),
    ],
)
def test_one_block(commands: list[tuple[str, ...]], block: list[tuple[str, ...]]) -> None:
    assert together(Fix(commands=(command,)) for command in commands) == block
