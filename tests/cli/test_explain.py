from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import conda_tf_doctor
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.codes import RULES
from conda_tf_doctor.shell import quoted
from tools.prefixes import add_dist, add_record, make_prefix

SCHEMA = json.loads((Path(conda_tf_doctor.__file__).parent / "schemas" / "explain.schema.json").read_text())
NUMPY = "ImportError: numpy.core.umath failed to import"


def explain(*args: str, text: str | bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    content = text.encode() if isinstance(text, str) else text
    command = [sys.executable, "-m", "conda_tf_doctor.cli.main", "explain", *args]
    if content is None:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    return subprocess.run(command, input=content, capture_output=True)


def document(*args: str, text: str | bytes | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(explain(*args, "--json", text=text).stdout)
    jsonschema.validate(answer, SCHEMA)
    return answer


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An environment of conda's and pip's records: TensorFlow 2.15 with numpy 2."""
    meta = tmp_path / "conda-meta"
    meta.mkdir()
    (meta / "history").touch()
    for name, version in (("python", "3.11.7"), ("libexpat", "2.6.0")):
        record = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "channel": "conda-forge",
            "files": [],
        }
        (meta / f"{name}-{version}-0.json").write_text(json.dumps({**record, "subdir": "linux-64", "depends": []}))
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    for name, version in (("tensorflow", "2.15.1"), ("numpy", "2.2.6")):
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "INSTALLER").write_text("pip\n")
    return tmp_path


@pytest.mark.parametrize("word", ["TFD603", "tfd603", "numpy-abi"])
def test_a_rule_by_code_and_by_name(word: str) -> None:
    ran = explain(word)
    assert ran.returncode == 0
    assert ran.stdout.startswith(b"TFD603 numpy-abi")
    assert b"How to fix" in ran.stdout


def test_a_rule_as_json() -> None:
    answer = document("TFD305")
    assert answer["name"] == "gpu-unsupported-on-windows"
    assert "2.10" in answer["page"]["how_to_fix"]


def test_all_rules_are_listed() -> None:
    assert {rule["code"]: rule["name"] for rule in document()["rules"]} == RULES
    assert explain().stdout.decode().splitlines()[0] == "TFD101  python-32bit"


def test_a_text_as_argument_file_and_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "error.txt"
    file.write_text(f"Traceback (most recent call last):\n{NUMPY}\n")
    expected = document(NUMPY)
    assert expected["causes"][0]["code"] == "TFD603"
    assert document(str(file))["causes"] == expected["causes"]
    assert document("-", text=NUMPY)["causes"] == expected["causes"]
    assert document(text=NUMPY)["causes"] == expected["causes"]
    assert document(*NUMPY.split())["causes"] == expected["causes"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1251"])
def test_texts_in_the_encodings_of_consoles(encoding: str) -> None:
    text = "ImportError: DLL load failed: Не найден указанный модуль."
    assert document("-", text=text.encode(encoding))["causes"][0]["name"] == "vc-runtime-missing"


def test_an_unknown_text_says_what_to_collect() -> None:
    ran = explain("KeyError: 'loss'")
    assert ran.returncode == 1
    assert ran.stdout.startswith(b"Unknown")
    assert b" report -n NAME" in ran.stdout
    answer = document("KeyError: 'loss'")
    assert (answer["known"], answer["causes"]) == (False, [])
    assert answer["collect"]


def test_a_harmless_text_is_known_and_has_no_cause() -> None:
    ran = explain("This TensorFlow binary is optimized to use available CPU instructions")
    assert ran.returncode == 0
    assert b"not an error" in ran.stdout
    assert b"causes" not in ran.stdout


@pytest.mark.parametrize(
    ("args", "text", "words"),
    [
        (["TFD999"], None, "no rule TFD999"),
        (["missing.log"], None, "does not exist"),
        (["-"], b"", "no text"),
        (["-"], b"MZ\0\0\0\0", "no text"),
        (["TFD603", "-n", "no-such-environment-anywhere"], None, "no environment"),
    ],
)
def test_unusable_requests(args: list[str], text: bytes | None, words: str) -> None:
    ran = explain(*args, text=text)
    assert ran.returncode == 2
    assert words in ran.stderr.decode()
    assert len(ran.stderr.decode().splitlines()) == 1


def test_a_list_of_packages_is_sent_to_check(tmp_path: Path) -> None:
    for name, text in (("environment.yml", "dependencies: [tensorflow]\n"), ("requirements-dev.txt", "tensorflow\n")):
        (tmp_path / name).write_text(text)
        run = explain(str(tmp_path / name))
        file = quoted(str(tmp_path / name))
        assert run.returncode == 2 and f"is no error text; `conda-tf-doctor check {file}`" in run.stderr.decode()
    (tmp_path / "log.yml").write_text(NUMPY)
    assert explain(str(tmp_path / "log.yml")).returncode == 0


def test_which_cause_an_environment_has(prefix: Path) -> None:
    answer = document(NUMPY, "-p", str(prefix))
    assert answer["causes"][0]["here"]["found"] == "2.2.6"
    assert "TFD603" in {finding["code"] for finding in answer["findings"]}
    screen = explain(NUMPY, "-p", str(prefix)).stdout.decode()
    assert "This environment has it (error)" in screen
    assert "has it (error)" in explain("TFD603", "-p", str(prefix)).stdout.decode()
    assert "does not have it" in explain("TFD101", "-p", str(prefix)).stdout.decode()


def test_terminal_sequences_of_a_text_do_not_reach_the_terminal() -> None:
    ran = explain("-", text=b"\x1b]0;title\x07ImportError: numpy.core.umath failed to import \x1b[31mred\x1b[0m\n")
    assert ran.returncode == 0
    assert b"\x1b" not in ran.stdout
    assert b"\x07" not in ran.stdout


def test_the_settings_count_here_as_everywhere(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = f"{prefix} has it (error): numpy 2."
    assert there in explain("TFD603", "-p", str(prefix)).stdout.decode()
    monkeypatch.setenv("CONDA_PLUGINS_TF_DOCTOR_IGNORE", "numpy-abi")
    assert f"{prefix} does not have it." in explain("TFD603", "-p", str(prefix)).stdout.decode().splitlines()
    findings = document("-", "-p", str(prefix), text=NUMPY)["findings"]
    assert all(finding["code"] != "TFD603" for finding in findings)
    monkeypatch.setenv("CONDA_PLUGINS_TF_DOCTOR_MATRIX", "/nowhere/mine.yaml")
    unusable = explain("TFD603", "-p", str(prefix))
    assert (unusable.returncode, b"mine.yaml" in unusable.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "runtime", "cause", "blamed"),
    [
        ("A dynamic link library (DLL) initialization routine failed.", "14.29.30139", ("TFD402", "likely"), True),
        ("The specified module could not be found.", "14.29.30139", ("TFD501", "possible"), False),
        ("[WinError 126] The specified module could not be found.", "14.29.30139", ("TFD501", "possible"), False),
        ("The specified module could not be found.", "14.16.27012", ("TFD402", "certain"), True),
    ],
)
def test_explain_says_of_an_environment_what_check_says(
    tmp_path: Path, text: str, runtime: str, cause: tuple[str, str], blamed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = make_prefix(tmp_path / "env", "win-64", "3.11.7")
    add_record(prefix, "win-64", "vc14_runtime", runtime)
    add_dist(prefix, "tensorflow", "2.19.0")
    message = f"ImportError: DLL load failed while importing _pywrap_tensorflow_internal: {text}"
    assert console(["check", "-p", str(prefix), "--json"]) == 1
    sure = {each["code"]: each["confidence"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert console(["explain", message, "-p", str(prefix), "--json"]) == 0
    causes = json.loads(capsys.readouterr().out)["causes"]
    assert (causes[0]["code"], causes[0]["likelihood"]) == cause
    assert ("TFD402" in {each["code"] for each in causes}) is blamed
    assert not [
        each for each in causes if each["likelihood"] == "certain" and sure.get(each["code"], "certain") != "certain"
    ]
