"""What the doctor prints to a Windows user: the commands of all rule cases and public reports, aimed at odd folders."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from conda_tf_doctor.cli.aim import _at_conda, _at_venv
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.shell import command_line
from tests.rules.cases import OF_PAGES, WRITTEN, environment

REPORTS = Path(__file__).parent / "data" / "reports" / "threads.yaml"
WINDOWS = "win-64"
# A name as people have it, one that cmd.exe cuts, one that Windows made, one on a server.
FOLDERS = (r"C:\Users\Jörg Müller\envs\tf", r"D:\R&D (old)\100%\tf", r"C:\PROGRA~1\tf", r"\\server\share\a b")
_PLAIN = re.compile(r"[\w\\/:.=-]+")
_QUOTED = re.compile(r"`((?:conda|python|pip|pixi|set) [^`]+)`")


def environments(platform: str) -> list[Environment]:
    """Return the environments of all rule cases and public reports, as if of one platform."""
    reports: list[dict[str, Any]] = YAML(typ="safe").load(REPORTS)
    told = [{"packages": [], **case, "error_text": case["error"]} for case in reports]
    cases = [case for case in (*WRITTEN.values(), *OF_PAGES.values()) if "windows" not in case]
    envs = [environment({**case, "platform": platform}) for case in cases if case.get("kind", "report") == "report"]
    return envs + [environment_of({**case, "platform": platform}, "case.json") for case in told]


@functools.cache
def printed() -> tuple[list[list[str]], list[str]]:
    """Return the commands, each as its words, and the lines that stand in prose; one of each form."""
    matrix = load_matrix()
    commands: dict[tuple[str, ...], list[str]] = {}
    lines: dict[str, str] = {}
    for place, env in enumerate(environments(WINDOWS)):
        folder = FOLDERS[place % len(FOLDERS)]
        for finding in diagnose(env, matrix).findings:
            for command in finding.fix.commands:
                for words in (command, _at_conda(command, folder), _at_venv(command, folder)):
                    if words:
                        commands.setdefault(_form(words), list(words))
            for line in _QUOTED.findall(f"{finding.message} {finding.fix.note}"):
                lines.setdefault(re.sub(r"[\w.-]+", "w", line), line)
    return list(commands.values()), list(lines.values())


def _form(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command with what no shell looks at taken out: two that differ in that alone are one test."""
    return tuple("w" if _PLAIN.fullmatch(word) else re.sub(r"[a-zA-Z\d.]+", "w", word) for word in words)


def printed_lines() -> list[str]:
    """Return all of that as it is typed."""
    commands, lines = printed()
    return [*(command_line(words, WINDOWS) for words in commands), *lines]
