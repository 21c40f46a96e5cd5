"""One exit for text: whatever a report, an environment, a file, an argument or an error text holds, no verb writes a
character that drives a terminal, turns the order of letters round or ends a line, in any of its formats.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.cli.main import console
from tools.prefixes import add_dist, add_record, make_prefix

# A colour, a bell, the end of a line as Unicode, C1 and others have it, marks of direction, a zero byte.
BAD = "\x1b[31m\x07\u2028\x85\x9b\x7f\u200e\u200f\u202e\u2066\r"
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
TEXT = (
    f"ImportError: numpy.core{BAD}.multiarray failed to import\n"
    f"Could not load dynamic library 'cudart{BAD}64_110.dll'\n"
)

REPORT: dict[str, Any] = {
    "platform": "linux-64",
    "prefix": "/home/me/env",
    "python": {"version": "3.12.1", "bits": 64, "machine": "x86_64"},
    "packages": [
        {"name": "tensorflow", "version": "2.10.0", "build": "cuda112_0", "channel": "conda-forge", "manager": "conda",
         "depends": ["numpy <2"], "constrains": ["x <1"]},
        {"name": "numpy", "version": "2.0.0", "channel": "pypi", "manager": "pip", "depends": ["x"]},
        {"name": "tensorflow-gpu", "version": "2.9.0", "build": "0", "channel": "defaults", "manager": "conda"},
        {"name": "cudatoolkit", "version": "11.0.1", "build": "h1", "channel": "conda-forge", "manager": "conda"},
    ],
    "requested": [{"name": "keras", "version": ">=3", "manager": "pip"}],
    "virtual_packages": {"__cuda": "11.4", "__glibc": "2.11"},
    "system": {"os": "Ubuntu 20.04", "machine": "x86_64", "cpu_model": "Core", "cpu_features": {"avx": False},
               "gpu": "RTX 4090", "cuda_driver": "400.10", "cuda_installed": ["9.2"], "cudnn_installed": ["7.1"]},
    "env_vars": {"PATH": "/usr/bin", "LD_LIBRARY_PATH": "/usr/local/cuda-9.2/lib64", "PYTHONPATH": "/home/me/src"},
    "binaries": [{"path": "lib/python3.12/site-packages/tensorflow/x.so", "machine": "x86_64", "bits": 64,
                  "imports": ["libcudart.so.11"], "missing": ["libcudart.so.11"], "problem": "truncated",
                  "version": "1"}],
    "working_folder": ["tensorflow.py"],
    "notes": [{"path": "conda-meta/x.json", "message": "it is no JSON"}],
    "user_site": [{"name": "numpy", "version": "2.1"}],
    "findings": [{"code": "TFD501", "severity": "error", "message": "m", "found": "f", "expected": "e",
                  "evidence": ["v"], "source": "s", "package": "numpy",
                  "fix": {"pins": ["numpy <2"], "commands": [["conda", "install", "x"]], "note": "n"}}],
    "generated_code": [{"package": "x", "protobuf": "<4", "file": "y"}],
    "error_text": "ImportError: numpy.core.multiarray failed to import",
}  # fmt: skip


def planted(value: Any, bad: str) -> Any:
    """Return a document with something in each of its texts, at the end and behind the first letters."""
    if isinstance(value, dict):
        return {key: planted(entry, bad) for key, entry in value.items()}
    if isinstance(value, list):
        return [planted(entry, bad) for entry in value]
    return f"{value[:3]}{bad}{value[3:]}{bad}" if isinstance(value, str) else value


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Runs the program and returns all that it wrote, on both streams and into files, as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str, given: str = "") -> str:
        streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape", newline="") for _ in range(2)]
        files = {word for word in words if word.startswith("out.")}
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode("utf-8", "replace")), "utf-8"))
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            try:
                status = console([*words])
            except SystemExit as error:  # arguments that argparse refuses
                status = int(error.code or 0)
        assert status in (0, 1, 2), words
        told = ""
        for stream in streams:
            stream.flush()
            told += stream.buffer.getvalue().decode("utf-8", "surrogateescape")  # type: ignore[attr-defined]
        assert "Traceback" not in told and "fault of conda-tf-doctor" not in told, (words, told)
        for name in files:
            if os.path.exists(name):
                told += Path(name).read_text("utf-8")
                os.unlink(name)
        return told

    return run


def clean(told: str, words: object) -> None:
    # Windows ends lines with both.
    found = RAW.search(told.replace("\r\n", "\n"))
    assert found is None, (words, told[max(0, found.start() - 80) : found.start() + 40])


OF_A_REPORT = [
    ["check", "--report", "r.json"], ["check", "--report", "r.json", "-v"], ["check", "--report", "r.json", "--json"],
    ["check", "--report", "r.json", "--statistics"], ["check", "--report", "r.json", "-q"],
    ["check", "--report", "r.json", "--output-format", "sarif"],
    ["check", "--report", "r.json", "--output-format", "github"],
    ["check", "--report", "r.json", "--output-format", "junit"],
    ["check", "--report", "r.json", "--html", "out.html"],
    ["fleet", "reports", "--jobs", "1"], ["fleet", "reports", "--json", "--jobs", "1"],
    ["fleet", "reports", "-o", "out.csv", "--jobs", "1"], ["fleet", "reports", "-o", "out.jsonl", "--jobs", "1"],
    ["fleet", "reports", "--html", "out.html", "--jobs", "1"],
]  # fmt: skip


def write_report(folder: Path, report: Any, name: str = "r.json") -> None:
    (folder / "reports").mkdir(exist_ok=True)
    for path in (folder / "r.json", folder / "reports" / name):
        path.write_text(json.dumps(report), "utf-8")


@pytest.mark.parametrize("words", OF_A_REPORT, ids=" ".join)
def test_of_a_report_with_something_in_every_field(
    words: list[str], doctor: Callable[..., str], tmp_path: Path
) -> None:
    whole = planted({**REPORT, "platform": 0, "findings": [{**REPORT["findings"][0], "code": 0, "severity": 0}]}, BAD)
    whole["platform"], whole["findings"][0]["code"], whole["findings"][0]["severity"] = "linux-64", "TFD501", "error"
    whole["host"] = f"{BAD}\ud800"
    name = "r.json" if sys.platform == "win32" else f"r{BAD.replace(chr(13), '')}.json"
    write_report(tmp_path, whole, name)
    clean(doctor(*words), words)
    # Where all of it is odd, few rules have anything to say: so one field after the other, too.
    for name, value in REPORT.items():
        if name not in ("platform", "findings"):
            write_report(tmp_path, {**REPORT, name: planted(value, BAD)})
            clean(doctor(*words), (words, name))


ENVIRONMENT = """\
name: "en{0}v"
channels: ["conda-forge{0}", defaults]
dependencies:
  - python=3.12{1}
  - "tensorflow=2.10{1}"
  - numpy=2.0.0
  - "keras=3{0}"
  - pip:
    - "protobuf==5.0{0}"
    - "git+https://x/{0}y.git"
    - "tensorflow-text==2.9.0{1}"
