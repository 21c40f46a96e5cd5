"""With `pip_interop_enabled` what pip installed is a record to conda: it is solved with, moved and removed.

Other transactions come of it than without, so what is held is that the guard says of each what is true afterwards.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guard.test_scenarios import LOSSES
from tests.guard.worlds import build
from tools.condas import Conda, Result

# Newer condas call it prefix_data_interoperability, and know this name too.
INTEROPERABLE = {"CONDA_PIP_INTEROP_ENABLED": "true"}
ERRORS = re.compile(r"^tf-doctor: error: (TFD\d+)", re.M)

COMMANDS = {
    "over pip's numpy": ("pip 2.10 alone", "install numpy=2"),
    "beside pip's numpy": ("pip 2.15 alone", "install scipy"),
    "pip's own is asked for": ("pip 2.10 alone", "install protobuf=4 h5py"),
    "another CUDA": ("pip 2.10 with CUDA", "install cudatoolkit=11.8"),
    "what pip's needs is removed": ("pip 2.10 with CUDA", "remove numpy"),
    "all that can be updated": ("pip 2.10 with CUDA", "update --all"),
}


def _check(run: Callable[..., Result]) -> tuple[set[str], bool]:
    """Return the errors of `check`, and whether there is a TensorFlow at all."""
    document = run("tf-doctor", "check", "-n", "env", "--json", env=INTEROPERABLE).json()
    errors = {finding["code"] for finding in document["findings"] if finding["severity"] == "error"}
    return errors, document["tensorflow"] is not None


@pytest.fixture(autouse=True)
def _solver_that_can(conda: Conda) -> None:
    """conda-rattler-solver 0.2 itself ends with a TypeError at a record of pip's, with this plugin and without."""
    if conda.solver == "rattler":
        pytest.skip("rattler does not solve with pip's records")


@pytest.mark.parametrize("how", COMMANDS)
def test_what_is_said_is_what_is_there_afterwards(
    how: str, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    world, command = COMMANDS[how]
    build(world, make_env)
    before, _ = _check(run)
    verb, *words = command.split()
    done = run(verb, "-y", "-n", "env", *words, env=INTEROPERABLE)
    assert done.rc == 0, done
    assert "the guard failed" not in done.err, done.err
    after, there = _check(run)
    assert set(ERRORS.findall(done.err)) == after - before, (done, after, before)
    assert there or any("tensorflow 2.10.0 is removed" in said for said in LOSSES.findall(done.err)), done


# In turns: each is two solves on every conda.
@pytest.mark.parametrize(("how", "mode"), zip(COMMANDS, itertools.cycle(["block", "repair"]), strict=False))
def test_what_goes_through_works(
    mode: str, how: str, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    world, command = COMMANDS[how]
    build(world, make_env)
    before, _ = _check(run)
    verb, *words = command.split()
    asked = (verb, "-n", "env", *words)
    result = run(*asked, "--dry-run", "--json", mode=mode, env=INTEROPERABLE)
    if result.rc:
        document = result.json()
        assert document["exception_name"] == "TensorFlowConflictError", document
        if not document["command"]:
            return
        asked = document["command"][1:]
    done = run(*asked, "-y", mode=mode, env=INTEROPERABLE)
    assert done.rc == 0, (asked, done)
    assert verb == "remove" or _check(run)[0] <= before, (asked, done)
