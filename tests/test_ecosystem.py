"""What forges, pre-commit and shells read of this repository: it names what exists, and passes inputs on safely."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.cli.parser import VERBS, whole
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.errors import UsageError
from tools.commands import VERBS as WORKSHOP
from tools.workshop import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def runs(path: Path) -> list[str]:
    return [step["run"] for job in load(path)["jobs"].values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_commands_that_there_are(path: Path) -> None:
    called = re.findall(r"dev\.py (\S+)", "\n".join(runs(path)))
    assert called and set(called) <= set(WORKSHOP)


def test_the_workflow_covers_what_is_supported() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    systems = ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert jobs["test"]["strategy"]["matrix"]["os"] == jobs["conda"]["strategy"]["matrix"]["os"] == systems
    conda = jobs["conda"]["strategy"]["matrix"]
    assert conda["conda"][0].startswith("24.7.") and conda["conda"][1].startswith("25.5.") and conda["conda"][2] == ""
    assert {*conda["solver"], *(each["solver"] for each in conda["include"])} == {"classic", "libmamba", "rattler"}


def test_the_action_takes_its_inputs_as_variables_only() -> None:
    action = load(ROOT / "action.yml")
    (script,) = [step for step in action["runs"]["steps"] if "run" in step]
    assert "${{" not in script["run"], "an input in the text of a script is run by the shell"
    used = set(re.findall(r"inputs\.(\w+)", str(action["runs"])))
    assert used == set(action["inputs"])
    flags = set(re.findall(r" (--[a-z-]+)", script["run"])) - {"--quiet"}
    (verbs,) = (action for action in whole()._actions if isinstance(action, argparse._SubParsersAction))
    assert flags <= set(verbs.choices["check"]._option_string_actions)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_script_of_the_action_is_one() -> None:
    (script,) = [step for step in load(ROOT / "action.yml")["runs"]["steps"] if "run" in step]
    check = subprocess.run(["bash", "-n"], input=script["run"], text=True, capture_output=True, check=False)
    assert (check.returncode, check.stderr) == (0, "")


HOOK = load(ROOT / ".pre-commit-hooks.yaml")[0]


@pytest.mark.parametrize(
    ("name", "text", "takes"),
    [
        ("environment.yml", "dependencies: [tensorflow]\n", True),
        ("ci/environment-gpu.yaml", "dependencies: [python]\n", True),
        ("requirements.txt", "tensorflow\n", True),
        ("requirements/dev.in", "numpy\n", False),
        ("requirements-dev.in", "numpy\n", True),
        ("pixi.toml", '[workspace]\nchannels = []\nplatforms = ["linux-64"]\n[dependencies]\npython = "*"\n', True),
        ("Pipfile", '[packages]\ntensorflow = "*"\n', True),
        ("src/train.py", "import tensorflow\n", False),
        ("pyproject.toml", "[tool.ruff]\n", False),
        ("docs/requirements.md", "text\n", False),
    ],
)
def test_the_hook_is_given_files_that_can_be_read(name: str, text: str, takes: bool, tmp_path: Path) -> None:
    assert bool(re.search(HOOK["files"], name)) is takes
    file = tmp_path / Path(name).name
    file.write_text(text)
    if takes:
        assert read_file(str(file), "linux-64").kind == "file"
    assert HOOK["entry"].split() == ["conda-tf-doctor", "check"] and "check" in VERBS


def test_a_file_that_the_hook_leaves_out_would_be_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    with pytest.raises(UsageError, match="lists no dependencies"):
        read_file(str(tmp_path / "pyproject.toml"), "linux-64")


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_issues_come_with_a_report(path: Path) -> None:
    form = load(path)
    if path.name != "config.yml":
        asked = {field["id"]: field for field in form["body"]}
        assert "conda tf-doctor report" in asked["report"]["attributes"]["description"]
