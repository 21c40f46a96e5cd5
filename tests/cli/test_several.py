"""`check` of several files, and its output for other programs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema
from sarif_pydantic import Sarif

from conda_tf_doctor.cli import schema
from conda_tf_doctor.cli.check import FORMATS
from conda_tf_doctor.cli.main import console
from tools.workshop import ROOT

BROKEN = """\
channels: [conda-forge]
dependencies:
  - python=3.10  # tensorflow wants it
  - pip
  - pip:
      - tensorflow-estimator==2.15.0
      - tensorflow==2.15.0
      - numpy==2.0.2
"""
FINE = "tensorflow==2.15.0\nnumpy==1.26.4\n"
NUMPY = "numpy 2.0.2 does not work with TensorFlow 2.15.0"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a broken environment.yml and fine requirements."""
    (tmp_path / "environment.yml").write_text(BROKEN)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text(FINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        status = console(["check", *words, "--platform", "linux-64"])
    except SystemExit as stop:
        status = int(stop.code or 0)
    return (status, *capsys.readouterr())


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    found = json.loads(call(capsys, *words)[1])
    text = (Path(schema.FOLDER) / "check.schema.json").read_text("utf-8")
    jsonschema.Draft202012Validator(json.loads(text)).validate(found)
    return found


@pytest.mark.parametrize(
    "how",
    [["environment.yml", "requirements/base.txt"], ["--file", "environment.yml", "--file", "requirements/base.txt"]],
)
def test_every_file_is_checked(folder: Path, capsys: pytest.CaptureFixture[str], how: list[str]) -> None:
    status, out, err = call(capsys, *how)
    assert (status, err) == (1, "")
    assert out.index("environment.yml") < out.index(NUMPY) < out.index("base.txt")
    assert out.startswith("BROKEN: 1 error.") and "\nOK: nothing is wrong.\nFile " in out
    assert out.endswith("\n\n2 files, 1 with errors.\n")
    files = document(capsys, *how, "--json")["files"]
    assert [(Path(each["target"]["path"]).name, each["ok"]) for each in files] == [
        ("environment.yml", False),
        ("base.txt", True),
    ]
    assert call(capsys, *how, "--exit-zero")[0] == 0


def test_patterns_are_filled_in_where_the_shell_leaves_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "requirements" / "[gpu].txt").write_text(FINE)
    files = document(capsys, "requirements/*.txt", "requirements/[gpu].txt", "--json")["files"]
    assert [Path(each["target"]["path"]).name for each in files] == ["[gpu].txt", "base.txt", "[gpu].txt"]
    status, _, err = call(capsys, "requirements/*.yml")
    assert (status, err) == (2, "conda-tf-doctor: The file requirements/*.yml does not exist.\n")