"""
REQUIREMENTS = "tensorflow==2.10.0\nnumpy==2.0.0 # {0}\nkeras==3.0.0{0}\n--find-links {0}\n-r other{0}.txt\n"
OF_A_FILE = [
    ["check", "FILE"], ["check", "FILE", "-v"], ["check", "FILE", "--json"],
    *(["check", "FILE", "--output-format", form] for form in ("sarif", "github", "junit")),
    ["fix", "--file", "FILE", "--dry-run", "--offline"], ["fix", "--file", "FILE", "--dry-run", "--json", "--offline"],
]  # fmt: skip


@pytest.mark.parametrize("words", OF_A_FILE, ids=" ".join)
def test_of_a_file(words: list[str], doctor: Callable[..., str], tmp_path: Path) -> None:
    escaped = json.dumps(BAD)[1:-1]
    texts = {
        "environment.yml": ENVIRONMENT.format(escaped, ""),
        "all.yml": ENVIRONMENT.format(escaped, escaped),
        "raw.yml": ENVIRONMENT.format("\u202e\x85", "") + "# \u202e\n",
        "requirements.txt": REQUIREMENTS.format("\x1b[31m\u202e\x9b"),
        "other.txt": f"tensorflow==2.10.0\nnumpy==2.0.0\n-r other{BAD}.txt\n",
        "bad.json": f'{{"{BAD}": 1}}',
    }
    texts[named("en\x1b[31m\u202e\nv\x9b.yml")] = ENVIRONMENT.format("", "")
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
        clean(doctor(*(name if word == "FILE" else word for word in words), "--platform", "linux-64"), (words, name))


def named(name: str) -> str:
    """Return as much of a name as may stand in a folder: no character of ASCII's controls on Windows."""
    return re.sub("[\x00-\x1f]", "", name) if sys.platform == "win32" else name


