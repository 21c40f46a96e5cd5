"""The channel has to tempt a solver into what the guard is to prevent; each case here runs with the guard off."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.subdirs import this_platform
from tools.condas import Conda
from tools.images import executable
from tools.world import ALIVE

OFF = {"CONDA_PLUGINS_TF_DOCTOR_MODE": "disabled"}


@pytest.mark.parametrize(
    ("before", "install", "expected"),
    [
        pytest.param(
            ("python=3.10", "cudatoolkit=11.2", "cudnn=8.1"),
            ("install", "cudatoolkit=11.8"),
            {"cudatoolkit": "11.8", "python": "3.10"},
            id="install-cudatoolkit",
        ),
        pytest.param(
            ("python=3.10", "cudatoolkit", "cudnn", "numpy=1.23"),
            ("update", "--all"),
            {"cudatoolkit": "11.8", "numpy": "2."},
            id="update-all",
        ),
        pytest.param(
            ("python=3.10", "cudatoolkit=11.2", "cudnn=8.1"),
            ("install", "-c", "inhouse", "somepackage"),
            # Which it is, each solver decides; pip's TensorFlow of that time takes neither.
            {"cudnn": ("8.9", "9.")},
            id="cudnn-dragged-along",
        ),
        pytest.param(("python=3.10",), ("install", "scipy"), {"numpy": "2."}, id="scipy-brings-numpy-2"),
        pytest.param(
            ("python=3.10", "numpy=1.26"),
            ("install", "-c", "inhouse", "somestats"),
            {"numpy": "2."},
            id="needs-numpy-2",
        ),
        pytest.param(("python=3.10",), ("install", "python=3.12"), {"python": "3.12"}, id="python-too-new"),
    ],
)
def test_linux_transactions_that_break_pips_tensorflow(
    conda: Conda,
    make_env: Callable[..., Path],
    before: tuple[str, ...],
    install: tuple[str, ...],
    expected: dict[str, str | tuple[str, ...]],
) -> None:
    prefix = make_env("env", *before, asked=[spec if "python" in spec else spec.split("=")[0] for spec in before])
    conda.run(install[0], "-y", "-n", "env", *install[1:], env=OFF, check=True)
    records = conda.records(prefix)
    for name, version in expected.items():
        assert records[name].startswith(version), records


def test_the_solver_alone_picks_what_cannot_work(conda: Conda) -> None:
    prefix = conda.create("env", "tensorflow=2.10", "cudatoolkit", "cudnn", channels=("inhouse",))
    records = conda.records(prefix)
    picked = {name: records[name].split(".") for name in ("tensorflow", "cudatoolkit", "cudnn", "python")}
    assert picked["tensorflow"][:2] == ["2", "10"]
    assert picked["cudatoolkit"][:2] == ["11", "8"]
    assert picked["cudnn"][:2] == ["8", "6"]
    assert picked["python"][:2] == ["3", "12"]


@pytest.mark.parametrize(
    ("install", "expected"),
    [
        pytest.param(("oldgraphics",), {"vc14_runtime": "14.29"}, id="runtime-downgraded"),
        pytest.param(("legacytool",), {"vs2015_runtime": "14.16"}, id="only-the-old-runtime"),
        pytest.param(("cudatoolkit=11.8", "cudnn=8.8"), {"libzlib-wapi": "1.2.13", "cudnn": "8.8"}, id="cuda"),
        pytest.param(("cudatoolkit=11.2", "cudnn=8.4"), {"cudnn": "8.4.1.50 inhouse"}, id="cudnn-without-zlibwapi"),
    ],
)
def test_windows_transactions(
    conda: Conda, make_env: Callable[..., Path], install: tuple[str, ...], expected: dict[str, str]
) -> None:
    # Python 3.7 is the one whose own runtime may still be that of 2017.
    prefix = make_env("env", "python=3.7" if install == ("legacytool",) else "python=3.10", subdir="win-64")
    conda.run("install", "-y", "-n", "env", "-c", "inhouse", *install, env=OFF, subdir="win-64", check=True)
    records = conda.records(prefix)
    for name, version in expected.items():
        assert records[name].startswith(version), records
    if install == ("legacytool",):
        assert "vc14_runtime" not in records
    if "cudnn=8.4" in install:
        assert "libzlib-wapi" not in records


@pytest.mark.parametrize(
    ("version", "build"),
    [(version, "cuda*") for version in ("2.10", "2.12", "2.15", "2.16", "2.17", "2.18", "2.19")]
    + [(version, "cpu*") for version in ("2.10", "2.12", "2.15", "2.17", "2.18", "2.19")],
)
def test_every_tensorflow_of_conda_forge_can_be_installed(registry_conda: Conda, version: str, build: str) -> None:
    prefix = registry_conda.create("env", f"tensorflow={version}.*={build}")
    records = registry_conda.records(prefix)
    assert records["tensorflow"].startswith(version)
    assert ("cudnn" in records) == (build == "cuda*"), records


@pytest.mark.parametrize("flavour", ["gpu", "eigen", "mkl"])
@pytest.mark.parametrize("subdir", ["linux-64", "win-64"])
def test_anacondas_tensorflow_comes_in_three_flavours(registry_conda: Conda, flavour: str, subdir: str) -> None:
    prefix = registry_conda.create(
        "env", "tensorflow=2.10", f"_tflow_select=*={flavour}", subdir=subdir, channels=("defaults",)
    )
    records = registry_conda.records(prefix)
    assert records["tensorflow-base"].split()[1].startswith(flavour)
    assert ("cudatoolkit" in records) == (flavour == "gpu")


@pytest.mark.skipif(this_platform() != ALIVE, reason="what starts here is of another platform")
def test_the_token_of_a_python_starts_and_does_nothing(tmp_path: Path) -> None:
    program = tmp_path / "python.exe"
    program.write_bytes(executable(ALIVE))
    program.chmod(0o755)
    assert subprocess.run([program, "-m", "pip", "--version"], capture_output=True, check=True).stdout == b""
