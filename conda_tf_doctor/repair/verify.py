"""Asks conda and pip whether a plan can be installed, before anybody is asked to agree to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..environment.facts import CONDA, Environment, Package
from ..environment.stack import TENSORFLOW
from ..names import normalise
from . import neighbours
from .by_pip import checked
from .plan import Conflict, Edits, Move, Plan
from .planner import Planner
from .simulate import simulate

if TYPE_CHECKING:
    from .conda import Conda, Moves

_ATTEMPTS = 6


def conda_specs(edits: Edits, pinned: Sequence[str] = ()) -> list[str]:
    """Return the MatchSpecs that bring about the edits, the user's other pins included."""
    specs: list[str] = []
    for edit in edits.values():
        if edit.manager == CONDA and not edit.removes and not edit.reinstall:
            specs += [edit.pin, *edit.also]
    named = {spec.split()[0] for spec in specs}
    return specs + [pin for pin in pinned if pin.split()[0] not in named] if specs else []


def conda_removes(edits: Edits) -> list[str]:
    """Return the conda packages that go."""
    return [edit.spelled for edit in edits.values() if edit.manager == CONDA and edit.removes]


def verified_plan(planner: Planner, conda: Conda | None, prefix: str, pinned: Sequence[str] = ()) -> Plan:
    """Return a plan that conda and pip can carry out, as far as they can be asked.

    What conda would not install is rejected, and the next best plan is tried.

    Args:
        planner: Makes plans.
        conda: The user's conda; ``None`` leaves conda's part unverified.
        prefix: The environment.
        pinned: The user's own pins on installed packages, which the solve has to honour.
    """
    plan = planner.plan()
    refusals: list[str] = []
    for _ in range(_ATTEMPTS):
        if plan.conflict is not None or not plan.edits:
            break
        specs, removes = conda_specs(plan.edits, pinned), conda_removes(plan.edits)
        by_pip, following = checked(plan, prefix, planner)
        if following is not None:
            if following.conflict is not None:
                # pip answered: a plan that it cannot install is none.
                why = f"{by_pip.unverified}. With what its index has, {following.conflict.why}"
                return following._replace(conflict=following.conflict._replace(why=why[:1].upper() + why[1:]))
            plan = following
            continue
        if not specs and not removes:
            return by_pip
        if conda is None:
            return plan._replace(unverified="there is no conda to ask what the channels have")
        answer, moves = conda.solve(prefix, specs, removes)
        held = _moved(planner, plan, moves) if specs and answer.ok else ()
        if held:
            answer, moves = conda.solve(prefix, conda_specs(plan.edits, (*pinned, *held)), removes)
        if not answer.reached:
            return plan._replace(unverified=f"{conda.name} could not be asked ({_short(answer.message)})")
        if answer.ok:
            solved = moves_applied(planner, plan, moves)
            left = planner.left_after(plan.edits, solved)
            if not left:
                verified = f"{conda.name} and {by_pip.verified}".removesuffix(" and ")
                return by_pip._replace(verified=verified, moves=(*_besides(plan, moves), *by_pip.moves), held=held)
            refusals.append(f"what {conda.name} would install with it still has {', '.join(f.code for f in left)}")
            refined = planner.refined(plan.edits, left, solved)
            if refined is not None:
                plan = planner.finished(refined)
                continue
        else:
            refusals.append(_short(answer.message))
            # Conda leaves nothing of TensorFlow's unmet, though nothing may be known to break of it.
            unmet = neighbours.unmet_of_conda(plan.after.env)
            refined = planner.refined(plan.edits, neighbours.findings(unmet), plan.after.env) if unmet else None
            if refined is not None:
                plan = planner.finished(refined)
                continue
        planner.reject(dict(plan.edits))
        following = planner.plan()
        if following.conflict is not None:
            return plan._replace(conflict=following.conflict._replace(why=f"{_refuses(conda)} the plan: {refusals[0]}"))
        plan = following
    else:
        if conda is None or not refusals:
            return by_pip
        why = f"{_refuses(conda)} {len(refusals)} plans, the first with: {refusals[0]}"
        return plan._replace(conflict=Conflict(("the packages and channels that are there",), why, ()))
    return plan


def _moved(planner: Planner, plan: Plan, moves: Moves) -> tuple[str, ...]:
    """Return the MatchSpecs that keep TensorFlow where conda would move it, and the plan does not."""
    if any(edit.name in TENSORFLOW and not edit.reinstall for edit in plan.edits.values()):
        return ()
    there = {name: planner.env.conda(normalise(name)) for name in moves.link if normalise(name) in TENSORFLOW}
    return tuple(f"{n} {p.version}" for n, p in there.items() if p is not None and p.version != moves.link[n][0])


def _refuses(conda: Conda) -> str:
    return f"{conda.name} refuses".capitalize()


def _short(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:3])[:300]


def _besides(plan: Plan, moves: Moves) -> tuple[Move, ...]:
    planned = {normalise(edit.spelled) for edit in plan.edits.values() if edit.manager == CONDA}
    planned |= {name for edit in plan.edits.values() for name in edit.follows}
    found = []
    for name in sorted({*moves.link, *moves.unlink}):
        old, new = moves.unlink.get(name), moves.link.get(name)
        if normalise(name) not in planned and (old or ("", ""))[0] != (new or ("", ""))[0]:
            found.append(Move(CONDA, name, old[0] if old else "", new[0] if new else ""))
    return tuple(found)


def moves_applied(planner: Planner, plan: Plan, moves: Moves) -> Environment:
    """Return the facts as conda's own solution and the rest of the plan leave them."""
    env = simulate(planner.env, {k: e for k, e in plan.edits.items() if e.manager != CONDA}, planner.matrix)
    expected = {p.name: p for p in simulate(planner.env, plan.edits, planner.matrix).packages if p.manager == CONDA}
    gone = {normalise(name) for name in moves.unlink}
    kept = [p for p in env.packages if p.manager != CONDA or p.name not in gone]
    for name, (version, build, channel) in moves.link.items():
        old = expected.get(normalise(name))
        metadata = old.metadata if old is not None and old.version == version else {}
        kept.append(
            Package(
                name,
                version,
                CONDA,
                build,
                channel.rsplit("/", 1)[-1],
                f"conda-meta/{name}-{version}-{build}.json",
                metadata,
            )
        )
        if name == "python":
            env.python = env.python._replace(version=version)
    env.put(kept)
    return env
