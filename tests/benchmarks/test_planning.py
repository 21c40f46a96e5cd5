"""What `fix --dry-run` plans takes half a second for the median of the environments that are broken in a known way."""

from __future__ import annotations

import statistics
from contextlib import suppress

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.planner import Planner
from tests.benchmarks.pairs import CLOCK
from tests.rules.cases import OF_PAGES, WRITTEN, environment


def test_the_median_plan_takes_half_a_second(record_property: pytest.RecordProperty) -> None:
    matrix, spent = load_matrix(), {}
    for name, case in {**OF_PAGES, **WRITTEN}.items():
        # What stands in a folder is made by other tests.
        if "packages" not in case or "windows" in case:
            continue
        env = environment({**case, "kind": "prefix"})
        if diagnose(env, matrix).ok:
            continue
        began = CLOCK()
        with suppress(UsageError):  # that there is no plan takes its time as well
            Planner(env, matrix).plan()
        spent[name] = CLOCK() - began
    median, slowest = statistics.median(spent.values()), max(spent, key=spent.__getitem__)
    record_property("median", median)
    print(f"{len(spent)} plans: median {median:.3f} s, {slowest} {spent[slowest]:.1f} s")
    assert len(spent) > 50
    assert median <= 0.5
