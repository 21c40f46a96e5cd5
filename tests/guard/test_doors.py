"""The further doors: hints on errors, the health check, and how little an unrelated transaction costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conda_tf_doctor.shell import quoted
from tests.guard.worlds import build, installed
from tools.condas import Conda, Result

NO_IMPORTS = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("conda_tf_doctor.matrix.load", "conda_tf_doctor.engine", "conda_tf_doctor.context")):
            raise ImportError("this costs something")
sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("mode", ["warn", "block", "repair"])
@pytest.mark.parametrize(
    ("world", "command"),
    [
        ("plain", "install cudatoolkit=11.8 cudnn numpy"),
        ("plain", "remove attrs"),
        ("pip 2.10 with CUDA", "install attrs"),
    ],
    ids=["no TensorFlow", "removal without TensorFlow", "nothing of TensorFlow's stack"],
)
def test_no_matrix_where_nothing_can_happen(
    world: str, command: str, mode: str, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build(world, make_env)
    verb, *rest = command.split()
    result = run(verb, "-y", "-n", "env", *rest, mode=mode, before=NO_IMPORTS)
    assert result.rc == 0, result
    assert "tf-doctor" not in result.told


HINTS = {
    "create -n env python=3.12 tensorflow=2.10": "Of tensorflow, for Python 3.12 on linux-64, conda-forge has 2.16.1",
    "create -n env python=3.12 tensorflow=2.99": "No tensorflow 2.99 is known.",
    # The channel is asked, whichever the solver.
    "create -n env tensorflow-gpu=2.12": "Of tensorflow-gpu, for linux-64, conda-forge has 2.10.0, 2.15.0 and pip has",
    "create -n env python=3.12 tensorflow-cpu=2.15": "conda-forge has 2.10.0, 2.15.0, none of them for that",
    "create -n env tensorflow=2.11": "No channel of yours is known to have tensorflow 2.11 for linux-64; pip has it",
    # Of another channel than the user's; with its own Python nothing is wrong.
    "create -n env python=3.10 tensorflow-gpu=2.19 -c defaults --override-channels": "forge has tensorflow-gpu 2.19.",
    # Before a build a version is exact.
    "create -n env tensorflow=2.19=cuda*": "conda-forge has 2.19.1: ask for tensorflow=2.19.*=cuda*.",
    "create -n env tensorflow==2.19": "conda-forge has 2.19.1: ask for tensorflow=2.19.",
    "create -n env tensorflow=2.10=gpu*": "conda-forge has the builds cpu*, cuda112*, none of them gpu*.",
    "create -n env --subdir osx-arm64 tensorflow": "pip has it: `python -m pip install tensorflow`.",
    "create -n env cudatoolkit=12.5": "The last cudatoolkit is 11.8: from CUDA 12 on",
    "create -n env cudatoolkit=9.0": "TensorFlow 1.5.0 to 1.14.0 goes with CUDA 9.0 on linux-64.",
    "create -n env python=3.10 tensorflow=2.10 numpy=2": "tensorflow 2.10 does exist for Python 3.10 on linux-64",
}


@pytest.mark.parametrize("command", HINTS)
def test_hints(command: str, conda: Conda, run: Callable[..., Result]) -> None:
    result = run(*command.split(), "--dry-run", "-y", "-q", mode="warn")
    assert result.rc == 1, result
    assert "the guard failed" not in result.err
    assert (HINTS[command] in result.err) == conda.installation.error_hints, result.err
    silent = run(*command.split(), "--dry-run", "-y", "-q", mode="disabled")
    assert "tf_doctor" not in silent.told


@pytest.mark.parametrize("command", ["create -n env nosuchpackage", "create -n env python=3.10 numpy=2 scipy=1.7"])
def test_no_hints_on_other_errors(command: str, run: Callable[..., Result]) -> None:
    result = run(*command.split(), "--dry-run", "-y", "-q", mode="warn")
    assert result.rc == 1, result
    assert "tf_doctor" not in result.told
    assert "the guard failed" not in result.err


def test_health_fixer(conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    prefix = build("pip 2.10 beside numpy 2", make_env)
    before = installed(prefix)
    assert before["numpy"].startswith("2.")
    result = run("doctor", "-n", "env", *(["tf-doctor", "--fix", "--dry-run"] if conda.installation.fixers else []))
    assert result.rc == 0, result
    assert ("numpy 2.0" in result.out.partition("Running fixes")[2]) == conda.installation.fixers, result.out
    assert installed(prefix) == before
    if conda.installation.fixers:
        fixed = run("doctor", "-n", "env", "tf-doctor", "--fix", "--yes")
        assert fixed.rc == 0, fixed
        assert installed(prefix)["numpy"].startswith("1."), fixed
        again = run("doctor", "-n", "env", "tf-doctor", "--fix", "--yes")
        assert "TensorFlow: nothing to repair, skipping." in again.out, again


@pytest.mark.parametrize(
    ("world", "lines"),
    [
        ("plain", ["TensorFlow: not installed, nothing to check."]),
        ("conda 2.10", ["TensorFlow: tensorflow 2.10.0 is consistent with what is installed beside it."]),
        ("pip 2.10 beside numpy 2", ["TensorFlow: tensorflow 2.10.0 has ", "  error TFD603 numpy-abi: numpy 2.0"]),
    ],
    ids=["no TensorFlow", "healthy", "broken"],
)
def test_health_check(
    world: str, lines: list[str], conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    prefix = build(world, make_env)
    only = ["tf-doctor"] if conda.installation.fixers else []
    result = run("doctor", "-n", "env", *only)
    assert result.rc == 0, result
    for line in lines:
        assert line in result.out, result.out
    if "error" in lines[-1]:
        assert f"All of it: conda tf-doctor -p {quoted(str(prefix))}" in result.out
    assert "Error running health check: tf-doctor" not in result.err


def test_health_check_does_not_call_consistent_what_is_silenced(
    run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build("pip 2.10 beside numpy 2", make_env)
    result = run("doctor", "-n", "env", env={"CONDA_PLUGINS_TF_DOCTOR_IGNORE": "TFD603,TFD301"})
    assert "tensorflow 2.10.0 is consistent" not in result.out, result.out
    assert "finding(s) are silenced by tf_doctor_ignore" in result.out


def test_health_check_says_that_it_could_not_look(
    run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    build("pip 2.10 beside numpy 2", make_env)
    result = run("doctor", "-n", "env", env={"CONDA_PLUGINS_TF_DOCTOR_MATRIX": str(tmp_path / "none.yaml")})
    (line,) = [line for line in result.out.splitlines() if line.startswith("TensorFlow: not checked: ")]
    assert str(tmp_path / "none.yaml") in line


FAILS = """
import importlib
module = importlib.import_module("conda_tf_doctor.rules.packages.packages")
def fails(context):
    raise ValueError("a fault of ours")
module.packages = fails
"""


def test_where_a_rule_fails_nothing_is_called_fine(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    build("pip 2.10 beside numpy 2", make_env)
    only = ["tf-doctor"] if conda.installation.fixers else []
    result = run("doctor", "-n", "env", *only, before=FAILS)
    assert "consistent" not in result.out and "warning TFD902 rule-failed: The rule packages failed" in result.out, (
        result
    )
    if conda.installation.fixers:
        fixed = run("doctor", "-n", "env", "tf-doctor", "--fix", "--yes", before=FAILS)
        assert "nothing to repair is known, skipping. The rule packages failed" in fixed.out and fixed.rc == 1, fixed
    # Nor a transaction that touches what it looks at.
    judged = run("install", "-n", "env", "numpy=1", "-y", "--dry-run", before=FAILS)
    assert judged.rc == 0 and "The rule packages failed (ValueError: a fault of ours)." in judged.err, judged
