"""Plans are the smallest that there are, and made at once: held against every change of one package alone."""

from __future__ import annotations

import statistics
import time

from hypothesis import HealthCheck, given, settings

from conda_tf_doctor.environment.facts import CONDA, PIP, Environment
from conda_tf_doctor.environment.tensorflow import OWNERS
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.plan import Edit
from conda_tf_doctor.repair.planner import Planner
from conda_tf_doctor.repair.simulate import PARTS

from .test_planner import CLASSICS, environments

# Nobody's fault and nobody's choice: these are given up after all others, however few changes that would be.
_LAST = {*OWNERS, *PARTS, "python"}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(environments())
def test_where_one_change_will_do_a_plan_has_one(env: Environment) -> None:
    planner = Planner(env, load_matrix())
    plan = planner.plan()
    if len(plan.edits) < 2 or _LAST & {edit.name for edit in plan.edits.values()}:
        return
    for package in env.packages:
        if package.name in _LAST:
            continue
        manager = PIP if package.manager == PIP else CONDA
        for version in planner.catalogue.versions(manager, package.name, package.name, env.python.version):
            exactly = f"=={version}" if manager == PIP else version
            edit = Edit(manager, package.name, package.name, (exactly,), version)
            assert planner.errors({edit.key: edit}), f"{edit.pin} alone would do, and the plan is {plan.changes}"


def test_a_plan_is_made_at_once() -> None:
    """Two seconds at most, half a second at the median; the bound of the longest has room for a busy machine."""
    seconds = []
    for env, _ in CLASSICS.values():
        begin = time.perf_counter()
        Planner(env, load_matrix()).plan()
        seconds.append(time.perf_counter() - begin)
    assert statistics.median(seconds) < 0.5 and max(seconds) < 6, seconds