def test_of_an_environment(doctor: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / named("en\x1b[31m\u202e\nv\x9b")
    prefix = make_prefix(folder, "linux-64", "3.10.13")
    depends = [f"numpy <2{BAD}", f"x{BAD}"]
    add_record(prefix, "linux-64", "tensorflow", "2.10.0", "cuda112_0", depends=depends, channel=f"x{BAD}")
    add_record(prefix, "linux-64", "cudatoolkit", "11.0.1", named(f"h{BAD}").replace("\r", ""), license=BAD)
    add_dist(prefix, "numpy", "2.0.0")
    add_dist(prefix, "keras", named(f"3.0{BAD}").replace("\r", ""))
    (prefix / "conda-meta" / named(f"odd{BAD}.json")).write_text(BAD, "utf-8")
    (prefix / "conda-meta" / "pinned").write_text(f"numpy {BAD}\n# {BAD}\nkeras <{BAD}\n", "utf-8")
    (prefix / "conda-meta" / "tf-doctor-journal").write_text(json.dumps({"x": BAD}), "utf-8")
    where = ["-p", str(prefix)]
    for words in (
        ["check", *where], ["check", *where, "-v"], ["check", *where, "--json"],
        ["check", *where, "--html", "out.html"], ["check", *where, "--output-format", "junit"],
        ["check", *where, "--output-format", "github"], ["check", *where, "--output-format", "sarif"],
        ["report", *where, "-o", "-"],
        ["report", *where, "--jsonl", "-o", "-"], ["report", *where, "--no-mask", "-o", "out.json"],
        ["fix", *where, "--dry-run", "--offline"], ["fix", *where, "--history"], ["fix", *where, "--undo", "-d"],
        ["fix", *where, "--dry-run", "--json", "--offline"], ["dlls", *where], ["dlls", *where, "--json"],
        ["dlls", *where, "--dot"], ["dlls", *where, f"x{BAD}"], ["explain", *where, TEXT],
    ):  # fmt: skip
        clean(doctor(*words), words)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names of folders")
def test_the_end_of_a_line_in_a_name_is_shown_and_what_is_to_be_typed_works(
    doctor: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_prefix(tmp_path / "a\nb c", "linux-64", "3.12.1")
    add_record(prefix, "linux-64", "tensorflow", "2.10.0", "cpu_py310h0_0", depends=["python >=3.10,<3.11.0a0"])
    shown = rf"{tmp_path}/a\nb c"
    word = "$'" + shown.replace("'", "\\'") + "'"
    for words in (["check"], ["fix", "--dry-run", "--offline"]):
        told = doctor(*words, "-p", str(prefix))
        assert shown in told.splitlines()[0 if words[0] == "fix" else 1] and f" -p {word}" in told
    document = json.loads(doctor("check", "-p", str(prefix), "--json"))
    [fix] = [finding["fix"] for finding in document["findings"] if finding["code"] == "TFD201"]
    assert (document["target"]["path"], str(prefix) in fix["commands"][0]) == (str(prefix), True)
    assert f" -p {word}" in fix["command_lines"][0]
    assert f"There is no environment at {shown}/x:" in doctor("check", "-p", f"{prefix}/x")


MATRIX = (
    "schema_version: 1\nkind: builds\nchannel: our{0}\ndistribution: tensorflow\nsource: our farm{0}\ngroups:\n"
    "  - versions: {{2.10.1: 2024-05-01}}\n    python: 3.8-3.10\n    requires: {{numpy: '>=1.21,<2'}}\n    builds:\n"
    "      - {{platform: linux-64, use: [linux-cuda-11], cuda: '>=11.4,<12', build: 'ours_py*_0'}}\n"
)


def test_of_arguments_and_texts(doctor: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MATRIX.format("\u202e"), "utf-8")
    (tmp_path / "n.yaml").write_text(f"{MATRIX.format('')}\n? '\u202e\x9b'\n: 1\n", "utf-8")
    (tmp_path / "environment.yml").write_text("dependencies: [python=3.10, tensorflow=2.15]\n", "utf-8")
    for words in (
        ["explain", TEXT], ["explain", TEXT, "--json"], ["explain", "-"], ["explain", f"TFD{BAD}"],
        ["matrix", "--matrix", "m.yaml", "--tensorflow", "2.10.1"], ["matrix", "--validate", "m.yaml"],
        ["matrix", "--matrix", "m.yaml", "--tensorflow", "2.10.1", "--json"], ["matrix", "--validate", "n.yaml"],
        ["matrix", "--tensorflow", f"2{BAD}"], ["matrix", "--channel", BAD], ["matrix", "--cuda", f"1{BAD}", "--json"],
        ["check", "environment.yml", "--ignore", BAD], ["check", "environment.yml", "--platform", BAD],
        ["check", "environment.yml", "--matrix", f"x{BAD}"], ["check", f"no{BAD}"], ["check", "-n", BAD],
        ["check", "-p", f"/x{BAD}"], ["check", "--report", f"x{BAD}"],
        ["check", "environment.yml", "--output-format", BAD], ["check", "-p", ".", "--html", f"x{BAD}/y"],
        ["check", f"--x{BAD}"], [f"verb{BAD}"], ["schema", BAD], ["fleet", BAD], ["create", BAD, "--dry-run"],
        ["create", "x", "--dry-run", "--tensorflow", f"2{BAD}"], ["create", "x", "--dry-run", "--python", BAD],
        ["fix", "--file", "environment.yml", "--to", f"x{BAD}", "-d", "--offline"],
        ["fix", "--file", "environment.yml", "--keep", f"x{BAD}", "-d", "--offline"],
        ["fix", "--file", "environment.yml", "--without", f"x{BAD}", "-d", "--offline"],
        ["report", "-p", f"x{BAD}"], ["report", "--error-text", f"x{BAD}"],
    ):  # fmt: skip
        clean(doctor(*words, given=TEXT), words)