def test_a_file_that_cannot_be_used_stops_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train.py").write_text("import tensorflow")
    words = ["train.py", "environment.yml"]
    status, out, err = call(capsys, *words, "--exit-zero")
    assert (status, NUMPY in out) == (2, True)
    assert err.startswith("conda-tf-doctor: The file train.py is a program, no list of packages; what can be read is")
    broken, refused = document(capsys, *words, "--output-format", "json")["files"]
    assert (broken["ok"], refused["target"]["path"]) == (False, "train.py") and "is a program" in refused["error"]
    log = json.loads(call(capsys, *words, "--output-format", "sarif")[1])
    invocation = log["runs"][0]["invocations"][0]
    assert not invocation["executionSuccessful"]
    told = invocation["toolExecutionNotifications"][0]
    assert told["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "train.py"
    assert call(capsys, *words, "--output-format", "github")[1].startswith(
        "::error file=train.py::The file train.py is"
    )
    suite = ElementTree.fromstring(call(capsys, *words, "--output-format", "junit")[1])[-1]
    assert [suite.get(key) for key in ("name", "tests", "failures", "errors")] == ["train.py", "1", "0", "1"]


def test_sarif_names_rule_line_and_repair(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "environment.yml", "requirements/base.txt", "--output-format", "sarif")
    log = json.loads(out)
    Sarif.model_validate(log)
    (run,) = log["runs"]
    (result,) = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert (status, result["ruleId"], result["level"]) == (1, "TFD603", "error")
    assert result["message"]["text"].startswith(NUMPY) and "numpy>=1.23.5,<2.0.0" in result["message"]["text"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "environment.yml"},
        "region": {"startLine": 8, "startColumn": 9},
    }
    rule = rules[result["ruleIndex"]]
    assert (rule["id"], rule["name"]) == ("TFD603", "numpy-abi") and "## How to fix" in rule["help"]["markdown"]
    driver = run["tool"]["driver"]
    assert rule["helpUri"] == f"{driver['informationUri']}/rules/TFD603.html"
    assert f'"{driver["informationUri"]}/"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_github_shows_the_finding_at_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "environment.yml", "--output-format", "github")
    assert status == 1 and out.count("\n") == 1
    # Nothing is installed yet.
    assert out.endswith("%0Awrite into environment.yml: numpy>=1.23.5,<2.0.0\n")
    matched = re.fullmatch(r"::error file=environment.yml,line=8,col=9,title=TFD603 numpy-abi::(.*)\n", out)
    assert matched and matched.group(1).startswith(NUMPY) and "%0A" in matched.group(1)


def test_forges_are_told_paths_from_the_top_of_the_repository(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    (folder / "requirements" / "bad.txt").write_text("tensorflow==2.15.0\nnumpy==2.0.2\n")
    monkeypatch.chdir(folder / "requirements")
    words = ["bad.txt", "gone.txt", "../environment.yml", "--output-format"]
    lines = call(capsys, *words, "github")[1].splitlines()
    assert [re.split(r"[=,:]+", line)[2] for line in lines] == [
        "requirements/gone.txt", "requirements/bad.txt", "environment.yml",
    ]  # fmt: skip
    results = json.loads(call(capsys, *words, "sarif")[1])["runs"][0]["results"]
    places = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results]
    assert places == ["requirements/bad.txt", "environment.yml"]


