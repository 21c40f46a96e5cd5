"""Commands side by side: what one costs, as a multiple of what another does."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import conda_tf_doctor
from conda_tf_doctor.matrix.load import load_matrix

CHECK = "from conda_tf_doctor.cli.main import script; script()"
SERIES, ROUNDS = 4, 12
# Windows counts a process' own time in steps of 15 ms.
CLOCK = time.perf_counter if os.name == "nt" else time.process_time


def installed(folder: Path) -> str:
    """Return a folder with the package as an installer lays it out: a checkout looks after its own derived files."""
    load_matrix()  # makes the derived form where it is not there
    own = Path(conda_tf_doctor.__file__).parent
    shutil.copytree(own, folder / own.name, ignore=shutil.ignore_patterns("__pycache__"))
    return str(folder)


def of_a_user(package: str, home: Path) -> dict[str, str]:
    """Return the environment of a user of an installed package, with nothing in it that slows Python down."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONDA", "COV"))}
    return {**kept, "PYTHONPATH": package, "HOME": str(home)}


def cost(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Return the processor's seconds of a command, which other work adds little to; on Windows those of the clock."""
    began = time.perf_counter()
    # What lies in the working folder comes before what PYTHONPATH brings.
    where = environ.get("PYTHONPATH", "").split(os.pathsep)[0] or None
    process = subprocess.Popen(command, env=environ, cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    if sys.platform == "win32":
        status, spent = process.wait(), time.perf_counter() - began
    else:
        _, code, used = os.wait4(process.pid, 0)
        status, spent = os.waitstatus_to_exitcode(code), used.ru_utime + used.ru_stime
        process.returncode = status
    process.stderr.close()
    assert status == 0, told
    return spent


def ratio(command: Callable[[], float], beside: Callable[[], float], most: float, rounds: int = ROUNDS) -> float:
    """Return the median of the ratios of pairs; of several series the smallest, for load only ever adds.

    Args:
        command: Runs what is measured and returns its cost.
        beside: Runs what it is measured against.
        most: Where a series stays below, no other is made.
        rounds: Pairs in a series.
    """
    found = []
    for _ in range(SERIES):
        # In turns: what else the machine does then hits both alike.
        pairs = [(beside(), command()) for _ in range(rounds)]
        found.append(statistics.median(other / one for one, other in pairs))
        if found[-1] <= most:
            break
    return min(found)
