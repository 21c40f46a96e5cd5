"""The screen for people: colours where the terminal has them, any encoding, nothing that drives the terminal."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR, WARNING, Finding, Fix, by_cause
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.screen import render
from conda_tf_doctor.render.text import WIDTH, Style, screen_width, wrapped
from conda_tf_doctor.safely import safe

BROKEN = {
    "platform": "win-64",
    "prefix": r"C:\envs\tf",
    "python": {"version": "3.12.1", "bits": 64, "machine": "x86_64"},
    "packages": [
        {"name": "python", "version": "3.12.1", "manager": "conda", "channel": "conda-forge"},
        {"name": "tensorflow", "version": "2.10.0", "manager": "pip"},
        {"name": "numpy", "version": "2.0.0", "manager": "pip"},
    ],
}
HEALTHY = {
    "platform": "linux-64",
    "packages": [
        {"name": "python", "version": "3.10.13"},
        {"name": "tensorflow", "version": "2.15.0", "manager": "pip"},
    ],
}
NOTHING = {"platform": "linux-64", "packages": [{"name": "python", "version": "3.10.13"}]}


def diagnosis(report: dict) -> Diagnosis:
    return diagnose(environment_of(report, "report.json"), load_matrix())


class Terminal(io.StringIO):
    """A stream that is a terminal or is none, in an encoding."""

    def __init__(self, tty: bool = True, encoding: str = "utf-8") -> None:
        super().__init__()
        self.tty, self._encoding = tty, encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self.tty


@pytest.mark.parametrize(
    ("tty", "environ", "colour"),
    [
        (True, {}, True),
        (True, {"TERM": "xterm-256color"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (True, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
    ],
)
def test_colour_is_used_where_it_is_wanted(tty: bool, environ: Mapping[str, str], colour: bool) -> None:
    style = Style.of(Terminal(tty), environ)
    assert style.colour == colour
    assert ("\x1b[" in render(diagnosis(BROKEN), style)) == colour


def test_colour_only_adds_to_the_words() -> None:
    plain = render(diagnosis(BROKEN), Style(Terminal(), False), verbose=1)
    coloured = render(diagnosis(BROKEN), Style(Terminal(), True), verbose=1)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def run_on_a_terminal(arguments: list[str], environ: Mapping[str, str]) -> str:
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "conda_tf_doctor", *arguments]
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    with subprocess.Popen(command, stdout=follower, stderr=follower, env={**kept, **environ}) as process:
        os.close(follower)
        chunks = []
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # Linux says so when the last writer has gone
                break
            if not chunk:
                break
            chunks.append(chunk)
        process.wait()
    os.close(leader)
    return b"".join(chunks).decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has consoles instead: tests/windows/test_failures.py")
@pytest.mark.parametrize(
    ("environ", "colour"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_a_real_terminal(tmp_path: Path, environ: Mapping[str, str], colour: bool) -> None:
    (tmp_path / "r.json").write_text(json.dumps(BROKEN))
    screen = run_on_a_terminal(["check", "--report", str(tmp_path / "r.json")], environ)
    assert "TFD201" in screen and ("\x1b[" in screen) == colour


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437", "utf-8", "latin-1"])
def test_any_console_encoding_will_do(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / "環境 é"
    folder.mkdir()
    report = folder / "r.json"
    report.write_text(json.dumps(BROKEN))
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for flags in ([], ["-v"], ["--json"]):
        command = [sys.executable, "-m", "conda_tf_doctor", "check", "--report", str(report), *flags]
        run = subprocess.run(command, capture_output=True, env=environ, check=False)
        assert run.returncode == 1 and run.stderr == b"", run.stderr
        assert "TFD201" in run.stdout.decode(encoding)
    missing = [sys.executable, "-m", "conda_tf_doctor", "check", "--report", str(folder / "gone.json")]
    run = subprocess.run(missing, capture_output=True, env=environ, check=False)
    assert run.returncode == 2 and run.stderr.count(b"\n") == 1 and b"Traceback" not in run.stderr


EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\x00\u202e\u2066"


def test_texts_from_files_cannot_drive_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = json.loads(json.dumps(BROKEN))
    for package in evil["packages"]:
        package["build"] = package["channel"] = EVIL
        package["version"] += EVIL
    evil["python"]["version"] += EVIL
    evil["prefix"] = evil["error_text"] = EVIL
    evil["working_folder"] = [f"numpy.py{EVIL}"]
    text = render(diagnosis(evil), Style(Terminal(), False), verbose=2)
    assert not set(text) & (set(EVIL) - {"\n"} - set("]0;owned[2J31m"))
    assert "TFD" in text


@given(st.text())
def test_safe_texts_have_no_control_characters(text: str) -> None:
    cleaned = safe(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in cleaned)
    # The end of a line is shown as what it is.
    assert [c for c in cleaned if c.isalnum()] == [c for c in text.replace("\n", r"\n") if c.isalnum()]


@given(st.text(), st.sampled_from(["ascii", "cp1252", "utf-8", "cp437", "shift_jis"]))
def test_writing_never_fails(text: str, encoding: str) -> None:
    stream = Terminal(encoding=encoding)
    Style(stream, False).write(text)
    stream.getvalue().encode(encoding)


def test_the_screen_names_environment_tensorflow_cause_and_repair() -> None:
    lines = render(diagnosis(BROKEN), Style(Terminal(), False)).splitlines()
    assert re.fullmatch(r"BROKEN: 2 errors(, \d+ notes?)?\.( -v shows the notes\.)?", lines[0])
    assert lines[1].startswith("Report report.json (win-64, Python 3.12.1")
    assert lines[2].startswith("TensorFlow tensorflow 2.10.0 (installed by pip")
    text = "\n".join(lines)
    first = next(line for line in lines if line.startswith("ERROR"))
    assert "TFD201" in first
    for words in ("found:", "expected:", "3.12", ">=3.7,<3.11", "explain TFD201"):
        assert words in text
    assert all(len(line) <= WIDTH or " " not in line.strip() for line in lines if not line.startswith("  conda"))


def test_quiet_says_nothing_where_nothing_is_wrong() -> None:
    assert render(diagnosis(HEALTHY), Style(Terminal(), False), quiet=True) == ""
    assert "nothing is wrong" in render(diagnosis(HEALTHY), Style(Terminal(), False)) or "no error" in render(
        diagnosis(HEALTHY), Style(Terminal(), False)
    )
    assert "TFD201" in render(diagnosis(BROKEN), Style(Terminal(), False), quiet=True)


def test_without_a_tensorflow_there_is_nothing_to_check() -> None:
    text = render(diagnosis(NOTHING), Style(Terminal(), False))
    assert "TensorFlow: none" in text and "nothing to check" in text


def test_verbose_shows_evidence_source_and_what_is_fine() -> None:
    plain = render(diagnosis(BROKEN), Style(Terminal(), False))
    verbose = render(diagnosis(BROKEN), Style(Terminal(), False), verbose=1)
    for words in ("evidence:", "source:", "\u274c TFD201 python-unsupported", "\u2705 TFD101 python-32bit"):
        assert words in verbose and words not in plain


@pytest.mark.parametrize("program", ["conda tf-doctor", "conda-tf-doctor", "python -m conda_tf_doctor"])
def test_commands_are_spelled_as_the_program_was_called(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Style, "program", program)
    stream = Terminal()
    text = render(diagnosis(BROKEN), Style(stream, False))
    Style(stream, False).write(text + "Try `conda tf-doctor report`; conda-tf-doctor itself and its page TFD101 stay.")
    shown = stream.getvalue()
    assert f"More on this: {program} explain TFD201\n" in shown
    assert shown.endswith(f"Try `{program} report`; conda-tf-doctor itself and its page TFD101 stay.")


@pytest.mark.parametrize(
    ("columns", "width"), [("80", 80), ("120", 120), ("500", 120), ("5", 60), ("0", WIDTH), ("wide", WIDTH)]
)
def test_lines_are_as_wide_as_the_terminal(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for verbose in (0, 1):
        text = render(diagnosis(BROKEN), Style(Terminal(), False), verbose=verbose)
        long = [line for line in text.splitlines() if len(line) > width and " " in line.strip()]
        assert screen_width() == width and all("explain" in line or line[:6] == "BROKEN" for line in long), long


def test_no_word_is_lost_where_it_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    for columns in ("60", "80", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        texts.append(render(diagnosis(BROKEN), Style(Terminal(), False)).split())
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize(("encoding", "good", "bad"), [("utf-8", "\u2705", "\u274c"), ("cp1252", "ok", "X ")])
def test_each_check_has_a_mark(encoding: str, good: str, bad: str) -> None:
    text = render(diagnosis(BROKEN), Style(Terminal(encoding=encoding), False), verbose=1)
    assert f"{good} TFD101 python-32bit" in text and f"{bad} TFD201 python-unsupported" in text


def test_what_comes_of_a_cause_stands_below_it() -> None:
    cause = Finding("TFD602", ERROR, "two of them")
    other = Finding("TFD603", ERROR, "numpy 2")
    found = Diagnosis(Environment("prefix", "x", "linux-64"), None, (cause, Finding("TFD503", ERROR, "changed"), other))
    text = render(found, Style(Terminal(), False))
    below = "ERROR TFD602 duplicate-tf-distributions\n  two of them\n  with it:  TFD503 dll-modified: changed\n"
    assert below in text and "ERROR TFD503" not in text
    assert text.startswith("BROKEN: 2 errors, 1 that comes with them.\n")
    document = found.to_json()
    assert [each["comes_of"] for each in document["findings"]] == [None, "TFD602", None]
    assert document["summary"]["errors"] == 3


def test_of_a_damaged_file_comes_only_what_is_said_of_that_file() -> None:
    corrupt = Finding("TFD502", ERROR, "cut off", evidence=("a.so",), package="numpy")
    same = Finding("TFD503", ERROR, "differs", evidence=("a.so", "RECORD"))
    other = Finding("TFD503", ERROR, "differs", evidence=("b.so",), package="h5py")
    assert by_cause((corrupt, same, other)) == [(corrupt, [same]), (other, [])]
    assert by_cause((same, corrupt)) == [(same, []), (corrupt, [])]


@pytest.mark.parametrize(
    ("kind", "platform", "line"),
    [
        ("report", "win-64", 'conda install "numpy<2"'),
        ("report", "linux-64", "conda install 'numpy<2'"),
        ("prefix", "win-64", 'conda install "numpy<2"'),
        ("file", "osx-arm64", "conda install 'numpy<2'"),
    ],
)
def test_commands_are_for_the_shell_they_are_pasted_into(kind: str, platform: str, line: str) -> None:
    fix = Fix(commands=(("conda", "install", "numpy<2"),))
    found = Diagnosis(Environment(kind, "x", platform), None, (Finding("TFD603", ERROR, "numpy 2", fix=fix),))
    assert f"  {line}\n" in render(found, Style(io.StringIO(), False))
    assert found.to_json()["findings"][0]["fix"]["command_lines"] == [line]


def test_a_command_in_a_sentence_stays_in_one_line() -> None:
    command = "`conda run -p " + "/a/folder/with/many/parts" * 3 + " python -m pip list`"
    lines = wrapped(f"Some words before it and {command} and some words behind it that go on and on and on.", "  ")
    assert [command in line for line in lines].count(True) == 1 and len(lines) == 3


@pytest.mark.parametrize(("venv", "advised"), [(False, True), (True, False)], ids=["conda", "venv"])
def test_fix_is_advised_where_it_can_do_something(venv: bool, advised: bool) -> None:
    env = Environment("prefix", "/envs/tf", "win-64")
    env.is_venv = venv
    fix = Fix(pins=("vc14_runtime >=14.40",), note="Install the redistributable.")
    found = Diagnosis(env, None, (Finding("TFD401", ERROR, "no runtime", fix=fix),))
    text = render(found, Style(io.StringIO(), False))
    assert ("fix --apply" in text) is advised and "Install the redistributable." in text


def test_the_way_by_hand_is_told_from_the_plan() -> None:
    env = Environment("prefix", "/envs/tf", "linux-64")
    one = Finding("TFD603", ERROR, "numpy 2", fix=Fix(pip=("numpy<2",), commands=(("pip", "install", "numpy<2"),)))
    text = render(Diagnosis(env, None, (one,)), Style(io.StringIO(), False))
    assert "  conda-tf-doctor fix --apply -p /envs/tf\n  or by hand:\n    pip install 'numpy<2'\n" in text
    fix = Fix(pip=("protobuf<4",), commands=(("pip", "install", "protobuf<4"),))
    both = render(Diagnosis(env, None, (one, one._replace(code="TFD604", fix=fix))), Style(io.StringIO(), False))
    assert "  or by hand:\n    pip install 'numpy<2' 'protobuf<4'\n" in both


def test_what_a_note_goes_on_from_is_said() -> None:
    """ "Then …" of a warning is nothing without its command, which is not among those that repair the errors."""
    env = Environment("prefix", "/envs/tf", "linux-64")
    pinned = Fix(commands=(("conda", "install", "cudatoolkit=11.2"),), note="Then export LD_LIBRARY_PATH=lib.")
    warned = Finding("TFD301", WARNING, "CUDA 11.8", fix=pinned)
    broken = Finding("TFD603", ERROR, "numpy 2", fix=Fix(commands=(("conda", "install", "numpy<2"),)))
    both = render(Diagnosis(env, None, (broken, warned)), Style(io.StringIO(), False))
    assert "  repair: conda install cudatoolkit=11.2\n  Then export LD_LIBRARY_PATH=lib.\n" in both
    assert both.count("cudatoolkit=11.2") == 1
    alone = render(Diagnosis(env, None, (warned,)), Style(io.StringIO(), False))
    assert "  repair: see below. Then export LD_LIBRARY_PATH=lib.\n" in alone and alone.count("cudatoolkit=11.2") == 1
