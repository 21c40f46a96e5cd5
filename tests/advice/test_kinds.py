"""Kinds of reports that public threads show again and again: what is typed, and what the note says of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix

KINDS: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).parents[1] / "data" / "reports" / "kinds.yaml")


def _packages(words: str) -> list[dict[str, str]]:
    pairs = [word.partition("=") for word in words.split()]
    return [
        {"name": name, "version": version, "manager": "conda" if name in ("cudatoolkit", "cudnn") else "pip"}
        for name, _, version in pairs
        if name != "python"
    ]


@pytest.mark.parametrize("kind", KINDS, ids=[f"{kind['text'][:50]} {kind['packages']}" for kind in KINDS])
def test_first_error(kind: dict[str, Any]) -> None:
    python = re.search(r"\bpython=([\d.]+)", kind["packages"])
    facts = {
        "platform": kind.get("platform", "linux-64"),
        "packages": _packages(kind["packages"]),
        "requested": _packages(kind.get("requested", "")),
        "error_text": kind["text"],
        **({"python": {"version": python[1]}} if python else {}),
        **({"system": kind["system"]} if "system" in kind else {}),
    }
    first = diagnose(environment_of(facts, "report"), load_matrix()).findings[0]
    assert (first.severity, first.code) == (ERROR, kind["code"])
    assert [" ".join(command) for command in first.fix.commands] == kind["type"]
    assert re.search(kind.get("note", ""), first.fix.note, re.DOTALL)
