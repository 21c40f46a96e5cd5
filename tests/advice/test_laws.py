"""Kinds of advice that were wrong once: what is named, what is typed, and the laws that all advice keeps."""

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
from conda_tf_doctor.repair.companions import accompanied
from conda_tf_doctor.shell import command_line

KINDS: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).parent / "data" / "laws.yaml")


def _package(text: str) -> dict[str, str]:
    spec, _, channel = text.partition(" @")
    name, _, version = spec.partition("==")
    return {"name": name, "version": version, "manager": "conda" if channel else "pip", "channel": channel or "pypi"}


def _report(case: dict[str, Any]) -> dict[str, Any]:
    system = {"machine": case.get("machine", ""), "gpu": case.get("gpu", ""), "cuda_installed": case.get("cuda", [])}
    return {
        "platform": case["platform"],
        "python": {"version": case.get("python", "")},
        "packages": [_package(text) for text in case.get("packages", ())],
        "requested": [_package(text) for text in case.get("requested", ())],
        "system": {key: value for key, value in system.items() if value},
        "error_text": case["text"],
    }


@pytest.mark.parametrize("case", KINDS, ids=[case["kind"] for case in KINDS])
def test_what_is_advised(case: dict[str, Any]) -> None:
    matrix = load_matrix()
    diagnosis = accompanied(diagnose(environment_of(_report(case), "report"), matrix), matrix)
    first = next(finding for finding in diagnosis.findings if finding.severity == ERROR)
    assert first.name == case["name"]
    assert [command_line(command, case["platform"]) for command in first.fix.commands] == case["commands"]
    assert re.search(case.get("note", ""), first.fix.note, re.DOTALL)
