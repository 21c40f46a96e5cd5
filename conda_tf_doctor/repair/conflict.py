"""Where no plan meets every demand: which of them conflict, and what giving up each would allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..codes import CUDA, codes_where
from ..findings import ERROR
from .plan import Change, Conflict

if TYPE_CHECKING:
    from .demands import Demands
    from .planner import Planner


class _Demand(NamedTuple):
    """One demand: a version to reach, a package to keep or to lose, or where it is none of these the GPU."""

    label: str
    to: tuple[str, str] | None = None
    keep: str = ""
    without: str = ""


_GPU = _Demand("the GPU")


def _listed(demands: Demands, gpu: bool) -> list[_Demand]:
    found = [
        _Demand(f"--to {name}{'' if spec[:1] in '<>=!~' else '='}{spec.removesuffix('.*')}", (name, spec))
        for name, spec in demands.to
    ]
    found += [_Demand(f"--keep {name}", keep=name) for name in sorted(demands.keep)]
    found += [_Demand(f"--without {name}", without=name) for name in sorted(demands.without)]
    return [*found, _GPU] if gpu else found


def _without(planner: Planner, given_up: set[_Demand]) -> Planner:
    demands = planner.demands._replace(
        to=tuple(each for each in planner.demands.to if each not in {demand.to for demand in given_up}),
        keep=planner.demands.keep - {demand.keep for demand in given_up},
        without=planner.demands.without - {demand.without for demand in given_up},
    )
    ignore = planner.ignore | (codes_where(family=CUDA) if _GPU in given_up else frozenset())
    fresh = type(planner)(planner.env, planner.matrix, ignore, demands, planner.catalogue, planner.managers)
    fresh.wanted = "" if _GPU in given_up else fresh.wanted
    return fresh


def explain(planner: Planner) -> Conflict:
    """Find a smallest set of demands that cannot all be met, and what each of them stands in the way of."""
    if planner.clash:
        return _between_neighbours(planner)
    errors = (finding.message for finding in planner.before.findings if finding.severity == ERROR)
    why = planner.obstacle or next(errors, "No version satisfies all demands.")
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
        ways.append(f"without {demand.label}: {_changes(others.finished(edits).changes)}")
    return Conflict(tuple(d.label for d in core), why, tuple(ways))


def _between_neighbours(planner: Planner) -> Conflict:
    """Say which installed package stands against the repair, and what there is to choose from."""
    tensorflow = planner.tensorflow
    assert tensorflow is not None
    mine = tensorflow.label
    owners = list(dict.fromkeys(demand.owner.name for demand in planner.clash))
    asked = [f"{d.owner.name} {d.owner.version} (asks for {d.text})" for d in planner.clash]
    ways = []
    other = _without(planner, set())
    edits = other.with_neighbours()
    moved = next((e for e in (edits or {}).values() if e.name == tensorflow.name and e.version), None)
    if edits is not None and moved is not None:
        text = _changes(other.finished(edits).changes)
        ways.append(f"another TensorFlow, with --to {tensorflow.name}={moved.version}: {text}")
    for name in owners:
        ways.append(f"another version of {name}, with --to {name}=VERSION, where one takes what {mine} needs")
        loose = _without(planner, set())
        loose.demands = loose.demands._replace(without=loose.demands.without | {name})
        edits = loose.search()
        if edits is not None:
            ways.append(f"without {name}, with --without {name}: {_changes(loose.finished(edits).changes)}")
    why = f"{mine} cannot be repaired beside {' and '.join(asked)}: what one of them needs, the other does not take."
    return Conflict((mine, *asked), why, tuple(ways))


def _changes(changes: tuple[Change, ...]) -> str:
    texts = [f"{c.package} {c.before or '(new)'} -> {c.after or 'removed'}" for c in changes]
    return ", ".join(texts) or "nothing has to change"
