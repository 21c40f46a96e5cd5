"""Advice is tried on the facts before it is shown: what pip would take or leave wrongly beside it joins the command.

A TensorFlow from before numpy 2 declares no upper bound on it, one from before protobuf 4 none on that, and an add-on
of the next release wants a package that is not there yet. The rules judge what a command would leave, as they judge
plans.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .. import versions
from ..advice.add_ons import fitting
from ..advice.block import together
from ..advice.make import asking
from ..context.context import Context
from ..engine.diagnose import diagnose
from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.tensorflow import OWNERS
from ..findings import ERROR, WARNING, Finding, Fix
from ..installers import asked_of_pip, is_pip, packages
from ..matrix.model import CPU, PYPI
from ..names import normalise, parse_requirement
from ..specifiers import joined, to_conda
from .recipe import NoRecipeError, Wanted, make
from .simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..engine.diagnosis import Diagnosis
    from ..matrix.matrix import Matrix
    from ..matrix.model import Build

# What a first addition asks for in its turn.
_ROUNDS = 3


def accompanied(diagnosis: Diagnosis, matrix: Matrix) -> Diagnosis:
    """Return the diagnosis with commands of pip that were tried, and name what else they need.

    Those of the errors, which are what is shown to be typed; of the warnings where there is no error.

    Args:
        diagnosis: What was found, with what is advised.
        matrix: The compatibility matrix.
    """
    typed = ERROR if any(finding.severity == ERROR for finding in diagnosis.findings) else WARNING
    found = _tried(diagnosis, typed, matrix)
    return diagnosis._replace(findings=tuple(_of_one_mind(found, typed, diagnosis.env, matrix)))


def _tried(diagnosis: Diagnosis, typed: str, matrix: Matrix) -> list[Finding]:
    """Return the findings, those of one severity with what else their commands need."""
    env = diagnosis.env
    there = diagnosis.tensorflow is not None and not diagnosis.tensorflow.requested
    # Several findings may advise one command, and all are held to what is wrong now: each is tried once, in need.
    before = cache(lambda: {(f.code, f.package) for f in _wrong(simulate(env, {}, matrix), matrix)})
    in_place = cache(lambda command: _in_place(command, env, matrix, before))
    found = []
    for finding in diagnosis.findings:
        commands = finding.fix.commands if finding.severity == typed else ()
        made = next((command for command in commands if command[:2] == ("conda", "create")), ())
        if made or (commands and not there):
            whole = [_in_new(command, made, env, matrix) for command in commands]
        else:
            whole = [in_place(command) for command in commands]
        found.append(finding._replace(fix=_agreeing(finding.fix, tuple(whole))) if whole else finding)
    return found


def _of_one_mind(found: list[Finding], severity: str, env: Environment, matrix: Matrix) -> list[Finding]:
    """Return findings whose commands can be typed as one.

    One add-on's advice may bring another TensorFlow, and another's be made for the one that is here: what moves
    TensorFlow is kept, and the others are advised for that.
    """
    shown = [finding for finding in found if finding.severity == severity and finding.fix.commands]
    block = together(finding.fix for finding in shown)
    if len(shown) < 2 or len(block) != 1:
        return found
    told = {(finding.code, finding.package) for finding in shown}
    after = left_by(block[0], env, matrix)
    if after is not None and told.isdisjoint((f.code, f.package) for f in _wrong(after, matrix)):
        return found
    moves = [finding for finding in shown if _moved(finding)]
    after = left_by(moves[0].fix.commands[0], env, matrix) if moves else None
    if after is None:
        return found
    left = _tried(diagnose(after, matrix), severity, matrix)
    beside = {(f.code, f.package): f for f in left if f.severity in (ERROR, WARNING)}
    return [
        finding._replace(fix=_beside(moves[0], beside.get((finding.code, finding.package))))
        if finding in shown and finding is not moves[0]
        else finding
        for finding in found
    ]


def _moved(finding: Finding) -> str:
    """Return the TensorFlow that a finding's command brings (``tensorflow==2.15.*``); empty where it leaves it."""
    asked = asked_of_pip(finding.fix.commands[0]) if finding.fix.commands else {}
    return next((f"{name}{spec}" for name, spec in asked.items() if name in OWNERS), "")


def _beside(first: Finding, finding: Finding | None) -> Fix:
    """Return what is advised of a finding beside a first one, which brings another TensorFlow."""
    if finding is None:
        return Fix(note=f"It can stay as it is with {_moved(first)}, which {first.package} needs.")
    if _moved(finding):
        return Fix(
            note=f"No release of it goes with {_moved(first)}, which {first.package} needs: uninstall one of them."
        )
    return finding.fix


def _agreeing(fix: Fix, commands: tuple[tuple[str, ...], ...]) -> Fix:
    """Return a fix with other commands, whose requirements are what they install where they were that before."""
    typed = [word for command in commands if is_pip(command, "install") for word in packages(command[4:])]
    before = [word for command in fix.commands for word in command]
    same = fix.pip and commands != fix.commands and all(word in before for word in fix.pip)
    return fix._replace(commands=commands, pip=tuple(typed) if same else fix.pip)


