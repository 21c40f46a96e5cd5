"""What no user should meet and some will: no standard output, and a fault of this program itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import conda_tf_doctor
from conda_tf_doctor.cli import check
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.findings import Finding
from conda_tf_doctor.shell import quoted
from conda_tf_doctor.subdirs import this_platform
from tools.prefixes import add_dist, add_record, make_prefix

from .test_check import answer


@pytest.fixture
def broken(tmp_path: Path) -> str:
    prefix = make_prefix(tmp_path / "env", "win-64", "3.12.1")
    add_dist(prefix, "tensorflow", "2.10.0")
    return str(prefix)


SCHEMAS = Path(conda_tf_doctor.__file__).parent / "schemas"


@pytest.mark.parametrize(
    "words",
    [
        ["check", "-p", "/no such folder"],
        ["check", "--report", "/no such file"],
        ["fix", "-p", "/no such folder"],
        ["fix", "--to", "tensorflow", "-p", "."],
        ["fix", "--no-such-flag"],
        ["explain", "TFD999"],
        ["explain", "-n", "no such name", "TFD603"],
        ["dlls", "-p", "/no such folder"],
        ["matrix", "--validate", "/no such file"],
        ["matrix", "--python", "three"],
        ["create"],
    ],
    ids=" ".join,
)
def test_an_unusable_request_is_one_document_of_its_schema(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, document, err = answer(capsys, *words)
    assert (status, document["ok"], err.count("\n")) == (2, False, 1)
    jsonschema.validate(document, json.loads((SCHEMAS / f"{words[0]}.schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("more", [[], ["--json"], ["-v"]], ids=["text", "json", "verbose"])
@pytest.mark.skipif(os.name == "nt", reason="a shell's way to close a stream")
def test_without_standard_output_the_exit_status_answers(broken: str, more: list[str]) -> None:
    command = [sys.executable, "-m", "conda_tf_doctor", "check", "-p", broken, *more]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_fault_of_its_own_is_one_line(
    broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("a\nfault")

    monkeypatch.setattr(check, "diagnose", fail)
    assert console(["check", "-p", broken, "--json"]) == 2
    out, err = capsys.readouterr()
    assert "KeyError" in json.loads(out)["error"] and err.count("\n") == 1 and "Traceback" not in err
    assert console(["check", "-p", broken, "-vv"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_report_of_another_schema_is_not_guessed_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"schema_version": 2, "platform": "win-64", "packages": []}), encoding="utf-8")
    assert console(["check", "--report", str(report)]) == 2
    assert "schema_version 2" in capsys.readouterr().err
    report.write_text(json.dumps({"platform": "win-64", "packages": []}), encoding="utf-8")
    assert console(["check", "--report", str(report)]) == 0


def test_notes_are_announced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_dist(prefix, "tensorflow", "2.15.0")
    (prefix / "conda-meta" / "odd.json").write_text("{")
    assert console(["check", "-p", str(prefix)]) == 0
    assert "-v shows the notes." in capsys.readouterr().out
    assert console(["check", "-v", "-p", str(prefix)]) == 0
    out = capsys.readouterr().out
    assert "conda-meta/odd.json" in out and "-v shows" not in out


def test_a_folder_that_is_called_dist_info_and_nothing_else_is_no_package(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    for name in ("-.dist-info", ".dist-info", "_-1.0.dist-info"):
        (prefix / "lib" / "python3.10" / "site-packages" / name).mkdir()
    env = read_prefix(str(prefix))
    assert [package.name for package in env.packages] == ["python"] and env.notes == []


@pytest.mark.parametrize("platform", sorted({"win-64", "osx-arm64", "linux-64"} - {this_platform()}))
def test_what_is_advised_for_a_file_is_for_its_platform(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], platform: str
) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("channels: [conda-forge]\ndependencies: [python=3.12, tensorflow=2.10]\n", encoding="utf-8")
    assert console(["check", "--file", str(file), "--platform", platform]) == 1
    assert f"fix --file {quoted(str(file))} --platform {platform}\n" in capsys.readouterr().out
    assert console(["check", "--file", str(file), "--platform", this_platform()]) == 1
    assert f"fix --file {quoted(str(file))}\n" in capsys.readouterr().out


def test_an_environment_that_vanishes_while_it_is_read_is_no_fault_of_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from conda_tf_doctor.rules.machine import python

    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_record(prefix, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=["python >=3.10,<3.11.0a0"])
    judged = python.python_unsupported

    def meanwhile(context: Context) -> Iterator[Finding]:
        prefix.rename(tmp_path / "elsewhere")  # as `conda rename` in another terminal does
        yield from judged(context)

    monkeypatch.setattr(python, "python_unsupported", meanwhile)
    status = console(["check", "-p", str(prefix)])
    out = " ".join(capsys.readouterr().out.split())
    assert status == 1 and "OK" not in out and "fault" not in out
    with pytest.raises(FileNotFoundError) as gone:
        os.stat(prefix)
    reason = str(gone.value.strerror).rstrip(".")  # this system's words
    assert f"{prefix} could not be read any more ({reason}). Not checked: TFD" in out


def test_a_rule_that_fails_is_never_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from conda_tf_doctor.rules.machine import python

    def fails(context: object) -> list[object]:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(python, "python_unsupported", fails)
    (tmp_path / "r.txt").write_text("tensorflow==2.15.0\nnumpy==1.26.4\n")
    status = console(["check", "--file", str(tmp_path / "r.txt"), "--platform", "linux-64"])
    out = capsys.readouterr().out
    assert status == 1 and "OK" not in out and "Not everything was checked (1 warning)." in out
    assert "WARNING TFD902 rule-failed" in out and "Not checked: TFD201 python-unsupported." in " ".join(out.split())
    assert console(["check", "--file", str(tmp_path / "r.txt"), "--platform", "linux-64", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fix -p PREFIX --dry-run", "Nothing that was checked has to change."),
        ("fix -p PREFIX --apply --yes", "Nothing that was checked has to change."),
        ("fix --file FILE --dry-run", "Nothing that was checked has to change."),
        ("fix --file FILE --yes", "Nothing that was checked has to change."),
        ("create x --tensorflow 2.15 --platform linux-64 --dry-run", "There is no known-good row"),
    ],
)
def test_nothing_is_repaired_or_made_by_a_rule_that_fails(
    words: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from conda_tf_doctor.rules.packages import packages

    def fails(context: object) -> list[object]:
        raise ValueError("a fault of ours")

    prefix = make_prefix(tmp_path / "env", "linux-64", "3.10.13")
    add_record(prefix, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=["python >=3.10,<3.11.0a0"])
    add_dist(prefix, "numpy", "2.0.0")
    file = tmp_path / "requirements.txt"
    file.write_text("tensorflow==2.15.0\nnumpy==2.0.0\n")
    names = {"PREFIX": str(prefix), "FILE": str(file)}
    asked = [names.get(word, word) for word in words.split()]
    monkeypatch.setattr(packages, "packages", fails)
    assert console(asked) == 1
    told = capsys.readouterr()
    shown = " ".join((told.out + told.err).split())
    assert said in shown and "The rule packages failed (ValueError: a fault of ours)." in shown
    assert "Nothing has to change" not in shown
    assert console([*asked, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("words", "thorough"), [(["-v"], False), (["-vv"], False), (["--thorough"], True), ([], False)]
)
def test_verbose_shows_more_and_examines_no_more(
    broken: str, monkeypatch: pytest.MonkeyPatch, words: list[str], thorough: bool
) -> None:
    seen = []
    examine = check.examine
    monkeypatch.setattr(check, "examine", lambda env, *rest: seen.append(env.thorough) or examine(env, *rest))
    assert console(["check", "-p", broken, *words]) == 1
    assert seen == [thorough]
