"""What a repair runs ends with it, holds its lock, and takes nothing from the working folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.repair import atomic, children

posix = pytest.mark.skipif(os.name != "posix", reason="signals and locks of POSIX")
# A repair that holds the lock of a folder and runs a program that tells its number, is told to end, and takes a second.
REPAIR = """
import sys
from conda_tf_doctor.repair import atomic, children
program = (
    "import os, signal, sys, time; told = open(sys.argv[1] + '/told', 'a')\\n"
    "def ended(*_): time.sleep(1); told.write('taken back'); told.close(); os._exit(1)\\n"
    "signal.signal(signal.SIGTERM, ended)\\n"
    "open(sys.argv[1] + '/pid', 'w').write(str(os.getpid()))\\n"
    "time.sleep(60)"
)
with atomic.locked(sys.argv[1]):
    children.run([sys.executable, "-c", program, sys.argv[1]], capture=bool(sys.argv[2:]))
"""


def begun(folder: Path, *words: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start that repair and return it with the number of its child."""
    repair = subprocess.Popen([sys.executable, "-c", REPAIR, str(folder), *words])
    until = time.monotonic() + 60
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        assert time.monotonic() < until and repair.poll() is None
        time.sleep(0.02)
    return repair, int((folder / "pid").read_text())


def lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@posix
@pytest.mark.parametrize("words", [(), ("captured",)])
def test_a_repair_that_is_told_to_end_lets_its_child_take_back_what_it_did(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    repair, child = begun(tmp_path, *words)
    repair.send_signal(signal.SIGTERM)
    assert repair.wait(30) == 128 + signal.SIGTERM
    assert (tmp_path / "told").read_text() == "taken back" and not lives(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_repair_that_is_killed_keeps_the_lock_until_its_child_ended(tmp_path: Path) -> None:
    repair, _ = begun(tmp_path)
    repair.kill()
    repair.wait(30)
    # Within the second that the child takes nobody else may begin.
    with (
        pytest.raises(UsageError, match=f"at work in {tmp_path}, or what it started; wait for it to end"),
        atomic.locked(str(tmp_path)),
    ):
        pass
    until = time.monotonic() + 30
    while True:
        try:
            with atomic.locked(str(tmp_path)):
                break
        except UsageError:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert (tmp_path / "told").read_text() == "taken back"


@posix
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_lock_is_no_link_and_no_pipe_is_waited_for(tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other"
    if kind == "link":
        (tmp_path / ".tf-doctor.lock").symlink_to(other)
        with pytest.raises(UsageError, match="cannot be taken"), atomic.locked(str(tmp_path)):
            pass
    else:
        os.mkfifo(tmp_path / ".tf-doctor.lock")
        with atomic.locked(str(tmp_path)):
            pass
    assert not other.exists()


@posix
def test_own_files_replace_a_link_and_leave_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "journal").symlink_to("theirs")
    atomic.write(str(tmp_path / "journal"), b"ours", follow=False)
    assert (tmp_path / "theirs").read_text() == "theirs" and not (tmp_path / "journal").is_symlink()


def test_a_module_of_the_working_folder_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("logging", "runpy", "json", "pip"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of the working folder')")
    monkeypatch.chdir(tmp_path)
    done = children.run([sys.executable, "-m", "json.tool", "--help"])
    assert (done.returncode, "usage" in done.stdout) == (0, True), done.stderr


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        children.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.5)
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(("capture", "told"), [(True, "環境 \\udc80"), (False, "\\u74b0\\u5883 \\udc80")])
def test_what_a_child_prints_outside_the_code_page_ends_it_never(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capture: bool, told: str
) -> None:
    """As where a path is not in the code page of Windows; the locale C stands for that elsewhere."""
    for name, value in {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}.items():
        monkeypatch.setenv(name, value)
    with open(tmp_path / "told", "wb") as file:
        done = children.run(
            # Without site: Python before 3.13 reads .pth files in the locale's encoding.
            [sys.executable, "-S", "-c", "print('\\u74b0\\u5883 \\udc80')"],
            capture=capture,
            output=None if capture else file,
        )
    assert done.returncode == 0
    assert (done.stdout if capture else (tmp_path / "told").read_text("ascii")).strip() == told
