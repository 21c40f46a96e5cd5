"""Environments of Windows in which TensorFlow was really imported: what broke is blamed, what worked gets no error.

Each was made of CPython for Windows and the index's wheels, changed in one way, and imported under wine 10; its report
is kept with what happened (``tests/data/windows``). A report of it taken on Windows is judged the same on any machine.
Where the driver's DLL was stood in for, so that a GPU is there to be listed, TensorFlow said which library it lacks.
"""

from __future__ import annotations

import json
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR, WARNING
from conda_tf_doctor.matrix.load import load_matrix

FOLDER = Path(__file__).parent / "data" / "windows"
CASES: list[dict[str, Any]] = YAML(typ="safe").load(FOLDER / "imports.yaml")
# Where the verdict is not what the doctor calls an error, and why.
UNSEEN: dict[str, str] = {
    "2.10.1-cwd-random.py": "a file named like a module of Python's library may do as well: a warning",
    "2.8.4-cwd-secrets": "the same",
    "2.10.1-no-tensorboard": "TensorFlow does without it, but takes the empty folders that are left of it for one",
    "2.10.1-gpu-not-on-path": "wheels of CUDA may be there for another framework, or another CUDA outside: a warning",
}


def test_what_broke_is_blamed_and_what_worked_is_left_alone() -> None:
    reports = json.loads(lzma.decompress((FOLDER / "reports.json.xz").read_bytes()))
    matrix, wrong, count = load_matrix(), {}, Counter[str]()
    for case in CASES:
        found = diagnose(environment_of(reports[case["id"]], case["id"]), matrix).findings
        errors = [finding.code for finding in found if finding.severity == ERROR]
        # Where the environment is on that machine is nothing to type: each command is for the one that is active.
        assert not [command for finding in found for command in finding.fix.commands if "-p" in command], case["id"]
        count[case["verdict"]] += 1
        if case["verdict"] in ("broken", "no gpu"):
            right = bool(errors) and errors[0] in case["causes"]
        else:  # where keras alone fails, an error may tell of it
            right = not errors or (case["verdict"] == "partly" and errors[0] in case.get("causes", ()))
        if not right:
            wrong[case["id"]] = [finding.code for finding in found if finding.severity == WARNING]
    # What cannot be told for certain is told all the same.
    told = {case["id"]: case["causes"] for case in CASES if case["id"] in UNSEEN and case.get("causes")}
    assert all(set(causes) & set(wrong.get(name, ())) for name, causes in told.items()), wrong
    assert wrong.keys() == UNSEEN.keys(), wrong
    assert count["broken"] > 0 and count["ok"] > 0, count
