"""Plans are the smallest that there are, and made at once: held against every change of one package, and known ones."""

from __future__ import annotations

import statistics
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conda_tf_doctor.environment.facts import CONDA, PIP, Environment
from conda_tf_doctor.environment.tensorflow import OWNERS
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.plan import Edit
from conda_tf_doctor.repair.planner import Planner
from conda_tf_doctor.repair.simulate import PARTS

from .test_apply import beside
from .test_planner import CLASSICS, environment, environments

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


# Environments that work, by the Python that is theirs; what is changed in them, changing it back repairs.
WHOLE = {"3.10.18": "2.10.1", "3.11.13": "2.15.0", "3.12.11": "2.19.0", "3.13.5": "2.20.0"}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_plan_has_no_more_changes_than_were_made(python: str, data: st.DataObject) -> None:
    stack = dict(text.split("==") for text in (f"tensorflow=={WHOLE[python]}", *beside(WHOLE[python])))
    planner = Planner(environment("linux-64", python, {}, stack), load_matrix())
    assert planner.errors({}) == []
    breakable = [name for name in sorted(stack) if name not in _LAST and len(_versions(planner, name)) > 1]
    names = data.draw(st.lists(st.sampled_from(breakable), min_size=1, max_size=4, unique=True))
    broken = {name: data.draw(st.sampled_from(_versions(planner, name))) for name in names}
    plan = Planner(environment("linux-64", python, {}, {**stack, **broken}), load_matrix()).plan()
    assert plan.conflict is None and len(plan.changes) <= len(broken), (broken, plan.changes)


def _versions(planner: Planner, name: str) -> list[str]:
    return planner.catalogue.versions(PIP, name, name, planner.env.python.version)


def test_a_plan_is_made_at_once() -> None:
    """Two seconds at most, half a second at the median, of the processor's time: others may be using the machine."""
    seconds = []
    for env, _ in CLASSICS.values():
        begin = time.process_time()
        Planner(env, load_matrix()).plan()
        seconds.append(time.process_time() - begin)
    assert statistics.median(seconds) < 0.5 and max(seconds) < 2, seconds
