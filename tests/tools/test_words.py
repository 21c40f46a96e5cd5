"""The developer's door says in one sentence what is wrong, on any machine and any standard output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tools import commands, workshop
from tools.workshop import ROOT, WorkshopError, ended, reason

DOOR = str(ROOT / "dev.py")


# A stranger's Python: that of the tests reads a list of folders at its start, which the C locale forbids to be "plâce".
PYTHON = getattr(sys, "_base_executable", sys.executable)


def call(*words: str, flags: tuple[str, ...] = (), **environ: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, *flags, DOOR, *words]
    env = {**os.environ, **environ}
    return subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", check=False)


@pytest.mark.parametrize("verb", commands.VERBS)
@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ((), {}),
        (("-I",), {}),
        (("-OO",), {}),
        ((), {"PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error"}),
        ((), {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}),
    ],
    ids=["plain", "isolated", "no docstrings", "safe path", "ascii"],
)
def test_every_command_has_help(verb: str, flags: tuple[str, ...], environ: dict[str, str]) -> None:
    done = call(verb, "-h", flags=flags, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: dev.py {verb}") and len(done.stdout.splitlines()) == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_help_that_cannot_be_written_is_a_sentence() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, DOOR, "test", "-h"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "dev.py: No space left on device\n")


def test_help_that_nobody_reads_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, DOOR, "test", "-h"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("test", "tests/no_such.py"), 1, f"dev.py: there is no {Path('tests/no_such.py')} in {ROOT}\n"),
        (("test", "tests/no_such.py::test_it"), 1, f"dev.py: there is no {Path('tests/no_such.py')} in {ROOT}\n"),
        (("fresh", "sarge"), 1, "dev.py: there is no machine sarge; there are bookworm, "),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_set_up(words: list[str], status: int, sentence: str) -> None:
    done = call(*words)
    assert done.returncode == status and done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1


def test_a_scene_that_is_not_there_is_named() -> None:
    done = call("demo", "healthy", "sick")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("there is no scene sick; there are: python-and-cuda-too-new, ")


def test_a_python_without_bz2_is_named() -> None:
    code = (
        "import importlib.util as u, runpy, sys; real = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name in ('_bz2', '_ssl') else real(name, *more)\n"
        "sys.argv = ['dev.py', 'demo']; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"dev.py needs a Python with bz2, ssl, which {sys.executable} was built without")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("error: [Errno 28] No space left on device: '/x'", "the disk is full"),
        ("OSError: [Errno 30] Read-only file system: '/x'", "the file system is read-only"),
        (
            "WARNING: Retrying … NewConnectionError('<…>: Failed to establish a new connection: [Errno 111] Connection "
            "refused')': /simple/x/\nERROR: No matching distribution found for x",
            "the package index does not answer",
        ),
        (
            "NewConnectionError(': Failed to establish a new connection: [Errno -3] Temporary failure in name "
            "resolution')\n"
            "ERROR: No matching distribution found for x",
            "the package index is not found: is there a network?",
        ),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            "the certificate of the package index is not trusted (PIP_CERT names another file)",
        ),
        ("error: [Errno 13] Permission denied: '/x/y'", "there is no permission to write /x/y"),
        (
            "ERROR: No matching distribution found for pycosat==0.6.6",
            "the package index has no wheel of pycosat==0.6.6 for this Python",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)\n"
            "ERROR: No matching distribution found for x==1",
            "the package index does not answer, or has no x==1 for this Python",
        ),
        ("one\n\nsomething else", "one\n\nsomething else"),
    ],
)
def test_why_a_step_failed_is_said_in_a_few_words(output: str, words: str) -> None:
    assert reason(output) == words


def test_a_dead_index_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    workshop.world._index.cache_clear()
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", tmp_path, "no-such-thing"]
    with pytest.raises(WorkshopError) as told:
        workshop.run(command, "getting it")
    workshop.world._index.cache_clear()
    assert str(told.value) == "getting it failed (exit status 1): the package index does not answer"


def test_what_ends_a_command_is_a_status_and_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def raises(error: BaseException) -> int:
        raise error

    cases = {
        1: [WorkshopError("no"), OSError(28, "No space left on device", "/x")],
        130: [KeyboardInterrupt()],
        2: [SystemExit(2)],
    }
    for status, errors in cases.items():
        for error in errors:
            assert ended(partial(raises, error)) == status
    assert capsys.readouterr().err.splitlines() == [
        "dev.py: no",
        "dev.py: No space left on device: /x",
        "dev.py: interrupted",
    ]


def test_a_checkout_that_cannot_be_written_to_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "sub").mkdir(parents=True)
    (checkout / "sub" / "file").write_text("new")
    (checkout / "sub" / "file").chmod(0o444)
    # No folder can be made below a file, whoever asks.
    monkeypatch.setattr(commands, "CACHE", checkout / "sub" / "file" / ".dev")
    monkeypatch.setattr(commands, "ROOT", checkout)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copy = commands._elsewhere()
    assert copy is not None and (copy / "sub" / "file").read_text() == "new"
    assert copy.parent == tmp_path / "cache" / "conda-tf-doctor"
    # Why, each system says in its own words.
    why = r"\([A-Z][a-z ]+\)"
    told = rf"{re.escape(str(checkout))} cannot be written to {why}: working on a copy of it, {re.escape(str(copy))}"
    assert re.search(told, capsys.readouterr().err)
    (copy / "gone").touch()
    (copy / ".dev").mkdir()
    assert commands._elsewhere() == copy
    assert (copy / ".dev").is_dir() and not (copy / "gone").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(checkout / "sub" / "file"))
    with pytest.raises(WorkshopError, match="no copy can be made there"):
        commands._elsewhere()


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts as a terminal of POSIX does")
def test_an_interrupt_ends_it_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, DOOR, "test", "--collect-only", "-q", "-n", "0", "tests/rules", "tests/explain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130, out
    assert out.splitlines()[-1] == "dev.py: interrupted"
    assert "Traceback" not in out
