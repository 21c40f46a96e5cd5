"""Whole findings and texts, as they were when somebody last looked at them.

A test hands what was found to `said`, which returns it, and what is shown to `shown`. After the test it is held to
`data/findings/MODULE.yaml`, field by field. `python3 dev.py test tests/rules tests/binaries
tests/repair/test_{wholes,steps,answers}.py tests/advice/test_companions.py -n 0 --write-findings` writes these files
anew: review the difference as you would review the change itself, for users read these words and `fix` does these
things.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.findings import CERTAIN, DISK, TEXT, Finding

FOLDER = Path(__file__).parent / "data" / "findings"
Said = list[list[Any]]
_now: list[list[Any]] = []
_written: dict[str, dict[str, Said]] = {}


def said(findings: Iterable[Finding]) -> list[Finding]:
    """Note what was found in the test that runs, and return it."""
    _now.append(list(findings))
    return _now[-1]


def shown(text: str) -> str:
    """Note what the test that runs would show, and return it."""
    _now.append(text.splitlines())
    return text


def fields(finding: Finding) -> dict[str, Any]:
    """Return a finding as people read it: without what is empty, commands as lines."""
    fix = {"pins": list(finding.fix.pins), "pip": list(finding.fix.pip)}
    made: dict[str, Any] = {
        "rule": f"{finding.code} {finding.severity}",
        **{name: getattr(finding, name) for name in ("message", "found", "expected", "accepts", "source", "package")},
        **{name: getattr(finding, name) for name in ("absent", "known", "if_seen", "declared")},
        "origin": finding.origin if finding.origin in (TEXT, DISK) else "",
        "beside": list(finding.beside),
        "evidence": list(finding.evidence),
        "confidence": "" if finding.confidence == CERTAIN else finding.confidence,
        "needs": list(finding.needs),
        **fix,
        "commands": [shlex.join(command) for command in finding.fix.commands],
        "note": finding.fix.note,
        "reinstall": [list(each) for each in finding.fix.reinstall],
        "bare": list(finding.fix.bare),
    }
    return {name: value for name, value in made.items() if value}


def _placed(value: Any, folder: str) -> Any:
    if isinstance(value, str):
        # As a shell's word the folder may hold more, and what remains of the word may need no quotes.
        # (A folder that needs no quotes has none to take off.)
        quoted = shlex.quote(folder)
        for spelled in (folder if quoted == folder else quoted[1:-1], folder) if folder else ():
            value = value.replace(spelled, "TMP")
        # Windows' spelling.
        value = re.sub(r"\b(?:TMP|[Ll]ib)(\\[\w.+-]+)+", lambda found: found[0].replace("\\", "/"), value)
        return re.sub(r"'((?:\w+=)?TMP[\w./+-]*)'", r"\1", value)
    if isinstance(value, list):
        return [_placed(item, folder) for item in value]
    return {name: _placed(item, folder) for name, item in value.items()} if isinstance(value, dict) else value


@cache
def recorded(module: str) -> dict[str, Said]:
    """Return what the tests of a module said."""
    file = FOLDER / f"{module}.yaml"
    found: dict[str, Said] = (YAML(typ="safe").load(file.read_text(encoding="utf-8")) if file.exists() else None) or {}
    return found


def hold(request: pytest.FixtureRequest, write: bool) -> None:
    """Hold what the test that ran has said to the file, or note it for the file."""
    if not _now:
        return
    module, name = ".".join(Path(str(request.node.path)).parts[-2:]).removesuffix(".py"), request.node.name
    folder = str(request.node.funcargs.get("tmp_path", ""))
    got: Said = [
        [_placed(fields(each) if isinstance(each, Finding) else each, folder) for each in noted] for noted in _now
    ]
    if write:
        _written.setdefault(module, {})[name] = got
    else:
        assert got == recorded(module).get(name), f"reviewed: {FOLDER.name}/{module}.yaml; to write: --write-findings"


def forget() -> None:
    """Begin with nothing said."""
    _now.clear()


def write_files(every_test: bool) -> None:
    """Write the files of what was said.

    Args:
        every_test: Whether all tests of the modules ran: what others said before is dropped then.
    """
    yaml = YAML()
    yaml.width = 120
    for module, found in _written.items():
        stream = StringIO()
        yaml.dump(found if every_test else recorded(module) | found, stream)
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{module}.yaml").write_text(stream.getvalue(), encoding="utf-8")
