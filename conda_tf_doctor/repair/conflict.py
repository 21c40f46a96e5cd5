"""Where no plan meets every demand: which of them conflict, and what giving up each would allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..codes import CUDA, codes_where
from ..findings import ERROR
from .plan import Conflict

if TYPE_CHECKING:
    from .demands import Demands
    from .planner import Planner


class _Demand(NamedTuple):
    label: str
    kind: str
    value: str
    spec: str = ""


def _listed(demands: Demands, gpu: bool) -> list[_Demand]:
    found = [
        _Demand(f"--to {name}{'' if spec[:1] in '<>=!~' else '='}{spec.removesuffix('.*')}", "to", name, spec)
        for name, spec in demands.to
    ]
    found += [_Demand(f"--keep {name}", "keep", name) for name in sorted(demands.keep)]
    if gpu:
        found.append(_Demand("the GPU", "gpu", ""))
    return found


def _without(planner: Planner, given_up: set[_Demand]) -> Planner:
    demands = planner.demands._replace(
        to=tuple(d for d in planner.demands.to if not any(g.kind == "to" and (g.value, g.spec) == d for g in given_up)),
        keep=frozenset(k for k in planner.demands.keep if not any(g.kind == "keep" and g.value == k for g in given_up)),
    )
    ignore = set(planner.ignore)
    if any(g.kind == "gpu" for g in given_up):
        ignore |= codes_where(family=CUDA)
    fresh = type(planner)(planner.env, planner.matrix, ignore, demands, planner.catalogue, planner.managers)
    if any(g.kind == "gpu" for g in given_up):
        fresh.wanted = ""
    return fresh


def explain(planner: Planner) -> Conflict:
    """Find a smallest set of demands that cannot all be met, and what each of them stands in the way of."""
    errors = [f for f in planner.before.findings if f.severity == ERROR]
    obstacle = planner.obstacle or next(iter(errors), None)
    why = obstacle.message if obstacle else "No version satisfies all demands."
    demands = _listed(planner.demands, bool(planner.wanted))
    core = list(demands)
    for demand in demands:
        # What is not needed for the contradiction is left out of it.
        rest = [d for d in core if d is not demand]
        if rest and _without(planner, set(demands) - set(rest)).search() is None:
            core = rest
    ways = []
    for demand in core:
        others = _without(planner, {demand})
        edits = others.search()
        if edits is None:
            ways.append(f"without {demand.label}: still nothing fits")
            continue
        changes = others.finished(edits).changes
        text = ", ".join(f"{c.package} {c.before or '(new)'} -> {c.after or 'removed'}" for c in changes)
        ways.append(f"without {demand.label}: {text or 'nothing has to change'}")
    return Conflict(tuple(d.label for d in core), why, tuple(ways))