def _in_new(command: tuple[str, ...], made: tuple[str, ...], env: Environment, matrix: Matrix) -> tuple[str, ...]:
    """Return a command for an environment without TensorFlow, where pip chooses everything anew."""
    asked = asked_of_pip(command)
    owner = next((name for name in asked if name in OWNERS), "")
    platform = made[made.index("--platform") + 1] if "--platform" in made else env.platform
    python = next((word[len("python=") :] for word in made if word.startswith("python=")), "")
    if not owner or not platform:
        return command
    wanted = Wanted("new", platform, to_conda(asked[owner]), CPU, python if made else env.python.minor, PYPI)
    try:
        recipe = make(wanted, matrix)
    except NoRecipeError:
        return command
    known = {name for name, _ in matrix.names("works")}
    names = {text: parse_requirement(text)[0] for text in recipe.pip}
    beside = _asked_for(asked, env, matrix, recipe.build, wanted.python)
    return (*command, *beside, *(t for t, name in names.items() if name in known and name not in (*OWNERS, *asked)))


def _asked_for(asked: dict[str, str], env: Environment, matrix: Matrix, build: Build, python: str) -> Iterable[str]:
    """Yield the add-ons that the user asked for, or whose module failed, in the release for this TensorFlow."""
    context = Context(env, matrix)
    failed = asking(context)
    wanted = [package for package in env.requested if package.manager != CONDA]
    wanted += [package for package in env.packages if package.name == failed and package.manager != CONDA]
    for package in {p.name: p for p in wanted if p.name not in (*OWNERS, *asked, *build.requires)}.values():
        spec = parse_requirement(fitting(context, package.name, versions.minor(build.tensorflow), python))[1]
        if not matrix.wheels.releases(package.name) or matrix.wheels.newest(package.name, spec, build.platform, python):
            yield f"{package.name}{spec}"


def _in_place(
    command: tuple[str, ...], env: Environment, matrix: Matrix, before: Callable[[], set[tuple[str, str]]]
) -> tuple[str, ...]:
    """Return a command for this environment with what it would break or leave wanting beside what it changes.

    Args:
        command: What is advised.
        env: The facts.
        matrix: The compatibility matrix.
        before: Returns codes and packages of what is wrong now.
    """
    for _ in range(_ROUNDS):
        asked = asked_of_pip(command)
        after = left_by(command, env, matrix)
        if after is None:
            return command
        wanted = dict(asked)
        for finding in _wrong(after, matrix):
            known = finding.package not in asked and (finding.code, finding.package) in before()
            # What is wrong already has its own advice, unless it is about what is changed here.
            if known and asked.keys().isdisjoint(finding.beside):
                continue
            for name, spec in map(parse_requirement, finding.fix.pip):
                both = joined(wanted.get(normalise(name), ""), spec)
                if not matrix.wheels.releases(normalise(name)) or _newest(normalise(name), both, env, matrix):
                    wanted[normalise(name)] = both
        if wanted == asked:
            return command
        narrowed = {name: f"{name}{spec}" for name, spec in wanted.items() if spec != asked.get(name)}
        kept = (narrowed.pop(normalise(parse_requirement(word)[0]), word) for word in command)
        command = (*kept, *narrowed.values())
    return command


def _wrong(env: Environment, matrix: Matrix) -> Iterable[Finding]:
    found = diagnose(env, matrix).findings
    return [f for f in found if f.severity == ERROR or (f.severity == WARNING and f.is_broken)]


def left_by(command: tuple[str, ...], env: Environment, matrix: Matrix) -> Environment | None:
    """Return the facts after a command of pip's; ``None`` where it is none, or it is not known what pip would take."""
    asked = asked_of_pip(command)
    if not asked:
        return None
    after = simulate(env, {}, matrix)
    after.error_text = ""
    minor = env.python.minor
    changed = _taken(asked, after, matrix)
    owner = next((name for name in changed if name in OWNERS), "")
    if owner and changed[owner]:
        row = next(iter(matrix.builds(owner, changed[owner], PYPI, env.platform)), None)
        declared = row.required(minor) if row else {}
        changed |= _taken({n: s for n, s in declared.items() if n not in asked and after.package(n)}, after, matrix)
    if not all(changed.values()):
        return None
    kept = [p for p in after.packages if p.name not in changed or p.manager == CONDA]
    after.put([*kept, *(Package(name, version, PIP, "", PYPI) for name, version in changed.items())])
    after.requested = [package for package in after.requested if package.name not in changed]
    return after


def _taken(wanted: dict[str, str], env: Environment, matrix: Matrix) -> dict[str, str]:
    """Return the versions that pip would install: the newest of what is not there in a fitting one."""
    taken = {}
    for name, spec in wanted.items():
        there = env.package(name)
        if there is None or not there.version or not versions.contains(spec, there.version):
            taken[name] = _newest(name, spec, env, matrix)
    return taken


def _newest(name: str, spec: str, env: Environment, matrix: Matrix) -> str:
    return matrix.wheels.newest(name, spec, env.platform, env.python.minor)
