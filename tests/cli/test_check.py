"""`check` through the console door: targets, flags, exit status, and exactly one JSON document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conda_tf_doctor import __version__
from conda_tf_doctor.cli.arguments import plain
from conda_tf_doctor.cli.main import console
from conda_tf_doctor.cli.parser import VERBS, parse
from conda_tf_doctor.shell import quoted
from tools.prefixes import add_dist, add_record, make_prefix

SCHEMA = json.loads((resources.files("conda_tf_doctor") / "schemas" / "check.schema.json").read_text("utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder of its own, and no conda anywhere."""
    for name in list(os.environ):
        if name.startswith(("CONDA", "MAMBA", "VIRTUAL_ENV", "_CE_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "no conda here"))
    return home


def broken(folder: Path) -> Path:
    prefix = make_prefix(folder, "win-64", "3.12.1")
    add_dist(prefix, "tensorflow", "2.10.0")
    return prefix


def healthy(folder: Path) -> Path:
    prefix = make_prefix(folder, "win-64", "3.10.13")
    add_record(prefix, "win-64", "numpy", "1.26.4", "py310_0", distribution="numpy")
    return prefix


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    """Return status, the one document of standard output, and standard error, of any verb."""
    capsys.readouterr()
    try:
        status = console([*words, "--json"])
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    return status, json.loads(out), err


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    """Return the answer of ``check``, whose document has to be one of its schema."""
    status, document, err = answer(capsys, *words)
    VALID.validate(document)
    return status, document, err


def codes(document: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in document["findings"] if finding["severity"] == "error"]


def test_exit_status_and_document(tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, document, err = call(capsys, "check", "-p", str(broken(tmp_path / "broken")))
    assert (status, document["ok"], codes(document)[0], err) == (1, False, "TFD201", "")
    assert document["target"] == {"kind": "prefix", "path": str(tmp_path / "broken"), "platform": "win-64"}
    assert document["summary"]["errors"] == len(codes(document))
    status, document, err = call(capsys, "check", "-p", str(healthy(tmp_path / "fine")))
    assert (status, document["ok"], document["tensorflow"], document["findings"]) == (0, True, None, [])


@pytest.mark.parametrize(
    "words",
    [
        ["check", "-p", "{}"],
        ["-p", "{}"],
        ["-p", "{}", "check"],
        ["check", "--prefix", "{}"],
        ["--prefix={}", "check"],
        ["check", "-p{}"],
        ["check", "-v", "-p", "{}", "-v"],
    ],
    ids=" ".join,
)
def test_the_target_may_stand_anywhere(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    prefix = str(broken(tmp_path / "env"))
    status, document, _ = call(capsys, *(word.format(prefix) for word in words))
    assert (status, document["target"]["path"]) == (1, prefix)


def test_the_active_environment_is_the_default(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, document, err = call(capsys, "check")
    assert status == 2 and "No environment is active" in document["error"] and err.count("\n") == 1
    prefix = str(broken(tmp_path / "env"))
    monkeypatch.setenv("CONDA_PREFIX", prefix)
    assert call(capsys)[1]["target"]["path"] == prefix
    monkeypatch.delenv("CONDA_PREFIX")
    monkeypatch.setenv("VIRTUAL_ENV", prefix)
    assert call(capsys, "check")[1]["target"]["path"] == prefix


def test_names_are_looked_up_where_conda_keeps_environments(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, other, far = tmp_path / "root", tmp_path / "other", tmp_path / "far" / "away"
    for folder in (root, root / "envs" / "one", other / "two", far, alone / ".conda" / "envs" / "four"):
        broken(folder)
    (alone / ".conda" / "environments.txt").write_text(f"{far}\n\n")
    (root / "bin").mkdir()
    monkeypatch.setenv("CONDA_EXE", str(root / "bin" / "conda"))
    monkeypatch.setenv("CONDA_ENVS_PATH", str(other))
    expected = {
        "base": root, "one": root / "envs" / "one", "two": other / "two", "away": far,
        "four": alone / ".conda" / "envs" / "four",
    }  # fmt: skip
    for name, prefix in expected.items():
        assert call(capsys, "check", "-n", name)[1]["target"]["path"] == str(prefix)
    status, document, _ = call(capsys, "-n", "five")
    assert status == 2 and "no environment named five" in document["error"]
    status, document, _ = call(capsys, "-n", "a/b")
    assert status == 2 and "use -p a/b" in document["error"]


def test_all_environments_each_once(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    envs = tmp_path / "envs"
    broken(envs / "bad")
    healthy(envs / "good")
    (envs / "no environment").mkdir()
    (alone / ".conda").mkdir()
    (alone / ".conda" / "environments.txt").write_text(f"{envs / 'bad'}\n{tmp_path / 'gone'}\n")
    monkeypatch.setenv("CONDA_ENVS_PATH", str(envs))
    status, document, err = call(capsys, "check", "--all-envs")
    assert (status, err) == (1, "")
    assert [(e["target"]["path"], e["ok"]) for e in document["environments"]] == [
        (str(envs / "bad"), False), (str(envs / "good"), True),
    ]  # fmt: skip
    assert console(["check", "--all-envs"]) == 1
    out = capsys.readouterr().out
    first, place, *_ = shown = out.splitlines()
    assert first == "ERROR TFD201 python-unsupported (1)"
    assert place.strip().startswith(str(envs / "bad")) and place.split()[-2:] == ["tensorflow", "2.10.0"]
    assert shown[-2:] == [
        "2 environments: 1 with errors, 1 without TensorFlow.",
        f"Next: conda-tf-doctor check -p {quoted(str(envs / 'bad'))}",
    ]
    assert console(["check", "--all-envs", "-q"]) == 1
    assert capsys.readouterr().out.splitlines() == [first, place]


def test_environments_of_settings_and_workspaces_are_found(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, listed, work = tmp_path / "root", tmp_path / "listed", tmp_path / "work" / "deep"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("CONDA_EXE", str(root / "bin" / "conda"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    expected = [root / "envs" / "a", listed / "b", tmp_path / "user" / "c", alone / ".pixi" / "envs" / "g"]
    expected += [work.parent / ".pixi" / "envs" / "default", work / ".conda" / "envs" / "test"]
    for folder in expected:
        healthy(folder)
    (root / ".condarc").write_text(f"envs_dirs:\n  - {listed}\n", encoding="utf-8")
    (tmp_path / "config" / "conda").mkdir(parents=True)
    (tmp_path / "config" / "conda" / ".condarc").write_text("envs_dirs: [$HOME/../user]\n", encoding="utf-8")
    _, document, _ = call(capsys, "check", "--all-envs")
    assert {e["target"]["path"] for e in document["environments"]} == set(map(str, expected))
    assert call(capsys, "check", "-n", "b")[1]["target"]["path"] == str(listed / "b")
    assert call(capsys, "check", "-n", "default")[1]["target"]["path"] == str(
        work.parent / ".pixi" / "envs" / "default"
    )
    healthy(work / ".pixi" / "envs" / "default")
    status, document, _ = call(capsys, "check", "-n", "default")
    assert status == 2 and document["error"].startswith("Several environments are named default; name one with -p: ")


def test_many_environments_are_checked_in_parallel(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        (broken if number % 3 == 0 else healthy)(tmp_path / "envs" / f"env{number}")
    (tmp_path / "envs" / "env1" / "conda-meta" / "half-1-0.json").write_text("")
    monkeypatch.setenv("CONDA_ENVS_PATH", str(tmp_path / "envs"))
    status, document, _ = call(capsys, "check", "--all-envs")
    assert status == 1 and [e["ok"] for e in document["environments"]] == [False, True, True] * 3
    alone_documents = [call(capsys, "check", "-p", e["target"]["path"])[1] for e in document["environments"]]
    assert alone_documents == document["environments"]


def test_files_and_reports(tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("channels: [conda-forge]\ndependencies: [python=3.12, tensorflow=2.10]\n")
    status, document, _ = call(capsys, "check", "--file", str(file), "--platform", "linux-64")
    assert (status, codes(document), document["target"]["kind"]) == (1, ["TFD201"], "file")
    assert (document["target"]["path"], document["target"]["platform"]) == (str(file), "linux-64")
    report = tmp_path / "r.json"
    report.write_text('{"platform": "win-32", "packages": [{"name": "tensorflow", "version": "2.1.0"}]}')
    status, document, _ = call(capsys, "check", "--report", str(report))
    assert (status, document["target"]["kind"], codes(document)[0]) == (1, "report", "TFD101")


def test_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "conda_tf_doctor", "check", "--json", "--platform", "linux-64", "--file", "-"]
    text = "dependencies: [python=3.12, tensorflow=2.10]"
    run = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and json.loads(run.stdout)["target"]["path"] == "-"
    command = [sys.executable, "-m", "conda_tf_doctor", "check", "--json", "--report", "-"]
    run = subprocess.run(
        command, input='{"platform": "linux-64", "packages": []}', capture_output=True, text=True, check=False
    )
    assert run.returncode == 0 and json.loads(run.stdout)["tensorflow"] is None


@pytest.mark.parametrize("word", ["TFD201", "tfd201", "python-unsupported", "TFD603,TFD201", "python_unsupported"])
def test_rules_can_be_silenced_by_code_and_name(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    prefix = str(broken(tmp_path / "env"))
    assert "TFD201" in codes(call(capsys, "-p", prefix)[1])
    assert "TFD201" not in codes(call(capsys, "-p", prefix, "--ignore", word)[1])
    assert "TFD201" not in codes(call(capsys, "--ignore", "TFD704", "-p", prefix, "check", "--ignore", word)[1])


def test_settings_silence_rules_too(
    tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = str(broken(tmp_path / "env"))
    monkeypatch.setenv("CONDA_PLUGINS_TF_DOCTOR_IGNORE", "TFD201")
    assert "TFD201" not in codes(call(capsys, "-p", prefix)[1])
    monkeypatch.delenv("CONDA_PLUGINS_TF_DOCTOR_IGNORE")
    (alone / ".condarc").write_text("plugins:\n  tf_doctor_ignore:\n  - python-unsupported\n")
    assert "TFD201" not in codes(call(capsys, "-p", prefix)[1])
    (alone / ".condarc").write_text("plugins:\n  tf_doctor_ignore: [nonsense]\n")
    status, document, _ = call(capsys, "-p", prefix)
    assert status == 2 and "tf_doctor_ignore names nonsense" in document["error"]


UNUSABLE = [
    (["check", "--bogus"], "unrecognized arguments: --bogus"),
    (["nonsense"], "invalid choice"),
    (["check", "-p"], "expected one argument"),
    (["check", "-p", "x", "-n", "y"], "not allowed with"),
    (["check", "--pre", "x"], "unrecognized arguments"),
    (["check", "-p", "{}/nowhere"], "does not exist"),
    (["check", "-p", "{}/file"], "is a file"),
    (["check", "-p", "{}/folder"], "not an environment"),
    (["check", "--report", "{}/nowhere"], "does not exist"),
    (["check", "--report", "{}/file"], "not JSON"),
    (["check", "--file", "{}/nowhere"], "does not exist"),
    (["check", "--file", "{}/file", "--platform", "win-46"], "no platform win-46"),
    (["check", "--platform", "win-64", "--report", "x"], "--platform goes with a file or one environment"),
    (["check", "--all-envs", "-p", "x"], "different targets"),
    (["check", "--report", "a", "--file", "b"], "different targets"),
    (["check", "-p", "{}/folder", "--ignore", "TFD999"], "no such rule"),
    (["check", "--file", "{}/file", "--matrix", "{}/nowhere"], "nowhere"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), UNUSABLE, ids=[" ".join(row[0]) for row in UNUSABLE])
@pytest.mark.parametrize("flag", [[], ["--json"]], ids=["text", "json"])
def test_an_unusable_request_is_one_line_and_with_json_one_document(
    tmp_path: Path, words: list[str], expected: str, flag: list[str]
) -> None:
    (tmp_path / "file").write_text("nothing")
    (tmp_path / "folder").mkdir()
    arguments = [word.format(tmp_path) for word in words]
    command = [sys.executable, "-m", "conda_tf_doctor", *flag, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 2
    assert (
        run.stderr.count("\n") == 1 and expected in run.stderr and run.stderr.startswith("python -m conda_tf_doctor: ")
    )
    if flag:
        document = json.loads(run.stdout)
        VALID.validate(document)
        assert expected.lower() in document["error"].lower() and document["ok"] is False
    else:
        assert run.stdout == ""


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"], ["report", "-h"], ["-h", "check"]], ids=" ".join)
def test_help_is_complete(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        console(words)
    out = capsys.readouterr().out
    assert stop.value.code == 0 and "--help" in out
    if words[0] != "report" and "check" not in words[:1]:
        assert all(verb in out for verb in VERBS) and "exit status" in out and "examples:" in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        console(["--version"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"conda-tf-doctor {__version__}\n")


WORD = st.sampled_from(
    ["check", "-p", "--prefix", "-n", "--name", "--json", "-q", "--quiet", "-v", "--file", "--report", "--platform",
     "--all-envs", "--matrix", "--ignore", "x", "a b", "win-64", "-vv", "--prefix=x", "-px", "TFD603", "--", "fix"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(WORD, max_size=6))
def test_the_short_cut_says_what_argparse_says(words: list[str]) -> None:
    quick = plain(words)
    if quick is None:
        return
    full = vars(parse(words))
    assert vars(quick) == {**full, "verb": vars(quick)["verb"]}
    assert full["verb"] in (None, "check") and (full["verb"] or "check") == (vars(quick)["verb"] or "check")


def test_the_short_cut_takes_what_people_type() -> None:
    for words in (
        ["check", "-p", "x"],
        ["-n", "tf", "--json"],
        [],
        ["check"],
        ["--file", "e.yml", "--platform", "win-64"],
    ):
        assert plain(words) is not None
    for words in (
        ["fix"],
        ["check", "-vv"],
        ["-p"],
        ["-p", "-n"],
        ["-p", "x", "-n", "y"],
        ["-h"],
        ["-p", "x", "-p", "y"],
    ):
        assert plain(words) is None


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies: [python=3.12, tensorflow=2.10]")
    command = [sys.executable, "-m", "conda_tf_doctor", "check", "-v", "--file", "environment.yml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies: [python=3.12, tensorflow=2.10]")
    command = [sys.executable, "-m", "conda_tf_doctor", "check", "--file", "environment.yml"]
    with open("/dev/full", "w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 2 and run.stderr.count("\n") == 1 and "No space left" in run.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["chek"], "(did you mean check?)"),
        (["--all-env"], "(did you mean --all-envs?)"),
        (["check", "-n", "tensorflow-2"], "(did you mean tensorflow2?)"),
        (["check", "-p", "{}", "--ignore", "numpy-api"], "(did you mean numpy-abi?)"),
        (["explain", "numpy-api"], "(did you mean numpy-abi?)"),
        (["explain", "TFD6033"], "(did you mean TFD603?)"),
        (["check", "--file", "{}/enviroment.yml"], "(did you mean environment.yml?)"),
        (["check", "--file", "{}/environment.yml", "--platform", "win64"], "(did you mean win-64?)"),
        (["check", "{}/environment.yml", "--output-format", "sarf"], "(did you mean sarif?)"),
        (["check", "-n", "zzz"], ""),
        (["schema", "chek"], "(did you mean check?)"),
        (["environment.yml"], "(did you mean check environment.yml?)"),
        (["fix", "environment.yml"], "(did you mean --file environment.yml?)"),
        (["tfd603"], "(did you mean explain tfd603?)"),
        (["DLL load failed"], f"(did you mean explain {quoted('DLL load failed')}?)"),
        (["fix", "{}"], "(did you mean -p {}?)"),
        (["report", "{}/nothing"], ""),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_a_word_that_is_nearly_right_is_told(
    alone: Path, words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = make_prefix(alone / ".conda" / "envs" / "tensorflow2", "linux-64", "3.10.13")
    (here / "environment.yml").write_text("dependencies: [tensorflow]\n")
    try:
        status = console([word.format(here) for word in words])
    except SystemExit as stop:
        status = int(str(stop.code))
    err, said = capsys.readouterr().err, meant.format(quoted(str(here)))
    assert status == 2 and said in err and ("did you mean" in err) == bool(said), err


def test_where_there_is_no_tensorflow_the_next_step_is_told(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, version in (("plain", ""), ("tf210", "2.10.0"), ("tf215", "2.15.0")):
        made = make_prefix(alone / ".conda" / "envs" / name, "linux-64", "3.10.13")
        if version:
            add_dist(made, "tensorflow", version)
    assert console(["-n", "plain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "There is no TensorFlow here, so there is nothing to check."
    assert lines[-5:] == [
        "Environments with TensorFlow:",
        "  conda-tf-doctor -n tf210  # tensorflow 2.10.0",
        "  conda-tf-doctor -n tf215  # tensorflow 2.15.0",
        "To make one that works:",
        "  conda-tf-doctor create NAME --gpu  # or --cpu",
    ]
    assert console(["-n", "plain", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_where_no_environment_is_active_they_are_listed(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_prefix(alone / ".conda" / "envs" / "tf210", "linux-64", "3.10.13")
    assert console(["check"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("conda-tf-doctor: No environment is active; name one with -n NAME or -p PATH (there are: ")
    assert "tf210" in err and "`conda-tf-doctor explain -`" in err and err.count("\n") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_has_examples_and_fits(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        console([verb, "--help"])
    text, _, examples = capsys.readouterr().out.partition("examples:\n")
    assert max(map(len, text.splitlines())) <= 80
    assert f"  conda-tf-doctor {verb} " in examples and "exit status:\n  0 " in examples
