"""`conda tf-doctor` through a real conda: the same words, the same answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from tools.condas import Conda
from tools.prefixes import add_dist, make_prefix

SCHEMA = resources.files("conda_tf_doctor") / "schemas" / "check.schema.json"
VALID = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))


@pytest.fixture
def prefix(conda: Conda) -> Path:
    made = make_prefix(conda.prefix("tf"), "linux-64", "3.12.1")
    add_dist(made, "tensorflow", "2.10.0")
    return made


@pytest.mark.parametrize(
    "words",
    [
        ["check", "-p", "{}"],
        ["-p", "{}"],
        ["-p", "{}", "check"],
        ["check", "-n", "tf"],
        ["-n", "tf"],
        ["-n", "tf", "check"],
    ],
    ids=" ".join,
)
def test_the_target_may_stand_anywhere(conda: Conda, prefix: Path, words: list[str]) -> None:
    result = conda.doctor(*(word.format(prefix) for word in words), "--json")
    document = result.json()
    VALID.validate(document)
    assert (result.rc, document["target"]["path"]) == (1, str(prefix)), result.err
    assert document["findings"][0]["code"] == "TFD201"


def test_files_reports_and_silenced_rules(conda: Conda, prefix: Path, tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("dependencies: [python=3.12, tensorflow=2.10]\n")
    assert (
        conda.doctor("check", "--file", str(file), "--platform", "win-64", "--json").json()["target"]["kind"] == "file"
    )
    report = tmp_path / "r.json"
    assert conda.doctor("report", "-p", str(prefix), "-o", str(report)).rc == 0
    document = conda.doctor("check", "--report", str(report), "--json").json()
    assert document["target"]["kind"] == "report" and document["findings"][0]["code"] == "TFD201"
    silenced = conda.doctor("check", "-p", str(prefix), "--ignore", "TFD201", "--json").json()
    assert "TFD201" not in {finding["code"] for finding in silenced["findings"]}


def test_every_environment(conda: Conda, prefix: Path) -> None:
    document = conda.doctor("check", "--all-envs", "--json").json()
    VALID.validate(document)
    assert str(prefix) in {each["target"]["path"] for each in document["environments"]}


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "/nowhere"],
        ["-n", "nobody"],
        ["check", "-p", "x", "-n", "y"],
        ["check", "--ignore", "TFD999"],
        ["check", "-p"],
        ["no-such-verb"],
        ["-p", "x", "-n", "y"],
        ["--no-such-flag"],
        ["check", "--no-such-flag"],
        ["check", "-n", "tf", "one too many"],
        ["-n"],
    ],
    ids=" ".join,
)
def test_an_unusable_request_is_one_document(conda: Conda, words: list[str]) -> None:
    result = conda.doctor(*words, "--json")
    document = result.json()
    VALID.validate(document)
    assert result.rc == 2 and document["error"] and result.err.count("\n") == 1, result.err
    assert result.err.startswith("conda tf-doctor: ") and "__main__" not in result.err


def test_what_python_cannot_load_is_one_sentence(conda: Conda, tmp_path: Path) -> None:
    (tmp_path / "difflib.py").write_text("import no_such_module\n")
    before = conda.environ().get("PYTHONPATH", "")
    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{before}"}
    for words in (["fix", "-p", "/nowhere", "-d"], ["fix", "--json"]):
        result = conda.doctor(*words, env=path)
        assert result.rc == 2 and result.err.count("\n") == 1 and "Traceback" not in result.err, result
        assert "(ModuleNotFoundError: No module named 'no_such_module')" in result.err
        if "--json" in words:
            assert "no_such_module" in result.json()["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux'")
def test_a_disk_that_is_full_is_one_sentence(conda: Conda, prefix: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [conda.python, "-m", "conda", "tf-doctor", "check", "-p", str(prefix)], stdout=full, stderr=subprocess.PIPE,
            text=True, check=False, env=conda.environ(), stdin=subprocess.DEVNULL,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "conda tf-doctor: The operating system refused: No space left on device.\n"
