"""Commands that repair are written for the active environment; those for another one have to name it."""

from __future__ import annotations

import os
import re
import sys

from .._typing import TYPE_CHECKING
from ..environment.owner import is_of_uv, lacks_pip, workspace_of
from ..environment.site import command_of
from ..installers import activates, is_pip, name_of, packages, writes_anew
from ..programs import for_uv, is_mamba, spoken, users_conda

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..engine.diagnosis import Diagnosis
    from ..findings import Finding

# The verbs of conda that change an environment and take -p.
_VERBS = (("install",), ("update",), ("remove",), ("env", "config", "vars", "set"))


def aimed(diagnosis: Diagnosis) -> Diagnosis:
    """Return the diagnosis of an environment with commands that change that environment, whichever one is active."""
    env = diagnosis.env
    if env.kind != "prefix" or not diagnosis.findings:
        return diagnosis
    found: Iterable[Finding] = diagnosis.findings
    if workspace_of(env.path) is not None:
        aim = _at_workspace
    elif env.is_venv:
        aim = _at_uv if lacks_pip(env) and is_of_uv(env.path) else _at_venv
        found = (f._replace(fix=f.fix._replace(commands=_in_venv(f.fix.commands, aim is _at_uv))) for f in found)
    else:
        aim = _with_folder if _has_only_mamba() else _at_conda
    found = (_with(finding, aim, env.path) for finding in found)
    if aim is _at_venv and lacks_pip(env):
        found = map(_with_pip, found)
    if aim is _with_folder:
        found = map(_in_mambas_words, found)
    return diagnosis._replace(findings=tuple(found))


def _in_venv(commands: tuple[tuple[str, ...], ...], by_uv: bool) -> tuple[tuple[str, ...], ...]:
    """Return the commands that make an environment by the tool that made this one, where pip brings all that is in it.

    A conda that somebody has for other things is not what a venv comes from.
    """
    made = commands[0] if commands else ()
    if len(commands) < 3 or made[:3] != ("conda", "create", "-n") or len(made) != 5 or made[4][:7] != "python=":
        return commands
    name, minor, windows = made[3], made[4][7:], os.name == "nt"
    if by_uv:
        first = ("uv", "venv", "--python", minor, name)
    else:
        first = (*(("py", f"-{minor}") if windows else (f"python{minor}",)), "-m", "venv", name)
    activate = (rf"{name}\Scripts\activate",) if windows else ("source", f"{name}/bin/activate")
    rest = commands[2:]
    return (first, activate, *((("uv", *command[2:]) for command in rest) if by_uv else rest))


def _with(finding: Finding, aim: Callable[[tuple[str, ...], str], tuple[str, ...]], prefix: str) -> Finding:
    if not finding.fix.commands:
        return finding
    given = finding.fix.commands
    # What follows an activation is for the environment that the commands before it make.
    made = next((place for place, command in enumerate(given) if activates(command)), len(given))
    commands = (*(command for command in (aim(c, prefix) for c in given[:made]) if command), *given[made:])
    note = finding.fix.note
    if not commands and note.startswith("Or "):
        note = note[3:4].upper() + note[4:]  # it is no longer an alternative
    return finding._replace(fix=finding.fix._replace(commands=commands, note=note))


def _is_active(prefix: str, variable: str) -> bool:
    active = os.environ.get(variable, "")
    return bool(active) and os.path.realpath(active) == os.path.realpath(prefix)


def _has_only_mamba() -> bool:
    return "conda" not in sys.modules and is_mamba(users_conda())


def _with_folder(command: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """Aim with micromamba or mamba, which is told the folder always: its own active one need not be the shell's."""
    aimed = _at_conda(command, prefix)
    for verb in _VERBS:
        if aimed[: 1 + len(verb)] == ("conda", *verb) and "-p" not in aimed:
            aimed = ("conda", *verb, "-p", prefix, *aimed[1 + len(verb) :])
    return aimed


def _in_mambas_words(finding: Finding) -> Finding:
    """Return a finding whose commands are micromamba's or mamba's, in its block and in its prose."""
    program, fix = users_conda(), finding.fix
    (name,) = spoken(("conda",), program)
    note = re.sub(r"`conda (?!tf-doctor)", f"`{name} ", fix.note)
    return finding._replace(fix=fix._replace(commands=tuple(spoken(c, program) for c in fix.commands), note=note))


def _at_venv(command: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """Aim at a plain virtual environment, in which conda can change nothing: its commands are dropped."""
    if command[0] == "python" and not _is_active(prefix, "VIRTUAL_ENV"):
        return (command_of(prefix), *command[1:])
    return command if command[0] != "conda" or command[1] == "create" else ()


def _at_uv(command: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    return for_uv(command, prefix) if is_pip(command) else _at_venv(command, prefix)


def _with_pip(finding: Finding) -> Finding:
    """Return a finding whose commands first put the pip in that they run: Python brings one along."""
    commands = finding.fix.commands
    first = next((command for command in commands if is_pip(command)), None)
    if first is None or any(map(activates, commands)):
        return finding
    return finding._replace(fix=finding.fix._replace(commands=((first[0], "-m", "ensurepip"), *commands)))


def _at_workspace(command: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """Aim at the manifest that the environment is made from: whatever else is changed in it, its tool takes back."""
    if command[:2] in (("conda", "install"), ("conda", "update"), ("conda", "remove")):
        return _of_workspace(prefix, command[1], packages(command[2:]))
    if is_pip(command, "install", "uninstall"):
        wanted = packages(command[4:])
        if writes_anew(command):
            return _of_workspace(prefix, "reinstall", list(map(name_of, wanted)))
        return _of_workspace(prefix, command[3], wanted, "--pypi")
    return command if command[:2] != ("conda", "env") and command[:2] != ("conda", "config") else ()


def _of_workspace(prefix: str, verb: str, names: list[str], *options: str) -> tuple[str, ...]:
    """Return a command of the tool that makes an environment from a manifest."""
    workspace = workspace_of(prefix)
    assert workspace is not None
    verb = {"install": "add", "uninstall": "remove"}.get(verb, verb)
    if workspace.tool == "pixi":
        verb = {"update": "upgrade"}.get(verb, verb)
        return ("pixi", verb, *options, "--manifest-path", workspace.manifest, *names)
    where = () if workspace.environment == "default" else ("-e", workspace.environment)
    start = ("conda", "workspace", "--file", workspace.manifest)
    if verb == "reinstall":  # of single packages it knows nothing
        return (*start, "install", "--force-reinstall", *where)
    return (*start, verb, *options, *where, *names)


def _at_conda(command: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    if _is_active(prefix, "CONDA_PREFIX"):
        return command
    if command[0] == "python":
        return ("conda", "run", "-p", prefix, *command)
    if command[:3] == ("conda", "config", "--env"):
        return ("conda", "config", "--file", os.path.join(prefix, ".condarc"), *command[3:])
    if command[0] == "conda" and "-p" not in command:
        for verb in _VERBS:
            if command[1 : 1 + len(verb)] == verb:
                return ("conda", *verb, "-p", prefix, *command[1 + len(verb) :])
    return command