def test_junit_has_a_case_for_each_rule(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = call(capsys, "environment.yml", "requirements/base.txt", "--output-format", "junit")[1]
    broken, fine = ElementTree.fromstring(out)
    assert (broken.get("name"), broken.get("failures"), fine.get("name")) == (
        "environment.yml",
        "1",
        "requirements/base.txt",
    )
    failed = [case.get("name") for case in broken if case.find("failure") is not None]
    assert failed == ["TFD603 numpy-abi"] and "TFD603 numpy-abi" in {case.get("name") for case in fine}
    assert int(broken.get("tests", 0)) == len(broken.findall("testcase")) > 10


def test_junit_is_as_its_readers_have_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = xmlschema.XMLSchema(Path(__file__).parents[1] / "data" / "junit.xsd")
    (folder / "no tensorflow.txt").write_text("six\n")
    (folder / "warned.yml").write_text("dependencies: [python=3.10, numpy, pip, {pip: ['tensorflow==2.10.0']}]\n")
    (folder / "odd & (é).txt").write_text("tensorflow==2.15.0\nnumpy==2.0.2\n")
    names = [path.name for path in sorted(folder.glob("*.*"))]
    out = call(capsys, *names, "requirements/base.txt", "train.py", "--output-format", "junit")[1]
    schema.validate(out)
    suites = {suite.get("name"): suite for suite in ElementTree.fromstring(out)}
    assert [suite.get("id") for suite in suites.values()] == [str(number) for number in range(len(names) + 2)]
    told = suites["warned.yml"].findtext("system-out") or ""
    assert told.startswith("WARNING TFD603 numpy-abi\nnumpy is left open")
    assert "TFD603 numpy-abi" in {case.get("name") for case in suites["warned.yml"].findall("testcase")}
    for wrong in (
        '<testsuite name="x"/>',
        out.replace(' time="0"', ""),
        out.replace("<failure ", "<fail ").replace("</failure>", "</fail>"),
    ):
        with pytest.raises(xmlschema.XMLSchemaValidationError):
            schema.validate(wrong)


def test_junit_fails_where_the_exit_status_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = {
        "platform": "linux-64",
        "packages": [{"name": "tensorflow", "version": "2.15.0", "manager": "pip"}],
        "error_text": "Traceback (most recent call last):\nRuntimeError: nobody knows this one",
    }
    (tmp_path / "r.json").write_text(json.dumps(report))
    capsys.readouterr()
    assert console(["check", "--report", str(tmp_path / "r.json"), "--output-format", "junit"]) == 1
    (suite,) = ElementTree.fromstring(capsys.readouterr().out)
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")
    (error,) = suite.iter("error")
    assert error.get("type") == "TFD903"


def test_statistics_count_each_rule(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "more.yml").write_text(BROKEN)
    out = call(capsys, "environment.yml", "more.yml", "--statistics", "-q")[1]
    assert out.endswith("\n\n2  TFD603 numpy-abi (error)\n")


def test_an_environment_has_these_formats_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = {"platform": "linux-64", "packages": [{"name": "tensorflow", "version": "2.15.0", "manager": "pip"}]}
    (tmp_path / "r.json").write_text(json.dumps(report))
    for form in FORMATS:
        assert console(["check", "--report", str(tmp_path / "r.json"), "--output-format", form]) == 0
    with pytest.raises(SystemExit):
        console(["check", "--output-format", "yaml"])
    assert console(["check", "--all-envs", "--output-format", "sarif"]) == 2
    assert console(["check", "--json", "--output-format", "sarif", "x.yml"]) == 2


@pytest.mark.parametrize(
    ("words", "left", "ignored"),
    [
        (["--ignore", "TFD603"], [], 1), (["--ignore", "numpy-abi"], [], 1), (["--ignore", "TFD6"], [], 1),
        (["--select", "TFD6"], ["TFD603"], 0), (["--select", "TFD2", "--select", "h5py-mismatch"], [], 1),
    ],
)  # fmt: skip
def test_rules_are_chosen(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], left: list[str], ignored: int
) -> None:
    found = document(capsys, "environment.yml", *words, "--json")
    assert ([f["code"] for f in found["findings"]], found["summary"]["ignored"]) == (left, ignored)


def test_a_comment_silences_a_rule_at_its_line_or_in_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "environment.yml"
    at_line = BROKEN.replace("numpy==2.0.2", "numpy==2.0.2  # tf-doctor: ignore TFD603 (known)")
    with_nothing = BROKEN.replace("numpy==2.0.2", "numpy==2.0.2  # tf-doctor: ignore")
    for text, left in (
        (BROKEN.replace("numpy==2.0.2", "numpy==2.0.2  # tf-doctor: ignore TFD603"), 0),
        (with_nothing, 0),
        (BROKEN.replace("numpy==2.0.2", "numpy==2.0.2  # TF-Doctor ignore tfd6"), 0),
        (BROKEN.replace("- pip\n", "- pip  # tf-doctor: ignore TFD603\n"), 1),
        (f"# tf-doctor: ignore numpy-abi, TFD2\n{BROKEN}", 0),
        (f"# tf-doctor: ignore keras-mismatch\n{BROKEN}", 1),
    ):
        path.write_text(text)
        found = document(capsys, "environment.yml", "--json")
        assert (len(found["findings"]), found["summary"]["ignored"]) == (left, 1 - left), text
    path.write_text(at_line)
    status, _, err = call(capsys, "environment.yml")
    assert status == 2 and "environment.yml silences (known) in line 8, but there is no such rule" in err


