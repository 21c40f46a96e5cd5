"""What the matrix costs a check: the rows of one release and the small tables, in a new interpreter."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

ROUNDS = 15
# What a check imports anyway, so that both sides start alike.
_COMMON = "import json, os, re, typing, fnmatch, functools, conda_tf_doctor.versions\n"
_LOAD = (
    "from conda_tf_doctor.matrix.load import load_matrix\n"
    "matrix = load_matrix()\n"
    "assert matrix.builds('tensorflow', '2.10.0', 'pypi', 'win-64')\n"
    "assert matrix.table('drivers')\n"
)


def seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def side_by_side(one: str, other: str) -> tuple[float, float]:
    """Return the best of both, run in turns: what else the machine does only ever adds."""
    pairs = [(seconds(one), seconds(other)) for _ in range(ROUNDS)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


@pytest.mark.slow
def test_looking_up_one_release_costs_a_fraction_of_starting_python(record_property: pytest.RecordProperty) -> None:
    seconds(_COMMON + _LOAD)  # compiles what has to be compiled
    without, with_matrix = side_by_side(_COMMON, _COMMON + _LOAD)
    record_property("ratio", round(with_matrix / without, 3))
    assert with_matrix <= 1.5 * without, f"{with_matrix * 1e3:.1f} ms beside {without * 1e3:.1f} ms"


@pytest.mark.slow
def test_derived_form_is_far_cheaper_than_the_yaml() -> None:
    parse = (
        "from conda_tf_doctor.matrix.compiled import compile_folder\n"
        "from conda_tf_doctor.matrix.compiled import DATA\n"
        "compile_folder(DATA)\n"
    )
    from_yaml = seconds(parse)
    from_derived = min(seconds(_LOAD) for _ in range(5))
    assert from_yaml > 5 * from_derived, f"{from_yaml * 1e3:.0f} ms and {from_derived * 1e3:.0f} ms"