def test_a_project_has_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = folder / "pyproject.toml"
    project.write_text('[tool.conda-tf-doctor]\nignore = ["numpy-abi"]\n')
    assert document(capsys, "environment.yml", "--json")["summary"] == {
        "errors": 0, "warnings": 0, "infos": 0, "ignored": 1,
    }  # fmt: skip
    project.write_text('[tool.conda-tf-doctor]\nselect = ["TFD2"]\n')
    assert not document(capsys, "environment.yml", "--json")["findings"]
    assert len(document(capsys, "environment.yml", "--json", "--select", "TFD603")["findings"]) == 1
    for line, said in (
        ("colour = 1", "sets colour in [tool.conda-tf-doctor], but there is no such setting"),
        ('ignore = "TFD603"', "sets ignore in [tool.conda-tf-doctor], but it has to be a list"),
        ('ignore = ["TFD999"]', "pyproject.toml names TFD999, but there is no such rule"),
    ):
        project.write_text(f"[tool.conda-tf-doctor]\n{line}\n")
        status, _, err = call(capsys, "environment.yml")
        assert status == 2 and said in err


def test_schemas_are_printed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    for name in schema.names():
        capsys.readouterr()
        assert console(["schema", name]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["$id"] == f"urn:conda-tf-doctor:schema:1:{name}"
        jsonschema.Draft202012Validator.check_schema(printed)


def test_what_an_installer_would_break_today_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_numpy = "dependencies: [python=3.10, numpy, pip, {pip: ['tensorflow==2.10.0']}]\n"
    (folder / "open.yml").write_text(open_numpy)
    (finding,) = document(capsys, "open.yml", "--json")["findings"]
    assert (finding["code"], finding["severity"], finding["package"]) == ("TFD603", "warning", "numpy")
    assert finding["message"].startswith(
        "numpy is left open: unless another package holds it back, an installer takes 2."
    )
    assert finding["fix"]["note"] == "Write `numpy >=1.20,<2` into the file."
    assert document(capsys, "open.yml", "--json", "--ignore", "TFD603")["summary"]["ignored"] == 1
    (folder / "open.yml").write_text(open_numpy.replace("numpy,", "'numpy >=1.20,<2',"))
    assert document(capsys, "open.yml", "--json")["findings"] == []


def test_what_fix_does_not_edit_is_not_sent_to_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poetry = '[tool.poetry.dependencies]\npython = ">=3.10"\ntensorflow = "2.15.0"\nnumpy = "2.0.2"\n'
    (folder / "pyproject.toml").write_text(poetry)
    rows = "".join(
        f'[[package]]\nname = "{n}"\nversion = "{v}"\n' for n, v in (("tensorflow", "2.15.0"), ("numpy", "2.0.2"))
    )
    (folder / "uv.lock").write_text(f"version = 1\nrequires-python = '>=3.10'\n{rows}")
    (folder / "poetry.lock").write_text(f"{rows}[metadata]\nlock-version = '2.0'\npython-versions = '^3.10'\n")
    for name, said in (
        ("pyproject.toml", "  write into the file: numpy>=1.23.5,<2.0.0\nMore on this"),
        ("uv.lock", "  write into pyproject.toml: numpy>=1.23.5,<2.0.0\n  uv lock\nMore on this"),
        ("poetry.lock", "  write into pyproject.toml: numpy>=1.23.5,<2.0.0\n  poetry lock\nMore on this"),
    ):
        out = call(capsys, name)[1]
        assert f"To repair:\n{said}" in out and "fix --file" not in out, out
    capsys.readouterr()
    assert console(["fix", "--dry-run", "--file", "pyproject.toml"]) == 2
    told = capsys.readouterr().err
    assert "is of a form that is not edited here; write into it by hand: numpy>=1.23.5,<2.0.0.\n" in told
    (folder / "pyproject.toml").write_text(poetry.replace("2.0.2", "1.26.4"))
    assert console(["fix", "--file", "pyproject.toml"]) == 0
    assert "Nothing has to change." in capsys.readouterr().out
